# SPDX-License-Identifier: MIT
"""Files behind URLs: the bytes, the number of requests, and errors that name the URL."""

from __future__ import annotations

import builtins
import errno
import hashlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.storage.web import Web, serving
from zipnn.cli.main import main
from zipnn.errors import CorruptError, FormatError, MissingDependencyError, OutputExistsError, ZipnnError
from zipnn.storage import remote
from zipnn.storage.locations import Url
from zipnn.storage.opening import open_reader
from zipnn.storage.remote import BLOCK, END, LARGEST, RemoteReader

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")


@pytest.fixture(scope="module")
def server() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def web(server: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """The server, without files and requests; second attempts come at once."""
    monkeypatch.setattr(remote, "_PAUSE", 0)
    server.files.clear()
    server.ranges.clear()
    server.faults.clear()
    server.whole = False
    return server


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's files in memory."""
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()


def noise(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


def test_reads_are_exact_wherever_they_lie(web: Web) -> None:
    data = web.files["a"] = noise(5_000_000)
    rng = np.random.default_rng(1)
    with open_reader(f"{web.url}/a") as reader:
        assert reader.size == len(data)
        for _ in range(200):
            start = int(rng.integers(len(data)))
            size = min(int(rng.choice([0, 1, 100, BLOCK, END, 3_000_000, LARGEST])), len(data) - start)
            assert reader.read(start, size) == data[start : start + size]
            buffer = memoryview(bytearray(size))
            reader.read_into(start, buffer)
            assert buffer == data[start : start + size]
        assert not reader.read(0, 100).readonly


def test_small_reads_in_a_row_become_few_requests(web: Web) -> None:
    data = web.files["a"] = noise(6_000_000)
    with open_reader(f"{web.url}/a") as reader:
        got = b"".join(reader.read(at, 1000) for at in range(0, len(data), 1000))
    assert got == data
    assert len(web.ranges) <= 10
    assert web.sent <= len(data) + 2 * END


def test_a_large_read_fetches_nothing_twice(web: Web) -> None:
    data = web.files["a"] = noise(2 * LARGEST + 5_000_000)
    with open_reader(f"{web.url}/a") as reader:
        reader.read(1_000_000, 100)
        web.ranges.clear()
        assert reader.read(1_000_000, 2 * LARGEST) == data[1_000_000 : 1_000_000 + 2 * LARGEST]
    assert web.sent == 2 * LARGEST - BLOCK + remote._SLACK
    assert len(web.ranges) == 2


def test_what_is_read_can_be_changed_and_the_cache_stays(web: Web) -> None:
    web.files["a"] = bytes(1000)
    with open_reader(f"{web.url}/a") as reader:
        reader.read(0, 10)[:] = b"x" * 10
        assert reader.read(0, 10) == bytes(10)


def test_memory_of_the_cache_is_bounded(web: Web) -> None:
    web.files["a"] = bytes(50_000_000)
    reader = RemoteReader(Url(f"{web.url}/a"))
    for at in range(0, 50_000_000, 50_000):
        reader.read(at, 1)
    assert reader._cache._size <= 32 << 20
    assert reader._cache._size == sum(map(len, reader._cache._blocks.values()))


def test_listing_and_one_tensor_of_a_model_cost_three_requests(web: Web, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {f"layer.{i}": rng.standard_normal((256, 256)).astype("f4") for i in range(100)}
    zipnn.save_file(tensors, tmp_path / "m.safetensors")
    zipnn.save_file(tensors, tmp_path / "plain.safetensors", compress=False)
    for name in ("m.safetensors", "plain.safetensors"):
        web.files[name] = (tmp_path / name).read_bytes()
        web.ranges.clear()
        with zipnn.safe_open(f"{web.url}/{name}") as file:
            assert len(file.keys()) == 100
            assert len(web.ranges) == 1
            assert (file.get_tensor("layer.57") == tensors["layer.57"]).all()
        assert len(web.ranges) <= 3
        assert web.sent <= END + 256 * 256 * 4 + BLOCK


def test_listing_and_one_tensor_of_an_archive_cost_three_requests(web: Web, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {f"layer.{i}": rng.standard_normal((256, 256)).astype("f4") for i in range(100)}
    np.savez(tmp_path / "m.npz", **tensors)
    zipnn.compress_file(tmp_path / "m.npz")
    web.files["m"] = (tmp_path / "m.npz.znn").read_bytes()
    with zipnn.open(f"{web.url}/m") as file:
        assert file.keys() == list(tensors)
        assert len(web.ranges) <= 2
        assert (file.get_tensor("layer.57") == tensors["layer.57"]).all()
    assert len(web.ranges) <= 3 + 1  # the tensor's head, then the rest of its bytes
    assert web.sent <= 2 * END + 256 * 256 * 4 + BLOCK


def test_a_slice_of_a_large_tensor_reads_little(web: Web, tmp_path: Path) -> None:
    weights = np.random.default_rng(0).standard_normal((4000, 2500)).astype("f4")
    zipnn.save_file({"w": weights}, tmp_path / "m.safetensors")
    web.files["m"] = (tmp_path / "m.safetensors").read_bytes()
    with zipnn.safe_open(f"{web.url}/m") as file:
        assert (file.get_slice("w")[2000:2001] == weights[2000:2001]).all()
    assert len(web.ranges) <= 3
    assert web.sent < 1_500_000


def test_a_moment_of_trouble_is_waited_out(web: Web) -> None:
    web.files["a"] = b"zipnn"
    web.faults += [503, 500]
    with open_reader(f"{web.url}/a") as reader:
        assert reader.read(0, 5) == b"zipnn"


@pytest.mark.parametrize(
    ("statuses", "kind", "number"),
    [
        ([503] * 3, OSError, errno.EIO),
        ([403], PermissionError, errno.EACCES),
        ([404], FileNotFoundError, errno.ENOENT),
    ],
)
def test_lasting_trouble_is_an_error_that_names_the_url(
    web: Web, statuses: list[int], kind: type[OSError], number: int
) -> None:
    web.files["a"] = b"zipnn"
    with open_reader(f"{web.url}/a") as reader:
        web.faults += statuses
        with pytest.raises(kind) as caught:
            reader.read(0, 5)
    assert (caught.value.errno, caught.value.filename) == (number, f"{web.url}/a")
    assert not web.faults  # no more attempts than that


def test_what_is_not_there_names_the_url(web: Web, memory: Any) -> None:
    for url in (f"{web.url}/none", "memory://none/there"):
        with pytest.raises(FileNotFoundError) as caught:
            open_reader(url)
        assert caught.value.filename == url


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1") as caught:
        open_reader("http://127.0.0.1:9/model")
    assert caught.value.filename == "http://127.0.0.1:9/model"


def test_a_server_that_knows_no_ranges_is_told_apart_from_damage(web: Web) -> None:
    web.files["a"] = bytes(3 * END)
    web.whole = True
    with open_reader(f"{web.url}/a") as reader, pytest.raises(FormatError, match="download it first"):
        reader.read(0, 5)


def test_a_file_that_became_shorter(web: Web) -> None:
    web.files["a"] = bytes(3 * END)
    with open_reader(f"{web.url}/a") as reader:
        web.files["a"] = bytes(END // 2)
        with pytest.raises(CorruptError, match="truncated"):
            reader.read(0, 5)


def test_a_file_that_changed(web: Web) -> None:
    web.files["a"] = b"zipnn"
    with open_reader(f"{web.url}/a") as reader:
        reader.check_unchanged()
        web.etag = "two"
        with pytest.raises(ZipnnError, match=f"{web.url}/a: changed"):
            reader.check_unchanged()


def test_reads_outside_of_the_file_ask_nobody(web: Web) -> None:
    web.files["a"] = b"zipnn"
    reader = open_reader(f"{web.url}/a")
    with pytest.raises(CorruptError, match="truncated"):
        reader.read(3, 3)
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read(0, 1)
    assert not web.ranges


def test_fsspec_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_fsspec(name: str, *rest: Any) -> Any:
        if name.startswith("fsspec"):
            raise ModuleNotFoundError(name)
        return importlib.__import__(name, *rest)

    monkeypatch.setattr(remote.importlib, "import_module", no_fsspec)
    with pytest.raises(MissingDependencyError, match=r"pip install 'zipnn\[remote\]'"):
        open_reader("s3://bucket/key")


def test_what_fsspec_needs_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "gcsfs":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match="gs:// needs gcsfs: pip install gcsfs"):
        open_reader("gs://bucket/key")


def test_a_scheme_that_nobody_knows() -> None:
    with pytest.raises(FormatError, match="nobody://bucket/key"):
        open_reader("nobody://bucket/key")


def test_folders_are_no_files(memory: Any) -> None:
    memory.pipe("/folder/a", b"x")
    with pytest.raises(FormatError, match="a folder"):
        open_reader("memory://folder")


def test_a_file_goes_to_a_url_and_back(web: Web, memory: Any, tmp_path: Path) -> None:
    original = tmp_path / "model.bin"
    original.write_bytes(np.arange(500_000, dtype="<u4").tobytes())
    result = zipnn.compress_file(original, "memory://store/model.bin.znn")
    assert str(result.output) == "memory://store/model.bin.znn"
    assert result.compressed_size == memory.size("/store/model.bin.znn") < original.stat().st_size
    assert zipnn.verify_file("memory://store/model.bin.znn", original).original_size == 2_000_000
    assert zipnn.inspect("memory://store/model.bin.znn").original_size == 2_000_000

    back = zipnn.decompress_file("memory://store/model.bin.znn")
    assert str(back.output) == "memory://store/model.bin"
    assert memory.cat("/store/model.bin") == original.read_bytes()

    local = zipnn.decompress_file("memory://store/model.bin.znn", tmp_path / "back.bin")
    assert local.output is not None
    assert (tmp_path / "back.bin").read_bytes() == original.read_bytes()
    other = tmp_path / "other"
    other.touch()
    assert (tmp_path / "back.bin").stat().st_mode == other.stat().st_mode

    web.files["model.bin"] = original.read_bytes()
    zipnn.compress_file(f"{web.url}/model.bin", tmp_path / "from-web.znn")
    assert (
        hashlib.sha256((tmp_path / "from-web.znn").read_bytes()).digest()
        == hashlib.sha256(memory.cat("/store/model.bin.znn")).digest()
    )


def test_outputs_behind_urls_are_not_replaced_unasked(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(10_000))
    memory.pipe("/a.znn", b"mine")
    with pytest.raises(OutputExistsError, match=r"memory://a\.znn exists"):
        zipnn.compress_file(tmp_path / "a", "memory://a.znn")
    assert memory.cat("/a.znn") == b"mine"
    zipnn.compress_file(tmp_path / "a", "memory://a.znn", force=True)
    zipnn.verify_file("memory://a.znn", tmp_path / "a")


def test_an_upload_that_fails_leaves_nothing(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(bytes(10_000))
    (tmp_path / "aside").mkdir()

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(type(memory), "put_file", refuse)
    with pytest.raises(PermissionError) as caught:
        zipnn.compress_file(tmp_path / "a", "memory://b/a.znn", temporary_folder=tmp_path / "aside")
    assert caught.value.filename == "memory://b/a.znn"
    assert not os.listdir(tmp_path / "aside")
    assert not memory.exists("/b/a.znn")


def test_an_upload_that_arrives_in_part_is_noticed(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(bytes(10_000))
    monkeypatch.setattr(
        type(memory), "put_file", lambda self, local, path, **options: self.pipe_file(path, b"part")
    )
    with pytest.raises(OSError, match="another size"):
        zipnn.compress_file(tmp_path / "a", "memory://a.znn")


def test_what_only_works_on_this_machine_is_refused(memory: Any, web: Web) -> None:
    memory.pipe("/a.bin", bytes(10_000))
    web.files["a.bin"] = bytes(10_000)
    for option in ("in_place", "delete_original"):
        with pytest.raises(ZipnnError, match="of this machine"):
            zipnn.compress_file("memory://a.bin", **{option: True})
    with pytest.raises(ZipnnError, match="cannot be written to"):
        zipnn.compress_file(f"{web.url}/a.bin")
    memory.pipe("/b", bytes(10_000))
    with pytest.raises(ZipnnError, match="same file"):
        zipnn.compress_file("memory://b", "memory://b")


def test_dry_run_and_skipping(memory: Any) -> None:
    memory.pipe("/a.bin", bytes(10_000))
    assert zipnn.compress_file("memory://a.bin", dry_run=True).action == "would-compress"
    memory.pipe("/noise.bin", noise(10_000))
    assert zipnn.compress_file("memory://noise.bin").action == "skipped"
    assert zipnn.compress_file("memory://noise.bin", "memory://copy.bin").action == "copied"
    assert memory.cat("/copy.bin") == memory.cat("/noise.bin")


def test_a_folder_goes_there_as_one_archive(memory: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    np.save(folder / "w.npy", np.arange(100_000))
    (folder / "sub" / "config.json").write_text("{}")
    zipnn.archive_folder(folder, "memory://model.znn")
    with zipnn.open("memory://model.znn") as file:
        (name,) = file
        assert (file.get_tensor(name) == np.arange(100_000)).all()
    with pytest.raises(ZipnnError, match="give an output"):
        zipnn.restore_folder("memory://model.znn")
    zipnn.restore_folder("memory://model.znn", tmp_path / "back")
    assert (tmp_path / "back" / "w.npy").read_bytes() == (folder / "w.npy").read_bytes()


def test_commands(memory: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(np.arange(50_000, dtype="<u4").tobytes())
    assert main(["compress", str(tmp_path / "a.bin"), str(tmp_path / "b.bin"), "-o", "memory://out"]) == 0
    assert sorted(memory.find("/out")) == ["/out/a.bin.znn", "/out/b.bin.znn"]
    assert main(["verify", "--each", "memory://out/a.bin.znn", "memory://out/b.bin.znn"]) == 0
    assert main(["verify", "memory://out/a.bin.znn", str(tmp_path / "a.bin")]) == 0
    assert main(["info", "memory://out/a.bin.znn", "--tensors", "--bound"]) == 0
    assert main(["decompress", "memory://out/a.bin.znn", "-o", str(tmp_path / "back")]) == 0
    assert (tmp_path / "back").read_bytes() == (tmp_path / "a.bin").read_bytes()
    assert "internal error" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("compress", "FOLDER", "-o", "memory://out"), 2, "only files go to a URL"),
        (("verify", "memory://a", "FOLDER"), 2, "cannot be compared with a file"),
        (("compress", "memory://none"), 1, "memory://none: no such file"),
        (("decompress", "memory://none"), 1, "memory://none: no such file"),
        (("compress", "memory://none", "--in-place"), 1, "of this machine"),
        (("info", "memory://none"), 1, "memory://none: no such file"),
        (("ls", "memory://none"), 1, "memory://none: no such file"),
        (("cat", "memory://none", "w", "-o", "OUT"), 1, "memory://none: no such file"),
    ],
)
def test_commands_that_fail(
    memory: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    places = {"FOLDER": str(tmp_path), "OUT": str(tmp_path / "out")}
    assert main([places.get(argument, argument) for argument in arguments]) == code
    errors = capsys.readouterr().err
    assert words in errors
    assert "internal error" not in errors
