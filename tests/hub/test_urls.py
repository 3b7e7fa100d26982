# SPDX-License-Identifier: MIT
"""Files of a hub by their `hf://` URLs, without a cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import zipnn
from tests.hub.server import Hub, serve

hub_library = pytest.importorskip("huggingface_hub")
pytest.importorskip("fsspec")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub that `hf://` leads to."""
    import fsspec.config

    # Other tests of this process want no network.
    monkeypatch.setattr(hub_library.constants, "HF_HUB_OFFLINE", False)
    with serve() as (hub, url):
        monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": url, "token": False})
        hub_library.HfFileSystem.clear_instance_cache()
        yield hub
        hub_library.HfFileSystem.clear_instance_cache()


def test_one_tensor_is_read_from_where_it_lies(hub: Hub, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {f"layer.{i}": rng.standard_normal((300, 300)).astype("f4") for i in range(12)}
    zipnn.save_file(tensors, tmp_path / "m.safetensors")
    hub.repositories["org/name"] = {"sub/m.safetensors": (tmp_path / "m.safetensors").read_bytes()}
    with zipnn.safe_open("hf://org/name/sub/m.safetensors") as file:
        assert (file.get_tensor("layer.7") == tensors["layer.7"]).all()
    assert 1 <= len(hub.downloads()) <= 3
    assert zipnn.inspect("hf://org/name/sub/m.safetensors").kind == "compressed safetensors"


def test_what_is_not_there_names_the_url(hub: Hub) -> None:
    hub.repositories["org/name"] = {}
    for url in ("hf://org/name/none.safetensors", "hf://org/none/m.safetensors"):
        with pytest.raises(FileNotFoundError) as caught:
            zipnn.open(url)
        assert caught.value.filename == url
