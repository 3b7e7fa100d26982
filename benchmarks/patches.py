# SPDX-License-Identifier: MIT
"""Updates of a model's weights: how large a patch is, how fast it is made and applied in place.

    python -m benchmarks.patches MODEL.safetensors

Prints for simulated updates, one thread, warm: the part of the elements that changed (by 1 or 2 in the
lowest place), the patch in per cent of the model, and GB/s of the model.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

import zipnn

PARTS = (0, 0.001, 0.01, 0.03, 0.1)
State = dict[str, np.ndarray[Any, Any]]


def model(path: Path) -> State:
    """The float tensors of a file, as bf16."""
    tensors = zipnn.load_file(path, framework="np")
    return {
        name: tensor.astype(ml_dtypes.bfloat16)
        for name, tensor in tensors.items()
        if tensor.dtype.kind == "f" or tensor.dtype == ml_dtypes.bfloat16
    }


def updated(old: State, part: float) -> State:
    """The state after a step that changes that part of the elements."""
    rng = np.random.default_rng(0)
    new = {}
    for name, tensor in old.items():
        new[name] = tensor.copy()
        bits = new[name].reshape(-1).view(np.int16)
        places = np.flatnonzero(rng.random(bits.size) < part)
        bits[places] += (rng.integers(1, 3, places.size) * rng.choice([-1, 1], places.size)).astype(np.int16)
    return new


def fastest(work: Callable[[], object], prepare: Callable[[], object], runs: int) -> float:
    """Seconds of the fastest of some runs."""
    best = float("inf")
    for _ in range(runs):
        prepare()
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return best


def main() -> None:
    """Print a line for each part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    old = model(parser.parse_args().model)
    size = sum(tensor.nbytes for tensor in old.values())
    there = {name: tensor.copy() for name, tensor in old.items()}

    def go_back() -> None:
        for name, tensor in old.items():
            there[name][...] = tensor

    print(f"{len(old)} tensors, {size / 1e6:.1f} MB\nchanged  patch      of model  make GB/s  apply GB/s")
    for part in PARTS:
        new = updated(old, part)
        patch = zipnn.patch(old, new, threads=1)
        make = fastest(lambda new=new: zipnn.patch(old, new, threads=1), lambda: None, 3)  # type: ignore[misc]
        apply = fastest(lambda patch=patch: zipnn.apply_patch(there, patch, threads=1), go_back, 15)  # type: ignore[misc]
        for name, tensor in new.items():
            assert there[name].tobytes() == tensor.tobytes()
        rates = f"{size / make / 1e9:9.2f}  {size / apply / 1e9:10.2f}"
        print(f"{part:7.1%}  {len(patch):9}  {len(patch) / size:8.3%}  {rates}")


if __name__ == "__main__":
    main()
