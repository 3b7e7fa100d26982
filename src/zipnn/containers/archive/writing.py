# SPDX-License-Identifier: MIT
"""The archive of a file or folder, written front to back in bounded memory, and what it would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ... import _core, deflate
from ...storage.filereader import Source
from ..contents import Contents, Deflated, Extent, StoredTensor
from ..readers import read_contents
from .codings import encode, unit_of
from .differing import Comparison, DifferenceWriter
from .index import FRAMES_BEGIN, Index, Member, Segment
from .planning import Part, cut, make_plan
from .segments import FOOTER, SegmentWriter, Sink, runs

_BATCH = 16 << 20
_SAMPLE = 128 << 10
_SAMPLED = 4 << 20
_INDEX, _INDEX_ENTRY = 150, 16  # bytes that it takes, about

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Labels:
    """What the index says beside segments, tensors and base; each as in `Index`."""

    name: str
    format: str
    members: tuple[Member, ...] = ()
    folders: tuple[str, ...] = ()


def write_archive(
    source: Source,
    sink: Sink,
    *,
    level: str,
    family: str = "",
    threads: int = 0,
    progress: Progress = lambda done: None,
    contents: Contents | None = None,
    labels: Labels | None = None,
    comparison: Comparison | None = None,
) -> int:
    """Write the archive of a file.

    Args:
        source: the file, or the files of a folder, joined.
        sink: gets the archive through `write` alone.
        level: see `frames`.
        family: how all of the file is coded (see `dtypes`), where the caller knows better than a look at it.
        threads: see `_core`.
        progress: called with the bytes of the original that are done.
        contents: what the file holds, as `checked`; found out if it is not given.
        labels: what the index says; by default what is known of the file.
        comparison: what the file is written as a difference to.

    Returns:
        The archive's size in bytes.
    """
    contents = contents or (Contents("bytes") if family else read_contents(source))
    labels = labels or Labels(source.path.name, contents.format)
    parts = plan_of(source, contents, family)
    writer = SegmentWriter(sink, level, threads, family)
    if comparison is not None:
        writer = DifferenceWriter(sink, level, threads, family, comparison=comparison)
        parts = comparison.related(parts)
    writer.begin()
    done = 0
    for batch in _batches(parts):
        _add(writer, source, batch)
        done += sum(part.size for part in batch)
        progress(done)
    base = writer.end()
    tensors = _named(contents.tensors, contents, writer.segments)
    return writer.finish(
        Index(
            labels.name,
            source.size,
            labels.format,
            tuple(writer.segments),
            tensors,
            labels.members,
            labels.folders,
            base,
        )
    )


def estimate_archive(
    source: Source, *, level: str, family: str = "", contents: Contents | None = None
) -> int:
    """Expected size in bytes of the archive of a file, from samples of its parts."""
    contents = contents or (Contents("bytes") if family else read_contents(source))
    parts = plan_of(source, contents, family)
    coded = FRAMES_BEGIN + FOOTER.size + _INDEX + _INDEX_ENTRY * len(parts)
    every = max(1, sum(part.size for part in parts) // _SAMPLED)
    by_type: dict[str, _Estimate] = {}
    alike = Counter((part.size, part.dtype) for part in parts)
    known: set[tuple[int, str, int]] = set()
    for part in parts:
        if part.deflated is not None:
            total = by_type.setdefault(f"deflated {part.deflated.extents[0].dtype}", _Estimate())
            total.size += part.size
            if total.looked == 0 or total.looked * every < total.size:
                _look_into(total, source, part.deflated, level)
            continue
        sample: memoryview | None = None
        if alike[part.size, part.dtype] > 1:
            sample = _sample(source, part)
            key = (part.size, part.dtype, _core.xxh3_64(sample))
            if key in known:
                continue
            known.add(key)
        total = by_type.setdefault(part.dtype, _Estimate())
        total.size += part.size
        if total.looked == 0 or total.looked * every < total.size:
            sample = _sample(source, part) if sample is None else sample
            total.looked += len(sample)
            total.coded += len(
                encode(sample, part.extents[0], part.coding, family=family, level=level, threads=1)
            )
    return coded + sum(total.size * total.coded // max(total.looked, 1) for total in by_type.values())


@dataclass(slots=True)
class _Estimate:
    """Bytes of one type: all, those looked at, and what these take."""

    size: int = 0
    looked: int = 0
    coded: int = 0


def _look_into(total: _Estimate, source: Source, member: Deflated, level: str) -> None:
    """Count the beginning of a deflated member: what it takes as a stream, and as what it holds."""

    def read(offset: int, size: int) -> memoryview:
        return source.read(member.offset + offset, size)

    data = deflate.beginning(read, member.size, member.inflated_size)
    if not data:
        total.looked += member.size
        total.coded += member.size
        return
    begun = replace(member, inflated_size=len(data), extents=tuple(_begun(member.extents, len(data))))
    total.looked += max(1, member.size * len(data) // member.inflated_size)
    for piece, extent in runs(iter([memoryview(data)]), begun):
        total.coded += len(encode(piece, extent, "plain", family="", level=level, threads=1))


def _begun(extents: Sequence[Extent], size: int) -> Iterator[Extent]:
    """The whole elements of extents in the first `size` bytes."""
    for extent in extents:
        unit = unit_of(extent.dtype)
        inside = min(extent.size, (size - extent.offset) // unit * unit)
        if inside > 0:
            yield extent if inside == extent.size else replace(extent, size=inside, shape=())


def plan_of(source: Source, contents: Contents, family: str) -> list[Part]:
    """The parts of a file; where a family is given, the whole file in its order."""
    if not family:
        return make_plan(source, contents)
    return [Part((piece,)) for piece in cut(Extent(0, source.size, "U8"))]


def _sample(source: Source, part: Part) -> memoryview:
    """The middle of a part, or the middles of the first parts of a pool."""
    data = bytearray()
    for extent in part.extents:
        unit = unit_of(extent.dtype)
        size = min(extent.size, _SAMPLE // unit * unit)
        middle = (extent.size - size) // 2 // unit * unit
        data += source.read(extent.offset + middle, size)
        if len(data) >= _SAMPLE:
            break
    return memoryview(data)


def _add(writer: SegmentWriter, source: Source, batch: Sequence[Part]) -> None:
    member = batch[0].deflated
    if member is None:
        writer.add_parts(source, batch)
    elif not writer.add_deflated(source, member):
        pieces = cut(Extent(member.offset, member.size, "U8"))
        for parts in _batches([Part((piece,)) for piece in pieces]):
            writer.add_parts(source, parts)


def _batches(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts that are coded side by side; a deflated member, of any size, is on its own."""
    batch: list[Part] = []
    size = 0
    for part in parts:
        alone = part.deflated is not None
        if batch and (alone or size + part.size > _BATCH):
            yield batch
            batch, size = [], 0
        if alone:
            yield [part]
            continue
        batch.append(part)
        size += part.size
    if batch:
        yield batch


def _named(
    tensors: Sequence[StoredTensor], contents: Contents, segments: Sequence[Segment]
) -> dict[str, StoredTensor]:
    """The tensors by name; those in deflated members point to their segments."""
    places = {
        segment.offset: number for number, segment in enumerate(segments) if segment.coding == "deflate"
    }
    named: dict[str, StoredTensor] = {}
    for tensor in tensors:
        place = None
        if tensor.member is not None:
            place = places.get(contents.deflated[tensor.member].offset)
            if place is None:  # kept as it was, since nobody can make its bytes again
                continue
        named[tensor.name] = replace(tensor, member=place)
    return named
