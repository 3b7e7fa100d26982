# SPDX-License-Identifier: MIT
"""Models compressed in the hub's cache. Numbers are those of the acceptance scenarios."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors

import zipnn
from tests.cli.conftest import Zipnn
from tests.containers.craft import in_a_row, noise
from tests.hub.caches import COMMIT, FILES, OTHER_COMMIT, WEIGHTS, Cache, contents, shard, skeleton
from zipnn.errors import MissingDependencyError, ZipnnError
from zipnn.hub import cache, layout

pytest.importorskip("huggingface_hub")
REPO = "org/tiny"


@pytest.fixture(params=["links", "no links", "store"])
def kind(request: pytest.FixtureRequest) -> dict[str, bool]:
    return {"links": request.param != "no links", "store": request.param == "store"}


@pytest.fixture
def hub(tmp_path: Path) -> Cache:
    made = Cache(tmp_path / "hub")
    made.add(REPO, FILES)
    return made


def actions(results: list[zipnn.FileResult]) -> list[str]:
    return [result.action for result in results]


def same(path: Path, content: bytes) -> bool:
    """Whether a file loads as safetensors itself reads the original."""
    wanted = {name: bytes(info["data"]) for name, info in safetensors.deserialize(content)}
    return {name: tensor.tobytes() for name, tensor in zipnn.load_file(path).items()} == wanted


def equal(snapshot: Path) -> bool:
    """Whether every weights file loads as its original does."""
    return all(same(snapshot / name, FILES[name]) for name in WEIGHTS)


def test_39_to_41_there_and_back(tmp_path: Path, kind: dict[str, bool]) -> None:
    made = Cache(tmp_path / "hub", **kind)
    snapshot = made.add(REPO, FILES)
    before = skeleton(made.folder / "models--org--tiny" / "snapshots")
    times = {name: (snapshot / name).stat().st_mtime_ns for name in FILES}

    results = cache.compress_model(REPO, cache_dir=made.folder)
    assert actions(results) == ["compressed"] * len(WEIGHTS)
    assert [result.source for result in results] == [snapshot / name for name in WEIGHTS]
    for name in WEIGHTS:
        assert (snapshot / name).stat().st_size < len(FILES[name])
    assert equal(snapshot)
    assert skeleton(made.folder / "models--org--tiny" / "snapshots") == before
    assert not list(made.folder.rglob("*.incomplete"))
    assert {name: (snapshot / name).stat().st_mtime_ns for name in FILES} == times

    compressed = contents(snapshot)
    assert actions(cache.compress_model(REPO, cache_dir=made.folder)) == ["skipped"] * len(WEIGHTS)
    assert contents(snapshot) == compressed
    assert actions(cache.verify_model(REPO, cache_dir=made.folder)) == ["verified"] * len(WEIGHTS)

    assert actions(cache.decompress_model(REPO, cache_dir=made.folder)) == ["decompressed"] * len(WEIGHTS)
    assert contents(snapshot) == FILES
    assert {name: (snapshot / name).stat().st_mtime_ns for name in FILES} == times
    assert actions(cache.decompress_model(REPO, cache_dir=made.folder)) == ["skipped"] * len(WEIGHTS)


def test_39_the_hub_s_own_tools_see_a_smaller_cache(hub: Cache) -> None:
    scan = importlib.import_module("huggingface_hub").scan_cache_dir
    before = scan(hub.folder)
    cache.compress_model(REPO, cache_dir=hub.folder)
    after = scan(hub.folder)
    assert after.warnings == []
    assert len(after.repos) == 1
    assert after.size_on_disk < 0.75 * before.size_on_disk


_KILLED = """
import os, sys
from zipnn.hub import cache
from zipnn.storage import atomic
left = int(sys.argv[3])

def step(*_):
    global left
    left -= 1
    if left < 0:
        os._exit(9)

def stepping(owner, name):
    real = getattr(owner, name)
    def wrapped(*args, **kwargs):
        step()
        try:
            return real(*args, **kwargs)
        finally:
            step()
    setattr(owner, name, wrapped)

for owner, name in [(cache, "check_original"), (cache, "_check_content"), (atomic.OutputFile, "open"),
                    (atomic.OutputFile, "_write_all"), (atomic.OutputFile, "sync"),
                    (atomic.OutputFile, "_take_over"), (atomic.os, "replace"), (cache, "sweep")]:
    stepping(owner, name)
work = getattr(cache, sys.argv[2])
results = work("org/tiny", cache_dir=sys.argv[1])
assert not [r for r in results if r.action == "failed"], results
"""


@pytest.mark.parametrize("work", ["compress_model", "decompress_model"])
def test_45_killed_at_every_step(tmp_path: Path, work: str, kind: dict[str, bool]) -> None:
    files = {"model.safetensors": FILES[WEIGHTS[0]], "config.json": b"{}"}
    steps = 0
    while True:
        made = Cache(tmp_path / str(steps), **kind)
        snapshot = made.add(REPO, files)
        if work == "decompress_model":
            cache.compress_model(REPO, cache_dir=made.folder)
        code = subprocess.run(
            [sys.executable, "-c", _KILLED, made.folder, work, str(steps)], check=False
        ).returncode
        assert same(snapshot / "model.safetensors", files["model.safetensors"])
        left = list(made.folder.rglob("*.incomplete"))
        assert len(left) <= 1
        assert all(path.parent.name == "blobs" for path in left)
        if code == 0:
            break
        assert code == 9
        again = getattr(cache, work)(REPO, cache_dir=made.folder)
        assert actions(again)[0] in ("compressed", "decompressed", "skipped")
        assert actions(cache.verify_model(REPO, cache_dir=made.folder)) == ["verified"]
        cache.decompress_model(REPO, cache_dir=made.folder)
        assert contents(snapshot) == files
        steps += 1
    assert steps >= 10


def test_46_a_file_that_is_not_what_the_hub_has_is_refused(hub: Cache) -> None:
    model = layout.find_model(REPO, cache_dir=hub.folder)
    file = next(model.weights())
    content = bytearray(file.place.read_bytes())
    content[-5] ^= 1
    file.place.write_bytes(content)
    results = cache.compress_model(REPO, cache_dir=hub.folder)
    assert actions(results) == ["failed", "compressed", "compressed"]
    assert "damaged already" in results[0].reason
    assert "force" in results[0].reason
    assert WEIGHTS[0] in results[0].reason
    assert file.place.read_bytes() == content
    checked = cache.verify_model(REPO, cache_dir=hub.folder)
    assert actions(checked) == ["failed", "verified", "verified"]


def test_a_link_out_of_the_cache_is_not_followed(hub: Cache, tmp_path: Path) -> None:
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(FILES[WEIGHTS[0]])
    pointer = hub.folder / "models--org--tiny" / "snapshots" / COMMIT / WEIGHTS[0]
    pointer.unlink()
    pointer.symlink_to(outside)
    for work in (cache.compress_model, cache.verify_model):
        results = work(REPO, cache_dir=hub.folder)
        assert results[0].action == "failed"
        assert "leads out of the cache" in results[0].reason
    assert outside.read_bytes() == FILES[WEIGHTS[0]]
    assert pointer.is_symlink()


def test_46_so_is_a_compressed_one(hub: Cache) -> None:
    model = layout.find_model(REPO, cache_dir=hub.folder)
    file = next(model.weights())
    other = file.place.with_name("other.safetensors")
    other.write_bytes(shard(77))
    zipnn.compress_file(other, in_place=True)
    os.replace(other, file.place)
    held = file.place.read_bytes()
    for work in (cache.verify_model, cache.decompress_model):
        results = work(REPO, cache_dir=hub.folder)
        assert results[0].action == "failed"
        assert "the hub has" in results[0].reason
    assert file.place.read_bytes() == held


def test_48_what_models_share_stays_for_the_others(tmp_path: Path) -> None:
    made = Cache(tmp_path / "hub", store=True)
    one, two = made.add("org/one", FILES), made.add("org/two", FILES)
    payloads = [path for path in made.folder.glob("blobs/??/*") if len(path.name) == 64]
    modes = {path: path.stat().st_mode for path in payloads}
    assert len(payloads) == len(WEIGHTS)

    results = cache.compress_model("org/one", cache_dir=made.folder)
    assert all("nothing is freed" in result.reason for result in results)
    assert contents(two) == FILES
    assert {path: path.stat().st_mode for path in payloads} == modes
    assert not any((made.folder / "models--org--one").glob("blobs/*/"))
    assert not any(path.is_symlink() for path in (made.folder / "models--org--one" / "blobs").iterdir())

    results = cache.compress_model("org/two", cache_dir=made.folder)
    assert all(result.reason == "" for result in results)
    assert equal(one)
    assert equal(two)
    assert not any(path.exists() for path in payloads), "nobody refers to them any more"
    for repo in ("org/one", "org/two"):
        cache.decompress_model(repo, cache_dir=made.folder)
    assert contents(one) == contents(two) == FILES


def test_49_a_cache_that_cannot_be_written_is_left_alone(hub: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access

    def no_writing(path: Any, mode: int, **options: Any) -> bool:
        return not mode & os.W_OK and real(path, mode, **options)

    before = contents(hub.folder)
    monkeypatch.setattr(os, "access", no_writing)
    with pytest.raises(ZipnnError, match="blobs: not writable"):
        cache.compress_model(REPO, cache_dir=hub.folder)
    assert contents(hub.folder) == before


def test_50_a_full_disk(hub: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(hub.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    results = cache.compress_model(REPO, cache_dir=hub.folder)
    assert actions(results) == ["failed"] * len(WEIGHTS)
    assert "1000 are free" in results[0].reason
    assert contents(hub.folder / "models--org--tiny" / "snapshots" / COMMIT) == FILES


def test_52_whoever_holds_the_lock_is_waited_for(hub: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = importlib.import_module("huggingface_hub.utils").WeakFileLock
    file = next(layout.find_model(REPO, cache_dir=hub.folder).weights())
    file.lock.parent.mkdir(parents=True)
    monkeypatch.setattr(cache, "LOCK_TIMEOUT", 0.2)
    with lock(file.lock):
        results = cache.compress_model(REPO, cache_dir=hub.folder)
    assert actions(results) == ["failed", "compressed", "compressed"]
    assert "another program" in results[0].reason


def test_52_two_at_once(hub: Cache) -> None:
    code = "import sys; from zipnn.hub.cache import compress_model as c; "
    code += "print(*[r.action for r in c('org/tiny', cache_dir=sys.argv[1])])"
    both = [
        subprocess.Popen([sys.executable, "-c", code, hub.folder], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = " ".join(process.communicate()[0] for process in both)
    assert said.split().count("compressed") == len(WEIGHTS)
    assert "failed" not in said
    assert equal(hub.folder / "models--org--tiny" / "snapshots" / COMMIT)


def test_53_one_file_fails_and_the_others_are_done(hub: Cache, command: Zipnn) -> None:
    file = next(layout.find_model(REPO, cache_dir=hub.folder).weights())
    file.place.write_bytes(file.place.read_bytes()[:-1])
    run = command("compress", "--model", REPO, "--hf_cache", "--cache-dir", hub.folder)
    assert run.code == 1
    assert WEIGHTS[0] in run.err
    assert f"{REPO}/{WEIGHTS[1]}" in run.out


def test_54_what_would_not_shrink_is_left(tmp_path: Path) -> None:
    made = Cache(tmp_path / "hub")
    files = {"model.safetensors": in_a_row({"n": ("U8", [200_000], noise(200_000))})}
    snapshot = made.add(REPO, files)
    results = cache.compress_model(REPO, cache_dir=made.folder)
    assert actions(results) == ["skipped"]
    assert results[0].original_size == results[0].compressed_size
    assert contents(snapshot) == files


def test_55_revisions_that_share_a_blob(hub: Cache) -> None:
    older = hub.add(REPO, {**FILES, "config.json": b"{}"}, OTHER_COMMIT, ref="refs/pr/1")
    cache.compress_model(REPO, "refs/pr/1", cache_dir=hub.folder)
    assert equal(older)
    assert equal(hub.folder / "models--org--tiny" / "snapshots" / COMMIT)
    assert actions(cache.compress_model(REPO, cache_dir=hub.folder)) == ["skipped"] * len(WEIGHTS)
    assert actions(cache.verify_model(REPO, OTHER_COMMIT, cache_dir=hub.folder)) == ["verified"] * 3


def test_a_model_published_compressed_is_what_was_downloaded(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.safetensors", tmp_path / "packed.safetensors"
    plain.write_bytes(FILES[WEIGHTS[0]])
    zipnn.compress_file(plain, packed)
    made = Cache(tmp_path / "hub")
    snapshot = made.add(REPO, {"model.safetensors": packed.read_bytes()})
    results = cache.decompress_model(REPO, cache_dir=made.folder)
    assert actions(results) == ["skipped"]
    assert "published compressed" in results[0].reason
    assert actions(cache.verify_model(REPO, cache_dir=made.folder)) == ["verified"]
    assert (snapshot / "model.safetensors").read_bytes() == packed.read_bytes()


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("org/other", None, "not in the cache"),
        (REPO, "v9", "revision v9 is not in the cache; there are .*main"),
        ("../tiny", None, "not the name of a model"),
        ("org--tiny", None, "not the name of a model"),
        ("a/b/c", None, "not the name of a model"),
        (REPO, "../../x", "revision"),
    ],
)
def test_what_is_not_in_the_cache(hub: Cache, name: str, revision: str | None, message: str) -> None:
    with pytest.raises(ZipnnError, match=message):
        cache.compress_model(name, revision, cache_dir=hub.folder)


def test_huggingface_hub_is_named_where_it_is_missing(hub: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match="pip install huggingface_hub"):
        cache.compress_model(REPO, cache_dir=hub.folder)


class TestCommands:
    def test_list(self, hub: Cache, command: Zipnn) -> None:
        hub.add("org/text-only", {"config.json": b"{}"})
        before = contents(hub.folder)
        document = command("cache", "--cache-dir", hub.folder, "--json").document
        assert contents(hub.folder) == before
        assert [report["repo_id"] for report in document["results"]] == [REPO]
        report = document["results"][0]
        size = sum(len(FILES[name]) for name in WEIGHTS)
        assert report["stored_size"] == size
        assert report["saved"] == 0
        assert 0.2 * size < report["would_save"] < 0.5 * size
        cache.compress_model(REPO, cache_dir=hub.folder)
        run = command("cache", "--cache-dir", hub.folder, "--all")
        assert REPO in run.out
        assert "3/3" in run.out
        assert "org/text-only" in run.out

    def test_compress_verify_and_decompress(self, hub: Cache, command: Zipnn) -> None:
        where = ("--model", REPO, "--cache-dir", hub.folder)
        dry = command("compress", *where, "--dry-run", "--json").document
        assert {result["action"] for result in dry["results"]} == {"would-compress"}
        assert command("compress", *where, "--hf-cache").code == 0
        assert command("verify", *where).out.count("verified") == 3
        done = command("decompress", *where, "--json").document
        assert {result["action"] for result in done["results"]} == {"decompressed"}
        assert json.dumps(done)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ((), "give a path, or --model"),
            (("--hf-cache",), "goes with a model"),
            (("--model", REPO, "--in-place"), "does not go with --model"),
            (("--model", REPO, "x.safetensors"), "not both"),
        ],
    )
    def test_wrong_usage(self, command: Zipnn, options: tuple[str, ...], message: str) -> None:
        run = command("compress", *options)
        assert run.code == 2
        assert message in run.err

    def test_what_is_shared_counts_once(self, tmp_path: Path, command: Zipnn) -> None:
        made = Cache(tmp_path / "hub", store=True)
        made.add(REPO, FILES)
        made.add(REPO, {**FILES, "config.json": b"{}"}, OTHER_COMMIT, ref="older")
        made.add("org/two", FILES)
        size = sum(len(FILES[name]) for name in WEIGHTS)
        document = command("cache", "--cache-dir", made.folder, "--json").document
        assert [report["stored_size"] for report in document["results"]] == [size] * 3
        assert document["total"]["stored_size"] == size
        assert document["total"]["saved"] == 0
        assert document["total"]["would_save"] == document["results"][0]["would_save"]
        cache.compress_model(REPO, cache_dir=made.folder)
        document = command("cache", "--cache-dir", made.folder, "--json").document
        sizes = {report["revision"]: report["stored_size"] for report in document["results"]}
        small = sum(
            (made.folder / "models--org--tiny/snapshots" / COMMIT / n).stat().st_size for n in WEIGHTS
        )
        assert sizes == {"main": size, "older": small}, "of org/two, and of org/tiny"
        assert document["total"]["stored_size"] == size + small
        assert document["total"]["saved"] == size - small
        assert "total" in command("cache", "--cache-dir", made.folder).out

    def test_what_a_kill_left_in_the_store(
        self, tmp_path: Path, command: Zipnn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = Cache(tmp_path / "hub", store=True)
        snapshot = made.add(REPO, FILES)
        other = {"model.safetensors": shard(7)}
        kept = made.add("org/two", other)
        monkeypatch.setattr(cache, "sweep", lambda payload, folder: 0)  # as if it had been killed just before
        cache.compress_model(REPO, cache_dir=made.folder)
        size = sum(len(FILES[name]) for name in WEIGHTS)
        document = command("cache", "--cache-dir", made.folder, "--json").document
        assert (document["unclaimed_size"], document["freed_size"]) == (size, 0)
        assert "zipnn cache --tidy" in command("cache", "--cache-dir", made.folder).err
        document = command("cache", "--cache-dir", made.folder, "--tidy", "--json").document
        assert document["freed_size"] == size
        assert command("cache", "--cache-dir", made.folder, "--json").document["unclaimed_size"] == 0
        assert contents(kept) == other
        assert equal(snapshot)
