# SPDX-License-Identifier: MIT
"""What a layout would make of unknown bytes, told from histograms by their place modulo 8 (lanes).

Elements of 1, 2, 4 or 8 bytes have their bytes in lanes of their own, if they begin at the right place:
the entropies of the lanes say how wide they are, those of shifted lanes where their exponents lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core

Counts = npt.NDArray[Any]
"""Histograms: the last axis has 256 places."""
Floats = npt.NDArray[np.floating[Any]]

LANES = 8
WIDTHS = (1, 2, 4, 8)
STATES = (*((width, phase) for width in WIDTHS for phase in range(width)), (1, 0))
"""Width of elements, and the place modulo the width where they begin."""
PLAIN, REPEATS = 0, len(STATES) - 1
"""Bytes each on its own, and bytes that are alike in runs."""

_WIDER = 0.1
"""Bits a byte that twice the width must save."""
_MISPLACED = 0.05
"""Bits a byte held against elements that seem to begin elsewhere."""
_SMALL = np.arange(1 << 16, dtype=np.float64)
_CONSTANT_FIRST = 0.00125
"""Bits a byte against each bit that the first byte of an element lacks: it varies most."""
_GROUP = 256
"""Bytes of which one quarter is looked at where a change is sought; then all around it are."""
_MILLER = np.float32(0.5 * np.log2(np.e))
_N_LOG_N = (_SMALL * np.log2(np.maximum(_SMALL, 1)) - _MILLER * (_SMALL > 0)).astype(np.float32)


def count(data: memoryview, first: int, step: int, size: int, samples: int) -> Counts:
    """Histograms [samples, 2, lane, 256] of samples in `data` (see `_core.count_lanes`)."""
    counts = np.empty((samples, 2, LANES, 256), np.uint16)
    _core.count_lanes(data, first, step, size, counts)
    return counts


def fold(counts: Counts, width: int) -> Counts:
    """The histograms [..., lane, 256] of lanes modulo `width`."""
    while counts.shape[-2] > width:
        half = counts.shape[-2] // 2
        counts = counts[..., :half, :] + counts[..., half:, :]
    return counts


def entropy(counts: Counts) -> Floats:
    """Bits of all symbols of each histogram, with Miller's correction for what small samples miss."""
    if counts.dtype == np.uint16:
        sums = _N_LOG_N[counts].sum(-1)
    else:
        sums = (counts * np.log2(np.maximum(counts, 1)) - _MILLER * (counts > 0)).sum(-1)
    total = counts.sum(-1, dtype=np.float64)
    bits: Floats = total * np.log2(np.maximum(total, 1)) - sums - _MILLER
    return np.asarray(np.minimum(np.maximum(bits, 0), 8 * total))


def costs(counts: Counts) -> Floats:
    """Bits a byte [samples, state] that planes of bytes, or a float's fields, would take.

    Samples are of one size. What repeats is not seen in histograms: infinite for that state.
    """
    columns = []
    for width in WIDTHS:
        plain = _bits_each(fold(counts[:, 0], width))
        bits = np.repeat(plain.sum(-1, keepdims=True) / width, width, axis=1)
        if width > 1:
            shifted = _bits_each(fold(counts[:, 1], width))
            # What a float saves: the exponent apart, and a sign that looks like noise.
            as_float = _behind(shifted, 1) + 8 - _behind(plain, 1) - _behind(plain, 2)
            bits += np.minimum(as_float, 0) / width + np.log2(width) * _WIDER
            bits += _misplaced(plain, as_float) * _MISPLACED + (8 - plain) * _CONSTANT_FIRST
        columns.append(bits)
    columns.append(np.full((len(counts), 1), np.inf))
    return np.concatenate(columns, axis=1)


def _bits_each(counts: Counts) -> Floats:
    """Bits of a symbol of each histogram, of samples of one size."""
    return np.asarray(entropy(counts) / np.maximum(counts[:1].sum(-1, dtype=np.int64), 1))


def _behind(values: Floats, count: int) -> Floats:
    """For each phase, what `values` [samples, lane] has for the byte `count` from an element's end."""
    width = values.shape[-1]
    return values[:, (np.arange(width) - count) % width]


def _misplaced(plain: Floats, as_float: Floats) -> npt.NDArray[np.bool_]:
    """Whether elements are unlikely to begin at each phase, by the bits [samples, lane] of a byte.

    The last byte of an element varies least, and in floats comes behind some that look like noise.
    """
    last, before = _behind(plain, 1), _behind(plain, 2)
    if plain.shape[-1] == LANES:  # the exponent reaches into the last byte but one, the sign is in the last
        noise = (_behind(plain, 3) > 7) & (_behind(plain, 4) > 7)
        floats = (last > 0.5) & (last < 3) & (last < before) & noise
    else:
        floats = (last < 7) & (before > 7) & (as_float < 0.5)
    possible = floats | ~floats.any(-1, keepdims=True)
    least = np.where(possible, last, np.inf).min(-1, keepdims=True)
    return np.asarray(~possible | (last > least + 0.1))


def model(counts: Counts) -> Floats:
    """Bits [lane, 256] that each byte costs in each lane, by histograms of as many lanes or fewer."""
    smooth = counts + 1 / 8
    bits = np.log2(smooth.sum(-1, keepdims=True) / smooth).astype(np.float32)
    return np.tile(bits, (LANES // len(bits), 1))


def change(data: memoryview, first: int, left: Floats, right: Floats) -> int:
    """Where in `data`, which begin in lane `first`, the right model should take over from the left one."""
    excess = np.roll(left - right, -first, axis=0)  # of the left one, for bytes in lanes counted from `first`
    values = np.frombuffer(data, np.uint8)
    groups = values[: len(values) // _GROUP * _GROUP].reshape(-1, _GROUP)[:, : _GROUP // 4]
    rough = _least(_of_each(excess, groups).sum(-1)) * _GROUP
    start, stop = max(0, rough - 2 * _GROUP), rough + 2 * _GROUP
    return start + _least(_of_each(excess, values[start:stop]))


def _of_each(table: Floats, values: npt.NDArray[np.uint8]) -> Floats:
    """What `table` [lane, 256] has for values, whose last axis begins in lane 0."""
    places = np.arange(values.shape[-1], dtype=np.int32) % LANES * 256
    return np.asarray(table.ravel()[values + places])


def _least(steps: Floats) -> int:
    """After how many of the steps their sum is least."""
    return int(np.concatenate([[0.0], steps.cumsum(dtype=np.float64)]).argmin())
