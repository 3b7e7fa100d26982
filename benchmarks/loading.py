# SPDX-License-Identifier: MIT
"""Loading whole files to NumPy arrays: `zipnn.load_file` beside that of the safetensors package.

The compressed file is loaded by zipnn, the plain one by safetensors and, for what zipnn adds, by zipnn too.
Each with the file in the page cache, into new memory and into memory that was used before, and with the
file only on the disk: `posix_fadvise(DONTNEED)` takes it out of the cache. The arrays of a model that
is loaded once are new memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

import zipnn
from benchmarks import memory
from benchmarks.sizes import Case
from benchmarks.timing import summary, timed

Load = Callable[[Path], Any]

WAYS: tuple[tuple[str, str, bool], ...] = (
    ("cached, fresh", memory.FRESH, True),
    ("cached, warm", memory.WARM, True),
    ("dropped, fresh", memory.FRESH, False),
)
"""Name, memory of the arrays, and whether the file is in the page cache."""


def measure(case: Case, model: Path, folder: Path, levels: Sequence[str], runs: int) -> list[dict[str, Any]]:
    """Load the file of a case.

    Args:
        case: which file.
        model: the released model's path.
        folder: where the files are written, on the disk that is to be read from.
        levels: those to compress with.
        runs: timed loads for each figure.

    Returns:
        A row for each way to load: `file`, `how`, `bytes` of the file, `tensors` (bytes of the arrays), and
        for each of `WAYS` a summary of the seconds.
    """
    plain = case.write(model, folder)
    ways: list[tuple[str, Path, Load]] = [
        ("safetensors.numpy.load_file, plain", plain, safetensors.numpy.load_file),
        ("zipnn.load_file, plain", plain, zipnn.load_file),
    ]
    for level in levels:
        path = folder / f"{level}.znn.safetensors"
        zipnn.compress_file(plain, path, level=level, force=True)
        ways.append((f"zipnn.load_file, {level}", path, zipnn.load_file))
    expected = safetensors.numpy.load_file(plain)
    size = sum(array.nbytes for array in expected.values())
    for how, path, load in ways:
        _check(how, load(path), expected)
    del expected
    rows = [
        {"file": case.name, "how": how, "bytes": path.stat().st_size, "tensors": size}
        for how, path, _ in ways
    ]
    for what, kind, cached in WAYS:
        seconds: list[list[float]] = [[] for _ in ways]
        for number in range(runs + 1):
            for (_, path, load), times in zip(ways, seconds, strict=True):
                _read(path)
                if not cached:
                    _drop(path)
                memory.settle(kind)
                taken, _ = timed(lambda load=load, path=path: load(path))
                if number > 0:  # the first makes memory warm
                    times.append(taken)
        for row, times in zip(rows, seconds, strict=True):
            row[what] = summary(times)
    memory.settle(memory.FRESH)
    return rows


def _check(how: str, actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, array in expected.items():
        if actual[name].tobytes() != array.tobytes():
            raise zipnn.MismatchError(f"{how}: tensor {name} differs")


def _read(path: Path) -> None:
    """Have a file in the page cache."""
    with path.open("rb") as stream:
        while stream.read(1 << 20):
            pass


def _drop(path: Path) -> None:
    """Take a file out of the page cache. Pages that are not written yet would stay: write them first."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
