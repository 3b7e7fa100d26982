# SPDX-License-Identifier: MIT
"""A folder in one archive: every file comes back, equal tensors are stored once."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from zipnn.containers.archive.index import parse
from zipnn.containers.archive.reading import open_archive
from zipnn.errors import CorruptError, FormatError, OutputExistsError, OutputInTheWayError, ZipnnError
from zipnn.files import compress_file, decompress_file
from zipnn.folders import archive_folder, restore_folder
from zipnn.verification import verify_file

RNG = np.random.default_rng(8)
WEIGHTS = {f"layer.{n}": RNG.standard_normal((60, 500), np.float32) for n in range(4)}
WEIGHTS["bias"] = RNG.standard_normal(30, np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with the same weights in two formats, and what models come with."""
    folder = tmp_path / "model"
    (folder / "onnx" / "empty").mkdir(parents=True)
    safetensors.numpy.save_file(WEIGHTS, folder / "model.safetensors")
    np.savez(folder / "onnx" / "model.npz", **WEIGHTS)
    (folder / "config.json").write_text('{"a": 1}')
    (folder / "empty.txt").touch()
    script = folder / "a: script.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return folder


def state_of(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("level", ["fast", "default"])
def test_a_folder_comes_back_and_equal_tensors_are_stored_once(model: Path, level: str) -> None:
    before = state_of(model)
    result = archive_folder(model, level=level)
    assert result.output == model.with_name("model.znn")
    size = sum(array.nbytes for array in WEIGHTS.values())
    assert result.original_size > 2 * size
    assert result.compressed_size < size
    with open_archive(result.output) as archive:
        assert archive.format == "folder"
        for name, array in WEIGHTS.items():
            for file in ("model.safetensors", "onnx/model.npz"):
                tensor = archive.tensors[f"{file}:{name}"]
                assert tensor.shape == array.shape
                assert archive.read_tensor_range(tensor.name, 0, array.nbytes) == array.tobytes()
        assert [member.format for member in archive.members if "model" in member.name] == [
            "safetensors",
            "npz",
        ]
    restored = restore_folder(result.output, model.with_name("again")).output
    assert restored == model.with_name("again")
    assert state_of(restored) == before
    assert os.access(restored / "a: script.sh", os.X_OK)
    assert not os.access(restored / "config.json", os.X_OK)
    assert sorted(path.name for path in model.parent.iterdir()) == ["again", "model", "model.znn"]


def test_links_are_followed(model: Path) -> None:
    (model / "linked.bin").symlink_to(model / "model.safetensors")
    output = archive_folder(model).output
    assert output is not None
    restored = restore_folder(output, model.with_name("again")).output
    assert restored is not None
    assert (restored / "linked.bin").read_bytes() == (model / "model.safetensors").read_bytes()
    assert not (restored / "linked.bin").is_symlink()


def test_nothing_is_replaced(model: Path) -> None:
    output = archive_folder(model).output
    assert output is not None
    with pytest.raises(OutputExistsError):
        archive_folder(model)
    with pytest.raises(OutputExistsError):
        restore_folder(output)
    empty = model.with_name("empty")
    empty.mkdir()
    restore_folder(output, empty)
    assert state_of(empty) == state_of(model)


def test_an_archive_does_not_go_into_its_folder(model: Path) -> None:
    with pytest.raises(ZipnnError, match="must not lie"):
        archive_folder(model, model / "model.znn")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes in folders")
def test_what_cannot_be_kept_is_refused(model: Path) -> None:
    os.mkfifo(model / "pipe")
    with pytest.raises(FormatError, match="pipe"):
        archive_folder(model)
    assert not model.with_name("model.znn").exists()


def test_a_file_that_changes_meanwhile_is_noticed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(done: int, total: int) -> None:
        with (model / "config.json").open("a") as file:
            file.write(" ")

    with pytest.raises(ZipnnError, match="changed while it was read"):
        archive_folder(model, progress=change)
    assert sorted(path.name for path in model.parent.iterdir()) == ["model"]


def test_a_damaged_archive_leaves_no_folder(model: Path) -> None:
    output = archive_folder(model).output
    assert output is not None
    content = bytearray(output.read_bytes())
    content[len(content) // 2] ^= 1
    output.write_bytes(content)
    with pytest.raises(CorruptError, match=str(output)):
        restore_folder(output, model.with_name("again"))
    assert sorted(path.name for path in model.parent.iterdir()) == ["model", "model.znn"]


def test_files_and_folders_are_not_taken_for_each_other(model: Path, tmp_path: Path) -> None:
    output = archive_folder(model).output
    assert output is not None
    with pytest.raises(FormatError, match="restore_folder"):
        decompress_file(output, tmp_path / "file")
    single = compress_file(model / "onnx" / "model.npz", tmp_path / "single.znn").output
    assert single is not None
    with pytest.raises(FormatError, match="not of a folder"):
        restore_folder(single)
    assert verify_file(output).original_size == sum(len(data or b"") for data in state_of(model).values())


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a//b", ".", "", "a/\0"])
def test_an_index_cannot_lead_out_of_the_folder(name: str) -> None:
    files = [{"name": name, "size": 0, "format": "bytes"}]
    index = {"name": "n", "size": 0, "format": "folder", "segments": [], "files": files}
    with pytest.raises(CorruptError, match="not a path"):
        parse(json.dumps(index).encode(), 16)


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no text")
def test_a_name_that_is_no_text_is_refused(model: Path) -> None:
    (Path(os.fsdecode(os.fsencode(model) + b"/\xff"))).touch()
    with pytest.raises(FormatError, match="not text"):
        archive_folder(model)


def test_an_archive_is_called_as_the_link_to_its_folder(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model.parent / "links").mkdir()
    (model.parent / "links" / "latest").symlink_to(model)
    monkeypatch.chdir(model.parent)
    output = archive_folder("links/latest").output
    assert output == Path("links/latest.znn")
    with open_archive(output) as archive:
        assert archive.name == "latest"
    monkeypatch.chdir(model)
    assert archive_folder(".", dry_run=True).output == model.with_name("model.znn")


def test_the_root_has_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("zipnn.folders._listed", lambda root: ([], ()))
    with pytest.raises(ZipnnError, match="give an output"):
        archive_folder(tmp_path.anchor, dry_run=True)
    with pytest.raises(ZipnnError, match="must not lie"):
        archive_folder(tmp_path.anchor, tmp_path / "all.znn", dry_run=True)


def test_an_empty_folder_stays_and_is_filled(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = archive_folder(model).output
    assert output is not None
    here, link = model.with_name("here"), model.with_name("link")
    here.mkdir()
    number = here.stat().st_ino
    monkeypatch.chdir(here)
    restore_folder(output, ".")
    assert state_of(here) == state_of(model)
    assert here.stat().st_ino == number
    model.with_name("empty").mkdir()
    link.symlink_to("empty")
    restore_folder(output, link)
    assert link.is_symlink()
    assert state_of(link.resolve()) == state_of(model)
    with pytest.raises(OutputExistsError) as caught:
        restore_folder(output, link)
    assert isinstance(caught.value, OutputInTheWayError)


def test_folders_above_the_output_are_made(model: Path) -> None:
    output = archive_folder(model).output
    assert output is not None
    deep = model.with_name("a") / "b" / "c"
    restore_folder(output, deep)
    assert state_of(deep) == state_of(model)
    with pytest.raises(OSError, match=r"config\.json"):
        restore_folder(output, model / "config.json" / "c")


def test_a_folder_that_is_filled_meanwhile_is_left(model: Path) -> None:
    output = archive_folder(model).output
    assert output is not None
    target = model.with_name("target")
    target.mkdir()
    with pytest.raises(OutputExistsError, match="meanwhile"):
        restore_folder(output, target, progress=lambda done, total: (target / "config.json").touch())
    assert state_of(target) == {"config.json": b""}


@pytest.mark.skipif(os.name == "nt", reason="the system has no such permissions")
@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("config.json", 0o600, 0o600),
        ("config.json", 0o640, 0o640),
        ("onnx", 0o700, 0o600),
        ("onnx", 0o755, 0o644),
    ],
)
def test_nobody_reads_more_than_before(model: Path, name: str, mode: int, expected: int) -> None:
    for path in (model, *model.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".sh" else 0o644)
    (model / name).chmod(mode)
    old = os.umask(0o022)
    try:
        output = archive_folder(model).output
        assert output is not None
        restored = restore_folder(output, model.with_name("again")).output
    finally:
        os.umask(old)
    assert isinstance(restored, Path)
    assert output.stat().st_mode & 0o777 == expected
    assert (restored / "model.safetensors").stat().st_mode & 0o777 == expected
    executable = (restored / "a: script.sh").stat().st_mode & 0o777
    assert executable == {0o600: 0o700, 0o640: 0o750, 0o644: 0o755}[expected]
