# SPDX-License-Identifier: MIT
"""Downloads by huggingface_hub itself, into a cache that is compressed in between.

Each test runs huggingface_hub in a process of its own, for it reads its address when it is imported.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import zipnn
from tests.hub.caches import FILES, WEIGHTS, contents, shard
from tests.hub.clients import Client
from tests.hub.server import Hub, serve
from zipnn.hub import cache

pytest.importorskip("huggingface_hub")
REPO = "org/tiny"


@pytest.fixture
def hub() -> Iterator[tuple[Hub, str]]:
    with serve() as (hub, address):
        hub.repositories[REPO] = dict(FILES)
        yield hub, address


@pytest.fixture
def client(hub: tuple[Hub, str], tmp_path: Path) -> Client:
    return Client(hub[1], tmp_path / "home")


def test_39_to_42_download_compress_and_download_again(hub: tuple[Hub, str], client: Client) -> None:
    server = hub[0]
    snapshot = client.download(REPO)
    assert contents(snapshot) == FILES
    results = cache.compress_model(REPO, cache_dir=client.cache)
    assert {result.action for result in results} == {"compressed"}

    server.requests.clear()
    assert client.download(REPO) == snapshot
    assert server.downloads() == []

    server.repositories[REPO]["config.json"] = b'{"model_type": "newer"}'
    newer = client.download(REPO)
    assert newer != snapshot
    assert server.downloads() == []
    for name in WEIGHTS:
        assert (newer / name).stat().st_size < len(FILES[name])
        assert zipnn.load_file(newer / name).keys() == zipnn.load_file(snapshot / name).keys()

    cache.decompress_model(REPO, cache_dir=client.cache)
    assert contents(newer) == server.repositories[REPO]
    assert contents(snapshot) == FILES


def test_43_what_the_hub_s_verification_says(client: Client) -> None:
    client.download(REPO)
    assert client.hf("cache", "verify", REPO)[0] == 0
    cache.compress_model(REPO, cache_dir=client.cache)
    code, said = client.hf("cache", "verify", REPO)
    assert code != 0
    assert all(name in said for name in WEIGHTS)
    assert {result.action for result in cache.verify_model(REPO, cache_dir=client.cache)} == {"verified"}
    cache.decompress_model(REPO, cache_dir=client.cache)
    assert client.hf("cache", "verify", REPO)[0] == 0


def test_44_a_forced_download_gives_the_plain_file(client: Client) -> None:
    snapshot = client.download(REPO)
    cache.compress_model(REPO, cache_dir=client.cache)
    client.run(f"h.hf_hub_download({REPO!r}, {WEIGHTS[0]!r}, force_download=True)")
    assert (snapshot / WEIGHTS[0]).read_bytes() == FILES[WEIGHTS[0]]
    results = cache.decompress_model(REPO, cache_dir=client.cache)
    assert [result.action for result in results] == ["skipped", "decompressed", "decompressed"]
    assert contents(snapshot) == FILES


def test_51_a_folder_that_was_downloaded_to(hub: tuple[Hub, str], client: Client, tmp_path: Path) -> None:
    server, folder = hub[0], tmp_path / "local"
    download = f"h.snapshot_download({REPO!r}, local_dir={str(folder)!r})"
    client.run(download)
    zipnn.compress_tree(folder, in_place=True)
    sizes = {name: (folder / name).stat().st_size for name in WEIGHTS}
    server.requests.clear()
    client.run(download)
    assert server.downloads() == []
    assert {name: (folder / name).stat().st_size for name in WEIGHTS} == sizes
    later = time.time() + 100
    os.utime(folder / WEIGHTS[0], (later, later))
    client.run(download)
    assert (folder / WEIGHTS[0]).read_bytes() == FILES[WEIGHTS[0]]


def test_upload_of_an_exported_model(hub: tuple[Hub, str], client: Client, tmp_path: Path) -> None:
    from zipnn.hub.export import export_model

    model, out = tmp_path / "model", tmp_path / "out"
    model.mkdir()
    (model / "model.safetensors").write_bytes(shard(8))
    (model / "config.json").write_text("{}")
    export_model(model, out)
    client.run(
        f"h.HfApi().create_repo('me/small'); h.upload_folder(repo_id='me/small', folder_path={str(out)!r})"
    )
    files = hub[0].repositories["me/small"]
    assert files["model.safetensors"] == (out / "model.safetensors").read_bytes()
    assert b"zipnn_hf()" in files["README.md"]
