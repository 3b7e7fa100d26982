# SPDX-License-Identifier: MIT
"""Folders that show checkpoints of zipnn 0.5 under their plain names, and restoring these for good."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from ..files import compress_file, decompress_file
from ..hub.home import own_folder
from .legacy_files import SUFFIX, Checkpoint

_KEPT = 16  # overlays; each is about as large as the .znn files it was made from


def overlay(checkpoint: Checkpoint) -> str:
    """A folder with the checkpoint under plain names; made once, and again when the files have changed."""
    root = own_folder("overlay")
    folder = root / _identity(checkpoint)
    if folder.is_dir():
        os.utime(folder)
        return str(folder)
    root.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=root))
    try:
        for name, path in checkpoint.files.items():
            _show(path, unfinished / name)
        if checkpoint.index is not None and checkpoint.index_path is not None:
            text = json.dumps(checkpoint.index, indent=2)
            (unfinished / checkpoint.index_path.name).write_text(text, encoding="utf-8")
        with contextlib.suppress(OSError):  # another process was faster
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _forget_oldest(root)
    return str(folder)


def restore_in_place(checkpoint: Checkpoint) -> str:
    """Put the original files beside the compressed ones, which then go; gives the folder that they are in.

    Links into the blobs of a cache are not followed: only what lies in the folder is replaced.
    """
    places = {name: path.parent / name for name, path in checkpoint.files.items()}
    for name, path in checkpoint.files.items():
        if places[name] != path and not places[name].exists():
            decompress_file(path, places[name])
    if checkpoint.index is not None and checkpoint.index_path is not None:
        text = json.dumps(checkpoint.index, indent=2).encode()
        if text != checkpoint.index_path.read_bytes():
            _replace(checkpoint.index_path, text)
    for name, path in checkpoint.files.items():
        if places[name] != path:
            _remove(path)
    return str(places[checkpoint.name].parent)


def _show(path: Path, place: Path) -> None:
    """The content of `path` under the name `place`: linked where that can be loaded, else coded anew."""
    if not path.name.endswith(SUFFIX):
        place.symlink_to(path.resolve())
        return
    decompress_file(path, place)
    if place.suffix == ".safetensors":  # of the others, loaders need the plain file
        compress_file(place, in_place=True, level="fast")


def _identity(checkpoint: Checkpoint) -> str:
    """Changes with the files."""
    digest = hashlib.sha256()
    paths = [*checkpoint.files.values(), *([checkpoint.index_path] if checkpoint.index_path else [])]
    for path in paths:
        status = path.stat()
        digest.update(repr((str(path.resolve()), path.name, status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _forget_oldest(root: Path) -> None:
    folders = sorted((path for path in root.iterdir() if path.name[0] != "."), key=_time, reverse=True)
    for folder in folders[_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _replace(path: Path, content: bytes) -> None:
    """Put a file of its own in the place of `path`, which may be a link."""
    handle, name = tempfile.mkstemp(dir=path.parent.resolve(), prefix=".zipnn-", suffix=".incomplete")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(name, path.stat().st_mode & 0o777)
    os.replace(name, path)


def _remove(path: Path) -> None:
    """Remove a file; of a link also what it leads to, if that is a blob of the cache and nobody else's."""
    target = path.resolve() if path.is_symlink() else None
    path.unlink()
    if target is not None and target.parent.name == "blobs":
        snapshots = target.parent.parent / "snapshots"
        others = (link for link in snapshots.rglob("*") if link.is_symlink() and link.resolve() == target)
        if not any(others):
            target.unlink(missing_ok=True)
