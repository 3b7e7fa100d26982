# SPDX-License-Identifier: MIT
"""The scripts of zipnn 0.5, run as their users run them."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import pty
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.legacy import fixtures
from zipnn.compat.script_work import parse_streaming_chunk_size

SCRIPTS = Path(__file__).parents[2] / "scripts"
FUNCTIONS = {
    "compress_file": "compress_file",
    "decompress_file": "decompress_file",
    "compress_file_delta": "compress_file",
    "decompress_file_delta": "decompress_file",
    "compress_safetensors": "compress_safetensors_file",
    "decompress_safetensors": "decompress_safetensors_file",
    "compress_path": "compress_files_with_suffix",
    "decompress_path": "decompress_znn_files",
}
DATA = np.random.default_rng(3).normal(0, 0.02, 50_000).astype(np.float32).tobytes() + b"abc"


def run(folder: Path, name: str, *options: Any) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, with nobody to answer."""
    return subprocess.run(
        [sys.executable, SCRIPTS / f"zipnn_{name}.py", *map(str, options)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def succeed(folder: Path, name: str, *options: Any) -> str:
    """Run a script that must do its work; gives what it prints."""
    done = run(folder, name, *options)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def fail(folder: Path, name: str, *options: Any, code: int = 1) -> str:
    """Run a script that must fail, in order; gives its error."""
    done = run(folder, name, *options)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "error" in done.stderr
    return done.stderr


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def model(path: Path, tensors: int = 2) -> bytes:
    """A safetensors file; gives its bytes."""
    numbers = np.random.default_rng(5).normal(0, 0.02, (tensors, 100, 40)).astype(np.float32)
    zipnn.save_file({f"w{i}": numbers[i] for i in range(tensors)}, path, metadata={"format": "pt"})
    plain = path.read_bytes()
    if path.exists() and b"zipnn.format" in plain:
        restored = zipnn.decompress_file(path, path.with_suffix(".plain")).output
        assert restored is not None
        os.replace(restored, path)
    return path.read_bytes()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_can_be_imported_and_run_by_name(name: str) -> None:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"zipnn_{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, FUNCTIONS[name])
    assert inspect.signature(function).parameters["threads"].default is None
    command = Path(sysconfig.get_path("scripts")) / f"zipnn_{name}"
    shown = subprocess.run([command, "--help"], check=True, capture_output=True, text=True).stdout
    assert shown == run(SCRIPTS, name, "--help").stdout
    assert f"usage: zipnn_{name}" in shown


def test_a_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(DATA)
    shown = succeed(tmp_path, "compress_file", "weights.bin", "--dtype", "float32", "--verification")
    assert "Compressed weights.bin to weights.bin.znn" in shown
    assert "Verification successful" in shown
    assert names(tmp_path) == {"weights.bin", "weights.bin.znn"}
    assert (tmp_path / "weights.bin.znn").stat().st_size < 0.9 * len(DATA)
    path.unlink()
    succeed(tmp_path, "decompress_file", "weights.bin.znn", "--delete", "--threads", 2)
    assert names(tmp_path) == {"weights.bin"}
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("size", [0, 1, 7])
def test_files_that_cannot_become_smaller_are_written_all_the_same(
    tmp_path: Path, dtype: str, size: int
) -> None:
    path = tmp_path / "x"
    path.write_bytes(DATA[:size])
    succeed(tmp_path, "compress_file", "x", "--dtype", dtype, "--delete")
    assert names(tmp_path) == {"x.znn"}
    succeed(tmp_path, "decompress_file", "x.znn")
    assert path.read_bytes() == DATA[:size]


def test_a_safetensors_file_as_a_whole(tmp_path: Path) -> None:
    plain = model(tmp_path / "m.safetensors")
    succeed(tmp_path, "compress_file", "m.safetensors", "--delete")
    assert names(tmp_path) == {"m.safetensors.znn"}
    assert zipnn.load_file(tmp_path / "m.safetensors.znn").keys() == {"w0", "w1"}
    succeed(tmp_path, "decompress_file", "m.safetensors.znn")
    assert (tmp_path / "m.safetensors").read_bytes() == plain


def test_a_safetensors_file_without_anything_to_save(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    plain = len(header).to_bytes(8, "little") + header + b"abcd"
    path = tmp_path / "m.safetensors"
    for name, packed in [("file", "m.safetensors.znn"), ("safetensors", "m.znn.safetensors")]:
        path.write_bytes(plain)
        succeed(tmp_path, f"compress_{name}", "m.safetensors")
        assert names(tmp_path) == {"m.safetensors", packed}
        path.unlink()
        succeed(tmp_path, f"decompress_{name}", packed, "--delete")
        assert names(tmp_path) == {"m.safetensors"}
        assert path.read_bytes() == plain


def test_options_without_effect_are_taken_and_said(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    for method in ("HUFFMAN", "ZSTD", "FSE", "AUTO"):
        options = ["--method", method, "--is_streaming", "--streaming_chunk_size", "4KB", "--force"]
        done = run(tmp_path, "compress_file", "x", *options)
        assert done.returncode == 0
        for option in ("method", "is_streaming", "streaming_chunk_size"):
            assert f"note: --{option} has no effect" in done.stderr
    assert zipnn.decompress_file(tmp_path / "x.znn", tmp_path / "y").original_size == len(DATA)


@pytest.mark.parametrize(("text", "size"), [("4096", 4096), ("4K", 4096), ("1mb", 1 << 20), ("2GB", 2 << 30)])
def test_chunk_sizes(text: str, size: int) -> None:
    assert parse_streaming_chunk_size(text) == size


@pytest.mark.parametrize("text", ["", "KB", "3MB", "1.5MB", "-4", "0", "4TB", "4KBKB", "\u0664KB"])
def test_wrong_chunk_sizes(text: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    error = fail(tmp_path, "compress_file", "x", f"--streaming_chunk_size={text}", code=2)
    assert "streaming_chunk_size" in error
    assert names(tmp_path) == {"x"}


def test_a_test_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    shown = succeed(tmp_path, "compress_file", "x", "--test", "--verification", "--delete")
    assert "Nothing was written" in shown
    (tmp_path / "base").write_bytes(DATA)
    succeed(tmp_path, "compress_file_delta", "x", "base", "--test")
    succeed(tmp_path, "compress_path", "x", "--test", "--file_compression")
    assert names(tmp_path) == {"x", "base"}


def test_missing_and_wrong_inputs(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    (tmp_path / "x.znn").write_bytes(b"this is text")
    assert "nothing" in fail(tmp_path, "compress_file", "nothing")
    assert "nothing.znn" in fail(tmp_path, "decompress_file", "nothing.znn")
    assert "'.znn' suffix" in fail(tmp_path, "decompress_file", "x", code=2)
    assert "not compressed by zipnn" in fail(tmp_path, "decompress_file", "x.znn", "--force")
    assert "nothing" in fail(tmp_path, "compress_file_delta", "x", "nothing")
    assert "called" in fail(tmp_path, "compress_safetensors", "x")
    assert "called" in fail(tmp_path, "decompress_safetensors", "x", code=2)
    fail(tmp_path, "compress_path", "nothing")
    fail(tmp_path, "compress_path", "x", "--path", "nowhere")
    fail(tmp_path, "decompress_path", "--path", "nowhere")
    fail(tmp_path, "compress_path", "x", "--model", "some/model", code=2)
    fail(tmp_path, "compress_path", "x", "--max_processes", 0, code=2)
    fail(tmp_path, "compress_file", "x", "--threads", -1, "--force", code=2)
    fail(tmp_path, "compress_file", code=2)
    assert (tmp_path / "x").read_bytes() == DATA


def test_a_damaged_file_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    succeed(tmp_path, "compress_file", "x")
    packed = bytearray((tmp_path / "x.znn").read_bytes())
    packed[len(packed) // 2] ^= 1
    (tmp_path / "x.znn").write_bytes(packed)
    fail(tmp_path, "decompress_file", "x.znn", "--force", "--delete")
    fail(tmp_path, "decompress_path", "--force", "--delete")
    assert names(tmp_path) == {"x", "x.znn"}
    assert (tmp_path / "x").read_bytes() == DATA


def test_nobody_is_asked_where_nobody_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    (tmp_path / "x.znn").write_bytes(b"precious")
    for script, options in [("compress_file", ["x"]), ("compress_path", ["x", "--file_compression"])]:
        assert "--force" in fail(tmp_path, script, *options, "--delete", code=3)
    assert (tmp_path / "x.znn").read_bytes() == b"precious"
    assert (tmp_path / "x").exists()


@pytest.mark.parametrize(("answer", "replaced"), [("y", True), ("yes", True), ("n", False), ("", False)])
def test_a_person_is_asked(tmp_path: Path, answer: str, replaced: bool) -> None:
    (tmp_path / "x").write_bytes(DATA)
    (tmp_path / "x.znn").write_bytes(b"precious")
    ours, theirs = pty.openpty()
    command = [sys.executable, str(SCRIPTS / "zipnn_compress_file.py"), "x"]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # how a terminal ends
        pass
    assert process.wait() == 0
    os.close(ours)
    assert b"x.znn already exists; overwrite (y/n)?" in said
    assert ((tmp_path / "x.znn").read_bytes() != b"precious") == replaced


def test_a_difference_and_back(tmp_path: Path) -> None:
    changed = bytearray(DATA)
    changed[1000:1010] = bytes(10)
    (tmp_path / "fine.bin").write_bytes(changed)
    (tmp_path / "base.bin").write_bytes(DATA)
    succeed(tmp_path, "compress_file_delta", "fine.bin", "base.bin", "--delete", "--dtype", "float16")
    packed = tmp_path / "fine_delta_base.bin.znn"
    assert names(tmp_path) == {"base.bin", packed.name}
    assert packed.stat().st_size < len(DATA) / 50
    (tmp_path / "other.bin").write_bytes(changed)
    (tmp_path / "short.bin").write_bytes(DATA[:-1])
    for base in ("other.bin", "short.bin"):
        assert "base" in fail(tmp_path, "decompress_file_delta", packed.name, base)
    assert "delta" in fail(tmp_path, "decompress_file", packed.name)
    assert not (tmp_path / "fine.bin").exists()
    succeed(tmp_path, "decompress_file_delta", packed.name, "base.bin", "--delete")
    assert (tmp_path / "fine.bin").read_bytes() == changed
    assert not packed.exists()
    error = fail(tmp_path, "compress_file_delta", "fine.bin", "short.bin", code=2)
    assert "Length of delta file" in error


def test_a_difference_between_empty_files(tmp_path: Path) -> None:
    for name in ("none.bin", "base.bin"):
        (tmp_path / name).write_bytes(b"")
    succeed(tmp_path, "compress_file_delta", "none.bin", "base.bin")
    succeed(tmp_path, "decompress_file_delta", "none_delta_base.bin.znn", "base.bin", "--force")
    assert (tmp_path / "none.bin").read_bytes() == b""


def test_an_old_difference(tmp_path: Path) -> None:
    entry = next(e for e in fixtures.manifest()["entries"] if e["id"] == "0.5.4/delta_file_float32_stream")
    base = fixtures.base_of(entry)
    assert base is not None
    (tmp_path / "x_delta_base.znn").write_bytes(fixtures.stream(entry))
    (tmp_path / "base").write_bytes(base)
    succeed(tmp_path, "decompress_file_delta", "x_delta_base.znn", "base")
    assert (tmp_path / "x.bin").stat().st_size == entry["expected_size"]


def test_a_folder_and_back(tmp_path: Path) -> None:
    plain = {name: model(tmp_path / name, 1 + i) for i, name in enumerate(("a.safetensors", "b.safetensors"))}
    (tmp_path / "inner").mkdir()
    shutil.copy(tmp_path / "a.safetensors", tmp_path / "inner" / "c.safetensors")
    (tmp_path / "config.json").write_text("{}")
    shown = succeed(tmp_path, "compress_path", "safetensors", "--max_processes", 2)
    assert len(re.findall("^Compressed ", shown, re.MULTILINE)) == 2
    packed = {"a.znn.safetensors", "b.znn.safetensors"}
    assert names(tmp_path) == {*plain, *packed, "config.json", "inner"}
    assert names(tmp_path / "inner") == {"c.safetensors"}
    # Again: what is compressed is passed over.
    succeed(tmp_path, "compress_path", "safetensors", "--force", "--recursive", "--delete")
    assert names(tmp_path) == {*packed, "config.json", "inner"}
    assert names(tmp_path / "inner") == {"c.znn.safetensors"}
    succeed(tmp_path, "decompress_path", "-r", "--delete", "--max_processes", 3)
    assert names(tmp_path) == {*plain, "config.json", "inner"}
    assert all((tmp_path / name).read_bytes() == data for name, data in plain.items())
    assert (tmp_path / "inner" / "c.safetensors").read_bytes() == plain["a.safetensors"]


def test_one_that_fails_does_not_keep_the_others(tmp_path: Path) -> None:
    model(tmp_path / "a.safetensors")
    (tmp_path / "b.safetensors").write_bytes(b"no safetensors file at all")
    model(tmp_path / "c.safetensors")
    for processes in (1, 2):
        error = fail(
            tmp_path, "compress_path", "safetensors", "--max_processes", processes, "--force", "--delete"
        )
        assert "b.safetensors" in error
        assert "1 file failed" in error
        assert names(tmp_path) == {"a.znn.safetensors", "b.safetensors", "c.znn.safetensors"}
        model(tmp_path / "a.safetensors")
        model(tmp_path / "c.safetensors")


@pytest.mark.parametrize("suffix", [".znn", ".zpn"])
def test_what_old_releases_wrote(tmp_path: Path, suffix: str) -> None:
    entry = next(e for e in fixtures.manifest()["entries"] if e["id"] == "0.5.4/bytes_bfloat16_huffman")
    (tmp_path / f"x{suffix}").write_bytes(fixtures.stream(entry))
    succeed(tmp_path, "decompress_file", f"x{suffix}")
    assert (tmp_path / "x").stat().st_size == entry["expected_size"]


def test_what_the_class_writes(tmp_path: Path) -> None:
    (tmp_path / "x.znn").write_bytes(zipnn.ZipNN(is_streaming=True, streaming_chunk=4096).compress(DATA))
    succeed(tmp_path, "decompress_file", "x.znn")
    assert (tmp_path / "x").read_bytes() == DATA


def cached_model(cache: Path) -> tuple[Path, dict[str, bytes]]:
    """A model in a cache as huggingface_hub makes it; gives the snapshot and its files."""
    repository = cache / "models--some--model"
    snapshot = repository / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    (repository / "refs").mkdir(parents=True)
    (repository / "blobs").mkdir()
    snapshot.mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123456789abcdef0123456789abcdef01234567")
    index = b'{"weight_map": {"w0": "model.safetensors"}}'
    files = {"model.safetensors": model(cache / "new"), "model.safetensors.index.json": index}
    (cache / "new").unlink()
    for name, data in files.items():
        blob = hashlib.sha256(data).hexdigest()
        (repository / "blobs" / blob).write_bytes(data)
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    return snapshot, files


@pytest.mark.parametrize("by_name", [True, False])
def test_a_cached_model_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_name: bool) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot, files = cached_model(tmp_path / "hub")
    which = ["--model", "some/model"] if by_name else ["--path", snapshot]
    succeed(tmp_path, "compress_path", "safetensors", "--hf_cache", *which, "--delete")
    assert names(snapshot) == set(files)
    assert all((snapshot / name).is_symlink() for name in files)
    assert (snapshot / "model.safetensors").stat().st_size < len(files["model.safetensors"])
    assert zipnn.load_file(snapshot / "model.safetensors").keys() == {"w0", "w1"}
    succeed(tmp_path, "decompress_path", "--hf_cache", *which)
    assert {name: (snapshot / name).read_bytes() for name in files} == files
    blobs = {hashlib.sha256(data).hexdigest() for data in files.values()}
    assert names(snapshot.parents[1] / "blobs") == blobs
    succeed(tmp_path, "compress_file", snapshot / "model.safetensors", "--hf_cache", "--delete")
    assert (snapshot / "model.safetensors").stat().st_size < len(files["model.safetensors"])
    succeed(tmp_path, "decompress_safetensors", snapshot / "model.safetensors", "--hf_cache")
    assert {name: (snapshot / name).read_bytes() for name in files} == files


def test_a_model_that_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    cached_model(tmp_path / "hub")
    model(tmp_path / "x.safetensors")
    for options in (["--model", "no/such"], ["--model", "some/model", "--model_branch", "other"], []):
        for script in (["compress_path", "safetensors"], ["decompress_path"]):
            fail(tmp_path, *script, "--hf_cache", *options)
    fail(tmp_path, "compress_file", "x.safetensors", "--hf_cache")
    assert names(tmp_path) == {"hub", "x.safetensors"}
