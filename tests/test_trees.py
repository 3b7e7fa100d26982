# SPDX-License-Identifier: MIT
"""Folders: weights keep their names, everything else comes along, one failure does not stop the rest."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from tests.containers.craft import in_a_row, noise, sha256, weights
from zipnn.errors import OutputExistsError, ZipnnError
from zipnn.files import FileResult
from zipnn.trees import compress_tree, decompress_tree, verify_tree

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def shard(seed: int) -> bytes:
    return in_a_row({f"w{seed}": ("BF16", [60, 100], weights(6000, seed))}, metadata={"format": "pt"})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "sub" / "deeper").mkdir(parents=True)
    (root / "empty").mkdir()
    for seed, name in enumerate(SHARDS):
        (root / name).write_bytes(shard(seed))
    (root / "model.safetensors.index.json").write_text('{"weight_map": {}}\n')
    (root / ".hidden").write_bytes(b"hidden")
    (root / "pytorch_model.bin").write_bytes(b"words " * 5000)
    (root / "nothing").write_bytes(b"")
    (root / "sub" / "adapter_model.safetensors").write_bytes(shard(7))
    (root / "sub" / "deeper" / "blob").write_bytes(shard(8))
    (root / "sub" / "tiny.safetensors").write_bytes(in_a_row({"t": ("F32", [1], b"abcd")}))
    return root


def snapshot(root: Path) -> dict[str, str]:
    """Every file and folder, with the SHA-256 of files."""
    return {
        str(path.relative_to(root)): sha256(path) if path.is_file() else "folder" for path in root.rglob("*")
    }


def actions(results: list[FileResult], root: Path) -> dict[str, str]:
    return {str(result.source.relative_to(root)): result.action for result in results}


COMPRESSED = {*SHARDS, "sub/adapter_model.safetensors", "sub/deeper/blob"}
LEFT = {".hidden", "model.safetensors.index.json", "nothing", "pytorch_model.bin", "sub/tiny.safetensors"}


def test_into_another_folder_and_back(tree: Path, tmp_path: Path) -> None:
    before = snapshot(tree)
    results = compress_tree(tree, tmp_path / "small")
    assert actions(results, tree) == {
        **dict.fromkeys(COMPRESSED, "compressed"),
        **dict.fromkeys(LEFT, "copied"),
    }
    assert [result.source for result in results] == sorted(result.source for result in results)
    small = snapshot(tmp_path / "small")
    assert small.keys() == before.keys() == snapshot(tree).keys()
    assert {name for name in before if small[name] != before[name]} == COMPRESSED
    assert snapshot(tree) == before
    for result in results:
        assert result.output is not None
        assert result.output.stat().st_size == result.compressed_size

    back = decompress_tree(tmp_path / "small", tmp_path / "back")
    assert set(actions(back, tmp_path / "small").values()) == {"decompressed", "copied"}
    assert snapshot(tmp_path / "back") == before
    assert all(result.action == "verified" for result in verify_tree(tmp_path / "small", tree))


def test_in_place_and_back(tree: Path) -> None:
    before = snapshot(tree)
    results = compress_tree(tree, in_place=True)
    assert actions(results, tree) == {
        **dict.fromkeys(COMPRESSED, "compressed"),
        **dict.fromkeys(LEFT, "skipped"),
    }
    small = snapshot(tree)
    assert {name for name in before if small[name] != before[name]} == COMPRESSED
    again = compress_tree(tree, in_place=True)
    assert set(actions(again, tree).values()) == {"skipped"}
    assert snapshot(tree) == small
    decompress_tree(tree, in_place=True)
    assert snapshot(tree) == before


def test_modes_and_times_come_along(tree: Path, tmp_path: Path) -> None:
    (tree / ".hidden").chmod(0o600)
    os.utime(tree / ".hidden", ns=(10**18, 10**18))
    (tree / "empty").chmod(0o500)
    (tree / "sub" / "deeper").chmod(0o700)
    tree.chmod(0o711)
    compress_tree(tree, tmp_path / "small")
    for name, mode in ((".", 0o711), ("empty", 0o500), ("sub/deeper", 0o700), (".hidden", 0o600)):
        assert stat.S_IMODE((tmp_path / "small" / name).stat().st_mode) == mode
    assert (tmp_path / "small" / ".hidden").stat().st_mtime_ns == 10**18


def test_an_output_folder_of_someone_else_keeps_its_mode(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chmod = os.chmod

    def refuse(path: Path, mode: int) -> None:
        if path == tmp_path / "small":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        chmod(path, mode)

    (tree / "sub").chmod(0o700)
    monkeypatch.setattr(os, "chmod", refuse)
    results = compress_tree(tree, tmp_path / "small")
    assert set(actions(results, tree).values()) == {"compressed", "copied"}
    assert stat.S_IMODE((tmp_path / "small" / "sub").stat().st_mode) == 0o700


def test_links_into_another_folder(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "x").write_bytes(shard(20))
    (tree / "linked.safetensors").symlink_to(tmp_path / "blobs" / "x")
    (tree / "linked folder").symlink_to(tmp_path / "blobs")
    results = compress_tree(tree, tmp_path / "small")
    assert actions(results, tree)["linked.safetensors"] == "compressed"
    assert actions(results, tree)["linked folder/x"] == "compressed"
    for name in ("linked.safetensors", "linked folder/x"):
        assert not (tmp_path / "small" / name).is_symlink()
    decompress_tree(tmp_path / "small", tmp_path / "back")
    assert (tmp_path / "back" / "linked folder" / "x").read_bytes() == shard(20)
    assert (tmp_path / "blobs" / "x").read_bytes() == shard(20)


def test_links_in_place(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "x").write_bytes(shard(20))
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "y").write_bytes(shard(21))
    for name in ("a.safetensors", "b.safetensors"):
        (tree / name).symlink_to(tmp_path / "blobs" / "x")
    (tree / "linked folder").symlink_to(tmp_path / "others")
    results = actions(compress_tree(tree, in_place=True), tree)
    assert (results["a.safetensors"], results["b.safetensors"]) == ("compressed", "skipped")
    assert (tree / "a.safetensors").is_symlink()
    assert (tmp_path / "blobs" / "x").stat().st_size < len(shard(20))
    assert (tmp_path / "others" / "y").read_bytes() == shard(21)


def test_one_failure_does_not_stop_the_others(tree: Path, tmp_path: Path) -> None:
    (tree / "a.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (tree / "cut.safetensors").write_bytes(shard(1)[:-1])
    (tree / "broken").symlink_to(tmp_path / "nowhere")
    (tree / "loop").symlink_to(tree)
    os.mkfifo(tree / "pipe")
    results = compress_tree(tree, tmp_path / "small")
    failed = {result.source.name: result.reason for result in results if result.action == "failed"}
    assert failed.keys() == {"a.safetensors", "cut.safetensors", "broken", "loop", "pipe"}
    assert all(str(tree / name) in reason for name, reason in failed.items())
    assert "git lfs pull" in failed["a.safetensors"]
    assert {name for name, action in actions(results, tree).items() if action == "compressed"} >= COMPRESSED
    assert not (tmp_path / "small" / "a.safetensors").exists()


def test_a_damaged_container_fails_on_the_way_back(tree: Path, tmp_path: Path) -> None:
    compress_tree(tree, in_place=True)
    content = bytearray((tree / SHARDS[0]).read_bytes())
    content[-100] ^= 1
    (tree / SHARDS[0]).write_bytes(content)
    verified = actions(verify_tree(tree), tree)
    assert (verified[SHARDS[0]], verified[SHARDS[1]], verified[".hidden"]) == (
        "failed",
        "verified",
        "skipped",
    )
    results = decompress_tree(tree, in_place=True)
    assert [result.source.name for result in results if result.action == "failed"] == [SHARDS[0]]
    assert (tree / SHARDS[0]).read_bytes() == content
    assert (tree / SHARDS[1]).read_bytes() == shard(1)


def test_where_the_output_may_be(tree: Path, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    (tmp_path / "link").symlink_to(tree)
    for output in (
        tree,
        tree / "sub",
        tree / "new" / "er",
        tmp_path,
        tmp_path / "link",
        tmp_path / "link" / "new",
    ):
        with pytest.raises(ZipnnError, match="must not lie in"):
            compress_tree(tree, output, force=True)
    (tmp_path / "link").unlink()
    assert snapshot(tmp_path) == before
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="not a folder"):
        compress_tree(tree, tmp_path / "file", force=True)


def test_an_output_that_is_not_empty_needs_force(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "precious").write_bytes(b"precious")
    (tmp_path / "small" / SHARDS[0]).write_bytes(b"old")
    with pytest.raises(OutputExistsError, match="not empty"):
        compress_tree(tree, tmp_path / "small")
    compress_tree(tree, tmp_path / "small", force=True)
    assert (tmp_path / "small" / "precious").read_bytes() == b"precious"
    assert (tmp_path / "small" / SHARDS[0]).read_bytes() != b"old"


def test_no_output_goes_through_a_link_into_the_source(tree: Path, tmp_path: Path) -> None:
    (tree / "other").mkdir()
    (tree / "other" / "adapter_model.safetensors").write_bytes(shard(9))
    before = snapshot(tree)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "sub").symlink_to(tree / "other")
    with pytest.raises(ZipnnError, match="small/sub is a link: outputs go into folders of their own"):
        compress_tree(tree, tmp_path / "small", force=True)
    assert snapshot(tree) == before


def test_deleting_originals_takes_the_weights_only(tree: Path, tmp_path: Path) -> None:
    before = snapshot(tree)
    compress_tree(tree, tmp_path / "small", delete_original=True)
    assert set(snapshot(tree)) == set(before) - COMPRESSED
    decompress_tree(tmp_path / "small", tmp_path / "back", delete_original=True)
    assert snapshot(tmp_path / "back") == before
    assert set(snapshot(tmp_path / "small")) == set(before) - COMPRESSED


def test_deleting_originals_removes_nothing_behind_links(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "shared" / "deep").mkdir(parents=True)
    (tmp_path / "shared" / "deep" / "w.safetensors").write_bytes(shard(9))
    (tmp_path / "shared" / "config.json").write_text("{}")
    (tree / "link").symlink_to(tmp_path / "shared")
    results = compress_tree(tree, tmp_path / "small", delete_original=True)
    done = actions(results, tree)
    assert (done["link/deep/w.safetensors"], done["link/config.json"]) == ("failed", "copied")
    assert list(done.values()).count("failed") == 1
    assert (tmp_path / "shared" / "deep" / "w.safetensors").read_bytes() == shard(9)
    assert not (tree / SHARDS[0]).exists()


@pytest.mark.parametrize("where", ["nowhere", "output", "in place"])
def test_a_dry_run_changes_nothing(tree: Path, tmp_path: Path, where: str) -> None:
    before = snapshot(tmp_path)
    output = tmp_path / "small" if where == "output" else None
    results = compress_tree(tree, output, in_place=where == "in place", dry_run=True)
    expected = "would-copy" if output else "would-skip"
    found = actions(results, tree)
    assert {name for name, action in found.items() if action == "would-compress"} == COMPRESSED
    assert {name for name, action in found.items() if action == expected} >= LEFT - {"sub/tiny.safetensors"}
    assert snapshot(tmp_path) == before


def test_wrong_calls(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an output or in_place"):
        compress_tree(tree)
    with pytest.raises(ValueError, match="in_place goes with neither"):
        compress_tree(tree, tmp_path / "out", in_place=True)
    with pytest.raises(ValueError, match="in_place goes with neither"):
        compress_tree(tree, in_place=True, delete_original=True)
    with pytest.raises(NotADirectoryError):
        compress_tree(tree / ".hidden", tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        compress_tree(tree / "missing", tmp_path / "out")
    with pytest.raises(ValueError, match="level"):
        compress_tree(tree, tmp_path / "out", level="best")


def test_verify_finds_what_only_one_folder_has(tree: Path, tmp_path: Path) -> None:
    compress_tree(tree, tmp_path / "small")
    (tree / "more").write_bytes(b"more")
    (tmp_path / "small" / "extra").write_bytes(b"extra")
    (tmp_path / "small" / ".hidden").write_bytes(b"Hidden")
    results = {result.source: result for result in verify_tree(tmp_path / "small", tree)}
    failed = {path: result.reason for path, result in results.items() if result.action == "failed"}
    small = tmp_path / "small"
    assert failed.keys() == {small / "extra", tree / "more", small / ".hidden"}
    assert "differ at byte 0" in failed[small / ".hidden"]


def test_progress_goes_over_all_files(tree: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    compress_tree(tree, tmp_path / "small", progress=lambda *call: seen.append(call))
    total = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


def test_incompressible_weights_come_along(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    content = in_a_row({"q": ("U8", [9000], noise(9000))})
    (tmp_path / "m" / "q.safetensors").write_bytes(content)
    (result,) = compress_tree(tmp_path / "m", tmp_path / "small")
    assert (result.action, result.reason) == ("copied", "it would not become smaller")
    assert (tmp_path / "small" / "q.safetensors").read_bytes() == content
