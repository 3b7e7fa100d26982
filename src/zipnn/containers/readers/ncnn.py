# SPDX-License-Identifier: MIT
"""ncnn's weights (`.bin`). What layers they belong to, only the `.param` file beside them tells.

Weights in half precision follow a tag, padded to four bytes; behind them come the layer's biases as plain
float32. Where the one ends and the other begins is not written down: it is found from what a layer can have.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...storage.filereader import Source
from ..contents import Contents, Extent

_TAG = 0x01306B47
_STEP = 4 << 20
_MOST_TAGS = 1 << 16
_CHANNELS = (*range(1, 17), 20, 24, 32, 40, 48, 56, 64, 72, 80, 96, 112, 120, 128, 144, 160, 192, 224, 240)
_MANY_CHANNELS = (256, 320, 384, 480, 512, 576, 640, 672, 768, 960, 1024, 1280, 1536, 2048, 4096)
_LEAST = 8
"""Values of a bias that say enough of what they are."""


def read(source: Source) -> Contents | None:
    """The weights of a file that begins with some in half precision. See `readers`."""
    if source.size < 8 or int.from_bytes(source.read(0, 4), "little") != _TAG:
        return None
    tags = list(_tags(source))
    extents: list[Extent] = []
    for start, stop in zip(tags, [*tags[1:], source.size], strict=True):
        extents += _layer(source, start + 4, stop)
    return Contents("ncnn", extents=tuple(extents))


def _tags(source: Source) -> Iterator[int]:
    """Where the tags are. Weights that happen to look like one end a layer early, which costs nothing."""
    found = 0
    for start in range(0, source.size, _STEP):
        size = min(_STEP, source.size - start) // 4 * 4
        words = np.frombuffer(source.read(start, size), "<u4")
        for place in np.flatnonzero(words == _TAG):
            yield start + 4 * int(place)
            found += 1
            if found == _MOST_TAGS:
                return


def _layer(source: Source, start: int, stop: int) -> Iterator[Extent]:
    """Half precision up to the biases, if there are such."""
    size = stop - start
    biases = max(
        (count for count in (*_CHANNELS, *_MANY_CHANNELS) if _divides(size, count)),
        key=lambda count: _likeness(source, stop, count),
        default=0,
    )
    if biases and _likeness(source, stop, biases)[0] < 0.9:
        biases = 0
    weights = (size - 4 * biases) // 2 * 2
    if weights:
        yield Extent(start, weights, "F16")
    if biases:
        yield Extent(stop - 4 * biases, 4 * biases, "F32")


def _divides(size: int, biases: int) -> bool:
    """Whether so many biases leave as many weights for each."""
    weights = size - 4 * biases
    return weights > 0 and weights % (2 * biases) < 4 and biases >= _LEAST


def _likeness(source: Source, stop: int, count: int) -> tuple[float, int]:
    """How many of the last values look like biases, and their number."""
    values = np.frombuffer(source.read(stop - 4 * count, 4 * count), "<u4")
    exponents = (values >> 23) & 255
    return float(np.mean(((exponents > 90) & (exponents < 135)) | (values << 1 == 0))), count
