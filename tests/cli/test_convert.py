# SPDX-License-Identifier: MIT
"""`zipnn compress` and `zipnn decompress`: what they leave on the disk, say and answer."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import zipnn as library
from tests.cli.conftest import Zipnn, contents, save_model

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


def test_file_there_and_back(zipnn: Zipnn, model: Path) -> None:
    original = model.read_bytes()
    small = model.with_name("model.znn.safetensors")
    run = zipnn("compress", model)
    assert run.code == 0
    assert re.fullmatch(
        rf"{model} -> {small}: 48\.\d kB -> 3\d\.\d kB, saved 1\d\.\d kB \(3\d\.\d %\), \d+ m?s, .*B/s\n",
        run.out,
    )
    assert run.err == f"compressing {model}\n"
    assert model.read_bytes() == original
    assert small.stat().st_size < len(original)

    model.unlink()
    run = zipnn("decompress", small)
    assert run.code == 0
    assert run.out.startswith(f"{small} -> {model}: 3")
    assert model.read_bytes() == original


def test_other_file_becomes_an_archive(zipnn: Zipnn, tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(b"0123456789" * 5000)
    assert zipnn("compress", path).code == 0
    path.rename(tmp_path / "original")
    assert zipnn("decompress", tmp_path / "pytorch_model.bin.znn").code == 0
    assert path.read_bytes() == (tmp_path / "original").read_bytes()


@pytest.mark.parametrize("level", ["fast", "default", "max"])
def test_level_reaches_the_encoder(zipnn: Zipnn, model: Path, level: str) -> None:
    assert zipnn("compress", model, "--level", level, "--threads", "2").code == 0
    library.compress_file(model, model.with_name("expected"), level=level)
    assert model.with_name("model.znn.safetensors").read_bytes() == model.with_name("expected").read_bytes()


def test_output_names_a_file_or_a_folder(zipnn: Zipnn, model: Path, tmp_path: Path) -> None:
    assert zipnn("compress", model, "-o", tmp_path / "named").code == 0
    assert (tmp_path / "named").is_file()
    (tmp_path / "out").mkdir()
    assert zipnn("compress", model, "--output", tmp_path / "out").code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.znn.safetensors"]
    assert zipnn("decompress", tmp_path / "out" / "model.znn.safetensors", "-o", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == model.read_bytes()


def test_several_paths_go_into_a_folder(zipnn: Zipnn, model: Path, folder: Path, tmp_path: Path) -> None:
    other = save_model(model.with_name("other.safetensors"), 5)
    run = zipnn("compress", model, other, folder, "-o", tmp_path / "new" / "out")
    assert run.code == 0
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == {
        "model.znn.safetensors",
        "other.znn.safetensors",
        "my-model",
    }
    assert "total: 4 compressed, 3 copied: " in run.out


def test_in_place_replaces_the_file(zipnn: Zipnn, model: Path) -> None:
    original = model.read_bytes()
    assert zipnn("compress", model, "--in-place").code == 0
    assert library.inspect(model).kind == "compressed safetensors"
    assert [path.name for path in model.parent.iterdir()] == ["model.safetensors"]
    assert zipnn("decompress", model, "--in-place").code == 0
    assert model.read_bytes() == original


def test_delete_original_removes_it_and_says_so(zipnn: Zipnn, model: Path) -> None:
    run = zipnn("compress", model, "--delete-original")
    assert run.code == 0
    assert run.out.endswith(", original removed\n")
    assert [path.name for path in model.parent.iterdir()] == ["model.znn.safetensors"]
    run = zipnn("decompress", model.with_name("model.znn.safetensors"), "--delete-original")
    assert run.code == 0
    assert [path.name for path in model.parent.iterdir()] == ["model.safetensors"]


def test_folder_there_and_back(zipnn: Zipnn, folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    small = tmp_path / "small"
    run = zipnn("compress", folder, "-o", small)
    assert run.code == 0
    assert "total: 2 compressed, 3 copied: " in run.out.replace(
        "3 copied, 2 compressed", "2 compressed, 3 copied"
    )
    assert contents(small).keys() == before.keys()
    assert contents(folder) == before
    for name, data in contents(small).items():
        assert (data == before[name]) == (not name.endswith(".safetensors"))
    assert zipnn("decompress", small, "-o", tmp_path / "back").code == 0
    assert contents(tmp_path / "back") == before


def test_folder_in_place_there_and_back(zipnn: Zipnn, folder: Path) -> None:
    before = contents(folder)
    run = zipnn("compress", folder, "--in-place")
    assert run.code == 0
    assert "total: 3 skipped, 2 compressed: " in run.out
    assert {name for name, data in contents(folder).items() if data != before[name]} == {
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    }
    again = zipnn("compress", folder, "--in-place")
    assert again.code == 0
    assert "total: 5 skipped" in again.out
    assert zipnn("decompress", folder, "--in-place").code == 0
    assert contents(folder) == before


def test_many_files_that_are_only_copied_are_counted_not_listed(
    zipnn: Zipnn, folder: Path, tmp_path: Path
) -> None:
    for number in range(30):
        (folder / f"note {number}").write_text("words")
    run = zipnn("compress", folder, "-o", tmp_path / "small")
    assert run.code == 0
    assert len(run.out.splitlines()) == 3
    assert "33 copied" in run.out


def test_dry_run_writes_nothing_and_says_that_it_estimates(zipnn: Zipnn, model: Path, folder: Path) -> None:
    before = contents(folder.parent)
    run = zipnn("compress", model, folder, "--dry-run")
    assert run.code == 0
    assert re.search(r"model.safetensors -> .*: would compress, 48\.\d kB -> 3\d\.\d kB, saved ", run.out)
    assert "estimated from samples" in run.err
    assert contents(folder.parent) == before

    document = zipnn("compress", model, folder, "--dry-run", "--json").document
    assert document["dry_run"] is True
    estimates = {
        r["source"]: r["compressed_size"] for r in document["results"] if r["action"] == "would-compress"
    }
    assert len(estimates) == 3
    library.compress_file(model, model.with_name("small"))
    assert estimates[str(model)] == pytest.approx(model.with_name("small").stat().st_size, rel=0.1)

    library.compress_file(model)
    run = zipnn("decompress", model.with_name("model.znn.safetensors"), "--dry-run", "--force")
    assert run.code == 0
    assert "would decompress" in run.out


def test_dry_run_of_several_makes_no_folder(zipnn: Zipnn, model: Path, folder: Path, tmp_path: Path) -> None:
    assert zipnn("compress", model, folder, "--dry-run", "-o", tmp_path / "out").code == 0
    assert not (tmp_path / "out").exists()


def test_compressed_file_is_skipped(zipnn: Zipnn, model: Path) -> None:
    zipnn("compress", model)
    small = model.with_name("model.znn.safetensors")
    run = zipnn("compress", small)
    assert (run.code, run.out) == (0, f"{small}: skipped, already compressed\n")
    document = zipnn("compress", small, "--json").document
    assert document["results"][0]["action"] == "skipped"
    assert document["results"][0]["output"] is None


def test_file_that_would_not_become_smaller_is_skipped(zipnn: Zipnn, tmp_path: Path) -> None:
    path = tmp_path / "tiny.bin"
    path.write_bytes(b"abc")
    run = zipnn("compress", path)
    assert (run.code, run.out) == (0, f"{path}: skipped, it would not become smaller\n")
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.bin"]


def test_folder_without_models(zipnn: Zipnn, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("words")
    run = zipnn("compress", folder, "--in-place")
    assert run.code == 0
    assert "a.txt: skipped" in run.out
    (folder / "a.txt").unlink()
    assert zipnn("compress", folder, "--in-place").code == 0
    assert zipnn("compress", folder, "--in-place", "--json").document["results"] == []


# --- failures ------------------------------------------------------------------------------------


def test_output_exists(zipnn: Zipnn, model: Path) -> None:
    small = model.with_name("model.znn.safetensors")
    small.write_bytes(b"mine")
    run = zipnn("compress", model)
    assert run.code == 3
    assert run.out == ""
    assert run.err.splitlines()[1:] == [
        f"zipnn: error: {model}: {small} exists; use force to replace it",
        "hint: --force replaces files, -o writes elsewhere",
    ]
    assert small.read_bytes() == b"mine"
    assert zipnn("compress", model, "--force").code == 0
    assert small.read_bytes() != b"mine"


def test_output_folder_is_not_empty(zipnn: Zipnn, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    run = zipnn("compress", folder, "-o", tmp_path / "out")
    assert run.code == 3
    assert "not empty" in run.err
    assert contents(tmp_path / "out") == {"mine": b"mine"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (LFS, "a Git LFS pointer"),
        (bytes(9000), "begins with zeros"),
        (b"PK\x03\x04" * 100, "not a safetensors file"),
        (b"\xff\x00\x00\x00\x00\x00\x00\x00{}", "the header has 255 bytes, the whole file 10"),
    ],
)
def test_file_that_is_not_what_its_name_says(
    zipnn: Zipnn, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    for command in ("compress", "decompress"):
        run = zipnn(command, path, "-o", tmp_path / "out")
        assert run.code == 1
        assert f"zipnn: error: file {path}: " in run.err
        assert words in run.err
    assert contents(tmp_path) == {"model.safetensors": content}


def test_missing_file_and_output_folder(zipnn: Zipnn, model: Path, tmp_path: Path) -> None:
    run = zipnn("compress", tmp_path / "nope")
    assert run.code == 1
    assert f"zipnn: error: {tmp_path / 'nope'}: no such file or directory\n" in run.err
    run = zipnn("compress", model, "-o", tmp_path / "no" / "such" / "out")
    assert run.code == 1
    assert f"{tmp_path / 'no' / 'such' / 'out'}: no such file or directory\n" in run.err


def test_plain_file_cannot_be_decompressed(zipnn: Zipnn, model: Path) -> None:
    run = zipnn("decompress", model, "--in-place")
    assert run.code == 1
    assert "not compressed by zipnn" in run.err


def test_damaged_file(zipnn: Zipnn, model: Path) -> None:
    zipnn("compress", model, "--delete-original")
    small = model.with_name("model.znn.safetensors")
    data = bytearray(small.read_bytes())
    data[len(data) // 2] ^= 4
    small.write_bytes(data)
    run = zipnn("decompress", small, "--delete-original")
    assert run.code == 1
    assert re.search(r"zipnn: error: file .*: tensor 'embed.weight': chunk 0", run.err)
    assert "hint: this copy is damaged: fetch or copy the file again" in run.err
    assert [path.name for path in model.parent.iterdir()] == [small.name]


def test_one_failure_does_not_keep_the_others_from_being_done(
    zipnn: Zipnn, model: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(LFS)
    run = zipnn("compress", bad, model, tmp_path / "nope", "--json")
    assert run.code == 1
    assert [result["action"] for result in run.document["results"]] == ["compressed"]
    assert [(error["path"], error["type"]) for error in run.document["errors"]] == [
        (str(bad), "FormatError"),
        (str(tmp_path / "nope"), "FileNotFoundError"),
    ]
    assert run.document["errors"][0]["message"].startswith(f"file {bad}: ")
    assert model.with_name("model.znn.safetensors").exists()


def test_failed_and_existing_make_1(zipnn: Zipnn, model: Path, tmp_path: Path) -> None:
    zipnn("compress", model)
    assert zipnn("compress", model, tmp_path / "nope").code == 1
    assert zipnn("compress", model, model.with_name("model.znn.safetensors")).code == 3
    assert zipnn("compress", model, model.with_name("model.znn.safetensors"), "--force").code == 0


def test_failure_in_a_folder(zipnn: Zipnn, folder: Path, tmp_path: Path) -> None:
    (folder / "model-00002-of-00002.safetensors").write_bytes(LFS)
    run = zipnn("compress", folder, "-o", tmp_path / "small")
    assert run.code == 1
    assert "Git LFS pointer" in run.err
    assert "total: " in run.out
    assert "failed" not in run.out
    document = zipnn("compress", folder, "-o", tmp_path / "again", "--json").document
    assert [error["path"] for error in document["errors"]] == [
        str(folder / "model-00002-of-00002.safetensors")
    ]
    assert len(document["results"]) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["FOLDER"], "is a folder: where should the result go?\nhint: -o OUT, or --in-place"),
        (["MODEL", "--in-place", "-o", "x"], "not allowed with argument"),
        (["MODEL", "--in-place", "--delete-original"], "--delete-original does not go with it"),
        (["MODEL", "COPY", "-o", "OUT", "--force"], "2 of the paths would be written to"),
        (["MODEL", "MODEL", "--force"], "2 of the paths would be written to"),
        (["MODEL", "--threads", "0"], "'0' is not a positive number"),
        (["MODEL", "--threads", "many"], "'many' is not a positive number"),
        (["MODEL", "--forc"], "unrecognized arguments: --forc"),
        ([], "give a path, or --model NAME"),
    ],
)
@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_wrong_command_line_does_nothing(
    zipnn: Zipnn, model: Path, folder: Path, tmp_path: Path, command: str, arguments: list[str], words: str
) -> None:
    (tmp_path / "copy").mkdir()
    if command == "decompress":
        library.compress_file(model, in_place=True)
        model = model.rename(model.with_name("model.znn.safetensors"))
    copy = shutil.copy(model, tmp_path / "copy")
    before = contents(tmp_path)
    places = {"MODEL": model, "COPY": copy, "FOLDER": folder, "OUT": tmp_path / "out"}
    run = zipnn(command, *(places.get(argument, argument) for argument in arguments))
    assert run.code == 2
    assert run.out == ""
    assert words in run.err
    assert contents(tmp_path) == before


def test_unknown_level(zipnn: Zipnn, model: Path) -> None:
    assert zipnn("compress", model, "--level", "best").code == 2


def test_device_is_no_output(zipnn: Zipnn, model: Path) -> None:
    run = zipnn("compress", model, "-o", "/dev/null", "--force")
    assert run.code == 3
    assert "/dev/null is not a regular file" in run.err
    assert Path("/dev/null").is_char_device()


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [("mödel 模型.safetensors", "mödel 模型"), ("new\nline\x1b[31m.safetensors", r"new\nline\x1b[31m")],
)
def test_odd_names(zipnn: Zipnn, tmp_path: Path, name: str, shown: str) -> None:
    path = save_model(tmp_path / name)
    run = zipnn("compress", path)
    assert run.code == 0
    assert len(run.out.splitlines()) == 1
    assert f"{shown}.znn.safetensors" in run.out
    assert "\x1b" not in run.out + run.err
    (result,) = zipnn("compress", path, "--force", "--json").document["results"]
    assert result["source"] == str(path)
    assert load_file(path).keys() == library.load_file(result["output"]).keys()


def test_tensor_names_cannot_fake_output(zipnn: Zipnn, tmp_path: Path) -> None:
    path = save_model(tmp_path / "model.safetensors", **{"a\nzipnn: all is well\x1b[0m": np.ones(3)})
    run = zipnn("info", path, "--tensors")
    assert run.code == 0
    assert r"a\nzipnn: all is well\x1b[0m" in run.out
