# SPDX-License-Identifier: MIT
"""What the scripts of zipnn 0.5 made of a cached model, and how its names come back.

They wrote the compressed file over the blob, which kept its name (the SHA-256 of the original), put a link
`NAME.znn` in the place of `NAME`, and edited the blob of the index so that it names those.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import digests
from .layout import CachedFile, CachedModel

_SUFFIX = ".znn"
_INDEXES = "*.index.json"
_EDITS = [
    (old, suffix) for suffix in ("safetensors", "bin") for old in (f"{suffix}{_SUFFIX}", f"znn.{suffix}")
]


@dataclass(frozen=True, slots=True)
class RenamedFile:
    """A file under a name that the old scripts gave it.

    Attributes:
        link: that name.
        file: what it was and is to be again; its `pointer` is not there.
        published: whether the hub has it under that name: then it is what was downloaded.
    """

    link: Path
    file: CachedFile
    published: bool


def renamed_files(model: CachedModel) -> Iterator[RenamedFile]:
    """The files of a model that lie under such a name and no other."""
    blobs = model.folder / "blobs"
    for link in sorted(model.snapshot.rglob(f"*{_SUFFIX}")):
        pointer = link.with_name(link.name.removesuffix(_SUFFIX))
        if not link.is_symlink() or os.path.lexists(pointer) or not pointer.suffix:
            continue
        # The old link is absolute: if the cache has been moved since, the blob's name is what holds.
        place = blobs / Path(os.readlink(link)).name
        if place.is_file():
            yield RenamedFile(link, model.file_of(pointer, place), model.lists(link))


def put_back(renamed: RenamedFile) -> None:
    """Let the file have its name again, now that its blob is the original. May be done again after a kill."""
    pointer, link = renamed.file.pointer, renamed.link
    if not os.path.lexists(pointer):
        pointer.symlink_to(os.path.relpath(renamed.file.place, pointer.parent))
    link.unlink(missing_ok=True)


def restore_indexes(model: CachedModel) -> None:
    """Undo the edits of indexes where that gives what the hub has; others are left as they are."""
    for pointer in sorted(model.snapshot.rglob(_INDEXES)):
        file = model.file_of(pointer)
        if not file.own or file.digest is None or not file.place.is_file():
            continue
        held = file.place.read_bytes()
        if not _is(file.digest, held):
            originals = (held.replace(old.encode(), new.encode()) for old, new in _EDITS)
            original = next((content for content in originals if _is(file.digest, content)), None)
            if original is not None:
                _replace(file, original)


def _is(digest: digests.Digest, content: bytes) -> bool:
    return digest.matches([memoryview(content)], len(content))


def _replace(file: CachedFile, content: bytes) -> None:
    """Put `content` in the place of a blob, in one step."""
    file.temporary_folder.mkdir(exist_ok=True)
    unfinished = file.temporary_folder / f"{file.place.name}.{secrets.token_hex(4)}.incomplete"
    try:
        with open(unfinished, "xb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        unfinished.chmod(file.place.stat().st_mode & 0o777)
        os.replace(unfinished, file.place)
    finally:
        unfinished.unlink(missing_ok=True)
