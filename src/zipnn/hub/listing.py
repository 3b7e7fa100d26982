# SPDX-License-Identifier: MIT
"""What the models of the cache take, and what compressing them saves."""

from __future__ import annotations

from dataclasses import dataclass

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


def report_of(model: CachedModel) -> ModelReport:
    """Look at a model's files. Raises `FormatError`, `CorruptError`, `OSError` if one cannot be read."""
    files = compressed = original = stored = smallest = 0
    for file in model.weights():
        with FileReader(file.place) as reader:
            files += 1
            stored += reader.size
            if kinds.kind_of(reader) == kinds.COMPRESSED:
                compressed += 1
                original += kinds.open_content(reader).original_size
                smallest += reader.size
                continue
        estimate = compress_file(file.place, in_place=True, dry_run=True)
        original += estimate.original_size
        smallest += min(estimate.compressed_size, estimate.original_size)
    return ModelReport(
        model.repo_id, model.revision, model.commit, files, compressed, original, stored, smallest
    )
