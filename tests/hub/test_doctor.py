# SPDX-License-Identifier: MIT
"""`zipnn doctor`: each thing that can be wrong with a folder, alone in a folder that is otherwise right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zipnn
from tests.cli.conftest import Zipnn
from tests.hub.caches import shard
from zipnn.hub.doctor import examine

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
MAP = {
    "layer.1.weight": ONE, "layer.1.ids": ONE, "layer.2.weight": TWO, "layer.2.ids": TWO,
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / ONE).write_bytes(shard(1))
    (folder / TWO).write_bytes(shard(2))
    (folder / "sub" / "adapter.safetensors").write_bytes(shard(3))
    (folder / "config.json").write_text("{}")
    write_index(folder, MAP)
    return folder


def write_index(folder: Path, weight_map: dict[str, str]) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def found(folder: Path) -> list[tuple[str, str]]:
    return [(finding.kind, finding.path.relative_to(folder).as_posix()) for finding in examine(folder)]


def test_a_good_folder_plain_and_compressed(model: Path) -> None:
    assert found(model) == []
    zipnn.compress_tree(model, in_place=True)
    assert found(model) == []


def test_a_pointer_of_git_lfs(model: Path) -> None:
    (model / TWO).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    assert found(model) == [("pointer", TWO)]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_is_cut_off(model: Path, compressed: bool) -> None:
    if compressed:
        zipnn.compress_tree(model, in_place=True)
    content = (model / ONE).read_bytes()
    (model / ONE).write_bytes(content[:-1])
    (finding,) = examine(model)
    assert (finding.kind, finding.path) == ("damaged", model / ONE)
    assert ONE in finding.problem


@pytest.mark.parametrize("name", ["sub/adapter.znn.safetensors", "sub/adapter.safetensors.znn"])
def test_twins(model: Path, name: str) -> None:
    zipnn.compress_file(model / "sub" / "adapter.safetensors", model / name)
    assert found(model) == [("twin", name)]


def test_a_shard_that_is_missing(model: Path) -> None:
    (model / TWO).unlink()
    assert found(model) == [("missing", "model.safetensors.index.json")]


@pytest.mark.parametrize("form", ["model-00002-of-00002.znn.safetensors", f"{TWO}.znn"])
def test_a_shard_under_a_name_of_zipnn_0_5_is_there(model: Path, form: str) -> None:
    zipnn.compress_file(model / TWO, model / form, delete_original=True)
    assert found(model) == []


def test_an_index_of_another_version(model: Path) -> None:
    write_index(model, {**MAP, "layer.9.weight": ONE})
    (finding,) = examine(model)
    assert finding.kind == "index"
    assert "layer.9.weight" in finding.problem


@pytest.mark.parametrize("content", ["", "[1]", '{"weight_map": 3}', '{"weight_map": {"a": 1}}'])
def test_an_index_that_is_none(model: Path, content: str) -> None:
    (model / "model.safetensors.index.json").write_text(content)
    assert found(model) == [("index", "model.safetensors.index.json")]


@pytest.mark.parametrize("name", ["model-00003-of-00003.safetensors", "model.safetensors"])
def test_a_stale_file(model: Path, name: str) -> None:
    (model / name).write_bytes(shard(9))
    assert found(model) == [("stale", name)]


def test_an_interrupted_output(model: Path) -> None:
    (model / ".zipnn-00.incomplete").write_bytes(b"x")
    assert found(model) == [("leftover", ".zipnn-00.incomplete")]


def test_command(model: Path, command: Zipnn) -> None:
    assert "nothing found" in command("doctor", model).out
    (model / "model.safetensors").write_bytes(shard(9))
    run = command("doctor", model)
    assert run.code == 1
    assert "model.safetensors: not in" in run.out
    document = command("doctor", model, "--json").document
    assert [finding["kind"] for finding in document["results"]] == ["stale"]
    assert command("doctor", model / "nope").code == 1
