# SPDX-License-Identifier: MIT
"""The dtypes of safetensors, and how each is coded.

A frame carries the dtype's *name*; the *family* says which layouts (docs/format.md, 2.3) the
encoder may choose from. A name that is not here is coded as bytes and keeps its name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DType:
    """One element type.

    Attributes:
        name: safetensors' name, such as `BF16`.
        bits: size of an element in bits; 0 where it is not known.
        family: what the encoder is told (see `_core.Encoder`).
        numpy: the name under which NumPy or ml_dtypes knows it, or None.
        torch: the attribute of `torch`, or None.
    """

    name: str
    bits: int
    family: str
    numpy: str | None = None
    torch: str | None = None

    def size(self, elements: int) -> int:
        """Bytes that `elements` elements take, rounded up to whole bytes."""
        return (elements * self.bits + 7) // 8


_TABLE = (
    DType("BOOL", 8, "bytes", "bool", "bool"),
    DType("U8", 8, "bytes", "uint8", "uint8"),
    DType("I8", 8, "bytes", "int8", "int8"),
    DType("F8_E5M2", 8, "float8", "float8_e5m2", "float8_e5m2"),
    DType("F8_E4M3", 8, "float8", "float8_e4m3fn", "float8_e4m3fn"),
    DType("F8_E5M2FNUZ", 8, "float8", "float8_e5m2fnuz", "float8_e5m2fnuz"),
    DType("F8_E4M3FNUZ", 8, "float8", "float8_e4m3fnuz", "float8_e4m3fnuz"),
    DType("F8_E8M0", 8, "bytes", "float8_e8m0fnu", "float8_e8m0fnu"),
    DType("F4", 4, "bytes", None, "float4_e2m1fn_x2"),
    DType("F6_E2M3", 6, "bytes"),
    DType("F6_E3M2", 6, "bytes"),
    DType("I16", 16, "int16", "int16", "int16"),
    DType("U16", 16, "uint16", "uint16", "uint16"),
    DType("F16", 16, "float16", "float16", "float16"),
    DType("BF16", 16, "bfloat16", "bfloat16", "bfloat16"),
    DType("I32", 32, "int32", "int32", "int32"),
    DType("U32", 32, "uint32", "uint32", "uint32"),
    DType("F32", 32, "float32", "float32", "float32"),
    DType("C64", 64, "float32", "complex64", "complex64"),
    DType("I64", 64, "int64", "int64", "int64"),
    DType("U64", 64, "uint64", "uint64", "uint64"),
    DType("F64", 64, "float64", "float64", "float64"),
    DType("C128", 128, "float64", "complex128", "complex128"),
)

BY_NAME = {dtype.name: dtype for dtype in _TABLE}
BY_NUMPY = {dtype.numpy: dtype for dtype in _TABLE if dtype.numpy}
BY_TORCH = {dtype.torch: dtype for dtype in _TABLE if dtype.torch}


def named(name: str) -> DType:
    """The dtype of that (safetensors) name; one coded as bytes, of unknown size, if there is none."""
    return BY_NAME.get(name) or DType(name, 0, "bytes")
