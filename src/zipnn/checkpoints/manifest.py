# SPDX-License-Identifier: MIT
"""What a series says of itself: a JSON file that is replaced in one step, last of all."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from .. import _core
from ..containers.folder import with_mode
from ..errors import CorruptError, FormatError, error_place, other_version
from ..storage.outputs import output_file

FILE = "series.json"
LONGEST_CHAIN = 50
"""So many checkpoints may depend on each other: each is opened to read the next."""

_VERSION = 1
_LARGEST = 64 << 20
_NAME = re.compile(r"[0-9]{6,}(-[0-9]+)?\.znn")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint of a series.

    Attributes:
        number: counts from 1; none is given twice.
        name: what it was called when it was added.
        base: number of the checkpoint that it is a difference to; None for an anchor, which needs none.
        file: name of its archive in the series' folder.
        original_size, stored_size: in bytes.
        fingerprint: of the archive's bytes: what tells whether it is still the same.
        is_folder: whether it is a folder or a file.
    """

    number: int
    name: str
    base: int | None
    file: str
    original_size: int
    stored_size: int
    fingerprint: str
    is_folder: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """All checkpoints by number, and the number that the next one gets."""

    checkpoints: dict[int, Checkpoint]
    next: int = 1

    def chain(self, checkpoint: Checkpoint) -> list[Checkpoint]:
        """The checkpoint and those that it needs, the anchor last."""
        chain = [checkpoint]
        while chain[-1].base is not None:
            chain.append(self.checkpoints[chain[-1].base])
        return chain

    def with_checkpoint(self, checkpoint: Checkpoint) -> Manifest:
        """The manifest with a checkpoint more, or another in its place."""
        known = {**self.checkpoints, checkpoint.number: checkpoint}
        return replace(
            self, checkpoints=dict(sorted(known.items())), next=max(self.next, checkpoint.number + 1)
        )

    def without(self, numbers: set[int]) -> Manifest:
        """The manifest without those of these numbers."""
        return replace(
            self, checkpoints={n: entry for n, entry in self.checkpoints.items() if n not in numbers}
        )


def file_name(number: int, revision: int = 0) -> str:
    """What the archive of a checkpoint is called."""
    return f"{number:06}-{revision}.znn" if revision else f"{number:06}.znn"


def number_of(file: str) -> int | None:
    """The number of the checkpoint whose archive may be called that."""
    return int(re.split(r"[-.]", file)[0]) if _NAME.fullmatch(file) else None


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a series; None if the folder has none.

    Raises:
        CorruptError: it is damaged, or says what cannot be.
        UnsupportedVersionError: a newer zipnn wrote it.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    with error_place(f"file {path}"):
        _check_size(text)
        return _parse(text)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a series, in one step; never by one that cannot be read.

    Raises:
        CorruptError: it says what cannot be. Nothing was written.
    """
    text = _written(manifest)
    with error_place(f"file {folder / FILE}: would be"):
        _check_size(text)
        _parse(text)
    with output_file(folder / FILE) as out:
        out.write(text)
        out.sync()
        out.publish(with_mode(os.stat(folder), 0o666), overwrite=True)


def _written(manifest: Manifest) -> bytes:
    body = {"next": manifest.next, "checkpoints": [asdict(entry) for entry in manifest.checkpoints.values()]}
    return json.dumps({"zipnn.series": _VERSION, **body, "checksum": _checksum(body)}, indent=1).encode()


def _checksum(body: dict[str, Any]) -> str:
    return f"{_core.xxh3_64(json.dumps(body, sort_keys=True).encode()):016x}"


def _check_size(text: bytes) -> None:
    if len(text) > _LARGEST:
        raise CorruptError(f"more than {_LARGEST} bytes")


def _parse(text: bytes) -> Manifest:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"not JSON: {error}") from None
    if not isinstance(document, dict) or "zipnn.series" not in document:
        raise FormatError("not the manifest of a series")
    version = document.pop("zipnn.series")
    if version != _VERSION:
        raise other_version("a series", version if isinstance(version, int) else str(version))
    checksum = document.pop("checksum", None)
    if _checksum(document) != checksum:
        raise CorruptError("the checksum differs: it was damaged, or changed by hand")
    entries = document.get("checkpoints")
    if not isinstance(entries, list) or not _is_count(document.get("next")):
        raise CorruptError("there is no list of checkpoints")
    checkpoints: dict[int, Checkpoint] = {}
    for entry in entries:
        checkpoint = _checkpoint(entry)
        if checkpoint.number in checkpoints or not 0 < checkpoint.number < document["next"]:
            raise CorruptError(f"checkpoint {checkpoint.number}: a number that it cannot have")
        checkpoints[checkpoint.number] = checkpoint
    if len({checkpoint.file for checkpoint in checkpoints.values()}) != len(checkpoints):
        raise CorruptError("two checkpoints have the same file")
    _check_chains(checkpoints)
    return Manifest(checkpoints, document["next"])


def _checkpoint(entry: Any) -> Checkpoint:
    names = {field.name for field in fields(Checkpoint)}
    if not isinstance(entry, dict) or entry.keys() != names:
        raise CorruptError("a checkpoint is not described as one is")
    checkpoint = Checkpoint(**entry)
    counts = (checkpoint.number, checkpoint.original_size, checkpoint.stored_size)
    texts = (checkpoint.name, checkpoint.file, checkpoint.fingerprint)
    base_fits = checkpoint.base is None or _is_count(checkpoint.base)
    if not (all(map(_is_count, counts)) and all(isinstance(text, str) for text in texts) and base_fits):
        raise CorruptError("a checkpoint is not described as one is")
    if number_of(checkpoint.file) != checkpoint.number or not isinstance(checkpoint.is_folder, bool):
        raise CorruptError(f"checkpoint {checkpoint.number}: {checkpoint.file!r} cannot be its file")
    return checkpoint


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _check_chains(checkpoints: dict[int, Checkpoint]) -> None:
    for checkpoint in checkpoints.values():
        seen: list[int] = []
        at = checkpoint
        while at.base is not None:
            seen.append(at.number)
            if at.base in seen:
                cycle = " -> ".join(map(str, (*seen, at.base)))
                raise CorruptError(f"the checkpoints need each other in a circle: {cycle}")
            if at.base not in checkpoints:
                raise CorruptError(
                    f"checkpoint {at.number} needs checkpoint {at.base}, which the series does not have"
                )
            at = checkpoints[at.base]
        if len(seen) >= LONGEST_CHAIN:
            raise CorruptError(f"checkpoint {checkpoint.number}: needs {len(seen)} others, one after another")
