# SPDX-License-Identifier: MIT
"""Compress, verify, load and restore a real model, and show that nothing changed.

`make demo`, or `python -m scripts.demo` from the project's root. The exit code is 0 only if the
restored file has the SHA-256 of the original and every tensor that was loaded from the compressed
file equals that of the plain one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

import zipnn
from scripts.fetch_models import FetchError, fetch, sha256_of

MODEL = "minilm-l6-f32.safetensors"
FOLDER = Path("build/demo")
DTYPES = {"F32": np.float32, "I64": np.int64}

T = TypeVar("T")


def main() -> int:
    """Returns the exit code."""
    try:
        original = fetch([MODEL])[MODEL]
        FOLDER.mkdir(parents=True, exist_ok=True)
        run(original, FOLDER / "model.znn.safetensors", FOLDER / "restored.safetensors")
    except (FetchError, zipnn.ZipnnError, OSError) as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    print(f"\nThe files are in {FOLDER}.")
    print("OK: the restored file is the original byte for byte, and so is every tensor loaded in between.")
    return 0


def run(original: Path, compressed: Path, restored: Path) -> None:
    """The way there and back, told line by line.

    Raises:
        zipnn.MismatchError: a tensor or the restored file differs.
    """
    size, digest = original.stat().st_size, sha256_of(original)
    say("model", megabytes(size), f"all-MiniLM-L6-v2, fp32, {original.name}")
    say("", "", f"sha256 {digest}")

    seconds, _ = timed(lambda: zipnn.compress_file(original, compressed, force=True))
    small = compressed.stat().st_size
    say("compress", megabytes(small), f"{small / size:.2%} of the original", size, seconds)
    seconds, _ = timed(lambda: zipnn.verify_file(compressed))
    say("verify", "", "every checksum holds", size, seconds)

    plain = read_plain(original)
    seconds, tensors = timed(lambda: zipnn.load_file(compressed))
    compare(plain, tensors)
    say("load", "", f"{len(tensors)} tensors equal to those of the plain file", size, seconds)

    seconds, _ = timed(lambda: zipnn.decompress_file(compressed, restored, force=True))
    say("restore", megabytes(restored.stat().st_size), "to a file", size, seconds)
    say("", "", f"sha256 {sha256_of(restored)}")
    if sha256_of(restored) != digest:
        raise zipnn.MismatchError(f"{restored}: the SHA-256 is not that of {original}")
    say("import", "", f"import zipnn takes {import_seconds():.3f} s")


def read_plain(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a plain safetensors file, read without zipnn."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, tensor in header.items():
        first, last = tensor["data_offsets"]
        array = np.frombuffer(data[start + first : start + last], DTYPES[tensor["dtype"]])
        tensors[name] = array.reshape(tensor["shape"])
    return tensors


def compare(expected: dict[str, np.ndarray], actual: dict[str, np.ndarray]) -> None:
    """Compare bit by bit, names, dtypes and shapes included.

    Raises:
        zipnn.MismatchError: something differs.
    """
    if expected.keys() != actual.keys():
        raise zipnn.MismatchError("the tensors loaded have other names than those of the plain file")
    for name, array in expected.items():
        other = actual[name]
        if (array.dtype, array.shape, array.tobytes()) != (other.dtype, other.shape, other.tobytes()):
            raise zipnn.MismatchError(f"tensor {name}: loaded from the compressed file, it differs")


def import_seconds() -> float:
    """What `import zipnn` takes in a fresh interpreter, without the interpreter's own start."""
    probe = "import time; t = time.perf_counter(); import zipnn; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True).stdout)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that the work took, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def megabytes(size: int) -> str:
    """A size in bytes as MB."""
    return f"{size / 1e6:.2f} MB"


def say(step: str, size: str, what: str, done: int = 0, seconds: float = 0) -> None:
    """Print one line; with `done` bytes, also the time and the speed."""
    speed = f"  {seconds:6.2f} s  {done / seconds / 1e6:6.0f} MB/s" if seconds else ""
    print(f"{step:9} {size:>9}  {what:45}{speed}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
