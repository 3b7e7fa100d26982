# SPDX-License-Identifier: MIT
"""State dicts as patches see them: what each tensor is, and one number for the whole of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core, dtypes
from ..arrays import buffers
from ..arrays.buffers import Source
from ..limits import WINDOW

State = Mapping[str, Any]
"""Names and the NumPy arrays or torch tensors that bear them."""

PIECE = WINDOW
"""A tensor is hashed and coded in pieces of this size (docs/format.md, 6)."""

_hash = _core.xxh3_64


@dataclass(frozen=True, slots=True)
class Described:
    """What tells two tensors apart.

    Attributes:
        dtype: name of the elements' type (see `dtype_names`); byte order does not count.
        shape: as safetensors would write it.
        size: in bytes.
        hashes: XXH3-64 of each piece of its little-endian bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    size: int
    hashes: tuple[int, ...]

    @property
    def form(self) -> tuple[str, tuple[int, ...], int]:
        """All but the content."""
        return self.dtype, self.shape, self.size

    def piece_form(self, size: int) -> tuple[str, tuple[int, ...]]:
        """Dtype and shape of the frame of a piece of that size."""
        if size == self.size:
            return self.dtype, self.shape
        known = dtypes.BY_NAME.get(self.dtype)
        return (self.dtype, (size * 8 // known.bits,)) if known and known.bits % 8 == 0 else ("U8", (size,))


def check_mapping(state: object, what: str) -> None:
    """Raise `TypeError` if a state dict is none."""
    if not isinstance(state, Mapping):
        raise TypeError(f"{what} is a {type(state).__name__}, not a mapping of names to tensors")


def source_of(name: str, tensor: Any) -> Source:
    """The bytes of a tensor and what they are: a copy only where they do not lie in memory like that.

    Raises:
        TypeError: it is neither a NumPy array nor a torch tensor, or not plain data.
    """
    if not isinstance(name, str):
        raise TypeError(f"names of tensors are strings, not {type(name).__name__}")
    if not (isinstance(tensor, np.ndarray) or buffers.is_torch(tensor)):
        raise TypeError(f"tensor {name!r}: a {type(tensor).__name__} is neither an array nor a tensor")
    try:
        return buffers.source_of(tensor)
    except TypeError as error:
        raise TypeError(f"tensor {name!r}: {error}") from error


def described(source: Source) -> Described:
    """The description of a tensor whose bytes are at hand."""
    data = source.data
    if 0 < len(data) <= PIECE:
        hashes: tuple[int, ...] = (_hash(data),)
    else:
        hashes = tuple(_hash(data[start:stop]) for start, stop in pieces(len(data)))
    return Described(source.dtype, tuple(source.shape), len(data), hashes)


def describe(tensors: State) -> dict[str, Described]:
    """The descriptions of all tensors, one after the other."""
    return {name: described(source_of(name, tensor)) for name, tensor in tensors.items()}


def pieces(size: int) -> Iterator[tuple[int, int]]:
    """Where the pieces of so many bytes begin and end; of none there is none."""
    for start in range(0, size, PIECE):
        yield start, min(start + PIECE, size)


def fingerprint(state: Mapping[str, Described]) -> int:
    """A number for names, dtypes, shapes and contents, whatever the order."""
    parts = []
    for name, tensor in sorted((encoded(name), tensor) for name, tensor in state.items()):
        dtype = tensor.dtype.encode()
        parts += [
            struct.pack("<HBB", len(name), len(dtype), len(tensor.shape)),
            name,
            dtype,
            struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape),
            struct.pack(f"<Q{len(tensor.hashes)}Q", tensor.size, *tensor.hashes),
        ]
    return _core.xxh3_64(b"".join(parts))


def encoded(name: str) -> bytes:
    """The bytes of a name. Raises `ValueError` where a patch cannot hold it."""
    try:
        text = name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"tensor {name!r}: the name is not text: {error.reason}") from error
    if len(text) > 0xFFFF:
        raise ValueError(f"tensor {name[:40]!r}...: a name of {len(text)} bytes; at most 65535 can be kept")
    return text
