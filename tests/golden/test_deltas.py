# SPDX-License-Identifier: MIT
"""Golden archives that need a base (docs/format.md, 4.4): what a release has written decodes for ever."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import zipnn
from scripts import golden_deltas
from tests.reference import WrongBaseError
from tests.reference.archive import Base, read_index, restore_archive
from zipnn.delta.base import open_base
from zipnn.errors import BaseMismatchError

FOLDER = Path(__file__).parent / "deltas"
MANIFEST: dict[str, dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text())
BASE = FOLDER / "base.safetensors"


def base_tensors() -> Base:
    content = BASE.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    return {
        name: (entry["dtype"], entry["shape"], content[start:][slice(*entry["data_offsets"])])
        for name, entry in json.loads(content[8:start]).items()
    }


@pytest.mark.parametrize("name", MANIFEST)
def test_a_golden_delta(name: str, tmp_path: Path) -> None:
    entry, path = MANIFEST[name], FOLDER / f"{name}.znn"
    independent = restore_archive(path.read_bytes(), base_tensors())
    assert (len(independent), hashlib.sha256(independent).hexdigest()) == (entry["size"], entry["sha256"])
    zipnn.apply_delta(BASE, path, tmp_path / "out")
    index = read_index(path.read_bytes())
    files = [tmp_path / "out" / file["name"] for file in index.get("files", [])] or [tmp_path / "out"]
    assert b"".join(file.read_bytes() for file in files) == independent
    with open_base(BASE) as tensors:
        assert tensors.content_id() == index["base"]["id"] == entry["base"]


@pytest.mark.parametrize("name", MANIFEST)
def test_another_base_is_refused(name: str, tmp_path: Path) -> None:
    content = bytearray(BASE.read_bytes())
    for at in range(8 + int.from_bytes(content[:8], "little"), len(content), 200):
        content[at] ^= 1
    other = tmp_path / "other.safetensors"
    other.write_bytes(content)
    with pytest.raises(BaseMismatchError):
        zipnn.apply_delta(other, FOLDER / f"{name}.znn", tmp_path / "out")
    wrong = {key: (dtype, shape, data[::-1]) for key, (dtype, shape, data) in base_tensors().items()}
    with pytest.raises(WrongBaseError):
        restore_archive((FOLDER / f"{name}.znn").read_bytes(), wrong)


def test_every_coding_has_a_golden_file() -> None:
    assert {coding for entry in MANIFEST.values() for coding in entry["codings"]} == {
        "plain",
        "delta",
        "base",
    }
    assert {path.stem for path in FOLDER.glob("*.znn")} == set(MANIFEST)


def test_the_script_adds_what_is_missing_and_rewrites_nothing(tmp_path: Path) -> None:
    golden_deltas.main(tmp_path)
    (tmp_path / "same.znn").write_bytes(b"older")
    golden_deltas.main(tmp_path)
    assert (tmp_path / "same.znn").read_bytes() == b"older"
