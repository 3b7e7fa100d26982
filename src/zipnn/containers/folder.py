# SPDX-License-Identifier: MIT
"""A folder as one source: its files, one after the other, and what is in them."""

from __future__ import annotations

import bisect
import contextlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..errors import FormatError, ZipnnError
from ..storage.closing import Closing
from ..storage.filereader import FileReader, fingerprint, fresh_buffer
from .archive.index import Member
from .contents import Contents, Deflated, Extent, StoredTensor
from .readers import read_contents
from .readers.checked import checked
from .readers.onnx import external_data

_OPEN_FILES = 64


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the folder, at `offset` of the whole."""

    name: str
    path: Path
    offset: int
    size: int
    state: os.stat_result

    def check(self, state: os.stat_result | None) -> None:
        if state is None or fingerprint(state) != fingerprint(self.state):
            raise ZipnnError(f"file {self.path}: changed while it was read; nothing was written, try again")


class FolderSource(Closing):
    """The files of a folder, joined in the order given. They must not change while it is used.

    Args:
        root: the folder.
        names: of its files, relative to it, with `/`.
        open_file: opens a file, or what stands for it.

    Attributes:
        path: the folder.
        size: of all files in bytes.
        stat: of the folder, with the mode of a file in it: nobody may read it who may not read each of the
            files.
    """

    def __init__(
        self, root: Path, names: Iterable[str], open_file: Callable[[Path], FileReader] = FileReader
    ) -> None:
        self.path = root
        self._open_file = open_file
        mode = 0o666
        self._files: list[_File] = []
        self.size = 0
        for name in names:
            path = root.joinpath(*name.split("/"))
            with open_file(path) as reader:
                assert reader.stat is not None
                self._files.append(_File(name, path, self.size, reader.size, reader.stat))
                self.size += reader.size
                mode &= reader.stat.st_mode | 0o600
        for folder in {parent for file in self._files for parent in PurePosixPath(file.name).parents[:-1]}:
            mode &= _files_in(os.stat(root / folder).st_mode) | 0o600
        self.stat = with_mode(os.stat(root), mode)
        self._offsets = [file.offset for file in self._files]
        self._open: OrderedDict[int, FileReader] = OrderedDict()

    def close(self) -> None:
        """Close its files. May be called more than once."""
        while self._open:
            self._open.popitem()[1].close()

    def read(self, offset: int, size: int) -> memoryview:
        """Exactly `size` bytes from `offset` of the whole. Raises as `FileReader.read`."""
        number = max(bisect.bisect_right(self._offsets, offset) - 1, 0)
        if number < len(self._files):
            file = self._files[number]
            if offset + size <= file.offset + file.size:
                return self._reader(number).read(offset - file.offset, size)
        out = fresh_buffer(size)
        done = 0
        while done < size:
            file = self._files[number]
            count = min(size - done, file.offset + file.size - (offset + done))
            if count > 0:
                self._reader(number).read_into(offset + done - file.offset, out[done : done + count])
                done += count
            number += 1
        return out

    def check_unchanged(self) -> None:
        """Raise `ZipnnError` if a file is no longer what it was."""
        for file in self._files:
            file.check(os.stat(file.path))

    def describe(self) -> tuple[Contents, tuple[Member, ...]]:
        """What is in the files, and the files themselves. Tensors are called `FILE:NAME`."""
        found = [read_contents(self._reader(number)) for number in range(len(self._files))]
        for number, contents in _external(self, found):
            found[number] = contents
        members = tuple(
            Member(file.name, file.offset, file.size, contents.format, bool(file.state.st_mode & 0o100))
            for file, contents in zip(self._files, found, strict=True)
        )
        joined = _joined(found, members)
        return checked(joined, self.size), members

    def size_of(self, number: int) -> int:
        """Bytes of a file."""
        return self._files[number].size

    def number_of(self, name: str) -> int | None:
        """Which of the files has that name, if there is one."""
        return next((number for number, file in enumerate(self._files) if file.name == name), None)

    def files(self) -> Iterator[tuple[str, FileReader]]:
        """Each file's name and reader."""
        for number, file in enumerate(self._files):
            yield file.name, self._reader(number)

    def _reader(self, number: int) -> FileReader:
        """The open file. Only so many are kept open, and each is found as it was."""
        reader = self._open.get(number)
        if reader is None:
            file = self._files[number]
            reader = self._open_file(file.path)
            try:
                file.check(reader.stat)
            except BaseException:
                reader.close()
                raise
            self._open[number] = reader
            if len(self._open) > _OPEN_FILES:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(number)
        return reader


def _external(source: FolderSource, found: Sequence[Contents]) -> Iterator[tuple[int, Contents]]:
    """What the data files of ONNX models hold, which only the models tell."""
    for (name, reader), contents in zip(source.files(), found, strict=True):
        if contents.format != "onnx":
            continue
        tensors: dict[int, list[StoredTensor]] = {}
        with contextlib.suppress(FormatError):
            for location, tensor in external_data(reader):
                number = source.number_of(str(PurePosixPath(name).parent / location))
                if number is not None and found[number].format == "bytes":
                    tensors.setdefault(number, []).append(tensor)
        for number, part in tensors.items():
            with contextlib.suppress(FormatError):
                yield number, checked(Contents("onnx data", tuple(part)), source.size_of(number))


def _joined(found: Sequence[Contents], members: Sequence[Member]) -> Contents:
    """The contents of all files, as of one."""
    tensors: list[StoredTensor] = []
    extents: list[Extent] = []
    deflated: list[Deflated] = []
    notes: list[str] = []
    for contents, member in zip(found, members, strict=True):
        for tensor in contents.tensors:
            inside = tensor.member is not None
            tensors.append(
                replace(
                    tensor,
                    name=f"{member.name}:{tensor.name}",
                    offset=tensor.offset if inside else tensor.offset + member.offset,
                    member=None if tensor.member is None else tensor.member + len(deflated),
                )
            )
        extents += [replace(extent, offset=extent.offset + member.offset) for extent in contents.extents]
        deflated += [replace(part, offset=part.offset + member.offset) for part in contents.deflated]
        if contents.note:
            notes.append(f"{member.name}: {contents.note}")
    return Contents("folder", tuple(tensors), tuple(extents), tuple(deflated), "; ".join(notes))


def _files_in(mode: int) -> int:
    """What a folder's mode lets people do, at most, with the files in it."""
    return 0o6 * (mode & 0o111)


def with_mode(state: os.stat_result, mode: int) -> os.stat_result:
    """The state with no more permissions than `mode`."""
    return os.stat_result((int(state[0]) & (mode | ~0o777), *state[1:]))
