# SPDX-License-Identifier: MIT
"""What a reader says of a file: which tensors lie where, and of what type each part of it is."""

from __future__ import annotations

from dataclasses import dataclass


def is_text(value: object) -> bool:
    """Whether it is a string that UTF-8 can express (Python's may hold half a surrogate pair)."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value))


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor and the bytes that hold it.

    Attributes:
        name: as the file gives it.
        dtype: safetensors' name (see `dtypes`), or that of a GGML block type, such as `Q4_K`.
        shape: in elements; of a block type the logical shape, its last extent a multiple of a block.
        offset: where its data begin in the file; with `member`, in that member's inflated data.
        size: bytes from there to the end of its data.
        strides: in elements; None if the data are in C order without holes.
        big_endian: whether elements have their most significant byte first.
        member: index in `Contents.deflated` of the member that holds it, if it is compressed.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int
    strides: tuple[int, ...] | None = None
    big_endian: bool = False
    member: int | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes [offset, offset + size) of a file, elements of `dtype` (`U8`: plain bytes).

    `shape`: of the tensor that they are, in whose rows and columns likenesses may be found; empty if that
    is not known. `guessed`: nothing but their content says what they are.
    """

    offset: int
    size: int
    dtype: str
    big_endian: bool = False
    shape: tuple[int, ...] = ()
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Deflated:
    """A raw DEFLATE stream (RFC 1951) at [offset, offset + size) of a file.

    Attributes:
        inflated_size: bytes that it says it holds. Not to be relied on.
        extents: what those bytes are, as far as the reader knows; offsets count in them.
    """

    offset: int
    size: int
    inflated_size: int
    extents: tuple[Extent, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """A file taken apart.

    Attributes:
        format: a short word for the file's format; "bytes" if no reader knows it.
        tensors: in the order of the file. They may share bytes.
        extents: typed bytes that no tensor names.
        deflated: compressed members, disjoint.
        note: what a person should know: that a reader is not installed, or why one gave up.
    """

    format: str
    tensors: tuple[StoredTensor, ...] = ()
    extents: tuple[Extent, ...] = ()
    deflated: tuple[Deflated, ...] = ()
    note: str = ""
