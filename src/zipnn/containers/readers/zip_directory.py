# SPDX-License-Identifier: MIT
"""The central directory of a ZIP file: where its members lie. Nothing is inflated but what is asked for."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from ...errors import CorruptError, FormatError
from ...storage.filereader import Source

MAGIC = b"PK\x03\x04"
STORED, DEFLATED = 0, 8

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 1
_MAX_DEFLATE_RATIO = 1040  # 258 bytes from two bits
_MAX_COMMENT = 0xFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """A member of a ZIP file.

    Attributes:
        method: STORED, DEFLATED, or what nobody here knows (encrypted members have -1).
        offset: where its data begin in the file.
        size: bytes that it takes there.
        inflated_size: bytes that it says it holds; at most what `size` allows.
    """

    name: str
    method: int
    offset: int
    size: int
    inflated_size: int


def looks_like_zip(source: Source) -> bool:
    """Whether the file begins as a ZIP file does."""
    return source.size >= len(MAGIC) and bytes(source.read(0, len(MAGIC))) == MAGIC


def read_directory(source: Source) -> dict[str, Entry]:
    """The members of a ZIP file by name, in the order of the directory. Their data do not overlap.

    Raises:
        FormatError: there is no directory, or it is damaged.
    """
    offset, size, count = _find_directory(source)
    if offset + size > source.size or count * _ENTRY.size > size:
        raise CorruptError("the directory of the ZIP file does not lie in it")
    directory = bytes(source.read(offset, size))
    entries: dict[str, Entry] = {}
    place = 0
    for _ in range(count):
        entry, place = _read_entry(source, directory, place, offset)
        if entry.name in entries:
            raise FormatError(f"the ZIP file has two members {entry.name!r}")
        entries[entry.name] = entry
    _check_disjoint(entries)
    return entries


def inflate(source: Source, entry: Entry, limit: int) -> bytes:
    """The first `limit` bytes of what a member holds, all of them if there are fewer.

    Raises:
        FormatError: its method is not known, or its data are damaged.
    """
    if entry.method == STORED:
        return bytes(source.read(entry.offset, min(entry.size, limit)))
    if entry.method != DEFLATED:
        raise FormatError(f"member {entry.name!r}: compressed by a method that is not known")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces = []
    offset, stop = entry.offset, entry.offset + entry.size
    try:
        while limit > 0 and offset < stop and not inflater.eof:
            step = min(limit + 4096, stop - offset, 1 << 20)
            pieces.append(inflater.decompress(source.read(offset, step), limit))
            limit -= len(pieces[-1])
            offset += step
    except zlib.error as error:
        raise CorruptError(f"member {entry.name!r}: {error}") from None
    return b"".join(pieces)


def _find_directory(source: Source) -> tuple[int, int, int]:
    """Offset, size and number of entries."""
    start = max(0, source.size - _END.size - _MAX_COMMENT)
    tail = bytes(source.read(start, source.size - start))
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + _END.size > len(tail):
        raise FormatError("a ZIP file without a directory; incomplete download?")
    _, _, _, _, count, size, offset, _ = _END.unpack_from(tail, place)
    locator = start + place - _END64_LOCATOR.size
    if locator >= 0:
        magic, _, place64, _ = _END64_LOCATOR.unpack(source.read(locator, _END64_LOCATOR.size))
        if magic == b"PK\x06\x07":
            return _find_directory64(source, place64)
    return offset, size, count


def _find_directory64(source: Source, place: int) -> tuple[int, int, int]:
    if place + _END64.size > source.size:
        raise CorruptError("the directory of the ZIP file does not lie in it")
    magic, _, _, _, _, _, _, count, size, offset = _END64.unpack(source.read(place, _END64.size))
    if magic != b"PK\x06\x06":
        raise CorruptError("the end of the directory of the ZIP file is damaged")
    return offset, size, count


def _read_entry(source: Source, directory: bytes, place: int, directory_offset: int) -> tuple[Entry, int]:
    """The entry at `place`, and where the next one begins."""
    if place + _ENTRY.size > len(directory):
        raise CorruptError("the directory of the ZIP file is truncated")
    fields = _ENTRY.unpack_from(directory, place)
    magic, flags, method = fields[0], fields[3], fields[4]
    sizes = fields[8:10]
    name_size, extra_size, comment_size = fields[10:13]
    name_start = place + _ENTRY.size
    extra_start = name_start + name_size
    stop = extra_start + extra_size + comment_size
    if magic != b"PK\x01\x02" or stop > len(directory):
        raise CorruptError("an entry in the directory of the ZIP file is damaged")
    name = directory[name_start:extra_start]
    extra = directory[extra_start : extra_start + extra_size]
    inflated_size, size, local = _widened(extra, (sizes[1], sizes[0], fields[16]))
    offset = _data_offset(source, local, name)
    if offset + size > directory_offset:
        raise CorruptError(f"member {name!r} of the ZIP file does not lie in it")
    if flags & _ENCRYPTED:
        method = -1
    most = {STORED: size, DEFLATED: size * _MAX_DEFLATE_RATIO + 64}.get(method, inflated_size)
    if inflated_size > most or (method == STORED and inflated_size < size):
        raise CorruptError(f"member {name!r} of the ZIP file: {inflated_size} bytes in {size}")
    return Entry(name.decode(errors="backslashreplace"), method, offset, size, inflated_size), stop


def _widened(extra: bytes, numbers: tuple[int, int, int]) -> list[int]:
    """The numbers, those of which are 0xFFFFFFFF replaced by what the ZIP64 field says, in turn."""
    wide: list[int] = []
    place = 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, place)
        if kind == 1:
            field = extra[place + 4 : place + 4 + size]
            wide = [value for (value,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
            break
        place += 4 + size
    rest = iter(wide)
    return [next(rest, number) if number == 0xFFFFFFFF else number for number in numbers]


def _data_offset(source: Source, local: int, name: bytes) -> int:
    """Where the data of the member begin whose local header is at `local`."""
    if local + _LOCAL.size > source.size:
        raise CorruptError(f"member {name!r} of the ZIP file does not lie in it")
    fields = _LOCAL.unpack(source.read(local, _LOCAL.size))
    if fields[0] != MAGIC or fields[9] != len(name):
        raise CorruptError(f"member {name!r} of the ZIP file: its header is damaged")
    return local + _LOCAL.size + int(fields[9]) + int(fields[10])


def _check_disjoint(entries: dict[str, Entry]) -> None:
    end = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.offset, entry.size)):
        if entry.offset < end:
            raise FormatError(f"member {entry.name!r} of the ZIP file overlaps another one")
        end = entry.offset + entry.size
