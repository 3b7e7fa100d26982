# SPDX-License-Identifier: MIT
"""`zipnn info`."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

import zipnn as library
from tests.cli.conftest import Zipnn, save_model, weights


def test_summary_of_a_compressed_file(zipnn: Zipnn, model: Path) -> None:
    zipnn("compress", model)
    small = model.with_name("model.znn.safetensors")
    run = zipnn("info", small)
    assert (run.code, run.err) == (0, "")
    lines = run.out.splitlines()
    assert lines[0] == str(small)
    assert lines[1] == "  kind      compressed safetensors, format version 1"
    size, original = small.stat().st_size, model.stat().st_size
    assert re.fullmatch(
        rf"  size      3\d\.\d kB \({size} bytes\), {100 * size / original:.1f} % of the original", lines[2]
    )
    assert lines[3].endswith(f" kB ({original} bytes)")
    assert lines[4] == "  metadata  format: pt"
    assert lines[6].split() == ["dtype", "codec", "tensors", "elements", "original", "stored", "percent"]
    assert [line.split()[:2] for line in lines[8:10]] == [["BF16", "huffman"], ["BF16", "raw"]]
    assert lines[10].split()[:3] == ["total", "2", "24,009"]
    assert len({len(line) for line in lines[6:11]}) == 1


def test_plain_file(zipnn: Zipnn, model: Path) -> None:
    lines = zipnn("info", model).out.splitlines()
    assert lines[1] == "  kind      safetensors"
    assert "of the original" not in lines[2]


def test_every_tensor(zipnn: Zipnn, tmp_path: Path) -> None:
    again = weights(3, 100, 90)
    path = save_model(tmp_path / "model.safetensors", a=again, b=again, scalar=np.array(1.0, np.float32))
    library.compress_file(path, in_place=True)
    run = zipnn("info", path, "--tensors")
    rows = {line.split()[0]: line.split() for line in run.out.splitlines() if line}
    assert rows["embed.weight"][1:4] == ["BF16", "200x120", "huffman"]
    assert rows["b"][3:5] == ["=", "a"]
    assert rows["scalar"][2] == "scalar"


def test_bound(zipnn: Zipnn, model: Path) -> None:
    run = zipnn("info", model, "--bound", "--tensors", "--threads", "1")
    assert re.search(
        r"^  bound     3\d\.\d kB at the order-0 entropy, 6\d\.\d % of the data$", run.out, re.MULTILINE
    )
    assert run.out.count("percent") == 2
    assert run.out.count("   bound\n") == 2


def test_json(zipnn: Zipnn, model: Path) -> None:
    zipnn("compress", model)
    small = model.with_name("model.znn.safetensors")
    one, two = zipnn("info", small, model, "--bound", "--json").document["results"]
    assert (one["kind"], one["format_version"], two["kind"], two["format_version"]) == (
        "compressed safetensors", 1, "safetensors", None,
    )  # fmt: skip
    assert one["path"] == str(small)
    assert one["stored_size"] == small.stat().st_size
    assert one["original_size"] == two["stored_size"] == model.stat().st_size
    assert math.isclose(one["ratio"], small.stat().st_size / model.stat().st_size)
    assert one["metadata"] == {"format": "pt"}
    assert one["bound"] == two["bound"] > 0
    assert [(t["name"], t["dtype"], t["shape"]) for t in one["tensors"]] == [
        ("embed.weight", "BF16", [200, 120]),
        ("norm.bias", "BF16", [9]),
    ]
    assert one["tensors"][0].keys() == {
        "name", "dtype", "shape", "codec", "original_size", "stored_size", "same_as", "bound",
    }  # fmt: skip


def test_folder(zipnn: Zipnn, folder: Path) -> None:
    run = zipnn("info", folder)
    assert run.code == 0
    assert run.out.count("  kind      safetensors\n") == 2
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"")
    run = zipnn("info", folder, "--json")
    assert run.code == 1
    assert len(run.document["results"]) == 1
    assert "the file is empty" in run.document["errors"][0]["message"]


def test_archive(zipnn: Zipnn, tmp_path: Path) -> None:
    (tmp_path / "table.bin").write_bytes(b"0123456789" * 5000)
    zipnn("compress", tmp_path / "table.bin")
    run = zipnn("info", tmp_path / "table.bin.znn", "--tensors")
    assert run.code == 0
    assert "  kind      archive, format version 1\n" in run.out
    assert "bytes from 0" in run.out


@pytest.mark.parametrize("content", [b"", b"GGUF", b"version https://git-lfs.github.com/spec/v1\noid"])
def test_other_files(zipnn: Zipnn, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    run = zipnn("info", path)
    assert (run.code, run.out) == (1, "")
    assert f"zipnn: error: file {path}: " in run.err


def test_missing_file_and_folder_without_models(zipnn: Zipnn, tmp_path: Path) -> None:
    assert zipnn("info", tmp_path / "nope").code == 1
    run = zipnn("info", tmp_path)
    assert run.code == 1
    assert "no safetensors files and no archives in this folder" in run.err


def test_quiet_prints_nothing(zipnn: Zipnn, model: Path) -> None:
    run = zipnn("info", model, "-q")
    assert (run.code, run.out, run.err) == (0, "", "")
