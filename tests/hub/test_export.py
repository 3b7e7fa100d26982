# SPDX-License-Identifier: MIT
"""`zipnn export` (scenario 59): a folder that can be uploaded, and that is the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zipnn
from tests.cli.conftest import Zipnn
from tests.hub.caches import shard
from zipnn.errors import FormatError, OutputExistsError
from zipnn.hub.doctor import examine
from zipnn.hub.export import export_model

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
CONFIG = {"model_type": "none", "dtype": "bfloat16"}
CARD = "---\nlicense: mit\n---\n# A model"


@pytest.fixture(params=["single", "sharded"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    if request.param == "single":
        (folder / "model.safetensors").write_bytes(shard(1))
    else:
        (folder / ONE).write_bytes(shard(1))
        (folder / TWO).write_bytes(shard(2))
        weights = {"layer.1.weight": ONE, "layer.1.ids": ONE, "layer.2.weight": TWO, "layer.2.ids": TWO}
        index = {"metadata": {"total_size": 7}, "weight_map": weights}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "README.md").write_text(CARD)
    (folder / "tokenizer.json").write_bytes(b"{\r\n}")
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_ordinary_names(model: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    out = tmp_path / "out"
    export_model(model, out)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert names(out) == {*before, ".gitattributes"}
    assert examine(out) == []
    for name, content in before.items():
        if name.endswith(".safetensors"):
            assert (out / name).stat().st_size < len(content)
            zipnn.decompress_file(out / name, tmp_path / "back", force=True)
            assert (tmp_path / "back").read_bytes() == content
        elif name != "README.md":
            assert (out / name).read_bytes() == content
    card = (out / "README.md").read_text()
    assert card.startswith(CARD + "\n\n## ")
    assert "zipnn_hf()" in card
    assert "*.safetensors filter=lfs" in (out / ".gitattributes").read_text()


def test_59_names_of_their_own(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_model(model, out, name="znn")
    assert examine(out) == []
    assert not [name for name in names(out) if name.endswith(".safetensors") and ".znn." not in name]
    config = json.loads((out / "config.json").read_text())
    target = config.pop("transformers_weights")
    assert config == CONFIG
    if (model / "model.safetensors").exists():
        assert target == "model.znn.safetensors"
        files = {target}
    else:
        assert target == "model.znn.safetensors.index.json"
        index = json.loads((out / target).read_text())
        assert index["metadata"] == {"total_size": 7}
        assert set(index["weight_map"]) == {f"layer.{i}.{kind}" for i in (1, 2) for kind in ("weight", "ids")}
        files = set(index["weight_map"].values())
    for file in files:
        plain = (model / file.replace(".znn.", ".")).read_bytes()
        zipnn.decompress_file(out / file, tmp_path / "back", force=True)
        assert (tmp_path / "back").read_bytes() == plain


def test_what_is_there_is_kept(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (model / ".gitattributes").write_text("*.bin filter=lfs")
    export_model(model, out)
    again = tmp_path / "again"
    export_model(out, again)
    assert (again / "README.md").read_text() == (out / "README.md").read_text()
    assert (again / ".gitattributes").read_text() == (out / ".gitattributes").read_text()
    assert (out / ".gitattributes").read_text().startswith("*.bin filter=lfs\n*.safetensors")
    with pytest.raises(OutputExistsError):
        export_model(model, out)


def test_a_config_that_is_none(model: Path, tmp_path: Path) -> None:
    (model / "config.json").write_text("[")
    with pytest.raises(FormatError, match=r"config.json: not JSON"):
        export_model(model, tmp_path / "out", name="znn")


def test_command(model: Path, tmp_path: Path, command: Zipnn) -> None:
    document = command("export", model, tmp_path / "out", "--name", "znn", "--json").document
    assert "compressed" in {result["action"] for result in document["results"]}
    run = command("export", model, tmp_path / "out")
    assert run.code == 3
    (model / "broken.safetensors").write_bytes(shard(5)[:-3])
    run = command("export", model, tmp_path / "new")
    assert run.code == 1
    assert "broken.safetensors" in run.err
    assert "##" not in (tmp_path / "new" / "README.md").read_text().replace("# A model", "")


def test_what_belongs_to_a_clone_stays_at_home(model: Path, tmp_path: Path) -> None:
    for name in (".git", ".cache"):
        (model / name / "objects").mkdir(parents=True)
        (model / name / "objects" / "large").write_bytes(b"x" * 1000)
    (model / "sub" / ".cache").mkdir(parents=True)
    (model / "sub" / ".cache" / "kept").touch()
    export_model(model, tmp_path / "out")
    assert not names(tmp_path / "out") & {".git", ".cache"}
    assert (tmp_path / "out" / "sub" / ".cache" / "kept").exists()
