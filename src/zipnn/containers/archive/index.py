# SPDX-License-Identifier: MIT
"""The index of an archive: which frames hold which bytes of the original, and what tensors these are."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import CorruptError, UnsupportedVersionError
from ...limits import MAX_DTYPE_NAME
from ..contents import StoredTensor, is_text
from ..shapes import is_countable, is_shape
from .differences import BaseRecord, BaseTensor
from .limits import POOLS_OPEN, SEGMENT

_FORBIDDEN = frozenset("\0\\:" if os.name == "nt" else "\0")
FRAMES_BEGIN = 16
"""Where the first segment's frames lie: behind the header."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes [offset, offset + size) of the original: those from `start` on of its segment's data."""

    offset: int
    size: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """Some bytes of the original, and the frames that give them.

    Attributes:
        pieces: in ascending order. A segment with more than one is a *pool*: many small parts.
        at: where its frames begin in the archive; segments with the same bytes share their frames.
        length: bytes that they take.
        coding: what becomes of the frames' data: see `codings`.
        options: of the coding.
    """

    pieces: tuple[Piece, ...]
    at: int
    length: int
    coding: str = "plain"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def offset(self) -> int:
        """Where its first byte lies in the original."""
        return self.pieces[0].offset

    @property
    def size(self) -> int:
        """Bytes that its frames give; for a pool at most as many as its pieces take."""
        return max(piece.start + piece.size for piece in self.pieces)

    @property
    def is_pool(self) -> bool:
        """Whether its data are to be dealt out."""
        return len(self.pieces) > 1 or self.pieces[0].start != 0


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archived folder: bytes [offset, offset + size) of the original.

    Attributes:
        name: path relative to the folder, with `/`.
        format: what its reader calls it.
        executable: whether its owner may execute it.
    """

    name: str
    offset: int
    size: int
    format: str
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """What the index frame holds.

    Attributes:
        name: what the original was called, for people. Never use it as a path.
        size: of the original in bytes; of a folder that of all its files, one after the other.
        format: what its reader calls it; "bytes" where none took it apart, "folder" for a folder.
        segments: in the order of their frames.
        tensors: by name; in a folder `FILE:NAME`. `member` is the segment whose inflated data hold it.
        members: the files of a folder; empty for a single file.
        folders: those of a folder that hold no file.
        base: what a difference needs; None if the archive stands alone.
    """

    name: str
    size: int
    format: str
    segments: tuple[Segment, ...]
    tensors: Mapping[str, StoredTensor]
    members: tuple[Member, ...] = ()
    folders: tuple[str, ...] = ()
    base: BaseRecord | None = None

    @property
    def is_folder(self) -> bool:
        """Whether the original is a folder."""
        return self.format == "folder"


def to_json(index: Index) -> bytes:
    """The data of the index frame."""
    document: dict[str, Any] = {"name": _for_people(index.name), "size": index.size, "format": index.format}
    document["segments"] = [_segment_entry(segment) for segment in index.segments]
    if index.tensors:
        document["tensors"] = [_tensor_entry(name, tensor) for name, tensor in index.tensors.items()]
    if index.is_folder:
        document["files"] = [_member_entry(member) for member in index.members]
        document["folders"] = list(index.folders)
    if index.base is not None:
        document["base"] = _base_entry(index.base)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _for_people(name: str) -> str:
    """The name of a file or folder need not be UTF-8; what cannot be written is replaced."""
    return name.encode(errors="replace").decode()


def _segment_entry(segment: Segment) -> dict[str, Any]:
    entry: dict[str, Any] = {"at": segment.at, "length": segment.length}
    if segment.is_pool:
        entry["pieces"] = _piece_entries(segment.pieces)
    else:
        entry["offset"], entry["size"] = segment.offset, segment.size
    if segment.coding != "plain":
        entry["coding"] = {"name": segment.coding, **segment.options}
    return entry


def _tensor_entry(name: str, tensor: StoredTensor) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "offset": tensor.offset,
        "size": tensor.size,
    }
    if tensor.strides is not None:
        entry["strides"] = list(tensor.strides)
    if tensor.big_endian:
        entry["big_endian"] = True
    if tensor.member is not None:
        entry["segment"] = tensor.member
    return entry


def _member_entry(member: Member) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": member.name, "size": member.size, "format": member.format}
    if member.executable:
        entry["executable"] = True
    return entry


def _base_entry(base: BaseRecord) -> dict[str, Any]:
    tensors = [{"name": t.name, "dtype": t.dtype, "shape": list(t.shape)} for t in base.tensors]
    return {"name": _for_people(base.name), "id": base.id, "count": base.count, "tensors": tensors}


def parse(text: bytes, frames_end: int) -> Index:
    """The index, checked: its segments give each byte of the original once, from frames without gaps.

    Args:
        text: the index frame's data.
        frames_end: where the segments' frames end in the archive.

    Raises:
        CorruptError: it contradicts itself, or is not such an index.
        UnsupportedVersionError: it needs a newer zipnn.
    """
    try:
        document = json.loads(text)
        size, name, form = _number(document["size"]), _text(document["name"]), _text(document["format"])
        segments = tuple(_segment(entry) for entry in document["segments"])
        _check_frames(segments, frames_end)
        _check_pieces(segments, size)
        if most_open(segments) > POOLS_OPEN:
            raise CorruptError(f"pools of more than {POOLS_OPEN} bytes are needed at once")
        tensors = _tensors(document.get("tensors", []), size, len(segments))
        members = _members(document.get("files", []), size) if form == "folder" else ()
        folders = tuple(_relative(entry) for entry in document.get("folders", []))
        _check_paths([member.name for member in members], folders)
        base = _base(document["base"]) if "base" in document else None
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError) as error:
        if isinstance(error, CorruptError | UnsupportedVersionError):
            raise
        raise CorruptError(f"not as it should be: {error!r}") from None
    return Index(name, size, form, segments, tensors, members, folders, base)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise CorruptError(f"{value!r} where a number should be")
    return value


def _text(value: Any) -> str:
    if not is_text(value):
        raise CorruptError(f"{value!r} where a text should be")
    return str(value)


def _dtype(value: Any) -> str:
    name = _text(value)
    if not 1 <= len(name.encode()) <= MAX_DTYPE_NAME:
        raise CorruptError(f"{name!r} where a dtype should be")
    return name


def _shape(value: Any) -> tuple[int, ...]:
    shape = _strides(value)
    if not is_countable(shape):
        raise CorruptError(f"{value!r} where a shape should be")
    return shape


def _strides(value: Any) -> tuple[int, ...]:
    numbers = tuple(value) if isinstance(value, list) else None
    if not is_shape(numbers):
        raise CorruptError("no shape, or no strides, where there should be some")
    return numbers or ()


def _piece_entries(pieces: Iterable[Piece]) -> list[list[int]]:
    """Each as what it skips after the one before, its size, and its start where that is not the next."""
    entries, end, used = [], 0, 0
    for piece in pieces:
        entry = [piece.offset - end, piece.size]
        entries.append(entry if piece.start == used else [*entry, piece.start])
        end = piece.offset + piece.size
        used = max(used, piece.start + piece.size)
    return entries


def _pieces(entries: Iterable[Sequence[Any]]) -> Iterator[Piece]:
    end = used = 0
    for skip, size, *start in entries:
        piece = Piece(_number(end + _number(skip)), _number(size), *map(_number, start or [used]))
        yield piece
        end = piece.offset + piece.size
        used = max(used, piece.start + piece.size)


def _segment(entry: dict[str, Any]) -> Segment:
    if "pieces" in entry:
        pieces = tuple(_pieces(entry["pieces"]))
    else:
        pieces = (Piece(_number(entry["offset"]), _number(entry["size"])),)
    coding = dict(entry.get("coding", {"name": "plain"}))
    segment = Segment(
        pieces, _number(entry["at"]), _number(entry["length"]), _text(coding.pop("name")), coding
    )
    if not pieces or any(piece.size < 1 for piece in pieces) or segment.length < 1:
        raise CorruptError("a segment without an extent")
    # Members of a zip file are of any size, and so are all parts of a base: they are not held as a whole.
    largest = max(piece.size for piece in pieces) if segment.coding == "base" else segment.size
    if segment.coding != "deflate" and largest > SEGMENT:
        raise CorruptError(f"segment at {segment.offset}: {largest} bytes are more than {SEGMENT}")
    return segment


def _check_frames(segments: Iterable[Segment], frames_end: int) -> None:
    """Each segment's frames begin where the last ones end, or are those of an earlier segment."""
    at = FRAMES_BEGIN
    known: dict[tuple[int, int], tuple[Any, ...]] = {}
    for segment in segments:
        nature = (segment.size, segment.coding, segment.options)
        if segment.at == at:
            known[segment.at, segment.length] = nature
            at += segment.length
        elif known.get((segment.at, segment.length)) != nature:
            raise CorruptError(f"segment at {segment.offset}: its frames lie elsewhere")
    if at != frames_end:
        raise CorruptError("the segments do not add up")


def _check_pieces(segments: Iterable[Segment], size: int) -> None:
    at = 0
    for piece in sorted((piece for segment in segments for piece in segment.pieces), key=lambda p: p.offset):
        if piece.offset != at:
            raise CorruptError(f"byte {min(at, piece.offset)}: gap or overlap of segments")
        at += piece.size
    if at != size:
        raise CorruptError("the segments do not add up")


def most_open(segments: Iterable[Segment]) -> int:
    """Most data of pools between whose first and last byte one place of the original lies."""
    changes: list[tuple[int, int]] = []
    for segment in segments:
        if segment.is_pool and segment.coding != "base":
            changes.append((segment.offset, segment.size))
            changes.append((segment.pieces[-1].offset + segment.pieces[-1].size, -segment.size))
    changes.sort()  # at one place those that end come first
    return max(itertools.accumulate((change for _, change in changes), initial=0))


def _tensors(entries: list[dict[str, Any]], size: int, segments: int) -> dict[str, StoredTensor]:
    tensors = {}
    for entry in entries:
        name, strides, segment = _text(entry["name"]), entry.get("strides"), entry.get("segment")
        tensor = StoredTensor(
            name,
            _dtype(entry["dtype"]),
            _shape(entry["shape"]),
            _number(entry["offset"]),
            _number(entry["size"]),
            None if strides is None else _strides(strides),
            bool(entry.get("big_endian", False)),
            None if segment is None else _number(segment),
        )
        inside = tensor.offset + tensor.size <= size if segment is None else segment < segments
        if name in tensors or not inside or (strides is not None and len(strides) != len(tensor.shape)):
            raise CorruptError(f"tensor {name!r}: twice, or not within the original")
        tensors[name] = tensor
    return tensors


def _members(entries: list[dict[str, Any]], size: int) -> tuple[Member, ...]:
    members, at = [], 0
    for entry in entries:
        name, length = _relative(entry["name"]), _number(entry["size"])
        members.append(Member(name, at, length, _text(entry["format"]), bool(entry.get("executable", False))))
        at += length
    if at != size:
        raise CorruptError("the files do not add up")
    return tuple(members)


def _check_paths(files: Iterable[str], folders: Iterable[str]) -> None:
    """Check that each file is there once, and nothing in it: neither a file nor a folder."""
    # Behind a path, in this order, come itself as a folder and what lies in it.
    paths = sorted(
        [(name.replace("/", "\0"), True) for name in files]
        + [(name.replace("/", "\0"), False) for name in folders],
        key=lambda path: (path[0], not path[1]),
    )
    for (path, is_file), (following, _) in itertools.pairwise(paths):
        if is_file and (following == path or following.startswith(path + "\0")):
            raise CorruptError(f"the file {path.replace(chr(0), '/')!r} is there twice, or a folder, too")


def _base(entry: dict[str, Any]) -> BaseRecord:
    tensors = tuple(
        BaseTensor(_text(tensor["name"]), _dtype(tensor["dtype"]), _shape(tensor["shape"]))
        for tensor in entry["tensors"]
    )
    return BaseRecord(_text(entry["name"]), _text(entry["id"]), _number(entry["count"]), tensors)


def _relative(value: Any) -> str:
    """A path that stays below the folder that it is joined to, on every system."""
    parts = _text(value).split("/")
    if any(part in ("", ".", "..") or set(part) & _FORBIDDEN for part in parts):
        raise CorruptError(f"{value!r} is not a path within the folder")
    return "/".join(parts)
