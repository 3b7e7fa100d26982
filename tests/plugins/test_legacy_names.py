# SPDX-License-Identifier: MIT
"""Models under the names of zipnn 0.5, in folders and in the cache (scenarios 25 to 32)."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zipnn
from scripts.old_release import OLDER, RELEASE
from tests.hub.clients import Client
from tests.hub.server import serve
from tests.plugins.conftest import save_llama
from tests.plugins.replica import ID, INDEX, compress_as_before, put_in_cache, save_phi

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
hub = pytest.importorskip("huggingface_hub")

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("hooked")]
Same = Callable[[Any, Any], bool]
KINDS = [("whole", False), ("whole", True), ("tensors", False), ("tensors", True)]


def load(model: Any, **options: Any) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16, **options)


def overlays() -> list[str]:
    root = Path(os.environ["HF_HOME"], "zipnn", "overlay")
    return sorted(os.listdir(root)) if root.exists() else []


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def cache() -> Path:
    """The cache that huggingface_hub uses in this process."""
    return Path(hub.constants.HF_HUB_CACHE)


@pytest.mark.parametrize("kind", ["whole", "tensors"])
def test_scenarios_25_27_one_file(tiny: Path, same: Same, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny, folder)
    compress_as_before(folder, kind, fix_index=False)
    assert not (folder / "model.safetensors").exists()
    folder.chmod(0o555)
    before = listing(folder)
    model = load(folder)
    assert same(model, load(tiny))
    assert model.config._name_or_path == str(folder)
    assert listing(folder) == before
    folder.chmod(0o755)


@pytest.mark.parametrize(("kind", "fix_index"), KINDS)
def test_scenarios_26_27_shards(
    sharded: Path, same: Same, tmp_path: Path, kind: str, fix_index: bool
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(sharded, folder)
    compress_as_before(folder, kind, fix_index=fix_index)
    assert same(load(folder), load(sharded))


@pytest.mark.parametrize(("kind", "fix_index"), KINDS)
def test_scenario_28_in_the_cache(
    sharded: Path, same: Same, cache: Path, tmp_path: Path, kind: str, fix_index: bool
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(sharded, folder)
    compress_as_before(folder, kind, fix_index=fix_index)
    repository = f"some/model-{kind}-{fix_index}"
    snapshot = put_in_cache(folder, repository, cache)
    before = listing(snapshot)
    assert same(load(repository), load(sharded))
    made = overlays()
    assert same(load(repository), load(sharded))
    assert overlays() == made
    assert listing(snapshot) == before
    os.utime(next(snapshot.glob("model-*")))
    assert same(load(repository), load(sharded))
    if made and not (kind == "tensors" and fix_index):
        assert len(overlays()) == len(made) + 1


def test_scenario_29_the_plain_file_wins(
    tiny: Path, same: Same, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny, folder)
    compress_as_before(folder, "whole", fix_index=False)
    tuned = load(tiny)
    tuned.lm_head.weight.data += 1
    tuned.save_pretrained(folder)
    with caplog.at_level(logging.WARNING, logger="zipnn"):
        assert same(load(folder), tuned)
    assert "model.safetensors.znn" in caplog.text


def test_scenario_30_named_in_the_configuration(tiny: Path, same: Same, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    shutil.copytree(tiny, folder)
    zipnn.compress_file(folder / "model.safetensors", folder / "model.znn.safetensors")
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_text())
    config["transformers_weights"] = "model.znn.safetensors"
    (folder / "config.json").write_text(json.dumps(config))
    made = overlays()
    model = load(folder)
    assert same(model, load(tiny))
    assert overlays() == made
    model.save_pretrained(tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").exists()
    assert "transformers_weights" not in json.loads((tmp_path / "again" / "config.json").read_text())


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("kind", ["whole", "tensors"])
def test_scenario_31_other_dtypes(same: Same, tmp_path: Path, dtype: str, kind: str) -> None:
    plain = save_llama(tmp_path / "plain")
    model = load(plain).to(getattr(torch, dtype))
    model.save_pretrained(plain)
    folder = tmp_path / "old"
    shutil.copytree(plain, folder)
    compress_as_before(folder, kind, fix_index=False)
    found = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    assert same(found, model)


def test_scenario_31_without_a_mark(same: Same, tmp_path: Path) -> None:
    """Of a source without metadata zipnn 0.5 left no mark: its tensors tell what they are."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    plain = tmp_path / "plain"
    plain.mkdir()
    torch.manual_seed(3)
    tensors = {
        "w": (torch.randn(300, 200) * 0.02).to(torch.bfloat16),
        "f": torch.randn(100, 200) * 0.02,
        "ids": torch.arange(5000),
        "bytes": torch.randint(0, 255, (5000,), dtype=torch.uint8),
    }
    save_file(tensors, plain / "model.safetensors")
    folder = tmp_path / "old"
    shutil.copytree(plain, folder)
    compress_as_before(folder, "tensors", fix_index=False)
    old = folder / "model.znn.safetensors"
    assert old.stat().st_size < (plain / "model.safetensors").stat().st_size
    zipnn.zipnn_unhook()
    with safe_open(old, "pt") as opened:
        assert opened.metadata() is None
        assert opened.get_slice("w").get_dtype() == "U8"
    zipnn.zipnn_hf()
    assert same(load_file(old), tensors)


def test_scenario_32_a_missing_shard(sharded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(sharded, folder)
    compress_as_before(folder, "whole", fix_index=False)
    missing = sorted(folder.glob("*.znn"))[1]
    missing.unlink()
    made = overlays()
    with pytest.raises(FileNotFoundError, match=missing.name.removesuffix(".znn")):
        load(folder)
    assert overlays() == made


def test_scenario_63_pytorch_files(tiny: Path, same: Same, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").unlink()
    torch.save(load(tiny).state_dict(), folder / "pytorch_model.bin")
    compress_as_before(folder, "whole", fix_index=False, suffix=".bin")
    assert same(load(folder), load(tiny))


@pytest.mark.parametrize("zipped", [True, False])
def test_scenario_63_pytorch_files_of_today(tiny: Path, same: Same, tmp_path: Path, zipped: bool) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").unlink()
    plain = folder / "pytorch_model.bin"
    torch.save(load(tiny).state_dict(), plain, _use_new_zipfile_serialization=zipped)
    content = plain.read_bytes()
    small = zipnn.compress_file(plain, delete_original=True).output
    assert small == folder / "pytorch_model.bin.znn"
    assert small.stat().st_size < len(content)
    before = listing(folder)
    assert same(load(folder, weights_only=True), load(tiny))
    assert listing(folder) == before
    assert zipnn.decompress_file(small).output == plain
    assert plain.read_bytes() == content


@pytest.mark.parametrize("kind", ["whole", "tensors"])
def test_replacing_files_in_a_folder(sharded: Path, same: Same, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "old"
    shutil.copytree(sharded, folder)
    compress_as_before(folder, kind, fix_index=False)
    zipnn.zipnn_hf(replace_local_file=True)
    assert same(load(folder), load(sharded))
    zipnn.zipnn_unhook()
    assert sorted(os.listdir(folder)) == sorted(os.listdir(sharded))
    assert same(load(folder), load(sharded))


def as_the_old_scripts_left_it(plain: Path, repository: str, cache: Path, tmp_path: Path) -> Path:
    """A model in the cache whose blobs, links and index the scripts of zipnn 0.5 have been at."""
    snapshot = put_in_cache(plain, repository, cache)
    small = tmp_path / "small"
    shutil.copytree(plain, small)
    compress_as_before(small, "whole", fix_index=False)
    for link in sorted(snapshot.glob("*.safetensors")):
        blob = os.path.join(snapshot, os.readlink(link))
        shutil.copyfile(small / f"{link.name}.znn", blob)
        link.with_name(f"{link.name}.znn").symlink_to(blob)
        link.unlink()
    index = snapshot / INDEX
    index.resolve().write_text(index.read_text().replace("safetensors", "safetensors.znn"))
    return snapshot


def run_old_script(name: str, *arguments: str) -> str:
    """What one of the scripts says, called as of old."""
    script = Path(__file__).parents[2] / "scripts" / f"zipnn_{name}.py"
    done = subprocess.run([sys.executable, script, *arguments], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_an_index_that_the_old_script_edited_before_it_failed(sharded: Path, cache: Path) -> None:
    from zipnn.hub.cache import decompress_model

    snapshot = put_in_cache(sharded, "some/edited", cache)
    index = snapshot / INDEX
    index.resolve().write_text(index.read_text().replace("safetensors", "znn.safetensors"))
    results = decompress_model("some/edited", cache_dir=cache)
    assert {result.action for result in results} == {"skipped"}
    assert index.read_bytes() == (sharded / INDEX).read_bytes()
    index.resolve().write_text("{}")
    decompress_model("some/edited", cache_dir=cache)
    assert index.read_text() == "{}", "what else has happened to it is not ours to undo"


@pytest.mark.parametrize("moved", [False, True])
def test_a_cache_that_the_old_scripts_renamed(
    sharded: Path, same: Same, cache: Path, tmp_path: Path, moved: bool
) -> None:
    from zipnn.hub.cache import decompress_model, verify_model

    snapshot = as_the_old_scripts_left_it(sharded, "some/renamed", cache, tmp_path)
    assert not list(snapshot.glob("*.safetensors"))
    assert same(load("some/renamed"), load(sharded))
    if moved:
        root = shutil.move(cache / "models--some--renamed", tmp_path / "elsewhere")
        (tmp_path / "hub").mkdir()
        shutil.move(root, tmp_path / "hub" / "models--some--renamed")
        snapshot = tmp_path / "hub" / snapshot.relative_to(cache)
        assert not next(snapshot.glob("*.znn")).exists()
    folder = tmp_path / "hub" if moved else cache
    dry = decompress_model("some/renamed", cache_dir=folder, dry_run=True)
    assert {result.action for result in dry} == {"would-decompress"}
    results = decompress_model("some/renamed", cache_dir=folder)
    assert {result.action for result in results} == {"decompressed"}
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == {
        path.name: path.read_bytes() for path in sharded.iterdir()
    }
    assert all(os.readlink(path).startswith("../../blobs/") for path in snapshot.iterdir())
    assert {result.action for result in verify_model("some/renamed", cache_dir=folder)} == {"verified"}
    assert not hub.scan_cache_dir(folder).warnings
    zipnn.zipnn_unhook()
    if not moved:
        assert same(load("some/renamed"), load(sharded))


@pytest.mark.parametrize("step", ["put_back", "_replacing", "restore_indexes"])
def test_a_kill_while_names_come_back(
    sharded: Path, cache: Path, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zipnn.hub import cache as hub_cache

    def fail(*arguments: Any) -> None:
        raise KeyboardInterrupt

    snapshot = as_the_old_scripts_left_it(sharded, "some/killed", cache, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(hub_cache, step, fail)
        with pytest.raises(KeyboardInterrupt):
            hub_cache.decompress_model("some/killed", cache_dir=cache)
    results = hub_cache.decompress_model("some/killed", cache_dir=cache)
    assert "failed" not in {result.action for result in results}
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == {
        path.name: path.read_bytes() for path in sharded.iterdir()
    }


def test_a_renamed_file_that_decodes_to_something_else(sharded: Path, cache: Path, tmp_path: Path) -> None:
    from zipnn.hub.cache import decompress_model

    snapshot = as_the_old_scripts_left_it(sharded, "some/damaged", cache, tmp_path)
    one, two = sorted(snapshot.glob("*.znn"))[:2]
    held = two.read_bytes()
    one.resolve().write_bytes(held)
    results = decompress_model("some/damaged", cache_dir=cache)
    assert results[0].action == "failed"
    assert "decodes to other bytes" in results[0].reason
    assert one.read_bytes() == held
    assert "safetensors.znn" in (snapshot / INDEX).read_text(), "the index is for when all is well"


# What the model card of a repository that was published with zipnn 0.4.0 says, call by call, on a model
# of that architecture and layout.

MESSAGES = [{"role": "user", "content": "w5 w9"}, {"role": "user", "content": "w7"}]


@pytest.fixture(scope="module", params=[RELEASE, OLDER])
def replica(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The plain model, and its replica as it was published."""
    base = tmp_path_factory.mktemp("phi")
    plain, old = base / "plain", base / "old"
    save_phi(plain)
    shutil.copytree(plain, old)
    compress_as_before(old, "whole", fix_index=True, release=request.param)
    assert "safetensors.znn" in (old / INDEX).read_text()
    assert not list(old.glob("*.safetensors"))
    return plain, old


@pytest.fixture
def phi(replica: tuple[Path, Path], cache: Path) -> tuple[Path, Path]:
    """The plain model, and the snapshot of its replica in the cache."""
    return replica[0], put_in_cache(replica[1], ID, cache)


_FROM_THE_HUB = """
import json, sys, torch
from zipnn import zipnn_hf
zipnn_hf()
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline
messages, answers = json.loads(sys.argv[2]), []
for name in (sys.argv[3], sys.argv[1]):
    chat = pipeline("text-generation", model=name, trust_remote_code=True)
    answers.append([chat(messages, do_sample=False, max_new_tokens=6)])
    model = AutoModelForCausalLM.from_pretrained(
        name, device_map="cpu", torch_dtype="auto", trust_remote_code=True, attn_implementation="eager"
    )
    chat = pipeline("text-generation", model=model, tokenizer=AutoTokenizer.from_pretrained(name))
    answers[-1].append(chat(messages, max_new_tokens=6, return_full_text=False, do_sample=False))
    state = model.state_dict()
    answers[-1].append({key: value.view(torch.uint8).numpy().tobytes() for key, value in state.items()})
assert answers[0] == answers[1]
print("equal")
"""


@pytest.mark.parametrize("replica", [OLDER], indirect=True)
def test_model_card_calls_with_a_hub(replica: tuple[Path, Path], tmp_path: Path) -> None:
    """Nothing is in the cache before; everything comes from a hub, once, though it is loaded twice."""
    plain, old = replica
    with serve() as (server, address):
        server.repositories[ID] = {path.name: path.read_bytes() for path in old.iterdir()}
        client = Client(address, tmp_path / "home")
        code, out, err = client.call("-c", _FROM_THE_HUB, plain, json.dumps(MESSAGES), ID)
        assert code == 0, err[-3000:]
        assert out.strip().endswith("equal")
        fetched = [path for method, path in server.requests if method == "GET" and path.endswith(".znn")]
        assert sorted(path.rpartition("/")[2] for path in fetched) == sorted(
            path.name for path in old.glob("*.znn")
        )
        assert client.run("print(*h.scan_cache_dir().warnings)") == ""
        code, said = client.hf("cache", "verify", ID)
        assert code == 0, said


def test_model_card_pipeline_by_name(phi: tuple[Path, Path]) -> None:
    texts = []
    for model in (ID, str(phi[0])):
        chat = transformers.pipeline("text-generation", model=model, trust_remote_code=True)
        texts.append(chat(MESSAGES, do_sample=False, max_new_tokens=6))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("options", [{}, {"attn_implementation": "eager"}])
def test_model_card_model_and_tokenizer(phi: tuple[Path, Path], same: Same, options: dict[str, str]) -> None:
    found = []
    for name in (ID, str(phi[0])):
        model = transformers.AutoModelForCausalLM.from_pretrained(
            name, device_map="cpu", torch_dtype="auto", trust_remote_code=True, **options
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        chat = transformers.pipeline("text-generation", model=model, tokenizer=tokenizer)
        text = chat(MESSAGES, max_new_tokens=6, return_full_text=False, do_sample=False)
        found.append((model, text))
    assert same(found[0][0], found[1][0])
    assert found[0][0].dtype == torch.bfloat16
    assert found[0][1] == found[1][1]


def test_model_card_script_lines(phi: tuple[Path, Path], same: Same) -> None:
    """The hub has only compressed files: there is nothing to do for the scripts, and it loads as before."""
    plain, snapshot = phi
    before = {path.name: path.read_bytes() for path in snapshot.iterdir()}
    texts = []
    for script in (None, "compress_path", "decompress_path"):
        if script is not None:
            suffix = ["safetensors"] if script == "compress_path" else []
            said = run_old_script(script, *suffix, "--model", ID, "--hf_cache")
            assert ("published compressed" if script == "decompress_path" else "No safetensors files") in said
        assert same(load(ID), load(plain))
        chat = transformers.pipeline("text-generation", model=ID, trust_remote_code=True)
        texts.append(chat(MESSAGES, do_sample=False, max_new_tokens=6))
    assert texts[0] == texts[1] == texts[2]
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == before


def test_model_card_replacing_the_files(phi: tuple[Path, Path], same: Same) -> None:
    plain, snapshot = phi
    zipnn.zipnn_hf(replace_local_file=True)
    assert same(load(ID), load(plain))
    assert not list(snapshot.glob("*.znn"))
    zipnn.zipnn_unhook()
    assert same(load(ID), load(plain))
    for file in plain.glob("*.safetensors"):
        assert (snapshot / file.name).read_bytes() == file.read_bytes()
    assert not hub.scan_cache_dir().warnings
