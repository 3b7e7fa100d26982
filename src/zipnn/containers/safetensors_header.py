# SPDX-License-Identifier: MIT
"""Headers of safetensors files: read without trust, written to fit a place reserved in front.

Everything that a file can hold without being ambiguous is accepted: gaps, ranges that overlap,
trailing bytes, any alignment, unknown dtypes, padding. What is refused contradicts itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from .. import dtypes
from ..errors import CorruptError, FormatError
from ..storage.filereader import Read
from .shapes import element_count

MAX_HEADER = 100_000_000  # readers of safetensors refuse larger ones
_ZERO_HEAD = 4096
_LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a header says of one tensor; `start` and `stop` are offsets in the (original) file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes of data."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Header:
    """A checked header.

    Attributes:
        data_start: size of the prefix (8 bytes and the JSON); offsets in the JSON count from here.
        metadata: `__metadata__`, or None where there is none.
        tensors: in the header's order.
    """

    data_start: int
    metadata: dict[str, str] | None
    tensors: dict[str, TensorInfo]

    def in_data_order(self) -> list[TensorInfo]:
        """The tensors by place; those at the same place in the header's order."""
        return sorted(self.tensors.values(), key=lambda info: (info.start, info.stop))

    def host(self) -> TensorInfo | None:
        """The first tensor in data order that has at least one byte (docs/format.md, 3.2)."""
        filled = (info for info in self.tensors.values() if info.stop > info.start)
        return min(filled, key=lambda info: (info.start, info.stop), default=None)

    def gaps(self, file_size: int) -> list[tuple[int, int]]:
        """Offset and size of every stretch of the file that neither prefix nor tensors cover."""
        found = []
        end = self.data_start
        for info in self.in_data_order():
            if info.start > end:
                found.append((end, info.start - end))
            end = max(end, info.stop)
        if file_size > end:
            found.append((end, file_size - end))
        return found


def looks_like(head: bytes, file_size: int) -> bool:
    """Whether a file that begins with `head` (9 bytes) can be a safetensors file."""
    size = int.from_bytes(head[:8], "little")
    return len(head) >= 9 and head[8:9] == b"{" and 2 <= size <= min(MAX_HEADER, file_size - 8)


def read_prefix(read: Read, file_size: int) -> memoryview:
    """The prefix of a safetensors file: the 8 bytes of header size and the header.

    Raises:
        FormatError: not a safetensors file; the message says what it is instead, if that is known.
        CorruptError: the header is longer than the file.
    """
    head = bytes(read(0, min(file_size, _ZERO_HEAD)))
    size = int.from_bytes(head[:8], "little")
    if head.startswith(_LFS):
        raise FormatError('a Git LFS pointer, not the file itself; run "git lfs pull" to fetch it')
    if file_size == 0:
        raise FormatError("the file is empty; incomplete download?")
    if not any(head):
        raise FormatError("the file begins with zeros; incomplete download?")
    if file_size < 10 or head[8:9] != b"{":
        raise FormatError("not a safetensors file")
    if size > MAX_HEADER:
        raise FormatError(f"not a safetensors file: header of {size} bytes, at most {MAX_HEADER} are allowed")
    if size < 2:
        raise FormatError(f"not a safetensors file: header of {size} bytes")
    if size > file_size - 8:
        raise CorruptError(f"the header has {size} bytes, the whole file {file_size}; incomplete download?")
    return read(0, 8 + size)


def parse(prefix: memoryview, file_size: int) -> Header:
    """Parse and check a prefix (as `read_prefix` gives it) of a file of `file_size` bytes.

    Raises:
        FormatError: the header is not what safetensors defines.
        CorruptError: a tensor lies outside the file.
    """
    entries = _parse_json(bytes(prefix[8:]))
    metadata = _check_metadata(entries.pop("__metadata__", None))
    data_start = len(prefix)
    room = file_size - data_start
    tensors = {name: _check_tensor(name, entry, data_start, room) for name, entry in entries.items()}
    return Header(data_start, metadata, tensors)


def _parse_json(text: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(
            text.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_refuse_constant,
        )
    except FormatError:
        raise
    except UnicodeDecodeError:
        raise FormatError("the header is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the header is not JSON: {error}") from None
    if not isinstance(entries, dict):
        raise FormatError("the header is not a JSON object")
    return entries


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise FormatError(f"the header has the key {twice!r} twice")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise FormatError(f"the header has the number {text}, which safetensors does not know")


def _is_text(value: object) -> bool:
    """Whether it is a string that UTF-8 can express (JSON can name half a surrogate pair)."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value))


def _check_metadata(metadata: object) -> dict[str, str] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not all(_is_text(k) and _is_text(v) for k, v in metadata.items()):
        raise FormatError("__metadata__ is not an object of strings")
    return metadata


def _check_tensor(name: str, entry: Any, data_start: int, room: int) -> TensorInfo:
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise FormatError(
            f"tensor {name!r}: dtype, shape or data_offsets missing or not as they should be"
        ) from None
    if not (_is_text(name) and isinstance(shape, list) and _is_text(dtype)):
        raise FormatError(f"tensor {name!r}: dtype, shape or data_offsets of the wrong type")
    for number in (*shape, begin, end):
        if type(number) is not int or not 0 <= number < 1 << 64:
            raise FormatError(f"tensor {name!r}: {number!r} in shape or data_offsets")
    if begin > end:
        raise FormatError(f"tensor {name!r}: data_offsets {begin} > {end}")
    if end > room:
        raise CorruptError(
            f"tensor {name!r}: its data end at byte {data_start + end}, the file at {data_start + room}; "
            "incomplete download?"
        )
    known = dtypes.BY_NAME.get(dtype)
    if known and known.size(element_count(shape)) != end - begin:
        raise FormatError(
            f"tensor {name!r}: {dtype} {shape} does not take the {end - begin} bytes of data_offsets"
        )
    return TensorInfo(name, dtype, tuple(shape), data_start + begin, data_start + end)


def render(metadata: dict[str, str] | None, tensors: Iterable[TensorInfo], size: int = 0) -> bytes:
    """A prefix whose JSON is padded with spaces to a multiple of 8 bytes, and to `size` bytes in all.

    Args:
        metadata: `__metadata__`; None for none.
        tensors: in the order to write; their `start` and `stop` count from the end of the prefix.
        size: what the prefix was estimated at; 0 to find out.
    """
    quote = json.encoder.encode_basestring
    parts = []
    if metadata is not None:
        pairs = ",".join(f"{quote(key)}:{quote(value)}" for key, value in metadata.items())
        parts.append(f'"__metadata__":{{{pairs}}}')
    for info in tensors:
        shape = ",".join(map(str, info.shape))
        parts.append(
            f'{quote(info.name)}:{{"dtype":{quote(info.dtype)},"shape":[{shape}],'
            f'"data_offsets":[{info.start},{info.stop}]}}'
        )
    text = b"{" + ",".join(parts).encode() + b"}"
    padded = max(size, (8 + len(text) + 7) // 8 * 8)
    if size and padded > size:
        raise AssertionError("a header grew beyond the room reserved for it")
    return (padded - 8).to_bytes(8, "little") + text.ljust(padded - 8, b" ")
