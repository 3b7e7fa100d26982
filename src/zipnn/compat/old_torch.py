# SPDX-License-Identifier: MIT
"""Helpers of zipnn 0.5 that speak of torch's dtypes. Importing this imports torch."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, TypedDict

import numpy as np
import torch

from .description import pack_shape as zipnn_pack_shape
from .description import unpack_shape as zipnn_unpack_shape
from .names import DTYPE_CODES, EnumFormat

__all__ = [
    "COMPRESSED_DTYPE",
    "COMPRESSION_METHOD",
    "METADATA_KEY",
    "CompressedTensorInfo",
    "ZipNNDtypeEnum",
    "build_compressed_tensor_info",
    "get_compressed_tensors_metadata",
    "set_compressed_tensors_metadata",
    "zipnn_divide_int",
    "zipnn_get_dtype_bits",
    "zipnn_is_floating_point",
    "zipnn_multiply_if_max_below",
    "zipnn_pack_shape",
    "zipnn_unpack_shape",
]

METADATA_KEY = "znn_compressed_vectors"
COMPRESSION_METHOD = "HUFFMAN"
COMPRESSED_DTYPE = torch.uint8

_PYTHON = {
    **dict.fromkeys(("float32", "float", "float64"), float),
    **dict.fromkeys(("complex64", "cfloat", "complex128", "cdouble"), complex),
    **dict.fromkeys(("int32", "int", "int64", "long"), int),
    "bool": bool,
}
_UNSIGNED = ("uint16", "uint32", "uint64")  # which zipnn 0.5 knew from NumPy alone


def _row(name: str, code: int) -> tuple[Any, ...]:
    dtype = None if name in _UNSIGNED else getattr(torch, name, None)
    canonical = name if dtype is None else str(dtype).removeprefix("torch.")
    numpy = getattr(np, "bool_" if canonical == "bool" else canonical, None)
    return dtype, numpy, _PYTHON.get(name), name, code


class ZipNNDtypeEnum(Enum):
    """torch's, NumPy's and Python's dtype, the name, and the number in old headers."""

    torch_dtype: Any
    numpy_dtype: Any
    python_dtype: Any
    dtype_str: str
    code: int

    _ignore_ = ["_name", "_code"]  # noqa: RUF012 - Enum's
    NONE = (None, None, None, "none", 0)
    for _name, _code in DTYPE_CODES.items():
        vars()[_name.upper()] = _row(_name, _code)

    def __init__(
        self, torch_dtype: Any, numpy_dtype: Any, python_dtype: Any, dtype_str: str, code: int
    ) -> None:
        self.torch_dtype = torch_dtype
        self.numpy_dtype = numpy_dtype
        self.python_dtype = python_dtype
        self.dtype_str = dtype_str
        self.code = code

    @classmethod
    def from_dtype(cls, dtype: Any) -> ZipNNDtypeEnum:
        """The member of a dtype or its name; `NONE` if there is none."""
        wanted = dtype.lower() if isinstance(dtype, str) else dtype
        for member in cls:
            known = (member.torch_dtype, member.numpy_dtype, member.python_dtype, member.dtype_str)
            if any(wanted == value for value in known if value is not None):
                return member
        return cls.NONE

    @classmethod
    def from_code(cls, code: int) -> Any:
        """The *name* of the member of a number; `NONE` if there is none."""
        return next((member.name for member in cls if member.code == code), cls.NONE)


class CompressedTensorInfo(TypedDict):
    """What old compressed files say of a tensor: its dtype, and its shape as a list's text."""

    dtype: str
    shape: str


def build_compressed_tensor_info(uncompressed_tensor: Any) -> CompressedTensorInfo:
    """The entry of a tensor."""
    dtype = str(uncompressed_tensor.dtype).removeprefix("torch.")
    return CompressedTensorInfo(dtype=dtype, shape=str(list(uncompressed_tensor.shape)))


def set_compressed_tensors_metadata(
    compressed_tensor_infos: dict[str, CompressedTensorInfo], metadata: dict[str, str] | None
) -> None:
    """Put the entries into a file's metadata, if it has any."""
    if metadata:
        metadata[METADATA_KEY] = json.dumps(compressed_tensor_infos)


def get_compressed_tensors_metadata(metadata: dict[str, str] | None) -> dict[str, CompressedTensorInfo]:
    """The entries in a file's metadata."""
    found: dict[str, CompressedTensorInfo] = json.loads((metadata or {}).get(METADATA_KEY) or "{}")
    return found


def zipnn_is_floating_point(data_format_value: int, data: Any, bytearray_dtype: Any) -> Any:
    """Whether elements are floating point numbers: of a tensor, an array, or bytes of a named dtype."""
    if data_format_value == EnumFormat.TORCH.value:
        return torch.is_floating_point(data)
    if data_format_value == EnumFormat.NUMPY.value:
        return np.issubdtype(data.dtype, np.floating)
    names = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
    return bytearray_dtype in names


def zipnn_get_dtype_bits(dtype: Any) -> tuple[int, Any]:
    """Bits of a floating point dtype and the integer dtype of that size.

    Raises:
        ValueError: it has not 16 or 32 bits.
    """
    bits = torch.finfo(dtype).bits if dtype.is_floating_point else 0
    if bits not in (16, 32):
        raise ValueError(f"{dtype} is not a floating point dtype of 16 or 32 bits")
    return bits, torch.int32 if bits == 32 else torch.int16


def zipnn_multiply_if_max_below(
    tensor: Any, max_val: float, multiplier: float, dtype: Any
) -> tuple[Any, bool]:
    """The tensor times `multiplier` as integers and True, if all is below `max_val`; else it and False."""
    if tensor.abs().max().item() < max_val:
        return (tensor * multiplier).to(dtype), True
    return tensor, False


def zipnn_divide_int(tensor: Any, divisor: float) -> Any:
    """The tensor as float32, divided."""
    return tensor.to(torch.float32) / divisor
