# SPDX-License-Identifier: MIT
"""Where a model's files lie in the cache of the hub.

`models--ORG--NAME/snapshots/COMMIT/FILE` is a link to `blobs/ETAG` (or the file itself, where links are
switched off), and that may be a link into a store that all models share.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ..containers.kinds import SUFFIX
from ..errors import MissingDependencyError, ZipnnError
from . import digests
from .digests import Digest

_PREFIX = "models--"


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of a cached model.

    Attributes:
        name: in the repository.
        pointer: its path in the snapshot. Never changed.
        place: what holds the bytes: the blob, or `pointer` where there are no links. In a shared store this
            is the model's own link into it, not what all models share.
        digest: what the hub says of the bytes; None where nobody knows.
        lock: the file by which huggingface_hub locks the blob.
        temporary_folder: where unfinished files are looked for and removed: the model's blobs.
    """

    name: str
    pointer: Path
    place: Path
    digest: Digest | None
    lock: Path
    temporary_folder: Path

    @property
    def own(self) -> bool:
        """Whether `place` is of the model's folder, and may be replaced."""
        return self.place in (self.pointer, self.temporary_folder / self.place.name)

    @property
    def shared(self) -> bool:
        """Whether the bytes are in the store that models share."""
        return self.place.is_symlink()


@dataclass(frozen=True, slots=True)
class CachedModel:
    """One revision of a model.

    Attributes:
        repo_id: such as "org/name".
        revision: as it was asked for.
        commit: the commit that it is.
        folder: `models--org--name` of the cache.
    """

    repo_id: str
    revision: str
    commit: str
    folder: Path

    @property
    def snapshot(self) -> Path:
        return self.folder / "snapshots" / self.commit

    def weights(self) -> Iterator[CachedFile]:
        """Its safetensors files by name; of several names of one blob the first.

        Loaders find these compressed too, for they keep their names.
        """
        seen: set[Path] = set()
        for pointer in sorted(self.snapshot.rglob(f"*{SUFFIX}")):
            if pointer.is_file():
                file = self.file_of(pointer)
                if file.place not in seen:
                    seen.add(file.place)
                    yield file

    def lists(self, pointer: Path) -> bool:
        """Whether the hub is known to have a file under that name."""
        name = pointer.relative_to(self.snapshot).as_posix()
        return digests.of_listing(self._listing, name) is not None

    @property
    def _listing(self) -> Path:
        return self.folder / "trees" / f"{self.commit}.json"

    def file_of(self, pointer: Path, place: Path | None = None) -> CachedFile:
        """The file at a path in the snapshot.

        Args:
            pointer: the path.
            place: what holds its bytes, where the path does not lead there.
        """
        name = pointer.relative_to(self.snapshot).as_posix()
        if place is None:
            # One step only: what lies behind a blob that is a link belongs to other models too.
            step = os.readlink(pointer) if pointer.is_symlink() else pointer.name
            place = Path(os.path.normpath(pointer.parent / step))
        blobs = self.folder / "blobs"
        digest = digests.of_etag(place.name) if place.parent == blobs else None
        digest = digest or digests.of_listing(self._listing, name)
        locks = self.folder.parent / ".locks" / self.folder.name
        return CachedFile(name, pointer, place, digest, locks / f"{_lock_name(place, digest)}.lock", blobs)


def _lock_name(place: Path, digest: Digest | None) -> str:
    return place.name if digests.of_etag(place.name) or digest is None else digest.value


def hub() -> ModuleType:
    """The module `huggingface_hub`. Raises `MissingDependencyError`."""
    try:
        return importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "the Hugging Face cache needs huggingface_hub: pip install huggingface_hub"
        ) from error


def cache_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """The cache: `cache_dir`, else what huggingface_hub uses (`HF_HUB_CACHE`, `HF_HOME`).

    Raises:
        ZipnnError: there is none.
        MissingDependencyError: huggingface_hub is not installed.
    """
    constants = importlib.import_module(f"{hub().__name__}.constants")
    folder = Path(os.path.abspath(cache_dir or constants.HF_HUB_CACHE))
    if not folder.is_dir():
        raise ZipnnError(f"{folder}: there is no Hugging Face cache; HF_HUB_CACHE or HF_HOME say where it is")
    return folder


def find_model(
    repo_id: str, revision: str | None = None, cache_dir: str | os.PathLike[str] | None = None
) -> CachedModel:
    """A model in the cache.

    Args:
        repo_id: such as "org/name".
        revision: a branch, tag or commit; None for main.
        cache_dir: the cache; None for the usual one.

    Raises:
        ZipnnError: the model or the revision is not in the cache.
    """
    check_repo_id(repo_id)
    cache = cache_folder(cache_dir)
    folder = cache / (_PREFIX + repo_id.replace("/", "--"))
    if not (folder / "snapshots").is_dir():
        raise ZipnnError(f"model {repo_id}: not in the cache {cache}; zipnn cache lists what is")
    wanted = revision or "main"
    commit = _commit(folder, wanted)
    if commit is None:
        known = ", ".join(sorted({*_refs(folder), *(path.name for path in (folder / "snapshots").iterdir())}))
        raise ZipnnError(
            f"model {repo_id}: revision {wanted} is not in the cache; there are {known or 'none'}"
        )
    return CachedModel(repo_id, wanted, commit, folder)


def check_repo_id(repo_id: str) -> None:
    """Raise `ZipnnError` unless it can be the name of a model on the hub."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", repo_id) or ".." in repo_id or "--" in repo_id:
        raise ZipnnError(f"model {repo_id!r}: not the name of a model, such as org/name")


def model_at(snapshot: str | os.PathLike[str]) -> CachedModel:
    """The model whose snapshot a folder is. Raises `ZipnnError` if it is none."""
    path = Path(os.path.abspath(snapshot))
    folder = path.parent.parent
    if path.parent.name != "snapshots" or not folder.name.startswith(_PREFIX) or not path.is_dir():
        raise ZipnnError(f"folder {path}: not a snapshot (models--.../snapshots/...) of a Hugging Face cache")
    return CachedModel(_repo_id(folder), path.name, path.name, folder)


def list_models(cache_dir: str | os.PathLike[str] | None = None) -> Iterator[CachedModel]:
    """Every revision of every model in the cache, by name."""
    for folder in sorted(cache_folder(cache_dir).glob(f"{_PREFIX}*")):
        refs = {commit: ref for ref, commit in _refs(folder).items()}
        for snapshot in sorted(folder.glob("snapshots/*")):
            if snapshot.is_dir():
                yield CachedModel(
                    _repo_id(folder), refs.get(snapshot.name, snapshot.name), snapshot.name, folder
                )


def _repo_id(folder: Path) -> str:
    return folder.name.removeprefix(_PREFIX).replace("--", "/", 1)


def _commit(folder: Path, revision: str) -> str | None:
    commit = _refs(folder).get(revision, revision)
    known = re.fullmatch("[0-9a-f]{40}", commit) and (folder / "snapshots" / commit).is_dir()
    return commit if known else None


def _refs(folder: Path) -> dict[str, str]:
    """Commits by branch or tag."""
    refs = folder / "refs"
    return {
        path.relative_to(refs).as_posix(): path.read_text().strip()
        for path in sorted(refs.rglob("*"))
        if path.is_file()
    }
