# SPDX-License-Identifier: MIT
"""Streams of zipnn 0.1 to 0.5.4: one frame, or several that follow each other.

Those versions wrote no checksums: damage that keeps lengths and codes whole is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from ..errors import CorruptError, FormatError, error_place
from .frame import Frame, Read

_FORMATS = {1: "bytes", 2: "torch", 3: "numpy"}
HEAD_SIZE = 16
"""Bytes by which a stream is known; shorter data are none."""


@dataclass(frozen=True, slots=True)
class LegacyInfo:
    """What a stream says of itself.

    Attributes:
        version: of the zipnn that wrote it, such as "0.5.4".
        method: "auto", "huffman", "zstd", "lz4" or "snappy", as it was asked for.
        input_format: "bytes", "torch" or "numpy": what was compressed.
        dtype: safetensors' name of the elements' type, such as "BF16".
        shape: of the array or tensor; None for bytes, and in the rare frames that lost it.
        delta: the data are the difference (exclusive or) to a base that is needed to decode them.
        streaming: it was written as one of several frames.
        original_size: bytes of the original; None where only decoding tells.
        frames: number of frames.
        frame_size: bytes of the first frame.
    """

    version: str
    method: str
    input_format: str
    dtype: str
    shape: tuple[int, ...] | None
    delta: bool
    streaming: bool
    original_size: int | None
    frames: int
    frame_size: int


def is_legacy(head: Any) -> bool:
    """Whether data that begin with `head` (16 bytes) are such a stream, of whatever version."""
    view = memoryview(head)
    return view.nbytes >= HEAD_SIZE and _core.legacy_is(view)


class Stream:
    """The frames that `read` gives, one after the other up to the end.

    Args:
        read: gives the bytes.
        size: how many there are.

    Raises:
        FormatError, CorruptError, UnsupportedVersionError: not such a stream, damaged, or of a version that
            is not known. All frames' headers are read.
    """

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._frames: list[tuple[int, int | None]] = []
        first = self._open(0)
        for start, frame in self._walk(first):
            self._frames.append((start, frame.head.data_size))
        head = first.head
        sizes = [known for _, known in self._frames]
        self.info = LegacyInfo(
            version=".".join(map(str, head.version)),
            method=head.method,
            input_format=_FORMATS[head.input],
            dtype=head.dtype,
            shape=head.shape,
            delta=head.delta,
            streaming=head.streaming,
            original_size=None if None in sizes else sum(known or 0 for known in sizes),
            frames=len(sizes),
            frame_size=head.frame_size,
        )

    def original_size(self, threads: int = 0) -> int:
        """Bytes of the original; decodes the frames that do not say it. Raises `CorruptError`."""
        for index, (start, known) in enumerate(self._frames):
            if known is None:
                size = sum(len(piece) for piece in self._open(start).windows(threads))
                self._frames[index] = (start, size)
        return sum(known or 0 for _, known in self._frames)

    def windows(self, threads: int = 0, base: Any = None) -> Iterator[memoryview]:
        """All data in order, piece by piece, each valid until the next is taken.

        Args:
            threads: 0 for the default.
            base: bytes of the original's size, of data that are a difference: a buffer, or an object whose
                `read(offset, size)` gives them.

        Raises:
            CorruptError: a frame is damaged.
            FormatError: the data are a difference and there is no base, or the other way round, or it has
                another size.
        """
        read_base = self._base(base)
        done = 0
        for index, (start, _) in enumerate(self._frames):
            with self._place(index):
                for piece in self._open(start).windows(threads):
                    if read_base is not None:
                        self._apply(piece, read_base(done, len(piece)))
                    done += len(piece)
                    yield piece

    def decode_into(self, out: Any, threads: int = 0, base: Any = None) -> None:
        """Decode everything into `out`, a writable buffer of exactly the original's size.

        Raises:
            ValueError: `out` has another size.
            CorruptError, FormatError: as `windows`. The content of `out` is then undefined.
        """
        read_base = self._base(base)
        target = memoryview(out).cast("B") if memoryview(out).nbytes else memoryview(bytearray())
        size = self.original_size(threads)
        if len(target) != size:
            raise ValueError(f"out has {len(target)} bytes, the data {size}")
        done = 0
        for index, (start, known) in enumerate(self._frames):
            part = target[done : done + (known or 0)]
            with self._place(index):
                self._open(start).decode_into(part, threads)
            done += len(part)
        if read_base is not None:
            self._apply(target, read_base(0, size))

    def decode(self, threads: int = 0, base: Any = None) -> bytearray:
        """Everything. Raises as `windows`."""
        if self.info.original_size is None:
            return bytearray(b"").join(bytes(piece) for piece in self.windows(threads, base))
        out = _core.legacy_room(self.info.original_size)
        self.decode_into(out, threads, base)
        return out

    def _open(self, start: int) -> Frame:
        return Frame(self._read, start, self._size - start)

    def _walk(self, first: Frame) -> Iterator[tuple[int, Frame]]:
        start, frame = 0, first
        while True:
            yield start, frame
            start += frame.head.frame_size
            if start == self._size:
                return
            rest = self._size - start
            if first.head.input != 1:
                raise CorruptError(f"{rest} stray bytes after the tensor's frame")
            with self._place(len(self._frames)):
                if not is_legacy(self._read(start, min(rest, HEAD_SIZE))):
                    raise CorruptError(f"{rest} stray bytes after the last frame, or its header is damaged")
                frame = self._open(start)
                if frame.head.input != 1 or frame.head.delta != first.head.delta:
                    raise CorruptError("is of another kind than the frames before it")

    def _place(self, index: int) -> Any:
        return error_place(f"frame {index}")

    def _base(self, base: Any) -> Read | None:
        """How to read the base."""
        if not self.info.delta:
            if base is not None:
                raise FormatError("a base was given, but the data are not a difference (delta) to one")
            return None
        if base is None:
            raise FormatError(
                "the data are a difference (delta) to other data: give those, which were the base, as base="
            )
        if hasattr(base, "read") and hasattr(base, "size"):
            size, read = base.size, base.read
        else:
            view = memoryview(base)
            view = view.cast("B") if view.nbytes else memoryview(b"")
            size = len(view)

            def read(offset: int, count: int) -> memoryview:
                return view[offset : offset + count]

        if size != (needed := self.original_size()):
            raise FormatError(f"the base has {size} bytes, the data {needed}: it is not the base")
        return read  # type: ignore[no-any-return]

    @staticmethod
    def _apply(data: memoryview, base: memoryview) -> None:
        if len(data):
            there = np.frombuffer(data, np.uint8)
            np.bitwise_xor(there, np.frombuffer(base, np.uint8), out=there)


def open_stream(data: Any) -> Stream:
    """The stream in a buffer. Raises as `Stream`."""
    view = memoryview(data)
    view = view.cast("B") if view.nbytes else memoryview(b"")
    return Stream(lambda offset, size: view[offset : offset + size], len(view))


def describe(data: Any) -> LegacyInfo:
    """What the stream in a buffer says of itself. Nothing is decoded. Raises as `Stream`."""
    return open_stream(data).info


def decode(data: Any, *, threads: int = 0, base: Any = None) -> bytearray:
    """The original's bytes, of a buffer that holds a whole stream; of tensors those of the elements.

    Args:
        data: a bytes-like object. No bytes are the stream of no bytes.
        threads: 0 for the default.
        base: for data that are a difference (delta), what they are a difference to.

    Raises:
        FormatError: not such a stream, or the base is missing or of another size.
        CorruptError: it is damaged, where that can be seen.
        UnsupportedVersionError: of a version that is not known.
    """
    if memoryview(data).nbytes == 0:
        return bytearray()
    return open_stream(data).decode(threads, base)


def decode_into(data: Any, out: Any, *, threads: int = 0, base: Any = None) -> None:
    """`decode` into a writable buffer of exactly the original's size. Raises `ValueError` if it is not."""
    open_stream(data).decode_into(out, threads, base)
