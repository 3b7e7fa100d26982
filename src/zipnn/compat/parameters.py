# SPDX-License-Identifier: MIT
"""The parameters of `ZipNN`: their checks, and warnings for those that mean nothing any more."""

from __future__ import annotations

import warnings
from typing import Any

from .names import EnumFormat, EnumLossy, EnumMethod

_LEVEL = "zipnn.compress(data, level=...) chooses between speed and size"
_AUTOMATIC = "the codec is chosen by the data; " + _LEVEL
_LOSSLESS = "compression is lossless, as it always was; convert the data to a smaller dtype first"

SUPERSEDED: dict[str, tuple[Any, str]] = {
    "method": ("AUTO", _AUTOMATIC),
    "is_monotonic": (0, _AUTOMATIC),
    "compression_threshold": (0.95, _AUTOMATIC),
    "check_th_after_percent": (10, _AUTOMATIC),
    "byte_reorder": (0, "the layout follows from the dtype: give bytearray_dtype"),
    "reorder_signbit": (0, "the layout follows from the dtype: give bytearray_dtype"),
    "lossy_compressed_type": (0, _LOSSLESS),
    "lossy_compressed_factor": (27, _LOSSLESS),
    "compression_chunk": (256 * 1024, _AUTOMATIC),
    "zstd_level": (3, _LEVEL),
    "lz4_compression_level": (0, _LEVEL),
}
"""Parameters of 0.5.4 without a meaning: their defaults, and what to use."""

OLDER: dict[str, str] = {
    "bg_partitions": "the layout follows from the dtype",
    "bg_compression_threshold": _AUTOMATIC,
    "torch_dtype": "tensors say their dtype: give input_format='torch'",
    "torch_shape": "tensors say their shape: give input_format='torch'",
    "signbit_to_lsb": "the layout follows from the dtype",
    "zstd_threads": "give threads",
    "compressed_ret_type": "compress() returns bytes",
    "decompressed_ret_type": "decompress() returns what was compressed",
}
"""Parameters of 0.1.1 that can be left out, and what to use."""

RENAMED = {"streaming_chunk_kb": "streaming_chunk", "input_type": "input_format"}


def warn(name: str, instead: str, stacklevel: int) -> None:
    """Tell the caller, `stacklevel` frames up from the caller of this, that a parameter means nothing."""
    warnings.warn(f"{name} has no effect and will be removed: {instead}", DeprecationWarning, stacklevel + 1)


def warn_superseded(given: dict[str, Any], stacklevel: int) -> None:
    """One warning for each parameter that is not at its default."""
    for name, (default, instead) in SUPERSEDED.items():
        if name in given and not _same(given[name], default):
            warn(name, instead, stacklevel + 1)


def take_older(older: dict[str, Any], stacklevel: int) -> dict[str, Any]:
    """Parameters of older releases under the names of 0.5.4; the others are warned of.

    Raises:
        TypeError: no release had such a parameter.
        ValueError: it asks for what is not done any more.
    """
    taken = {}
    for name, value in older.items():
        if name in RENAMED:
            warnings.warn(f"{name} is called {RENAMED[name]} now", DeprecationWarning, stacklevel + 1)
            taken[RENAMED[name]] = value
        elif name not in OLDER:
            raise TypeError(f"ZipNN() got an unexpected keyword argument {name!r}")
        elif name.endswith("_ret_type") and value == "file":
            raise ValueError(
                f"{name}='file' is not supported: use zipnn.compress_file and zipnn.decompress_file"
            )
        else:
            warn(name, OLDER[name], stacklevel + 1)
    return taken


def _same(value: Any, default: Any) -> bool:
    if value is None or isinstance(default, str):
        return value is None or value in (default, default.lower(), 0)
    return bool(value == default)


def method_of(value: Any) -> int:
    """The number of a method. Raises `ValueError`."""
    return _member(EnumMethod, "method", value)


def format_of(value: Any) -> int:
    """The number of an input format. Raises `ValueError`."""
    return _member(EnumFormat, "input_format", value)


def _member(kind: Any, name: str, value: Any) -> int:
    try:
        return int(kind(value).value)
    except ValueError:
        known = ", ".join(repr(member.name) for member in kind)
        raise ValueError(f"{name} {value!r} is not known: choose from {known}") from None


def lossy_of(value: Any, input_format: int) -> EnumLossy:
    """A lossy type, which does nothing. Raises `ValueError`."""
    lossy = EnumLossy(_member(EnumLossy, "lossy_compressed_type", 0 if value is None else value))
    if lossy is not EnumLossy.NONE and input_format != EnumFormat.TORCH.value:
        raise ValueError("lossy_compressed_type is for tensors: it needs input_format='torch'")
    return lossy


def delta_of(value: Any) -> Any:
    """0, "byte" or "file". Raises `ValueError`."""
    if value is None or value == 0:
        return 0
    if value not in ("byte", "file"):
        raise ValueError(f"delta_compressed_type {value!r} is not known: choose from 0, 'byte', 'file'")
    return value


def threads_of(value: Any) -> int:
    """A number of threads, 0 for the default. Raises `ValueError`, `TypeError`."""
    if value is None:
        return 0
    if not isinstance(value, int):
        raise TypeError(f"threads is {value!r}: give a whole number, or 0 for the default")
    if value < 0:
        raise ValueError(f"threads is {value}: give a number of threads, or 0 for the default")
    return value


def power_of_two(name: str, value: Any) -> int:
    """The value, checked. Raises `ValueError`, `TypeError`."""
    if not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}: give a whole number of bytes")
    if value < 1 or value & (value - 1):
        raise ValueError(f"{name} is {value}: it must be a power of 2")
    return value
