# SPDX-License-Identifier: MIT
"""`zipnn ls` and `zipnn cat`."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tests.cli.conftest import Zipnn, save_model, weights
from zipnn.access.sources import ModelTensor
from zipnn.cli.cat import npy_head


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    """An archive of a .npz file."""
    path = tmp_path / "arrays.npz"
    rng = np.random.default_rng(0)
    np.savez(
        path, w=rng.standard_normal((300, 200)).astype("f4"), n=np.asfortranarray(rng.integers(0, 9, (3, 4)))
    )
    return path


def run_binary(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "zipnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **options)  # type: ignore[call-overload]


def test_list_as_text_and_json(zipnn: Zipnn, arrays: Path, model: Path) -> None:
    run = zipnn("ls", arrays)
    assert run.code == 0
    lines = run.out.splitlines()
    assert lines[2].split() == ["w", "F32", "300x200", "240", "kB"]
    assert lines[3].split() == ["n", "I64", "3x4", "96", "B"]
    assert lines[-1] == "2 tensors, 240 kB (npz)"

    document = zipnn("ls", arrays, model, "--json").document
    assert [entry["format"] for entry in document["results"]] == ["npz", "safetensors"]
    assert document["results"][1]["metadata"] == {"format": "pt"}
    assert document["results"][0]["tensors"][0] == {
        "name": "w",
        "dtype": "F32",
        "shape": [300, 200],
        "size": 240_000,
    }


def test_several_files_say_which_is_which_and_failures_keep_none_from_it(
    zipnn: Zipnn, arrays: Path, model: Path
) -> None:
    run = zipnn("ls", arrays, arrays.with_name("none"), model)
    assert run.code == 1
    assert f"{arrays}:\n" in run.out
    assert f"{model}:\n" in run.out
    assert "none: no such file" in run.err


def test_archives_list_what_their_original_does(zipnn: Zipnn, arrays: Path) -> None:
    plain = zipnn("ls", arrays, "--json").document["results"][0]
    zipnn("compress", arrays)
    archive = zipnn("ls", f"{arrays}.znn", "--json").document["results"][0]
    assert (plain["compressed"], archive["compressed"]) == (False, True)
    assert (plain["tensors"], plain["format"]) == (archive["tensors"], archive["format"])


def test_a_tensor_as_npy(zipnn: Zipnn, arrays: Path, tmp_path: Path) -> None:
    truth = np.load(arrays)
    zipnn("compress", arrays)
    for file in (arrays, Path(f"{arrays}.znn")):
        for name in truth:
            out = tmp_path / "out.npy"
            run = zipnn("cat", file, name, "-o", out, "--force")
            assert run.code == 0
            assert f"{name} -> {out}" in run.out
            assert (np.load(out) == truth[name]).all()
            piped = run_binary("cat", file, name)
            assert piped.stdout == out.read_bytes()
            assert not piped.stderr
            assert run_binary("cat", file, name, "--raw").stdout == truth[name].tobytes()


def test_dtypes_that_numpy_has_not(zipnn: Zipnn, model: Path, tmp_path: Path) -> None:
    zipnn("cat", model, "embed.weight", "-o", tmp_path / "w.npy")
    raw = np.load(tmp_path / "w.npy")
    assert raw.dtype == np.dtype("V2")
    assert (raw.view(ml_dtypes.bfloat16) == weights(0, 200, 120)).all()


@pytest.mark.parametrize(
    ("dtype", "shape", "size", "want"),
    [
        ("BOOL", (2, 3), 6, ("|b1", (2, 3))),
        ("C64", (), 8, ("<c8", ())),
        ("F8_E4M3", (4,), 4, ("|V1", (4,))),
        ("F4", (4, 4), 8, ("|u1", (8,))),
        ("numpy:<M8[ns]", (3,), 24, ("<M8[ns]", (3,))),
        ("numpy:|O", (3,), 24, ("|u1", (24,))),
        ("numpy:nonsense", (3,), 24, ("|u1", (24,))),
        ("torch:complex32", (3,), 12, ("|u1", (12,))),
    ],
)
def test_heads_of_npy_files(
    dtype: str, shape: tuple[int, ...], size: int, want: tuple[str, tuple[int, ...]]
) -> None:
    head = npy_head(ModelTensor("w", dtype, shape, size))
    got = np.load(io.BytesIO(head + bytes(size)))
    assert (got.dtype.str, got.shape) == want


def test_outputs_are_not_replaced_unasked(zipnn: Zipnn, arrays: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    out.write_bytes(b"mine")
    assert zipnn("cat", arrays, "w", "-o", out).code == 3
    assert out.read_bytes() == b"mine"
    assert zipnn("cat", arrays, "none", "-o", out, "--force").code == 1
    assert out.read_bytes() == b"mine"


def test_names_that_are_not_there(zipnn: Zipnn, arrays: Path) -> None:
    run = run_binary("cat", arrays, "none")
    assert (run.returncode, run.stdout) == (1, b"")
    assert b"there is no tensor 'none'" in run.stderr


def test_json_and_a_tensor_cannot_share_standard_output(zipnn: Zipnn, arrays: Path, tmp_path: Path) -> None:
    assert zipnn("cat", arrays, "w", "--json").code == 2
    run = zipnn("cat", arrays, "w", "--json", "-o", tmp_path / "w.npy")
    assert run.document["results"][0]["output"] == str(tmp_path / "w.npy")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_no_data_go_to_a_terminal(arrays: Path) -> None:
    master, terminal = os.openpty()
    try:
        run = subprocess.run(
            [sys.executable, "-m", "zipnn", "cat", str(arrays), "w"],
            stdout=terminal,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(master)
    assert run.returncode == 2
    assert b"do not go to a terminal" in run.stderr


def test_a_reader_that_goes_away(arrays: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "large.safetensors", big=np.zeros(3_000_000, "u1"))
    command = [sys.executable, "-m", "zipnn", "cat", str(tmp_path / "large.safetensors"), "big"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert errors == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output(arrays: Path) -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "zipnn", "cat", str(arrays), "w"]
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 1
    assert b"standard output: no space left" in run.stderr
