# SPDX-License-Identifier: MIT
"""Files that hold a stream of zipnn 0.1 to 0.5 (docs/legacy.md)."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import error_place
from ..legacy import LegacyInfo, Stream
from ..storage.filereader import BlockReader, FileReader, Read, fresh_buffer


class LegacyFile:
    """An open file with such a stream.

    Attributes:
        info: what it says of itself.

    Raises:
        CorruptError, UnsupportedVersionError: it is damaged, or of a version that is not known.
    """

    info: LegacyInfo

    def __init__(self, reader: FileReader) -> None:
        self._path = reader.path
        self._size: int | None = None
        with error_place(f"file {self._path}"):
            self._stream = Stream(BlockReader(reader.read, reader.size), reader.size)
        self.info = self._stream.info

    @property
    def original_size(self) -> int:
        """Bytes of the original; decodes what does not say it. Raises `CorruptError`."""
        if self._size is None:
            with error_place(f"file {self._path}"):
                self._size = self._stream.original_size()
        return self._size

    def original_pieces(
        self, threads: int = 0, base: FileReader | None = None
    ) -> Iterator[tuple[int, memoryview]]:
        """The original as (offset, bytes), in order; a piece is valid until the next is taken.

        Args:
            threads: 0 for the default.
            base: what the data are a difference (delta) to, if they are one.

        Raises:
            CorruptError: the file is damaged.
            FormatError: the base is missing or of another size.
        """
        at = 0
        with error_place(f"file {self._path}"):
            for piece in self._stream.windows(threads, base):
                yield at, piece
                at += len(piece)

    def reading(self, threads: int = 0) -> Read:
        """A function that gives the original's bytes at offsets that do not descend."""
        pieces = self.original_pieces(threads)
        at, piece = 0, memoryview(b"")

        def read(offset: int, size: int) -> memoryview:
            nonlocal at, piece
            out = fresh_buffer(size)
            done = 0
            while done < size:
                if offset + done >= at + len(piece):
                    at, piece = next(pieces)
                    continue
                part = piece[offset + done - at :][: size - done]
                out[done : done + len(part)] = part
                done += len(part)
            return out

        return read
