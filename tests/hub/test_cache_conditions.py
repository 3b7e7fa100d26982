# SPDX-License-Identifier: MIT
"""The cache where it cannot be written, on a disk that is full, beside others who work on it, with odd files.

Numbers are those of the acceptance scenarios.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import zipnn
from tests.cli.conftest import Zipnn, process
from tests.containers.craft import in_a_row, noise, weights
from tests.containers.test_safetensors_oddities import UNUSUAL
from tests.hub import small_disk
from tests.hub.caches import COMMIT, FILES, OTHER_COMMIT, WEIGHTS, Cache, contents, shard
from tests.hub.clients import Client
from tests.hub.server import Hub, serve
from zipnn.hub import cache

pytest.importorskip("huggingface_hub")
__all__ = ["process"]
REPO = "org/tiny"
NOBODY = 65534


def snapshot_of(made: Cache) -> Path:
    return made.folder / "models--org--tiny" / "snapshots" / COMMIT


def equal(snapshot: Path) -> bool:
    """Whether every weights file gives back what was downloaded, be it compressed or not."""
    with tempfile.TemporaryDirectory() as folder:
        for name in WEIGHTS:
            if (snapshot / name).read_bytes() != FILES[name]:
                result = zipnn.decompress_file(snapshot / name, Path(folder, "back"), force=True)
                if result.output is None or result.output.read_bytes() != FILES[name]:
                    return False
    return True


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine may enter."""
    folder = Path(tempfile.mkdtemp(prefix="zipnn-open-"))
    folder.chmod(0o755)
    if not all(place.stat().st_mode & 0o001 for place in folder.resolve().parents):
        pytest.skip("temporary files are not where others may enter")
    yield folder
    shutil.rmtree(folder)


_AS_NOBODY = """
import os, sys
import safetensors.numpy as st
import zipnn
from zipnn.hub import cache
warm, cold, user = sys.argv[1], sys.argv[2], int(sys.argv[3])

def load(folder):
    names = [os.path.join(place, name) for place, _, found in os.walk(folder) for name in found]
    return sum(len(st.load_file(name)) for name in names if name.endswith(".safetensors"))

zipnn.zipnn_safetensors()
cache.compress_model("org/tiny", cache_dir=warm)
load(warm)  # all that is needed is imported now: the other user may not be able to
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(user), os.setuid(user)
loaded = load(cold)
try:
    cache.{work}("org/tiny", cache_dir=cold)
except zipnn.ZipnnError as error:
    print(loaded, error)
"""


@pytest.mark.parametrize("work", ["compress_model", "decompress_model"])
def test_49_a_cache_of_another_user(open_folder: Path, tmp_path: Path, work: str) -> None:
    warm, cold = Cache(tmp_path / "warm"), Cache(open_folder / "hub")
    for made in (warm, cold):
        made.add(REPO, FILES)
    if work == "decompress_model":
        cache.compress_model(REPO, cache_dir=cold.folder)
        shutil.rmtree(cold.folder / ".locks")
    for place in sorted(cold.folder.rglob("*"), reverse=True):
        if not place.is_symlink():
            place.chmod(0o555 if place.is_dir() else 0o444)
    cold.folder.chmod(0o555)
    before = contents(cold.folder)
    code = _AS_NOBODY.replace("{work}", work)
    run = subprocess.run(
        [sys.executable, "-c", code, warm.folder, cold.folder, str(NOBODY)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for place in (cold.folder, *cold.folder.rglob("*")):
        if place.is_dir():
            place.chmod(0o755)
    assert run.returncode == 0, run.stderr
    tensors = sum(
        len(zipnn.load_file(cold.folder / name)) for name in before if name.endswith(".safetensors")
    )
    assert run.stdout.startswith(f"{tensors} folder {cold.folder}"), run.stdout
    assert "not writable" in run.stdout
    assert contents(cold.folder) == before


@pytest.mark.parametrize("case", small_disk.CASES)
def test_49_50_a_disk_that_is_read_only_or_full(tmp_path: Path, case: str) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no mount namespaces here")
    run = subprocess.run(
        ["unshare", "--mount", sys.executable, "-m", "tests.hub.small_disk", tmp_path, case],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    if run.returncode == small_disk.CANNOT or run.stderr.startswith("unshare:"):
        pytest.skip("no file system can be mounted here")
    assert run.returncode == 0, run.stderr


def test_50_a_write_that_fails_in_between(tmp_path: Path, process: Zipnn) -> None:
    made = Cache(tmp_path / "hub")
    snapshot = made.add(REPO, FILES)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    run = process("compress", "--model", REPO, "--cache-dir", made.folder, preexec_fn=limit)
    assert run.code == 1
    assert f"error: {snapshot / WEIGHTS[0]}" in run.err
    assert "oo large" in run.err
    assert equal(snapshot)
    assert (snapshot / WEIGHTS[0]).read_bytes() == FILES[WEIGHTS[0]]
    assert not list(made.folder.rglob("*.incomplete"))


@pytest.fixture
def hub() -> Iterator[tuple[Hub, str]]:
    with serve() as (served, address):
        served.repositories[REPO] = dict(FILES)
        yield served, address


def test_52_beside_a_download_of_the_same_files(hub: tuple[Hub, str], tmp_path: Path) -> None:
    client = Client(hub[1], tmp_path / "home")
    snapshot = client.download(REPO)
    for work in ("compress", "decompress", "compress"):
        both = [
            client.start("-m", "zipnn", work, "--model", REPO, "--hf-cache"),
            client.start("-m", "huggingface_hub.cli.hf", "download", REPO, "--force-download"),
        ]
        for running in both:
            said = running.communicate(timeout=120)
            assert running.returncode == 0, said
        assert equal(snapshot)
        assert not list(client.cache.rglob("*.incomplete"))


def test_45_hf_cache_lists_and_removes_what_a_kill_left(hub: tuple[Hub, str], tmp_path: Path) -> None:
    client = Client(hub[1], tmp_path / "home")
    snapshot = client.download(REPO)
    code = (
        "import os, sys\nfrom zipnn.storage import atomic\n"
        "atomic.OutputFile.sync = lambda self: os._exit(9)\n"
        "from zipnn.hub import cache\n"
        "cache.compress_model('org/tiny')\n"
    )
    assert client.call("-c", code)[0] == 9
    assert len(list(client.cache.rglob("*.incomplete"))) == 1
    assert client.run("print(*h.scan_cache_dir().warnings)") == ""
    code_, said = client.hf("cache", "prune", "--yes")
    assert code_ == 0, said
    assert not list(client.cache.rglob("*.incomplete"))
    assert equal(snapshot)

    assert client.call("-m", "zipnn", "compress", "--model", REPO)[0] == 0
    compressed = contents(snapshot)
    code_, said = client.hf("cache", "ls")
    assert code_ == 0
    assert REPO in said
    stored = sum(map(len, compressed.values()))
    assert client.run("print(h.scan_cache_dir().size_on_disk)") == str(stored)
    code_, said = client.hf("cache", "prune", "--yes")
    assert code_ == 0, said
    assert contents(snapshot) == compressed, "main refers to it: nothing of it goes"
    hub[0].repositories[REPO]["config.json"] = b'{"model_type": "newer"}'
    newer = client.download(REPO)
    client.hf("cache", "prune", "--yes")
    assert not snapshot.exists(), "no branch refers to it any more"
    assert {name: contents(newer)[name] for name in WEIGHTS} == {name: compressed[name] for name in WEIGHTS}


@pytest.mark.parametrize("stdin", ["closed", "empty"])
def test_53_nothing_is_asked_where_nobody_answers(tmp_path: Path, process: Zipnn, stdin: str) -> None:
    made = Cache(tmp_path / "hub")
    snapshot = made.add(REPO, FILES)
    blob = (snapshot / WEIGHTS[0]).resolve()
    blob.with_name(f"{blob.name}.znn").write_bytes(b"in the way of nothing")
    (snapshot / f"{WEIGHTS[1]}.incomplete").write_bytes(b"")

    def close() -> None:
        os.close(0)

    options = {"preexec_fn": close} if stdin == "closed" else {"stdin": subprocess.DEVNULL}
    where = ("--model", REPO, "--hf-cache", "--cache-dir", made.folder)
    for command in ("compress", "compress", "verify", "decompress"):
        run = process(command, *where, timeout=60, **options)
        assert run.code == 0, run.err
        assert equal(snapshot)
    assert {name: (snapshot / name).read_bytes() for name in FILES} == FILES


@pytest.mark.parametrize("name", UNUSUAL)
def test_56_odd_files_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    made = Cache(tmp_path / "hub")
    files = {"model.safetensors": UNUSUAL[name]}
    snapshot = made.add(REPO, files)
    (result,) = cache.compress_model(REPO, cache_dir=made.folder)
    assert result.action == "compressed" or result.reason
    if result.action == "compressed":
        assert (snapshot / "model.safetensors").read_bytes() != UNUSUAL[name]
        assert [r.action for r in cache.verify_model(REPO, cache_dir=made.folder)] == ["verified"]
    assert [r.action for r in cache.decompress_model(REPO, cache_dir=made.folder)] != ["failed"]
    assert contents(snapshot) == files


def test_54_small_and_quantised_models(tmp_path: Path) -> None:
    made = Cache(tmp_path / "hub")
    files = {
        "tiny.safetensors": in_a_row({"w": ("BF16", [20], weights(20))}),
        "int8.safetensors": in_a_row({"w": ("I8", [300_000], noise(300_000))}),
        "mixed.safetensors": in_a_row(
            {"q": ("I8", [9000], noise(9000)), "w": ("BF16", [90_000], weights(90_000))}
        ),
    }
    snapshot = made.add(REPO, files)
    by_name = {result.source.name: result for result in cache.compress_model(REPO, cache_dir=made.folder)}
    assert {name: result.action for name, result in by_name.items()} == {
        "tiny.safetensors": "skipped",
        "int8.safetensors": "skipped",
        "mixed.safetensors": "compressed",
    }
    for name, content in files.items():
        assert (snapshot / name).stat().st_size <= len(content)


def test_55_an_older_revision_shares_blobs(tmp_path: Path) -> None:
    made = Cache(tmp_path / "hub")
    new = made.add(REPO, FILES)
    older = {**FILES, WEIGHTS[0]: shard(9)}
    old = made.add(REPO, older, OTHER_COMMIT, ref=None)
    results = cache.compress_model(REPO, OTHER_COMMIT, cache_dir=made.folder)
    assert [result.action for result in results] == ["compressed"] * len(WEIGHTS)
    assert (new / WEIGHTS[0]).read_bytes() == FILES[WEIGHTS[0]], "only that revision has another"
    assert equal(new)
    cache.decompress_model(REPO, cache_dir=made.folder)
    cache.decompress_model(REPO, OTHER_COMMIT, cache_dir=made.folder)
    assert contents(new) == FILES
    assert contents(old) == older
