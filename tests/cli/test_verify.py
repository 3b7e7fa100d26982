# SPDX-License-Identifier: MIT
"""`zipnn verify`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import zipnn as library
from tests.cli.conftest import Zipnn, save_model


@pytest.fixture
def small(model: Path) -> Path:
    """The model, compressed."""
    output = library.compress_file(model).output
    assert output is not None
    return output


def test_intact_file(zipnn: Zipnn, small: Path) -> None:
    run = zipnn("verify", small)
    assert run.code == 0
    assert run.out.startswith(f"{small}: intact, 2 tensors, 48.")
    assert run.err == f"verifying {small}\n"
    (result,) = zipnn("verify", small, "--json", "--threads", "2").document["results"]
    assert (result["action"], result["path"], result["other"]) == ("verified", str(small), None)
    assert (result["kind"], result["tensors"], result["notes"]) == ("compressed safetensors", 2, [])


def test_plain_file_is_not_called_intact(zipnn: Zipnn, model: Path) -> None:
    run = zipnn("verify", model)
    assert run.code == 0
    assert run.out == (
        f"{model}: well-formed, 2 tensors\n  note: not compressed: only the header could be checked\n"
    )


def test_damaged_file(zipnn: Zipnn, small: Path) -> None:
    data = bytearray(small.read_bytes())
    data[-2000] ^= 1
    small.write_bytes(data)
    run = zipnn("verify", small)
    assert (run.code, run.out) == (1, "")
    assert f"zipnn: error: file {small}: tensor 'embed.weight': chunk 0" in run.err
    document = zipnn("verify", small, "--json").document
    assert (document["results"], document["errors"][0]["type"]) == ([], "CorruptError")


@pytest.mark.parametrize("order", [1, -1])
def test_equal_whatever_the_containers(zipnn: Zipnn, model: Path, small: Path, order: int) -> None:
    one, two = (model, small)[::order]
    run = zipnn("verify", one, two)
    assert run.code == 0
    assert run.out.startswith(f"{one} and {two}: equal, 2 tensors, ")
    assert zipnn("verify", one, two, "--json").document["results"][0]["other"] == str(two)


def test_different_files(zipnn: Zipnn, small: Path) -> None:
    other = save_model(small.with_name("other.safetensors"), seed=8)
    run = zipnn("verify", small, other)
    assert (run.code, run.out) == (1, "")
    assert "tensor 'embed.weight'" in run.err
    assert zipnn("verify", small, other, "--json").document["errors"][0]["type"] == "MismatchError"


def test_metadata_may_differ_which_is_said(zipnn: Zipnn, model: Path, small: Path) -> None:
    other = model.with_name("other.safetensors")
    with safetensors.safe_open(model, "np") as file:
        safetensors.numpy.save_file({n: file.get_tensor(n) for n in file.keys()}, other)  # noqa: SIM118
    run = zipnn("verify", small, other)
    assert run.code == 0
    assert "  note: metadata differ: 'format'\n" in run.out


def test_other_files(zipnn: Zipnn, tmp_path: Path) -> None:
    path = tmp_path / "table.bin"
    path.write_bytes(b"0123456789" * 5000)
    zipnn("compress", path)
    assert zipnn("verify", tmp_path / "table.bin.znn").code == 0
    assert zipnn("verify", path, tmp_path / "table.bin.znn").code == 0
    path.write_bytes(b"0123456789" * 4999 + b"012345678X")
    run = zipnn("verify", path, tmp_path / "table.bin.znn")
    assert run.code == 1
    assert "differ at byte 49999" in run.err
    run = zipnn("verify", path)
    assert run.code == 1
    assert "not compressed by zipnn" in run.err


def test_each_by_itself(zipnn: Zipnn, model: Path, small: Path, tmp_path: Path) -> None:
    assert zipnn("verify", "--each", model, small).out.count("\n") == 3
    run = zipnn("verify", "--each", small, tmp_path / "nope", small)
    assert run.code == 1
    assert run.out.count(": intact") == 2
    run = zipnn("verify", small, small, small)
    assert run.code == 2
    assert "hint: --each checks each by itself" in run.err


def test_folder(zipnn: Zipnn, folder: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    zipnn("compress", folder, "-o", small)
    run = zipnn("verify", small)
    assert run.code == 0
    assert run.out.startswith(f"{small}: 2 files intact, 3 skipped (not compressed), 9")
    run = zipnn("verify", small, folder)
    assert run.code == 0
    assert run.out.startswith(f"{small}: 5 files equal to those of {folder}, ")
    results = zipnn("verify", small, folder, "--json").document["results"]
    assert {result["other"] for result in results} == {str(p) for p in folder.rglob("*") if p.is_file()}


def test_folder_that_differs(zipnn: Zipnn, folder: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    zipnn("compress", folder, "-o", small)
    (small / "config.json").write_text("other")
    save_model(small / "model-00001-of-00002.safetensors", 77)
    (folder / "more.txt").write_text("more")
    run = zipnn("verify", small, folder)
    assert run.code == 1
    assert f"{small}: 3 of 6 files equal to those of {folder}" in run.out
    assert run.err.count("zipnn: error: ") == 3
    assert run.err.count("more.txt") == 1


def test_folder_with_a_damaged_file(zipnn: Zipnn, folder: Path) -> None:
    zipnn("compress", folder, "--in-place")
    damaged = folder / "model-00001-of-00002.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    run = zipnn("verify", folder)
    assert run.code == 1
    assert "1 of 2 files intact" in run.out
    assert str(damaged) in run.err


def test_folder_and_file(zipnn: Zipnn, folder: Path, model: Path) -> None:
    assert zipnn("verify", folder, model).code == 2


def test_missing_file(zipnn: Zipnn, small: Path, tmp_path: Path) -> None:
    for paths in ([tmp_path / "nope"], [small, tmp_path / "nope"], [tmp_path / "nope", small]):
        run = zipnn("verify", *paths)
        assert run.code == 1
        assert f"{tmp_path / 'nope'}: no such file or directory" in run.err


def test_verify_writes_nothing(zipnn: Zipnn, small: Path) -> None:
    before = {path: path.stat() for path in small.parent.iterdir()}
    zipnn("verify", small)
    assert {path: path.stat().st_mtime_ns for path in small.parent.iterdir()} == {
        path: status.st_mtime_ns for path, status in before.items()
    }


def test_nan_payloads_count(zipnn: Zipnn, tmp_path: Path) -> None:
    bits = np.array([0x7FC00001, 0x7FC00002] * 1000, np.uint32)
    for name, array in (("a", bits), ("b", bits[::-1].copy())):
        safetensors.numpy.save_file({"w": array.view(np.float32)}, tmp_path / name)
    assert zipnn("verify", tmp_path / "a", tmp_path / "b").code == 1
    assert zipnn("verify", tmp_path / "a", tmp_path / "a").code == 0
