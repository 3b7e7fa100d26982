# SPDX-License-Identifier: MIT
"""What the models of the cache take, and what compressing them saves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..containers import kinds
from ..files import compress_file
from ..storage.filereader import FileReader
from .layout import CachedModel


@dataclass(frozen=True, slots=True)
class ModelReport:
    """The safetensors files of one revision of a model, in bytes.

    Attributes:
        repo_id: such as "org/name".
        revision: a branch or tag, else the commit.
        commit: the commit.
        files: how many there are.
        compressed: how many of them are compressed.
        original_size: of the originals.
        stored_size: that they take on the disk.
        smallest_size: that they would take if all were compressed; an estimate.
    """

    repo_id: str
    revision: str
    commit: str
    files: int
    compressed: int
    original_size: int
    stored_size: int
    smallest_size: int

    @property
    def saved(self) -> int:
        return self.original_size - self.stored_size

    @property
    def would_save(self) -> int:
        return self.stored_size - self.smallest_size


@dataclass(frozen=True, slots=True)
class _File:
    """What one file takes, and whether it is compressed."""

    compressed: bool
    original_size: int
    stored_size: int
    smallest_size: int


class Survey:
    """Looks at models one after the other; each file once, however many revisions and models have it.

    Attributes:
        original_size, stored_size, smallest_size: of all files looked at, in bytes: see `ModelReport`.
    """

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def report_of(self, model: CachedModel) -> ModelReport:
        """Look at a model's files.

        Raises:
            FormatError, CorruptError, OSError: one cannot be read.
        """
        files = [self._file(file.place) for file in model.weights()]
        return ModelReport(
            model.repo_id,
            model.revision,
            model.commit,
            len(files),
            sum(file.compressed for file in files),
            sum(file.original_size for file in files),
            sum(file.stored_size for file in files),
            sum(file.smallest_size for file in files),
        )

    @property
    def original_size(self) -> int:
        return sum(file.original_size for file in self._files.values())

    @property
    def stored_size(self) -> int:
        return sum(file.stored_size for file in self._files.values())

    @property
    def smallest_size(self) -> int:
        return sum(file.smallest_size for file in self._files.values())

    def _file(self, place: Path) -> _File:
        where = os.path.realpath(place)
        if where not in self._files:
            self._files[where] = _look_at(place)
        return self._files[where]


def _look_at(place: Path) -> _File:
    with FileReader(place) as reader:
        if kinds.kind_of(reader) == kinds.COMPRESSED:
            return _File(True, kinds.open_content(reader).original_size, reader.size, reader.size)
    estimate = compress_file(place, in_place=True, dry_run=True)
    size = estimate.original_size
    return _File(False, size, size, min(estimate.compressed_size, size))
