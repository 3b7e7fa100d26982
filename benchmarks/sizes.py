# SPDX-License-Identifier: MIT
"""Sizes of real models, compressed, in percent of the original file; everything is counted.

    python -m benchmarks.sizes            from the project's root

Each case is a plain safetensors file, made of a released model by a cast where it says so. It is
compressed and restored with the library's own functions, and the SHA-256 must come back. Needs
`ml_dtypes`, `safetensors` and, for the model that PyTorch wrote, `torch`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import save_file

import zipnn
from benchmarks.datasets import ASTRA, MINILM, NEEDS, Tensors, cast, cast_e4m3, read_torch
from scripts.fetch_models import fetch, sha256_of
from zipnn.frames import LEVELS


@dataclass(frozen=True)
class Case:
    """One file and what is expected of it.

    Attributes:
        name: what the file holds.
        model: the released model (see `scripts/fetch_models.py`).
        dtype: of its weights, by its name in safetensors.
        make: gives the tensors of the file, from the path of the model; None: the model as released.
        bounds: for each level, the most that the compressed file may take, in percent of the original.
    """

    name: str
    model: str
    dtype: str
    make: Callable[[Path], Tensors] | None
    bounds: dict[str, float]

    def write(self, model: Path, folder: Path) -> Path:
        """The plain file of this case: the model itself, or one written into `folder`."""
        if self.make is None:
            return model
        path = folder / "model.safetensors"
        save_file(self.make(model), path)
        return path


CASES = (
    Case("MiniLM, fp32 as released", MINILM, "F32", None, {"default": 81.75, "fast": 82.0, "max": 81.7}),
    Case(
        "MiniLM, cast to bf16",
        MINILM,
        "BF16",
        cast("bfloat16"),
        {"default": 66.3, "fast": 66.8, "max": 65.85},
    ),
    Case("MiniLM, cast to fp16", MINILM, "F16", cast("float16"), {"default": 84.85, "max": 84.55}),
    Case("MiniLM, bf16 widened to fp32", MINILM, "F32", cast("bfloat16", "float32"), {"default": 33.2}),
    Case("MiniLM, cast to e4m3, scaled", MINILM, "F8_E4M3", cast_e4m3, {"default": 82.3, "max": 81.6}),
    Case("ASTRA ResNet-152, bf16 as released", ASTRA, "BF16", read_torch, {"default": 67.0}),
)


def measure(case: Case, model: Path, folder: Path, levels: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Compress and restore the file of a case.

    Args:
        case: what to measure.
        model: the released model's path.
        folder: an empty folder for the files.
        levels: the levels to compress with.

    Returns:
        For each level the size of the original file and of the compressed one, in bytes.

    Raises:
        zipnn.MismatchError: the restored file is not the original.
    """
    plain, compressed, restored = case.write(model, folder), folder / "small", folder / "restored"
    digest = sha256_of(plain)
    sizes = {}
    for level in levels:
        zipnn.compress_file(plain, compressed, level=level, force=True)
        zipnn.decompress_file(compressed, restored, force=True)
        if sha256_of(restored) != digest:
            raise zipnn.MismatchError(f"{case.name}, level {level}: the restored file differs")
        sizes[level] = plain.stat().st_size, compressed.stat().st_size
    return sizes


def main() -> int:
    """Print the table. Returns the exit code: 1 if a size is over its bound."""
    models = fetch({case.model for case in CASES})
    too_large = False
    print("| file | original | " + " | ".join(f"`{level}`" for level in LEVELS) + " |")
    print("|---|--:|" + "--:|" * len(LEVELS))
    for case in CASES:
        try:
            with tempfile.TemporaryDirectory() as folder:
                sizes = measure(case, models[case.model], Path(folder), LEVELS)
        except ImportError as error:
            print(f"| {case.name} | needs the package {error.name}: {NEEDS} |")
            continue
        percent = {level: 100 * small / size for level, (size, small) in sizes.items()}
        columns = " | ".join(f"{percent[level]:.2f} %" for level in LEVELS)
        print(f"| {case.name} | {sizes['default'][0] / 1e6:.1f} MB | {columns} |", flush=True)
        too_large |= any(percent[level] > bound for level, bound in case.bounds.items())
    return int(too_large)


if __name__ == "__main__":
    sys.exit(main())
