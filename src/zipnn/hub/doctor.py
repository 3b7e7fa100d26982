# SPDX-License-Identifier: MIT
"""What is wrong with a model's folder: what would load wrongly, twice, or not at all."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..containers import kinds
from ..containers.safetensors import TensorFile
from ..errors import ZipnnError
from ..storage.filereader import FileReader

_POINTER = b"version https://git-lfs.github.com/spec/"
_SHARD = re.compile(r"(?P<stem>.+)-\d{5,}-of-(?P<count>\d{5,})(?P<suffix>(\.znn)?\.\w+(\.znn)?)")
_INDEX = ".index.json"
_COMPRESSED_NAMES = (
    (".safetensors", (".znn.safetensors", ".safetensors.znn")),
    (".bin", (".bin.znn",)),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        path: the file.
        kind: "pointer", "damaged", "twin", "missing", "index", "stale" or "leftover".
        problem: what is wrong with it.
        remedy: what to do.
    """

    path: Path
    kind: str
    problem: str
    remedy: str


def examine(folder: str | os.PathLike[str]) -> list[Finding]:
    """Look through a folder and those in it. Reads headers, not data: `verify_tree` checks these.

    Raises:
        OSError: it cannot be read.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(20, "not a folder", str(root))
    findings: list[Finding] = []
    for place, folders, names in os.walk(root, onerror=_raise):
        folders.sort()
        here = Path(place)
        files = {name: here / name for name in sorted(names)}
        for check in (_pointers, _damaged, _twins, _indexes, _stale, _leftovers):
            findings += check(files)
    return findings


def _pointers(files: dict[str, Path]) -> Iterator[Finding]:
    for path in files.values():
        if _is_pointer(path):
            yield Finding(
                path,
                "pointer",
                "a pointer of git LFS, not the file itself",
                "git lfs pull, or download it with hf download",
            )


def _is_pointer(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size > 1024:
        return False
    with open(path, "rb") as file:
        return file.read(len(_POINTER)) == _POINTER


def _damaged(files: dict[str, Path]) -> Iterator[Finding]:
    for name, path in files.items():
        if not name.endswith((".safetensors", ".znn")) or _is_pointer(path):
            continue
        try:
            with FileReader(path) as reader:
                if name.endswith(".znn") or kinds.kind_of(reader) == kinds.COMPRESSED:
                    kinds.open_content(reader)
                else:
                    kinds.header_of(reader)
        except (ZipnnError, OSError) as error:
            yield Finding(path, "damaged", str(error), "download or copy it again")


def _twins(files: dict[str, Path]) -> Iterator[Finding]:
    for name, path in files.items():
        for plain, others in _COMPRESSED_NAMES:
            if not name.endswith(plain) or name.endswith(others):
                continue
            for other in others:
                twin = name.removesuffix(plain) + other
                if twin in files:
                    newer = name if path.stat().st_mtime >= files[twin].stat().st_mtime else twin
                    yield Finding(
                        files[twin],
                        "twin",
                        f"weights of {name}, or older ones ({newer} is newer): programs read one, the other, "
                        "or both",
                        f"zipnn verify {name} {twin} says whether they are the same; keep one",
                    )


def _indexes(files: dict[str, Path]) -> Iterator[Finding]:
    for name, path in files.items():
        if not name.endswith(_INDEX):
            continue
        weights = _weight_map(path)
        if weights is None:
            yield Finding(
                path, "index", "not an index of weights: JSON with a weight_map", "download it again"
            )
            continue
        by_file: dict[str, set[str]] = {}
        for tensor, file in weights.items():
            by_file.setdefault(file, set()).add(tensor)
        for file, wanted in sorted(by_file.items()):
            found = next((files[form] for form in _forms(file) if form in files), None)
            if found is None:
                yield Finding(
                    path,
                    "missing",
                    f"names {file} for {len(wanted)} tensors, and it is not there",
                    "download it",
                )
            else:
                yield from _compare(path, found, wanted)


def _compare(index: Path, shard: Path, wanted: set[str]) -> Iterator[Finding]:
    """Where an index and a shard contradict each other."""
    if not shard.name.endswith(".safetensors"):
        return
    try:
        with TensorFile(FileReader(shard)) as opened:
            held = set(opened.tensors)
    except (ZipnnError, OSError):
        return  # said already
    if lost := sorted(wanted - held):
        yield Finding(
            index,
            "index",
            f"looks for {lost[0]!r} in {shard.name}, which has no such tensor ({len(lost)} in all)",
            "index and shards are of different versions: download both again",
        )


def _forms(file: str) -> Iterator[str]:
    """The names under which a file that an index names may be found."""
    yield file
    plain = file.removesuffix(".znn").replace(".znn.safetensors", ".safetensors")
    yield plain
    yield f"{plain}.znn"
    yield plain.removesuffix(".safetensors") + ".znn.safetensors"


def _weight_map(path: Path) -> dict[str, str] | None:
    try:
        weights = json.loads(path.read_bytes())["weight_map"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    good = isinstance(weights, dict) and all(isinstance(file, str) for file in weights.values())
    return weights if good else None


def _stale(files: dict[str, Path]) -> Iterator[Finding]:
    """Shards that no index names though there is one, and whole files beside shards."""
    for name, path in files.items():
        if not name.endswith(_INDEX):
            continue
        weights = _weight_map(path)
        if not weights:
            continue
        named = {form for file in weights.values() for form in _forms(file)}
        stem = name.removesuffix(_INDEX).removesuffix(".safetensors").removesuffix(".bin")
        suffix = ".bin" if ".bin" in name else ".safetensors"
        for other, place in files.items():
            shard = _SHARD.fullmatch(other)
            if other in named or not other.endswith((suffix, f"{suffix}.znn")):
                continue
            if (shard and shard["stem"] == stem) or other == stem + suffix:
                yield Finding(
                    place,
                    "stale",
                    f"not in {name}: of another version; programs that read all files read it too",
                    "remove it, or the index if this is the model",
                )


def _leftovers(files: dict[str, Path]) -> Iterator[Finding]:
    for name, path in files.items():
        if name.startswith(".zipnn-") and name.endswith(".incomplete"):
            yield Finding(path, "leftover", "an output that was interrupted", "remove it")


def _raise(error: OSError) -> None:
    raise error
