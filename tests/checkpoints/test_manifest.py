# SPDX-License-Identifier: MIT
"""A manifest is believed only if it says what can be."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zipnn.checkpoints.manifest import (
    FILE,
    LONGEST_CHAIN,
    Checkpoint,
    Manifest,
    _written,
    file_name,
    read_manifest,
    write_manifest,
)
from zipnn.errors import CorruptError, FormatError, UnsupportedVersionError, ZipnnError


def checkpoint(number: int, base: int | None = None) -> Checkpoint:
    return Checkpoint(number, f"step {number}", base, file_name(number), 10, 5, "00", False)


def manifest(*bases: int | None) -> Manifest:
    known = {number: checkpoint(number, base) for number, base in enumerate(bases, 1)}
    return Manifest(known, len(known) + 1)


def refused(folder: Path, wrong: Manifest, message: str = ".") -> None:
    """It is neither written nor, where somebody else wrote it, read."""
    with pytest.raises(CorruptError, match=message):
        write_manifest(folder, wrong)
    assert not (folder / FILE).exists()
    (folder / FILE).write_bytes(_written(wrong))
    with pytest.raises(CorruptError, match=message):
        read_manifest(folder)
    (folder / FILE).unlink()


def test_comes_back(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    written = manifest(None, 1, 2, None)
    write_manifest(tmp_path, written)
    assert read_manifest(tmp_path) == written
    write_manifest(tmp_path, Manifest({}))
    assert read_manifest(tmp_path) == Manifest({})
    assert [link.number for link in written.chain(written.checkpoints[3])] == [3, 2, 1]


@pytest.mark.parametrize(
    ("bases", "message"),
    [
        ((2, 1), "in a circle: 1 -> 2 -> 1"),
        ((None, 3, 4, 2), "in a circle"),
        ((1,), "in a circle: 1 -> 1"),
        ((None, 7), "needs checkpoint 7, which the series does not have"),
        ((None, *range(1, LONGEST_CHAIN + 1)), "one after another"),
    ],
)
def test_chains_that_lead_nowhere(tmp_path: Path, bases: tuple[int | None, ...], message: str) -> None:
    refused(tmp_path, manifest(*bases), message)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: replace(c, file="../000001.znn"),
        lambda c: replace(c, file="000002.znn"),
        lambda c: replace(c, file="series.json"),
        lambda c: replace(c, number=2, file=file_name(2)),
        lambda c: replace(c, number=-1),
        lambda c: replace(c, number=True),
        lambda c: replace(c, base="1"),
        lambda c: replace(c, stored_size=-5),
        lambda c: replace(c, name=None),
        lambda c: replace(c, name=500),
        lambda c: replace(c, is_folder=1),
    ],
)
def test_what_no_checkpoint_is(tmp_path: Path, change: Callable[[Checkpoint], Checkpoint]) -> None:
    refused(tmp_path, Manifest({1: change(checkpoint(1))}, 2))


def test_two_of_one_number_or_file(tmp_path: Path) -> None:
    for other in (checkpoint(1), replace(checkpoint(1), number=1, file=file_name(1, 1))):
        refused(tmp_path, Manifest({1: checkpoint(1), 2: other}, 3))


def test_every_change_by_hand_is_noticed(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(None, 1))
    path = tmp_path / FILE
    text = path.read_bytes()
    for place in range(len(text)):
        changed = bytearray(text)
        changed[place] ^= 1
        path.write_bytes(changed)
        with contextlib.suppress(ZipnnError):
            assert read_manifest(tmp_path) == manifest(None, 1)  # white space
    for size in range(len(text)):
        path.write_bytes(text[:size])
        with pytest.raises(FormatError):
            read_manifest(tmp_path)


@pytest.mark.parametrize(
    "document", [[], {}, 5, None, {"zipnn.series": 1}, {"zipnn.series": 1, "checksum": 5}]
)
def test_another_document(tmp_path: Path, document: Any) -> None:
    (tmp_path / FILE).write_text(json.dumps(document))
    with pytest.raises(FormatError):
        read_manifest(tmp_path)


def test_a_newer_one(tmp_path: Path) -> None:
    for version in (2, "2", None):
        (tmp_path / FILE).write_text(json.dumps({"zipnn.series": version}))
        with pytest.raises(UnsupportedVersionError):
            read_manifest(tmp_path)
    (tmp_path / FILE).write_bytes(b"[" * 100_000)
    with pytest.raises(CorruptError):
        read_manifest(tmp_path)
