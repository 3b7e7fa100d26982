# SPDX-License-Identifier: MIT
"""`open_writer`: an archive that is written as its content comes, to anything with a `write` method."""

from __future__ import annotations

import io
from typing import Any, Protocol

from ..arrays import buffers
from ..containers.archive.streaming import ArchiveWriter
from ..errors import ZipnnError
from ..frames import LEVELS


class Writable(Protocol):
    """What an archive can be written to."""

    def write(self, data: Any, /) -> Any: ...


class StreamWriter(ArchiveWriter):
    """An archive under construction, which is one only when it is closed.

    Bytes and tensors may be given in any order; the original is all of them, one after the other. As a
    context manager it closes itself, unless an error ended the block: then the output is of no use.
    """

    def __init__(self, sink: Writable, *, name: str, level: str, threads: int) -> None:
        super().__init__(_Whole(sink), name=name, level=level, threads=threads)

    def write(self, data: Any) -> int:
        """Add bytes: any buffer. What they are is found out from their content. Returns their number.

        Raises:
            ValueError: the archive is closed.
            OSError: the sink took not all of them.
        """
        return super().write(buffers.flat_bytes(data))

    def add_tensor(self, name: str, tensor: Any) -> None:
        """Add a NumPy array or a torch tensor, to be found under `name`.

        Raises:
            TypeError: it is none of these, or its elements are not plain data.
            ValueError: there is one of that name, UTF-8 cannot express the name, or the archive is closed.
            OSError: the sink took not all of it.
        """
        if not isinstance(name, str):
            raise TypeError(f"a tensor's name is a string, not {type(name).__name__}")
        source = buffers.source_of(tensor)
        self.add(name, source.data, source.dtype, source.shape)


class _Whole:
    """A sink of which each write takes everything, or fails."""

    def __init__(self, sink: Writable) -> None:
        self._sink = sink

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            count = self._sink.write(view[done:])
            if count is None and isinstance(self._sink, io.RawIOBase):
                raise BlockingIOError("the output takes no more for now: give one that waits")
            if count is None or not isinstance(count, int):  # a sink that does not say how much it took
                break
            if not 0 < count <= len(view) - done:
                raise ZipnnError(f"the output says that it took {count} of {len(view) - done} bytes")
            done += count
        return len(view)


def open_writer(
    fileobj: Writable, *, name: str = "", level: str = "default", threads: int | None = None
) -> StreamWriter:
    """Write an archive to a stream, in bounded memory: nothing is read back, nothing sought.

    Args:
        fileobj: gets the archive through `write(bytes)` alone: a file, a socket's file, a pipe.
        name: of the original, for people.
        level: fast, default or max.
        threads: threads that encode; None for `ZIPNN_NUM_THREADS`, else all cores the process may use.

    Raises:
        TypeError: `fileobj` has no `write`.
        ValueError: `level` is not known.
    """
    if not callable(getattr(fileobj, "write", None)):
        raise TypeError(f"something to write to is needed, not {type(fileobj).__name__}")
    if level not in LEVELS:
        raise ValueError(f"level {level!r} is not known: fast, default and max are")
    return StreamWriter(fileobj, name=name, level=level, threads=threads or 0)
