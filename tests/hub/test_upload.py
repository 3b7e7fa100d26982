# SPDX-License-Identifier: MIT
"""`zipnn upload`, to a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import zipnn
from tests.hub.caches import FILES, WEIGHTS, contents
from tests.hub.clients import Client
from tests.hub.server import Hub, serve

pytest.importorskip("huggingface_hub")
REPO = "org/small"


@pytest.fixture
def hub() -> Iterator[tuple[Hub, str]]:
    with serve() as served:
        yield served


@pytest.fixture
def client(hub: tuple[Hub, str], tmp_path: Path) -> Client:
    return Client(hub[1], tmp_path / "home")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def upload(client: Client, model: Path, *more: str) -> dict[str, Any]:
    code, out, err = client.call("-m", "zipnn", "upload", model, "--repo-id", REPO, "--json", *more)
    assert code == 0, err
    return json.loads(out)["results"][0]


def check(files: dict[str, bytes], folder: Path) -> None:
    """Whether these are the model's files, weights smaller, and a card."""
    assert {*FILES, "README.md", ".gitattributes"} == files.keys()
    for name, content in FILES.items():
        if name in WEIGHTS:
            assert len(files[name]) < len(content)
            small = folder / "small"
            small.write_bytes(files[name])
            zipnn.decompress_file(small, folder / "restored", force=True)
            assert (folder / "restored").read_bytes() == content
        else:
            assert files[name] == content


def sent(hub: Hub) -> list[str]:
    return [path.rpartition("/")[2] for method, path in hub.requests if method == "PUT"]


def test_a_model(hub: tuple[Hub, str], client: Client, model: Path, tmp_path: Path) -> None:
    server = hub[0]
    told = upload(client, model)
    check(server.repositories[REPO], tmp_path)
    assert REPO not in server.private
    sizes = [sum(len(files[name]) for name in WEIGHTS) for files in (FILES, server.repositories[REPO])]
    assert [told["original_size"], told["compressed_size"]] == sizes
    assert told["commit"] == server.commit_of(REPO)
    assert contents(model) == FILES
    assert not list((client.home / "zipnn" / "upload").iterdir())

    server.requests.clear()
    assert upload(client, model)["commit"] == told["commit"]
    assert sent(server) == []


def test_a_private_repository_and_a_branch(hub: tuple[Hub, str], client: Client, model: Path) -> None:
    server = hub[0]
    told = upload(client, model, "--private", "--revision", "small", "--name", "znn", "--level", "fast")
    assert REPO in server.private
    assert server.repositories[REPO] == {}
    assert told["revision"] == "small"
    files = server.branches[REPO, "small"]
    assert json.loads(files["config.json"])["transformers_weights"] == "model.znn.safetensors.index.json"
    assert "model-00001-of-00002.znn.safetensors" in files
    server.requests.clear()
    upload(client, model, "--revision", "small", "--name", "znn", "--level", "fast")  # the branch is there
    assert sent(server) == []


def test_what_is_public_does_not_become_private(hub: tuple[Hub, str], client: Client, model: Path) -> None:
    server = hub[0]
    server.repositories[REPO] = {}
    code, _, err = client.call("-m", "zipnn", "upload", model, "--repo-id", REPO, "--private")
    assert code == 1
    assert "it is there and public" in err
    assert server.repositories[REPO] == {}


def test_killed_in_between_it_goes_on(
    hub: tuple[Hub, str], client: Client, model: Path, tmp_path: Path
) -> None:
    server = hub[0]
    running: list[subprocess.Popen[str]] = []

    begun: list[str] = []

    def kill(oid: str) -> None:
        begun.append(oid)
        if begun[0] != oid:  # files are sent side by side: only the first one is kept
            os.kill(running[0].pid, signal.SIGKILL)
            raise ConnectionAbortedError("the sender is gone")

    server.before_storing = kill
    running.append(client.start("-m", "zipnn", "upload", model, "--repo-id", REPO))
    running[0].communicate(timeout=120)
    assert running[0].returncode == -signal.SIGKILL
    assert server.repositories[REPO] == {}
    stored = set(server.uploaded)
    (kept,) = (client.home / "zipnn" / "upload" / "org--small").iterdir()
    inode = (kept / WEIGHTS[0]).stat().st_ino
    seen = []

    def look(oid: str) -> None:
        seen.append((kept / WEIGHTS[0]).stat().st_ino)

    server.before_storing = look
    server.requests.clear()
    upload(client, model)
    check(server.repositories[REPO], tmp_path)
    assert 0 < len(sent(server)) < len(WEIGHTS)
    assert not stored & set(sent(server))
    assert set(seen) == {inode}, "it was exported again"


def test_a_model_that_has_changed_is_exported_again(
    hub: tuple[Hub, str], client: Client, model: Path
) -> None:
    server = hub[0]
    server.refused = True
    code, _, err = client.call("-m", "zipnn", "upload", model, "--repo-id", REPO)
    assert code == 1
    assert "hf auth login" in err
    assert "Traceback" not in err
    (before,) = (client.home / "zipnn" / "upload" / "org--small").iterdir()
    os.utime(model / "config.json")
    client.call("-m", "zipnn", "upload", model, "--repo-id", REPO)
    (after,) = (client.home / "zipnn" / "upload" / "org--small").iterdir()
    assert after != before


def test_a_damaged_model_is_not_published(hub: tuple[Hub, str], client: Client, model: Path) -> None:
    (model / WEIGHTS[1]).write_bytes(FILES[WEIGHTS[1]][:-1])
    code, out, err = client.call("-m", "zipnn", "upload", model, "--repo-id", REPO, "--json")
    assert code == 1
    assert json.loads(out)["results"] == []
    assert WEIGHTS[1] in err
    assert hub[0].requests == []
    assert not list((client.home / "zipnn" / "upload").iterdir())


@pytest.mark.parametrize(("repo", "words"), [("../x", "not the name"), ("a--b/c", "not the name")])
def test_names_that_are_none(client: Client, model: Path, repo: str, words: str) -> None:
    code, _, err = client.call("-m", "zipnn", "upload", model, "--repo-id", repo)
    assert code == 1
    assert words in err


def test_without_a_hub_it_says_so(tmp_path: Path, model: Path) -> None:
    client = Client("http://127.0.0.1:9", tmp_path / "home")
    code, _, err = client.call("-m", "zipnn", "upload", model, "--repo-id", REPO)
    assert code == 1
    assert "org/small: not uploaded" in err
    assert "goes on" in err
    code, _, err = client.call("-m", "zipnn", "upload", tmp_path / "none", "--repo-id", REPO)
    assert code == 1
    assert "not a folder" in err


def test_what_is_published_is_what_the_digest_says(hub: tuple[Hub, str], client: Client, model: Path) -> None:
    upload(client, model)
    files = hub[0].repositories[REPO]
    assert {hashlib.sha256(files[name]).hexdigest() for name in WEIGHTS} == set(hub[0].uploaded)
    assert contents(client.download(REPO)) == files
