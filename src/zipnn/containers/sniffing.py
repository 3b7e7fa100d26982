# SPDX-License-Identifier: MIT
"""Which type bytes are of that no reader knows, told from the bytes alone.

Samples say of what width the elements of each block are and where they begin; blocks of one kind make
a segment, ends are found to the byte, and what codes a segment best is measured on a piece of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .. import _core, dtypes, zstd
from ..storage.filereader import Read
from . import lanes
from .contents import Extent

_SPAN = 16 << 20
"""Bytes whose blocks are looked at together."""
_READ = 2 << 20
_LEAST = 4 << 10
"""Less than this is plain bytes: types are for what is worth a frame."""
_SAMPLE = 4 << 10
_SMALLEST_BLOCK, _LARGEST_BLOCK = 4 << 10, 64 << 10
_BLOCKS = 16
"""As many blocks at least, or smaller ones."""

_CHANGE = 512
"""Bytes that another type must save to begin."""
_SEGMENT = 2048
"""Bytes that tables of its own must save a part of data of one type."""
_PIECE = 64 << 10
_GAIN = 0.002
"""Part of the data that a type must save over plain bytes, and over Zstandard."""
_MAY_REPEAT = 6.8
"""Bits a byte under which Zstandard is tried on every sample."""

_UNLIKELY = 0.005
"""Part of the data that integers must save over floats, if they do not look like integers."""

_FLOATS = {2: ("F16", "BF16"), 4: ("F32",), 8: ("F64",)}


def sniff(read: Read, offset: int, size: int) -> list[Extent]:
    """Type the bytes [offset, offset + size): extents in order that cover them exactly.

    Those of a type hold whole elements; what is left between them is `U8`. Nothing is read beyond the
    range, and no more than a few MB at a time.

    Raises:
        OSError: they cannot be read.
    """
    if size < _LEAST:
        return [Extent(offset, size, "U8")] if size else []
    extents: list[Extent] = []
    before: _Segment | None = None
    for segment in _all_segments(read, offset, offset + size):
        if before is None:
            before = segment
        elif before.is_like(segment):
            before = before.with_next(segment)
        else:
            end = _boundary(read, before, segment)
            extents += _typed(read, before.ending(end))
            before = segment.beginning(end)
    if before is not None:
        extents += _typed(read, before)
    return _joined(extents)


@dataclass(frozen=True, slots=True)
class _Segment:
    """Bytes [start, stop) of one kind.

    Attributes:
        counts: [lane, 256] of its samples.
        share: how many bytes a sampled one stands for.
    """

    start: int
    stop: int
    state: int
    counts: lanes.Counts
    share: float

    @property
    def width(self) -> int:
        return lanes.STATES[self.state][0]

    def beginning(self, start: int) -> _Segment:
        return _Segment(start, self.stop, self.state, self.counts, self.share)

    def ending(self, stop: int) -> _Segment:
        return _Segment(self.start, stop, self.state, self.counts, self.share)

    def is_like(self, other: _Segment) -> bool:
        """Whether one frame is as good for both."""
        if self.state != other.state:
            return False
        if self.state == lanes.REPEATS:
            return True
        pair = lanes.fold(np.stack([self.counts, other.counts]), self.width)
        return bool(_gains(pair)[0] * self.share <= _SEGMENT * 8)

    def with_next(self, other: _Segment) -> _Segment:
        return _Segment(self.start, other.stop, self.state, self.counts + other.counts, self.share)


def _all_segments(read: Read, start: int, stop: int) -> Iterator[_Segment]:
    block = _LARGEST_BLOCK
    while block > _SMALLEST_BLOCK and (stop - start) // block < _BLOCKS:
        block //= 2
    at = start
    while at < stop:
        # A last block may be longer than others by what is left; a span of less than a block has none.
        end = at + _SPAN if stop - at >= _SPAN + block else stop
        yield from _segments(read, at, end, block)
        at = end


def _segments(read: Read, start: int, stop: int, block: int) -> Iterator[_Segment]:
    """The segments of a span, their ends at whole blocks."""
    number = max(1, (stop - start) // block)
    counts, costs = _look(read, start, stop, block, number)
    states = _states(costs * block / 8)
    ends = np.flatnonzero(np.diff(states, append=-1)) + 1
    first = 0
    for end in ends.tolist():
        state = int(states[first])
        share = block / min(_SAMPLE, block)
        width = lanes.STATES[state][0]
        part = counts[first:end].astype(np.float32)
        limit = _SEGMENT * 8 / share if state != lanes.REPEATS else np.inf
        for begin, until in _parts(lanes.fold(part, width), limit):
            yield _Segment(
                start + (first + begin) * block,
                stop if first + until == number else start + (first + until) * block,
                state,
                part[begin:until].sum(0),
                share,
            )
        first = end


def _look(read: Read, start: int, stop: int, block: int, number: int) -> tuple[lanes.Counts, lanes.Floats]:
    """Counts [block, lane, 256] and costs [block, state] in bits a byte, from a sample of each block."""
    counts, costs = [], []
    step = max(1, _READ // block)
    for first in range(0, number, step):
        blocks = min(step, number - first)
        at = start + first * block
        data = read(at, min(blocks * block, stop - at))
        shift = -at % lanes.LANES
        size = min(_SAMPLE, block - shift, len(data) - (blocks - 1) * block - shift)
        found = lanes.count(data, shift, block, size, blocks)
        cost = lanes.costs(found)
        for i in np.flatnonzero(cost[:, lanes.PLAIN] < _MAY_REPEAT):
            sample = data[shift + i * block : shift + i * block + size]
            cost[i, lanes.REPEATS] = 8 * len(zstd.compress(sample)) / size
        counts.append(found[:, 0])
        costs.append(cost)
    return np.concatenate(counts), np.concatenate(costs)


def _states(costs: lanes.Floats) -> lanes.Counts:
    """The state of each block, so that costs [block, state] and `_CHANGE` for each change are least."""
    total = costs[0]
    came_from = np.empty(costs.shape, np.int64)
    same = np.arange(costs.shape[1])
    for i in range(1, len(costs)):
        best = int(total.argmin())
        changed = total > total[best] + _CHANGE
        came_from[i] = np.where(changed, best, same)
        total = np.minimum(total, total[best] + _CHANGE) + costs[i]
    states = np.empty(len(costs), np.int64)
    states[-1] = total.argmin()
    for i in range(len(costs) - 1, 0, -1):
        states[i - 1] = came_from[i, states[i]]
    return states


def _gains(counts: lanes.Counts) -> lanes.Floats:
    """Bits that apart from each other save neighbours among histograms [part, lane, 256]."""
    alone = lanes.entropy(counts).sum(-1)
    together = lanes.entropy(counts[:-1] + counts[1:]).sum(-1)
    return np.asarray(together - alone[:-1] - alone[1:])


def _parts(counts: lanes.Counts, limit: float) -> list[tuple[int, int]]:
    """Neighbours of like distribution put together, the most alike first: (first, stop) of each part."""
    edges = np.arange(len(counts) + 1)
    while len(counts) > 1:
        gains = _gains(counts)
        least = gains <= limit
        least[1:] &= gains[1:] <= gains[:-1]
        least[:-1] &= gains[:-1] < gains[1:]
        if not least.any():
            break
        starts = np.flatnonzero(~np.concatenate([[False], least]))
        counts = np.add.reduceat(counts, starts, axis=0)
        edges = np.append(edges[:-1][starts], edges[-1])
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _boundary(read: Read, left: _Segment, right: _Segment) -> int:
    """Where one ends and the other begins: within a block of where samples say so."""
    reach = _LARGEST_BLOCK
    start = max(left.start, right.start - reach)
    data = read(start, min(right.stop, right.start + reach) - start)
    models = [lanes.model(lanes.fold(segment.counts, segment.width)) for segment in (left, right)]
    found = start + lanes.change(data, start % lanes.LANES, *models)
    return min(max(_aligned(found, left, right), start), start + len(data))


def _aligned(place: int, left: _Segment, right: _Segment) -> int:
    """A place nearby where elements of both, or else of the right one, begin."""

    def fits(at: int, segment: _Segment) -> bool:
        width, phase = lanes.STATES[segment.state]
        return at % width == phase

    near = sorted(range(place - lanes.LANES, place + lanes.LANES), key=lambda at: abs(at - place))
    both = [at for at in near if fits(at, left) and fits(at, right)]
    return next(iter(both), next(at for at in near if fits(at, right)))


def _typed(read: Read, segment: _Segment) -> list[Extent]:
    """The segment as elements of what codes it best, and the bytes before and behind them."""
    width, phase = lanes.STATES[segment.state]
    begin = segment.start + (phase - segment.start) % width
    end = begin + (segment.stop - begin) // width * width
    if width == 1 or end - begin < _LEAST:
        return [Extent(segment.start, segment.stop - segment.start, "U8")]
    return [
        Extent(segment.start, begin - segment.start, "U8"),
        Extent(begin, end - begin, _dtype(read, begin, end, width)),
        Extent(end, segment.stop - end, "U8"),
    ]


def _dtype(read: Read, start: int, stop: int, width: int) -> str:
    """What a piece in the middle of [start, stop) shrinks most as; `U8` where types gain nothing."""
    size = min(_PIECE, stop - start) // lanes.LANES * lanes.LANES
    piece = read(start + (stop - start - size) // 2 // width * width, size)
    floats, integer = _FLOATS[width], f"I{8 * width}"
    names = (integer,) if _looks_like_integers(piece, width) else (*floats, integer)
    ratios = {name: _core.estimate(piece, dtypes.named(name).family, "default") for name in names}
    best = min(ratios, key=lambda name: ratios[name] + (_UNLIKELY if name == integer else 0))
    plain = min(_core.estimate(piece, "bytes", "default"), len(zstd.compress(piece)) / size)
    return best if ratios[best] + _GAIN <= plain else "U8"


def _looks_like_integers(piece: memoryview, width: int) -> bool:
    """Whether most elements are near zero as integers, so that few are numbers as floats."""
    last = np.frombuffer(piece, np.uint8)[width - 1 :: width]
    return bool(np.mean((last == 0) | (last == 255)) > 0.5)


def _joined(extents: list[Extent]) -> list[Extent]:
    """Without empty ones, and with the few bytes between types put to plain bytes beside them."""
    joined: list[Extent] = []
    for extent in extents:
        last = joined[-1] if joined else None
        if last and last.dtype == extent.dtype == "U8" and min(last.size, extent.size) < _LEAST:
            joined[-1] = Extent(last.offset, last.size + extent.size, "U8")
        elif extent.size:
            joined.append(extent)
    return joined
