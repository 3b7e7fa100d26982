# SPDX-License-Identifier: MIT
"""The patch under tests/golden/patches: written once, applied for ever.

python -m scripts.golden_patches FOLDER     writes the patch, and what it is about, into a new folder
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import zipnn

State = dict[str, np.ndarray[Any, Any]]


def states() -> tuple[State, State]:
    """The states before and after: dtypes that NumPy has by itself, of every kind of record."""
    rng = np.random.default_rng(20_000)
    weights = rng.normal(0, 0.02, (30, 40))
    old: State = {
        "f32": weights.astype(np.float32),
        "f16": weights.astype(np.float16),
        "tied": weights.astype(np.float16),
        "dense": weights[:20].astype(np.float32),
        "same": np.arange(100),
        "removed": np.arange(50),
        "reshaped": np.arange(60, dtype=np.int16),
        "scalar": np.array(1.5),
    }
    new = {name: tensor.copy() for name, tensor in old.items() if name != "removed"}
    for name in ("f32", "f16", "tied"):
        new[name].reshape(-1)[::97] *= 1.01
    new["dense"] += rng.normal(0, 1e-4, new["dense"].shape).astype(np.float32)
    new["reshaped"] = new["reshaped"].reshape(6, 10)
    new["scalar"] += 1
    new["added"] = np.arange(70, dtype=">i4")
    new["added, the same"] = np.arange(70, dtype=">i4")
    new["empty"] = np.empty((0, 3), np.uint8)
    return old, new


def main(folder: Path) -> None:
    """Write the files."""
    old, new = states()
    folder.mkdir(parents=True)
    (folder / "small.patch").write_bytes(zipnn.patch(old, new))
    np.savez_compressed(folder / "old.npz", **old)
    np.savez_compressed(folder / "new.npz", **new)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
