# SPDX-License-Identifier: MIT
"""Writing segments as differences to a base: parts that are the base's cost a checksum."""

from __future__ import annotations

import bisect
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from ... import _core, differences
from ...frames import write_frame
from ...storage.comparing import first_difference
from ...storage.filereader import Source
from ..contents import Contents, Extent
from . import limits
from .codings import frame_type
from .differences import (
    HASHES,
    Base,
    BasePart,
    BasePlace,
    BaseRecord,
    BaseTensor,
    options_of,
)
from .index import Member, Piece
from .planning import Part
from .segments import SegmentWriter, Work


class DescribedBase(Base, Protocol):
    """A base that can say what it is."""

    def record(self, needed: tuple[BaseTensor, ...]) -> BaseRecord:
        """What an archive says of it that needs these tensors."""

    def forget(self) -> None:
        """Keep nothing of what was read."""

    def check_unchanged(self) -> None:
        """Raise `ZipnnError` if it is no longer what it was."""


@dataclass(frozen=True, slots=True)
class Match:
    """Bytes [offset, offset + size) of a file, to be compared with the first bytes of a tensor."""

    offset: int
    size: int
    tensor: BaseTensor


class Compare(Protocol):
    """Finds out what of a file, or of the files of a folder, is compared with what; None for nothing."""

    def __call__(
        self, source: Source, contents: Contents, members: tuple[Member, ...]
    ) -> Comparison | None: ...


class Comparison:
    """A base, and what of a file is compared with which of its tensors.

    Args:
        base: the base.
        matches: may overlap: then the first to begin keeps its bytes, others are not compared.
    """

    def __init__(self, base: DescribedBase, matches: Sequence[Match]) -> None:
        self.base = base
        self._matches: list[Match] = []
        end = 0
        for match in sorted(matches, key=lambda match: (match.offset, -match.size)):
            if match.offset >= end and match.size:
                self._matches.append(match)
                end = match.offset + match.size
        self._offsets = [match.offset for match in self._matches]

    @contextlib.contextmanager
    def rereading(self) -> Iterator[DescribedBase]:
        """The base, read anew, as whoever restores reads it. Raises `ZipnnError` at the end if it changed."""
        self.base.forget()
        yield self.base
        self.base.check_unchanged()

    def related(self, parts: Sequence[Part]) -> list[Part]:
        """The parts, cut where what they are compared with begins or ends."""
        related: list[Part] = []
        for part in parts:
            if part.deflated is not None:
                related.append(part)
                continue
            pieces = [piece for extent in part.extents for piece in self._placed(extent)]
            alone = tuple(extent for extent, place in pieces if place is None)
            placed = [(extent, place) for extent, place in pieces if place is not None]
            if len(part.extents) == 1:
                related += (Part((extent,)) for extent in alone)
                related += (Part((extent,), base=(place,)) for extent, place in placed)
                continue
            if alone:
                related.append(Part(alone))
            if placed:
                extents, places = zip(*placed, strict=True)
                related.append(Part(extents, base=places))
        return related

    def _placed(self, extent: Extent) -> Iterator[tuple[Extent, BasePlace | None]]:
        at, end = extent.offset, extent.offset + extent.size
        number = max(bisect.bisect_right(self._offsets, at) - 1, 0)
        while number < len(self._matches):
            match = self._matches[number]
            number += 1
            low, high = max(match.offset, at), min(match.offset + match.size, end)
            if match.offset >= end:
                break
            if low >= high:
                continue
            if at < low:
                yield replace(extent, offset=at, size=low - at), None
            place = BasePlace(match.tensor, low - match.offset, high - low)
            yield replace(extent, offset=low, size=high - low), place
            at = high
        if at < end:
            yield replace(extent, offset=at, size=end - at), None


@dataclass
class DifferenceWriter(SegmentWriter):
    """Writes an archive of what differs from a base."""

    comparison: Comparison = field(kw_only=True)
    _numbers: dict[BaseTensor, int] = field(default_factory=dict)
    _same: list[tuple[Piece, BasePlace, int]] = field(default_factory=list)

    def end(self) -> BaseRecord:
        """Write which parts are the base's."""
        if self._same:
            self._same.sort(key=lambda entry: entry[0].offset)
            checksums = np.array([checksum for _, _, checksum in self._same], "<u8")
            pieces, start = [], 0
            for piece, _, _ in self._same:
                pieces.append(replace(piece, start=start))
                start += piece.size
            frame = write_frame(checksums.data, dtype=HASHES, shape=checksums.shape, align=8)
            options = self._naming(place for _, place, _ in self._same)
            self._append(tuple(pieces), frame, "base", options)
        return self.comparison.base.record(tuple(self._numbers))

    def _works(self, source: Source, parts: Sequence[Part]) -> list[Work]:
        works = super()._works(source, [part for part in parts if not part.base])
        compared = (self._compared(source, part) for part in parts if part.base)
        return works + [work for work in compared if work is not None]

    def _compared(self, source: Source, part: Part) -> Work | None:
        """What differs from the base, to be coded; the rest is noted."""
        changed: list[_Changed] = []
        for extent, place in zip(part.extents, part.base, strict=True):
            data = source.read(extent.offset, extent.size)
            against = self.comparison.base.read(place.tensor, place.start, place.size, self.threads)
            if first_difference(data, against) is None:
                self._same.append((Piece(extent.offset, extent.size), place, _core.xxh3_64(data)))
            else:
                changed.append(_Changed(extent.offset, data, place, against))
        if not changed:
            return None
        one = changed[0]
        if len(changed) == 1:
            piece = Piece(one.offset, len(one.data))
            return Work((piece,), one.data, part.extents[0], part.coding, one.against, (one.place,))
        return _pool(changed, part)

    def _code(self, work: Work, threads: int) -> tuple[bytes, str]:
        if work.against is None or work.coding != "plain":
            return super()._code(work, threads)
        dtype, shape = frame_type(work.extent, len(work.data))
        frame = differences.encode(
            work.data,
            work.against,
            dtype=dtype,
            shape=shape,
            level=self.level,
            threads=threads,
            align=8,
        )
        return frame, "delta" if differences.needs_base(frame) else "plain"

    def _options(self, work: Work, coding: str) -> Mapping[str, Any]:
        return self._naming(work.base) if coding == "delta" else super()._options(work, coding)

    def _naming(self, places: Iterable[BasePlace]) -> dict[str, Any]:
        """The options that name these places; their tensors are needed from now on."""
        parts = []
        for place in places:
            number = self._numbers.setdefault(place.tensor, len(self._numbers))
            parts.append(BasePart(number, place.start, place.size))
        return options_of(parts)


@dataclass(frozen=True, slots=True)
class _Changed:
    """Bytes of a file that are not those of the base."""

    offset: int
    data: memoryview
    place: BasePlace
    against: memoryview


def _pool(changed: Sequence[_Changed], part: Part) -> Work:
    """Changed bytes of a pool, joined, equal ones once."""
    starts: dict[bytes, int] = {}
    data, against = bytearray(), bytearray()
    pieces, places = [], []
    for one in changed:
        content = bytes(one.data)
        start = starts.get(content) if len(content) >= limits.WORTH_SHARING else None
        if start is None:
            start = starts[content] = len(data)
            data += content
            against += one.against
            places.append(one.place)
        pieces.append(Piece(one.offset, len(content), start))
    first = part.extents[0]
    return Work(tuple(pieces), memoryview(data), first, part.coding, memoryview(against), tuple(places))
