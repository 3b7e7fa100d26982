# SPDX-License-Identifier: MIT
"""The archive of a file or folder, written front to back in bounded memory, and what it would take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...storage.filereader import Source
from ..contents import Contents, Extent, StoredTensor
from ..readers import read_contents
from .codings import encode, unit_of
from .differing import Comparison, DifferenceWriter
from .index import FRAMES_BEGIN, Index, Member, Segment
from .planning import Part, cut, make_plan
from .segments import FOOTER, SegmentWriter, Sink

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
        contents: what the file holds; found out if it is not given.
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
    sampled = max(1, sum(part.size for part in parts) // _SAMPLED)
    sizes: dict[str, list[int]] = {}
    coded = FRAMES_BEGIN + FOOTER.size + _INDEX + _INDEX_ENTRY * len(parts)
    seen = 0
    for part in parts:
        totals = sizes.setdefault(part.dtype, [0, 0, 0])
        totals[0] += part.size
        seen += part.size
        if totals[1] == 0 or seen * _SAMPLE >= sampled * part.size:
            looked, packed = _sample(source, part, level, family)
            totals[1] += looked
            totals[2] += packed
    return coded + sum(total * packed // max(looked, 1) for total, looked, packed in sizes.values())


def plan_of(source: Source, contents: Contents, family: str) -> list[Part]:
    """The parts of a file; where a family is given, the whole file in its order."""
    if not family:
        return make_plan(source, contents)
    return [Part((piece,)) for piece in cut(Extent(0, source.size, "U8"))]


def _sample(source: Source, part: Part, level: str, family: str) -> tuple[int, int]:
    """How many bytes of a part were looked at, and what they take when they are coded."""
    data, looked = bytearray(), 0
    for extent in part.extents:
        unit = unit_of(extent.dtype)
        size = min(extent.size, _SAMPLE // unit * unit)
        middle = (extent.size - size) // 2 // unit * unit
        data += source.read(extent.offset + middle, size)
        looked += size
        if looked >= _SAMPLE:
            break
    first = part.extents[0]
    return looked, len(encode(memoryview(data), first, part.coding, family=family, level=level, threads=1))


def _add(writer: SegmentWriter, source: Source, batch: Sequence[Part]) -> None:
    member = batch[0].deflated
    if member is None:
        writer.add_parts(source, batch)
    elif not writer.add_deflated(source, member):
        pieces = cut(Extent(member.offset, member.size, "U8"))
        writer.add_parts(source, [Part((piece,)) for piece in pieces])


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
    """The tensors under names that are unique; those in deflated members point to their segments."""
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
        name, count = tensor.name, 2
        while name in named:
            name, count = f"{tensor.name} ({count})", count + 1
        named[name] = replace(tensor, name=name, member=place)
    return named
