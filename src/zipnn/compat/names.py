# SPDX-License-Identifier: MIT
"""The numbers that zipnn 0.5 gave to methods, formats and dtypes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any


class _Named(Enum):
    """Found by number and by name in any case."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None


class EnumMethod(_Named):
    """The `method` parameter."""

    AUTO = 0
    HUFFMAN = 1
    ZSTD = 2
    LZ4 = 3
    SNAPPY = 4


class EnumFormat(_Named):
    """The `input_format` parameter."""

    BYTE = 1
    TORCH = 2
    NUMPY = 3
    FILE = 4


class EnumLossy(_Named):
    """The `lossy_compressed_type` parameter."""

    NONE = 0
    INTEGER = 1
    UNSIGN = 2


DTYPE_CODES = {
    "float32": 1,
    "float": 2,
    "float64": 3,
    "float16": 4,
    "half": 5,
    "bfloat16": 6,
    "complex32": 7,
    "chalf": 8,
    "complex64": 9,
    "cfloat": 10,
    "complex128": 11,
    "cdouble": 12,
    "uint8": 13,
    "uint16": 14,
    "uint32": 15,
    "uint64": 16,
    "int8": 17,
    "int16": 18,
    "short": 19,
    "int32": 20,
    "int": 21,
    "int64": 22,
    "long": 23,
    "bool": 24,
    "quint8": 25,
    "qint8": 26,
    "qint32": 27,
    "quint4x2": 28,
    "float8_e4m3fn": 29,
    "float8_e5m2": 30,
}
"""Names of torch's dtypes to the numbers in old headers."""


def bools_to_bitmask(bools: Iterable[object]) -> bytes:
    """So many zero bytes as the number with these bits, the lowest first, says.

    That is what zipnn 0.5 gave; nothing of it was a mask.
    """
    return bytes(sum(1 << index for index, value in enumerate(bools) if value))
