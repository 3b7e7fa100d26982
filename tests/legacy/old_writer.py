# SPDX-License-Identifier: MIT
"""Run by an interpreter that has zipnn 0.5.4: writes streams with all that it can, and what they hold.

python old_writer.py FOLDER: for each case NAME.znn, NAME.raw (the original's bytes), NAME.base for
differences, and NAME.json with dtype, shape and format.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zipnn import ZipNN

METHODS = ("AUTO", "HUFFMAN", "ZSTD", "LZ4", "SNAPPY")
DTYPES = ("bfloat16", "float16", "float32", "float8_e4m3fn", "float8_e5m2")
SIZES = (1, 7, 5_000, 300_001)


def tensor_of(dtype: str, count: int) -> torch.Tensor:
    """Weights."""
    random = np.random.default_rng(count)
    scale = 1.0 if dtype.startswith("float8") else 0.02
    return torch.from_numpy((random.normal(size=count) * scale).astype(np.float32)).to(getattr(torch, dtype))


def torch_size(dtype: str) -> int:
    return int(getattr(torch, dtype).itemsize)


def raw(tensor: torch.Tensor) -> bytes:
    flat = tensor.contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).numpy().tobytes()) if flat.numel() else b""


def save(folder: Path, name: str, stream: Any, data: bytes, base: bytes | None = None, **facts: Any) -> None:
    (folder / f"{name}.znn").write_bytes(bytes(stream))
    (folder / f"{name}.raw").write_bytes(data)
    if base is not None:
        (folder / f"{name}.base").write_bytes(base)
    (folder / f"{name}.json").write_text(json.dumps(facts))


def main(folder: Path) -> None:
    # It writes to what it is given, so each call gets a copy.
    for dtype, method, count in itertools.product(DTYPES, METHODS, SIZES):
        tensor = tensor_of(dtype, count)
        data = raw(tensor)
        if len(data) < 4 and dtype == "float32":
            continue  # those crash it
        name = f"{dtype}-{method}-{count}"
        zipper = ZipNN(method=method, bytearray_dtype=dtype, threads=2)
        save(folder, f"bytes-{name}", zipper.compress(bytes(bytearray(data))), data, format="bytes")
        zipper = ZipNN(method=method, input_format="torch")
        save(
            folder,
            f"torch-{name}",
            zipper.compress(tensor.clone()),
            data,
            format="torch",
            dtype=dtype,
            shape=[count],
        )
        if dtype in ("float16", "float32"):
            array = tensor.numpy().copy()
            zipper = ZipNN(method=method, input_format="numpy")
            save(
                folder,
                f"numpy-{name}",
                zipper.compress(array),
                data,
                format="numpy",
                dtype=dtype,
                shape=[count],
            )
    for dtype, streaming in itertools.product(DTYPES, (False, True)):
        data, base = raw(tensor_of(dtype, 50_000)), raw(tensor_of(dtype, 50_001))[: -torch_size(dtype)]
        name = f"{dtype}-{'stream' if streaming else 'whole'}"
        options = {"bytearray_dtype": dtype, "is_streaming": streaming, "streaming_chunk": 8192}
        save(folder, f"plain-{name}", ZipNN(**options).compress(bytes(bytearray(data))), data, format="bytes")
        zipper = ZipNN(**options, delta_compressed_type="byte")
        stream = zipper.compress(bytes(bytearray(data)), delta_second_data=bytes(bytearray(base)))
        save(folder, f"delta-{name}", stream, data, base, format="bytes")
    for dtype, shape in itertools.product(DTYPES, ([], [0], [3, 4], [2, 300, 1, 5])):
        tensor = tensor_of(dtype, int(np.prod(shape))).reshape(shape)
        stream = ZipNN(input_format="torch").compress(tensor.clone())
        name = f"shape-{dtype}-{'x'.join(map(str, shape))}"
        save(folder, name, stream, raw(tensor), format="torch", dtype=dtype, shape=shape)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
