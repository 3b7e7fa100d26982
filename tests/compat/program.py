# SPDX-License-Identifier: MIT
# ruff: noqa: B023 - functions made in loops are called there
"""A program written for zipnn 0.5: run under that and under this one, it must print the same."""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from zipnn import ZipNN
from zipnn.util_header import EnumFormat, EnumLossy, EnumMethod, bools_to_bitmask
from zipnn.util_safetensors import (
    COMPRESSED_DTYPE,
    COMPRESSION_METHOD,
    METADATA_KEY,
    build_compressed_tensor_info,
    get_compressed_tensors_metadata,
    set_compressed_tensors_metadata,
)
from zipnn.util_torch import (
    ZipNNDtypeEnum,
    zipnn_divide_int,
    zipnn_get_dtype_bits,
    zipnn_is_floating_point,
    zipnn_multiply_if_max_below,
    zipnn_pack_shape,
    zipnn_unpack_shape,
)
from zipnn.zipnn import decompress_safetensors_tensor, replace_in_file

FOLDER = Path(tempfile.mkdtemp())
SEEN = {}


def show(value):
    """What can be said of a value without regard to who made it."""
    if isinstance(value, torch.Tensor):
        data = value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
        return ["tensor", str(value.dtype), list(value.shape), hashlib.sha256(data).hexdigest()]
    if isinstance(value, np.ndarray):
        data = hashlib.sha256(value.tobytes()).hexdigest()
        return ["array", str(value.dtype), list(value.shape), data]
    if isinstance(value, (bytes, bytearray)):
        return [type(value).__name__, len(value), hashlib.sha256(value).hexdigest()]
    return repr(value)


def attempt(name, call):
    """Note what a call gives: its value, or the class of its error."""
    try:
        SEEN[name] = show(call())
    except (ValueError, FileNotFoundError) as error:
        # This one's errors are ValueErrors of classes of its own.
        SEEN[name] = ["error", "ValueError" if isinstance(error, ValueError) else type(error).__name__]


def original(size, seed=1):
    """Fresh bytes of bf16 numbers: the old one writes into what it is given."""
    values = np.random.default_rng(seed).normal(0, 0.02, size // 4 + 1).astype(np.float32)
    return bytearray(values.tobytes()[2 : 2 + size])


def there_and_back(size, base=None, **parameters):
    packing = ZipNN(**parameters)
    packed = packing.compress(bytes(original(size)), delta_second_data=base)
    result = ZipNN(delta_compressed_type=parameters.get("delta_compressed_type", 0)).decompress(
        packed, delta_second_data=base
    )
    SEEN[f"type {size} {sorted(parameters.items())}"] = type(packed).__name__
    return result


for dtype in ("float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"):
    for size in (0, 4, 1000, 300_000):
        attempt(f"bytes {dtype} {size}", lambda: there_and_back(size, bytearray_dtype=dtype))
        if size:  # of nothing, the old one cannot read its own stream
            attempt(
                f"stream {dtype} {size}",
                lambda: there_and_back(size, bytearray_dtype=dtype, is_streaming=True, streaming_chunk=4096),
            )
    if dtype != "bfloat16" and not dtype.startswith("float8"):
        array = np.linspace(-1, 1, 600).reshape(20, 30).astype(dtype)
        attempt(f"array {dtype}", lambda: ZipNN().decompress(ZipNN(input_format="numpy").compress(array)))
    for shape in ((), (0,), (600,), (20, 30), (2, 3, 4)):
        tensor = torch.linspace(-1, 1, int(np.prod(shape))).reshape(shape).to(getattr(torch, dtype))
        packed = ZipNN(input_format="torch", threads=1).compress(tensor.clone())
        attempt(f"tensor {dtype} {shape}", lambda: ZipNN().decompress(packed))
        held = torch.frombuffer(bytearray(packed), dtype=COMPRESSED_DTYPE)
        attempt(f"held {dtype} {shape}", lambda: decompress_safetensors_tensor(held))

for streaming in (False, True):
    base = bytes(original(5000, 2))
    (FOLDER / "base").write_bytes(base)
    options = {"is_streaming": streaming, "streaming_chunk": 1024}
    attempt("delta", lambda: there_and_back(5000, base, delta_compressed_type="byte", **options))
    path = str(FOLDER / "base")
    attempt("delta file", lambda: there_and_back(5000, path, delta_compressed_type="file", **options))
    attempt("short base", lambda: there_and_back(5000, base[:-1], delta_compressed_type="byte", **options))
    attempt("no base", lambda: there_and_back(5000, "nothing", delta_compressed_type="file", **options))
    attempt("too much", lambda: there_and_back(5000, base, **options))

for name, parameters in {
    "method": {"method": "FSE"},
    "format": {"input_format": "tensor"},
    "chunk": {"compression_chunk": 1000},
    "streaming chunk": {"streaming_chunk": 1000},
    "streaming of tensors": {"is_streaming": True, "input_format": "torch"},
    "lossy bytes": {"lossy_compressed_type": "integer"},
}.items():
    attempt(f"wrong {name}", lambda: ZipNN(**parameters))
attempt("wrong dtype", lambda: ZipNN(bytearray_dtype="float17").compress(bytes(100)))

packed = FOLDER / "packed.znn"
packed.write_bytes(ZipNN(bytearray_dtype="float32").compress(bytes(original(4000))))
writing = ZipNN(compressed_file=str(packed), decompressed_file=str(FOLDER / "restored"))
attempt("read file", lambda: writing.decompress_read_file(None))
attempt("write", lambda: writing.write_bin(writing.decompress_read_file(str(packed))))
attempt("written", (FOLDER / "restored").read_bytes)
attempt("nothing to read", lambda: writing.decompress_read_file(str(FOLDER / "nothing")))
SEEN["attributes"] = [writing.dtype, writing.original_len, writing.header_length, writing.method]

facts = ("input_format", "dtype", "original_len", "is_streaming", "delta_compressed_type", "lossy_is_int")
found = ZipNN().metadata(packed.read_bytes())
SEEN["metadata"] = [sorted(found), [found[fact] for fact in facts]]
found = ZipNN().metadata(bytes(ZipNN(input_format="torch").compress(torch.zeros(3, 400))))
SEEN["metadata of a tensor"] = [found["shape_bytes"], found["shape_size"], found["input_format"]]
SEEN["settings"] = sorted(ZipNN(threads=2).__metadata__())

SEEN["enums"] = [[member.name, member.value] for member in (*EnumMethod, *EnumFormat, *EnumLossy)]
SEEN["by name"] = [EnumMethod("zstd").value, EnumFormat("Torch").value, EnumLossy("integer").value]
SEEN["mask"] = show(bools_to_bitmask([True, False, True]))
SEEN["dtypes"] = [repr(member.value) for member in ZipNNDtypeEnum]
SEEN["from dtype"] = [
    ZipNNDtypeEnum.from_dtype(dtype).name
    for dtype in (torch.bfloat16, np.float16, "FLOAT32", "half", float, torch.int64, "none such", np.uint32)
]
SEEN["from code"] = [str(ZipNNDtypeEnum.from_code(code)) for code in (0, 6, 30, 99)]
SEEN["shapes"] = [zipnn_pack_shape(shape).hex() for shape in ((), (5,), (300, 2), (70000, 0, 1))]
SEEN["unpacked"] = [zipnn_unpack_shape(zipnn_pack_shape(shape)) for shape in ((), (5,), (300, 70000))]
SEEN["bits"] = [str(zipnn_get_dtype_bits(dtype)) for dtype in (torch.float32, torch.bfloat16)]
SEEN["floating"] = [
    bool(zipnn_is_floating_point(*arguments))
    for arguments in (
        (2, torch.zeros(2), None),
        (3, np.zeros(2, int), None),
        (1, b"", "bfloat16"),
        (1, b"", "uint8"),
    )
]
small = torch.tensor([0.25, -0.5])
SEEN["multiplied"] = [repr(zipnn_multiply_if_max_below(small, top, 4.0, torch.int32)) for top in (0.1, 1.0)]
SEEN["divided"] = repr(zipnn_divide_int(torch.tensor([1, -2], dtype=torch.int32), 4.0))
SEEN["constants"] = [METADATA_KEY, COMPRESSION_METHOD, str(COMPRESSED_DTYPE)]
metadata = {"format": "pt"}
set_compressed_tensors_metadata({"w": build_compressed_tensor_info(torch.zeros(2, 3))}, metadata)
SEEN["info"] = [metadata, get_compressed_tensors_metadata(metadata), get_compressed_tensors_metadata(None)]
(FOLDER / "text").write_text("a.safetensors and b.safetensors")
replace_in_file(str(FOLDER / "text"), "safetensors", "znn")
SEEN["replaced"] = (FOLDER / "text").read_text()

Path(sys.argv[1]).write_text(json.dumps(SEEN, indent=1))
