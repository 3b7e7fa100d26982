# SPDX-License-Identifier: MIT
"""GGML's block types (docs/format.md, 4.2): blocks taken apart into fields, and put together again.

The fields of a tensor are coded each on its own: scales as what they are, 5- and 6-bit values as bytes,
so that the entropy coder sees whole symbols. Any bytes survive, whatever they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import _core
from .storage.filereader import fresh_buffer

Buffer = Any


@dataclass(frozen=True, slots=True)
class Field:
    """A part of every block: `size` bytes of each, elements of `dtype` (see `dtypes`)."""

    dtype: str
    size: int


@dataclass(frozen=True, slots=True)
class BlockType:
    """A block type.

    Attributes:
        name: GGML's, such as `Q4_K`.
        elements: values that a block holds.
        size: bytes of a block.
        fields: what blocks are taken apart into, in this order. Block `i` has the bytes
            `[i * size, (i + 1) * size)` of each.
    """

    name: str
    elements: int
    size: int
    fields: tuple[Field, ...]


BY_NAME = {
    name: BlockType(name, elements, size, tuple(Field(*field) for field in fields))
    for name, elements, size, fields in _core.block_types()
}


def split(data: Buffer, name: str) -> list[tuple[str, memoryview]]:
    """The fields of whole blocks of type `name`: dtype and bytes of each.

    Raises:
        ValueError: `data` are not whole blocks, or the type is not known.
    """
    block = _named(name)
    count = _count(data, block)
    fields = [fresh_buffer(count * field.size) for field in block.fields]
    _core.split_blocks(data, name, fields)
    return [(field.dtype, part) for field, part in zip(block.fields, fields, strict=True)]


def take(data: Buffer, name: str, index: int) -> memoryview:
    """The bytes of field `index` alone. Raises as `split`."""
    block = _named(name)
    out = fresh_buffer(_count(data, block) * block.fields[index].size)
    _core.take_field(data, name, index, out)
    return out


def join(fields: Sequence[Buffer], name: str, out: memoryview) -> None:
    """The inverse of `split`: write the blocks whose fields these are to `out`, which they fill.

    Raises:
        ValueError: sizes do not fit, or the type is not known.
    """
    _core.join_blocks(list(fields), _named(name).name, out)


def _named(name: str) -> BlockType:
    if name not in BY_NAME:
        raise ValueError(f"block type {name!r} is not known")
    return BY_NAME[name]


def _count(data: Buffer, block: BlockType) -> int:
    size = memoryview(data).nbytes
    if size % block.size:
        raise ValueError(f"{size} bytes are not whole blocks of {block.name}, which have {block.size}")
    return size // block.size
