# SPDX-License-Identifier: MIT
"""DEFLATE streams (RFC 1951) made again, bit for bit, from what they inflate to.

That works for the streams of zlib, whose settings are found by trying them. The core makes the
streams, not the zlib of this machine: its bytes may be those of zlib-ng or another one (docs/format.md, 4.3).
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import _core
from .errors import CorruptError
from .storage.filereader import Read

Buffer = Any

_STEP = 64 << 10
"""Compressed bytes read, and bytes inflated, at a time."""

_TRIAL = 4
"""Steps on which settings are tried before any is tried on all of the stream."""

_ANY_SIZE = 256 << 20
_MAX_RATIO = 64
"""A stream that inflates to more than this, and is that many times smaller, is best kept as it is:
there is next to nothing to gain, and a ZIP bomb would cost its time."""

_MAX_POSSIBLE_RATIO = 1032  # 258 bytes in two bits


@dataclass(frozen=True, slots=True)
class Parameters:
    """Settings of zlib, 1 to 9 and 8 or 9. Raises `ValueError` for others."""

    level: int
    mem_level: int

    def __post_init__(self) -> None:
        numbers = type(self.level) is int and type(self.mem_level) is int
        if not numbers or not 1 <= self.level <= 9 or self.mem_level not in (8, 9):
            raise ValueError(f"no stream is made with level {self.level!r}, memory level {self.mem_level!r}")


# Those that programs use most come first: the default, best, fastest. What follows is any order.
_LIKELY = sorted(
    (Parameters(level, mem_level) for level in range(1, 10) for mem_level in (8, 9)),
    key=lambda one: (one.mem_level, [6, 9, 1, 5, 4, 3, 2, 7, 8].index(one.level)),
)


def inflate(read: Read, size: int, inflated_size: int) -> Iterator[memoryview]:
    """What a raw DEFLATE stream of `size` bytes holds, in pieces of at most 64 KiB.

    Args:
        read: gives the stream's bytes.
        size: of the stream, which must end there.
        inflated_size: what it must hold. No more is inflated.

    Raises:
        CorruptError: the stream is damaged or is of another size.
    """
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    done = at = 0
    waiting = memoryview(b"")
    while not decoder.eof:
        if not waiting and at < size:
            waiting = read(at, min(_STEP, size - at))
            at += len(waiting)
        try:
            piece = decoder.decompress(waiting, _STEP)
        except zlib.error as error:
            raise CorruptError(f"the DEFLATE stream is damaged: {error}") from None
        waiting = memoryview(decoder.unconsumed_tail)
        done += len(piece)
        if done > inflated_size:
            raise CorruptError(f"the DEFLATE stream holds more than {inflated_size} bytes")
        if piece:
            yield memoryview(piece)
        elif not decoder.eof and not waiting and at == size:
            raise CorruptError("the DEFLATE stream is truncated")
    if at < size or decoder.unused_data:
        raise CorruptError("stray bytes after the DEFLATE stream")
    if done != inflated_size:
        raise CorruptError(f"the DEFLATE stream holds {done} bytes, not {inflated_size}")


def recreate(pieces: Iterable[Buffer], parameters: Parameters) -> Iterator[bytes]:
    """The stream that zlib makes of the pieces' bytes, joined; how they are cut changes nothing."""
    deflater = _core.Deflater(parameters.level, parameters.mem_level)
    for piece in pieces:
        view = memoryview(piece)
        data = view.cast("B") if view.nbytes else b""
        for start in range(0, len(data), _STEP):
            if made := deflater.compress(data[start : start + _STEP]):
                yield made
    yield deflater.finish()


def most_bytes(inflated_size: int) -> int:
    """More than the streams of zlib take for so many bytes: stored blocks add a few to each 16 KiB."""
    return inflated_size + inflated_size // 100 + 1024


def find_parameters(read: Read, size: int, inflated_size: int, cap: int | None = None) -> Parameters | None:
    """The settings with which `recreate` makes this stream, or None where there are none or it is damaged.

    Args:
        read: gives the stream's bytes.
        size: of the stream, which must end there.
        inflated_size: what it must hold.
        cap: streams that hold more are not tried. Where it is None that are those of more than 256 MiB and
            of more than 64 times their size.
    """
    if not _is_tried(size, inflated_size, cap):
        return None
    try:
        trial = _trial(read, size, inflated_size)
        for parameters in _LIKELY:
            if _begins(read, size, trial, parameters) and _is(read, size, inflated_size, parameters):
                return parameters
    except CorruptError:
        pass
    return None


def beginning(read: Read, size: int, inflated_size: int) -> bytes | None:
    """The first 256 KiB that a stream holds, or None where nothing makes its beginning again.

    Args:
        read, size, inflated_size: see `find_parameters`, which rarely says otherwise, after a longer look.
    """
    if not _is_tried(size, inflated_size):
        return None
    try:
        trial = _trial(read, size, inflated_size)
    except CorruptError:
        return None
    return b"".join(trial) if any(_begins(read, size, trial, one) for one in _LIKELY) else None


def _is_tried(size: int, inflated_size: int, cap: int | None = None) -> bool:
    most = max(_ANY_SIZE, size * _MAX_RATIO) if cap is None else cap
    return inflated_size <= min(most, size * _MAX_POSSIBLE_RATIO)


def _trial(read: Read, size: int, inflated_size: int) -> list[bytes]:
    return [bytes(piece) for piece in itertools.islice(inflate(read, size, inflated_size), _TRIAL)]


class _Comparison:
    """Of a stream with the one that a deflater makes, as far as that is there."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._at = 0

    def goes_on(self, made: bytes) -> bool:
        """Whether the next bytes of the stream are `made`."""
        at, self._at = self._at, self._at + len(made)
        return self._at <= self._size and self._read(at, len(made)).tobytes() == made

    def ends(self) -> bool:
        """Whether there are no more."""
        return self._at == self._size


def _begins(read: Read, size: int, pieces: Iterable[bytes], parameters: Parameters) -> bool:
    """Whether what comes of the first pieces is how the stream begins. Its last block is not there yet."""
    deflater = _core.Deflater(parameters.level, parameters.mem_level)
    comparison = _Comparison(read, size)
    return all(comparison.goes_on(deflater.compress(piece)) for piece in pieces)


def _is(read: Read, size: int, inflated_size: int, parameters: Parameters) -> bool:
    """Whether the stream is what comes of all that it holds."""
    comparison = _Comparison(read, size)
    made = recreate(inflate(read, size, inflated_size), parameters)
    return all(comparison.goes_on(piece) for piece in made) and comparison.ends()
