# SPDX-License-Identifier: MIT
"""Frames (docs/format.md, 2) through functions that read and write at an offset, in bounded memory.

The core codes and decodes chunks; here they are put together window by window, the chunks of
layout 13 go through Zstandard, and the coding of plain bytes is chosen between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core, dtypes, limits, zstd
from .errors import CorruptError, FormatError, error_place
from .storage.filereader import Read

Buffer = Any
WriteAt = Callable[[int, Buffer], None]
"""`write_at(offset, data)`; offsets count from the start of the frame."""

MAGIC = b"\x9aZNF"
LEVELS = ("fast", "default", "max")
ZSTD = "zstd"
"""A family beside those of `dtypes`: everything by Zstandard."""
KIND_BYTES, KIND_NUMPY, KIND_TORCH = 0, 1, 2
FLAG_BIG_ENDIAN = 1

_LAYOUT_ZSTD = 13
_ZSTD_FAMILIES = frozenset({"bytes", "float8", "int16", "int32", "int64", "uint16", "uint32", "uint64"})


class FrameReader:
    """One frame, read through `read`, whose offset 0 is the frame's first byte.

    Frames that are references hold no data; what decodes raises `FormatError` for them.

    Args:
        read: gives the bytes.
        available: how many bytes there are.
        exact: nothing may follow the frame.
        in_memory: reading costs nothing, so that there is no need to do it piece by piece and ahead.

    Raises:
        FormatError: not a frame.
        UnsupportedVersionError: a newer zipnn wrote it.
        CorruptError: its head is damaged, or the frame is longer than `available`.
    """

    head: _core.Head

    def __init__(self, read: Read, available: int, *, exact: bool = True, in_memory: bool = False) -> None:
        self._read = read
        self._in_memory = in_memory
        self.head = _core.parse_head(_read_head(read, available), available)
        _check_head(self.head)
        if exact and self.head.frame_size != available:
            raise CorruptError(f"{available - self.head.frame_size} stray bytes after the frame")

    def decode_into(self, out: memoryview, threads: int = 0) -> None:
        """Decode all data into `out`, which is writable and of exactly their size.

        Raises:
            CorruptError: the frame is damaged; `out` then holds nothing of use.
            ValueError: `out` has another size.
        """
        size = self.head.data_size
        if out.nbytes != size:
            raise ValueError(f"out has {out.nbytes} bytes, the frame's data {size}")
        # Small groups: their payloads stay in the caches, and their memory is used again.
        if self._chunk_count() == 1:
            self._decode(0, 1, self._payloads(0, 1), out, 1)
            self._check_padding()
            return
        workers = threads or _core.default_threads()
        most = max(limits.READ_AT_ONCE, 2 * workers * self.head.chunk_bytes)
        groups = list(self._groups(0, self._chunk_count(), limits.WINDOW if self._in_memory else most))
        ahead = workers > 1 and not self._in_memory
        for (first, count), payloads in _ahead(self._payloads, groups, ahead):
            start, stop = self._extent(first, count)
            self._decode(first, count, payloads, out[start:stop], threads)
            del payloads  # its memory is used again for the next
        self._check_padding()

    def decode_range(self, start: int, stop: int, threads: int = 0) -> memoryview:
        """The data bytes [start, stop), from the chunks that hold them and no others.

        Raises:
            CorruptError: one of these chunks is damaged.
            ValueError: the range is not within the data.
        """
        if not 0 <= start <= stop <= self.head.data_size:
            raise ValueError(f"bytes {start} to {stop} are not within the {self.head.data_size} of the data")
        self._chunk_count()
        if start == stop:
            return memoryview(b"")
        first, last = start // self.head.chunk_bytes, (stop - 1) // self.head.chunk_bytes
        begin, end = self._extent(first, last - first + 1)
        out = _fresh(end - begin)
        for group, count in self._groups(first, last + 1):
            at, to = self._extent(group, count)
            self._decode(group, count, self._payloads(group, count), out[at - begin : to - begin], threads)
        return out[start - begin : stop - begin]

    def windows(self, threads: int = 0) -> Iterator[memoryview]:
        """All data in order, in pieces of at most `limits.WINDOW` bytes (or one chunk, if that is more).

        A piece is valid until the next one is asked for. Raises `CorruptError` as `decode_into` does.
        """
        buffer = memoryview(b"")
        for first, count in self._groups(0, self._chunk_count()):
            start, stop = self._extent(first, count)
            if len(buffer) < stop - start:
                buffer = _fresh(stop - start)
            window = buffer[: stop - start]
            self._decode(first, count, self._payloads(first, count), window, threads)
            yield window
        self._check_padding()

    def _chunk_count(self) -> int:
        if self.head.reference is not None:
            raise FormatError(
                f"the frame is a reference to tensor {self.head.reference!r} of its container, "
                "and holds no data by itself"
            )
        if self.head.base_hash is not None:
            raise FormatError("the frame is a difference to a base, which is needed to decode it")
        return self.head.chunk_count

    def _groups(self, first: int, stop: int, most: int = limits.WINDOW) -> Iterator[tuple[int, int]]:
        """The chunks first..stop-1 as (first, count), each group of `most` bytes and within a window."""
        step = max(1, min(most, limits.WINDOW) // self.head.chunk_bytes) if stop > first else 1
        for chunk in range(first, stop, step):
            yield chunk, min(step, stop - chunk)

    def _extent(self, first: int, count: int) -> tuple[int, int]:
        """Where the data of these chunks begin and end."""
        chunk = self.head.chunk_bytes
        return first * chunk, min((first + count) * chunk, self.head.data_size)

    def _payloads(self, first: int, count: int) -> memoryview:
        at, _ = self.head.chunk_extent(first)
        last, last_size = self.head.chunk_extent(first + count - 1)
        return self._read(at, last + last_size - at)

    def _decode(self, first: int, count: int, payload: memoryview, out: memoryview, threads: int) -> None:
        at, _ = self.head.chunk_extent(first)
        if self.head.layout != _LAYOUT_ZSTD:
            _core.decode_chunks(self.head, payload, first, count, out, threads)
            return

        def decode_one(index: int) -> None:
            begin, size = self.head.chunk_extent(first + index)
            place = out[index * self.head.chunk_bytes : (index + 1) * self.head.chunk_bytes]
            with error_place(f"chunk {first + index}"):
                data = zstd.decompress(payload[begin - at : begin - at + size], len(place))
                if _core.xxh3_64(data) != self.head.checksum(first + index):
                    raise CorruptError("checksum differs")
            place[:] = data

        for _ in _in_parallel(decode_one, range(count), threads):
            pass

    def _check_padding(self) -> None:
        end = self.head.head_size
        if self.head.chunk_count:
            last, size = self.head.chunk_extent(self.head.chunk_count - 1)
            end = last + size
        _core.check_padding(self.head, self._read(end, self.head.frame_size - end))


def write_frame(
    data: Buffer,
    *,
    dtype: str,
    shape: tuple[int, ...],
    kind: int = KIND_BYTES,
    flags: int = 0,
    level: str = "default",
    threads: int = 0,
    attachment: bytes = b"",
    align: int = 1,
    family: str = "",
) -> bytes:
    """The frame of `data`, its size a multiple of `align`.

    Args:
        data: contiguous little-endian bytes of the elements.
        dtype: name of the elements' type (see `dtypes`); an unknown one is coded as bytes.
        shape: of the tensor; must fit the size of `data` where the dtype is known.
        kind: what `tensors.decompress` is to give back.
        flags: see docs/format.md.
        level: one of `LEVELS`.
        threads: 0 for the default. The result does not depend on it.
        attachment: bytes that the head carries along.
        align: 1 or 8.
        family: how the data are coded (see `dtypes`), if not as the dtype says.

    Raises:
        ValueError: an argument does not fit the format.
    """
    view = memoryview(data).cast("B") if memoryview(data).nbytes else memoryview(b"")
    spec = _Spec(view.nbytes, dtype, shape, kind, flags, level, threads, attachment, align, family)

    def read(offset: int, size: int) -> memoryview:
        return view[offset : offset + size]

    return b"".join(_parts(spec, read)) if spec.size > limits.WINDOW else _whole(spec, view, read)


def write_frame_stream(
    read: Read,
    size: int,
    write_at: WriteAt,
    *,
    dtype: str,
    shape: tuple[int, ...],
    level: str = "default",
    threads: int = 0,
    attachment: bytes = b"",
    align: int = 8,
    family: str = "",
) -> int:
    """Write the frame that `write_frame` would give, holding one window at a time; returns its size.

    Args:
        read: gives the data's bytes, some of them more than once.
        size: how many there are.
        write_at: takes the frame's bytes; the head comes last.

    The other arguments and errors are those of `write_frame`.
    """
    spec = _Spec(size, dtype, shape, KIND_BYTES, 0, level, threads, attachment, align, family)
    if size <= limits.WINDOW:
        frame = _whole(spec, read(0, size), read)
        write_at(0, frame)
        return len(frame)
    encoder = _Encoder(spec, read)
    at = encoder.head_size()
    for payload in encoder.payloads(read):
        write_at(at, payload)
        at += len(payload)
    head, padding = encoder.finish()
    write_at(at, padding)
    write_at(0, head)
    return at + len(padding)


def check_arguments(size: int, dtype: str, shape: tuple[int, ...], level: str, threads: int) -> None:
    """Raise the `ValueError` that `write_frame` would raise for data of `size` bytes."""
    _Spec(size, dtype, shape, KIND_BYTES, 0, level, threads, b"", 1, "")


def family_of_sparse(read: Read, size: int, family: str) -> str:
    """`family`, or "bytes" where data that may be mostly zero are better left to Zstandard."""
    spec = _Spec(size, "U8", (size,), KIND_BYTES, 0, "default", 0, b"", 1, "bytes")
    core = _core.Encoder(family, size, spec.level, spec.threads, spec.shape)
    ratio = core.train(b"".join(read(offset, length) for offset, length in core.sample_ranges()))
    return "bytes" if _prefers_zstd(spec, read, ratio) else family


@dataclass(frozen=True, slots=True)
class _Spec:
    """What is to be written: the checked arguments of both writers."""

    size: int
    dtype: str
    shape: tuple[int, ...]
    kind: int
    flags: int
    level: str
    threads: int
    attachment: bytes
    align: int
    coded_as: str

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level {self.level!r} is not known: choose from {', '.join(LEVELS)}")
        if self.threads < 0:
            raise ValueError(f"threads is {self.threads}: give a number of threads, or 0 for the default")
        if not 1 <= len(self.dtype.encode()) <= limits.MAX_DTYPE_NAME:
            raise ValueError(f"dtype {self.dtype!r} has not 1 to {limits.MAX_DTYPE_NAME} bytes")
        if len(self.shape) > limits.MAX_DIMENSIONS:
            raise ValueError(f"{len(self.shape)} dimensions are more than {limits.MAX_DIMENSIONS}")
        known = dtypes.BY_NAME.get(self.dtype)
        if known and known.size(math.prod(self.shape)) != self.size:
            raise ValueError(
                f"{self.size} bytes are not a tensor of dtype {self.dtype} and shape {self.shape}"
            )

    @property
    def family(self) -> str:
        return self.coded_as or dtypes.named(self.dtype).family


class _Encoder:
    """The core's encoder for one frame, or Zstandard where that is better."""

    def __init__(self, spec: _Spec, read: Read, *, may_repeat: bool | None = None) -> None:
        self._spec = spec
        self.zstd = spec.family == ZSTD
        ratio = 0.0
        if not self.zstd:
            self._core = _core.Encoder(spec.family, spec.size, spec.level, spec.threads, spec.shape)
            sample = b"".join(read(offset, size) for offset, size in self._core.sample_ranges())
            ratio = self._core.train(sample)
            if may_repeat is None:
                may_repeat = _may_repeat(spec, memoryview(sample))
            self.zstd = may_repeat and _prefers_zstd(spec, read, ratio)
        if self.zstd:
            self._core = _core.Encoder("stored", spec.size, spec.level, spec.threads)
            self._core.set_zstd(limits.ZSTD_CHUNK_LOG2)
        elif ratio > limits.WORTH_CODING:
            self._core = _core.Encoder("stored", spec.size, spec.level, spec.threads)
            self._core.set_stored()

    def head_size(self) -> int:
        return self._core.head_size(self._spec.dtype, self._spec.shape, len(self._spec.attachment))

    def payloads(self, read: Read) -> Iterator[bytes]:
        """The payloads of all chunks in order, joined or not."""
        chunk = self._core.chunk_bytes
        step = max(1, limits.WINDOW // chunk) * chunk
        for start in range(0, self._spec.size, step):
            window = read(start, min(step, self._spec.size - start))
            if not self.zstd:
                yield self._core.encode(window)
                continue
            chunks = [window[at : at + chunk] for at in range(0, len(window), chunk)]
            packed = _in_parallel(zstd.compress, chunks, self._spec.threads)
            for payload, original in zip(packed, chunks, strict=True):
                self._core.encode_zstd(payload, original)
                yield payload

    def finish(self) -> tuple[bytes, bytes]:
        """Head and padding, when all payloads have been given."""
        spec = self._spec
        end = self.head_size() + self._core.payload_size()
        padding = bytes(-end % spec.align)
        head = self._core.head(
            spec.dtype, spec.shape, spec.kind, spec.flags, spec.attachment, end + len(padding)
        )
        return head, padding


def _parts(spec: _Spec, read: Read, encoder: _Encoder | None = None) -> list[bytes]:
    """The parts of a frame, in order."""
    encoder = encoder or _Encoder(spec, read)
    payloads = list(encoder.payloads(read))
    head, padding = encoder.finish()
    return [head, *payloads, padding]


def _whole(spec: _Spec, data: memoryview, read: Read) -> bytes:
    """The frame of data that are in memory and not larger than a window."""
    if spec.family == ZSTD:
        return b"".join(_parts(spec, read))
    if _may_repeat(spec, data):
        encoder = _Encoder(spec, read, may_repeat=True)
        if encoder.zstd:
            return b"".join(_parts(spec, read, encoder))
    return _core.compress(
        data,
        spec.family,
        spec.dtype,
        spec.shape,
        spec.kind,
        spec.flags,
        spec.level,
        spec.attachment,
        spec.align,
        spec.threads,
    )


def _may_repeat(spec: _Spec, data: memoryview) -> bool:
    """Whether there may be something for Zstandard to find. In weights there is next to nothing."""
    if spec.family in _ZSTD_FAMILIES:
        return True
    return spec.level != "fast" and _core.repeated_share(data) > limits.WORTH_MATCHING


def _prefers_zstd(spec: _Spec, read: Read, ratio: float) -> bool:
    """Whether Zstandard saves enough of a sample beyond the `ratio` that the core expects."""
    if spec.size == 0:
        return False
    piece = limits.ZSTD_SAMPLE_PIECE
    if spec.size <= limits.ZSTD_SAMPLE_PIECES * piece:
        places = [(0, spec.size)]
    else:
        last = spec.size - piece
        places = [
            (last * i // (limits.ZSTD_SAMPLE_PIECES - 1), piece) for i in range(limits.ZSTD_SAMPLE_PIECES)
        ]
    packed = sum(len(zstd.compress(read(offset, size))) for offset, size in places)
    return packed / sum(size for _, size in places) + limits.ZSTD_GAIN <= min(ratio, 1.0)


def _read_head(read: Read, available: int) -> memoryview:
    prefix = read(0, min(available, limits.HEAD_PREFIX))
    if available < 12 and MAGIC.startswith(bytes(prefix[: len(MAGIC)])):
        raise CorruptError(f"frame is truncated: {available} bytes are there")
    size = _core.head_size(prefix)
    if size > available:
        raise CorruptError(f"frame is truncated: its head has {size} bytes, {available} are there")
    return prefix if size <= len(prefix) else read(0, size)


def _check_head(head: _core.Head) -> None:
    """What the core leaves: it does not know the dtypes."""
    known = dtypes.BY_NAME.get(head.dtype)
    if known and known.size(math.prod(head.shape)) != head.data_size:
        raise CorruptError(f"{head.data_size} bytes are not a tensor of {head.dtype} and shape {head.shape}")


def _fresh(size: int) -> memoryview:
    """A writable buffer that is not cleared first."""
    return np.empty(size, np.uint8).data


def _ahead(
    read: Callable[[int, int], memoryview], groups: list[tuple[int, int]], ahead: bool
) -> Iterator[tuple[tuple[int, int], memoryview]]:
    """What `read` gives for each group; with `ahead`, the next is read while one is in use."""
    if not ahead or len(groups) < 2:
        for group in groups:
            yield group, read(*group)
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(read, *groups[0])
        for group, following in zip(groups, [*groups[1:], None], strict=True):
            payloads = waiting.result()
            if following is not None:
                waiting = pool.submit(read, *following)
            yield group, payloads


def _in_parallel(function: Callable[[Any], Any], items: Iterable[Any], threads: int) -> Iterator[Any]:
    """`map` in several threads; the first error is raised."""
    todo = list(items)
    workers = min(threads or _core.default_threads(), len(todo))
    if workers <= 1:
        yield from map(function, todo)
        return
    # Made for each call: a pool that is kept would be dead after a fork.
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, todo)
