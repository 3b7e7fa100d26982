# SPDX-License-Identifier: MIT
"""`zipnn compress -` and `zipnn decompress -` in processes of their own, connected by pipes."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.cli.conftest import Zipnn
from zipnn.cli.streams import original_of

COMMAND = [sys.executable, "-m", "zipnn"]


def run(*arguments: str | Path, data: bytes = b"", **options: Any) -> subprocess.CompletedProcess[bytes]:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "input": data, **options}
    done = subprocess.run([*COMMAND, *map(str, arguments)], check=False, **options)
    assert b"Traceback" not in done.stderr
    return done


WEIGHTS = np.random.default_rng(0).standard_normal(500_000).astype("f4").tobytes()


@pytest.mark.parametrize("data", [b"", b"x", b"some words", WEIGHTS, WEIGHTS[:-3], bytes(100_000)])
def test_there_and_back_through_pipes(data: bytes) -> None:
    packed = run("compress", "-", data=data)
    assert packed.returncode == 0
    assert run("decompress", "-", data=packed.stdout).stdout == data


def test_a_stream_is_an_archive_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "a.znn"
    path.write_bytes(run("compress", "-", "--level", "fast", data=WEIGHTS).stdout)
    assert path.stat().st_size < 0.95 * len(WEIGHTS)
    zipnn.verify_file(path)
    zipnn.decompress_file(path)
    assert (tmp_path / "a").read_bytes() == WEIGHTS


def test_output_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.znn"
    assert run("compress", "-", "-o", path, data=WEIGHTS).returncode == 0
    assert path.read_bytes() == run("compress", "-", "--threads", "1", data=WEIGHTS).stdout
    assert run("compress", "-", "-o", path, data=WEIGHTS).returncode == 3
    other = tmp_path / "b"
    assert run("decompress", "-", "-o", other, data=path.read_bytes()).returncode == 0
    assert other.read_bytes() == WEIGHTS
    assert other.stat().st_mode == _plain_mode(tmp_path)
    assert run("decompress", "-", "-o", other, "--force", "--json", data=path.read_bytes()).returncode == 0


def _plain_mode(folder: Path) -> int:
    path = folder / "plain"
    path.touch()
    return path.stat().st_mode


def test_what_was_not_written_to_a_stream_is_restored_all_the_same(tmp_path: Path) -> None:
    arrays = tmp_path / "a.npz"
    np.savez(arrays, w=np.frombuffer(WEIGHTS, "f4"))
    zipnn.compress_file(arrays)
    model = tmp_path / "m.safetensors"
    zipnn.save_file({"w": np.frombuffer(WEIGHTS, "f4"), "v": np.arange(9)}, model, compress=False)
    zipnn.compress_file(model)
    frame = zipnn.compress(WEIGHTS)
    for packed, original in (
        (Path(f"{arrays}.znn").read_bytes(), arrays.read_bytes()),
        ((tmp_path / "m.znn.safetensors").read_bytes(), model.read_bytes()),
        (frame, WEIGHTS),
    ):
        done = run("decompress", "-", data=packed)
        assert (done.returncode, done.stdout == original) == (0, True)


def test_damage_and_other_input_are_errors(tmp_path: Path) -> None:
    packed = run("compress", "-", data=WEIGHTS).stdout
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 1
    for data in (packed[:-1], packed[:16], packed[:5], packed + b"x", b"", WEIGHTS):
        with pytest.raises(zipnn.FormatError, match="file standard input"):
            list(original_of(io.BytesIO(data)))
    done = run("decompress", "-", data=bytes(flipped))
    assert done.returncode == 1
    assert b"file standard input" in done.stderr
    assert run("decompress", "-", "-o", tmp_path / "out", data=WEIGHTS).returncode == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("compress", "-", "other"),
        ("compress", "-", "--in-place"),
        ("compress", "-", "--delete-original"),
        ("compress", "-", "--dry-run"),
        ("compress", "-", "--json"),
        ("compress", "-", "-o", "s3://bucket/key"),
        ("decompress", "-", "-o", "."),
        ("compress", "model.bin", "-o", "-"),
    ],
)
def test_what_does_not_go_with_streams(process: Zipnn, arguments: tuple[str, ...]) -> None:
    assert process(*arguments, stdin=subprocess.DEVNULL).code == 2


def test_closed_streams(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(WEIGHTS)
    command = " ".join(f"'{part}'" for part in COMMAND)
    for redirections in ("<&-", f"<'{source}' >&-"):
        line = f"{command} compress - {redirections}"
        done = subprocess.run(line, shell=True, capture_output=True, check=False)
        assert done.returncode == 2
        assert b"is closed" in done.stderr


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_a_consumer_that_goes_away(command: str) -> None:
    data = WEIGHTS if command == "compress" else run("compress", "-", data=WEIGHTS).stdout
    process = subprocess.Popen(
        [*COMMAND, command, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(data)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert b"error" not in errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk() -> None:
    with open("/dev/full", "wb") as full:
        done = run("compress", "-", data=WEIGHTS, stdout=full)
    assert done.returncode == 1
    assert b"no space left" in done.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_terminals_neither_give_nor_take_data() -> None:
    master, terminal = os.openpty()
    try:
        done = subprocess.run([*COMMAND, "compress", "-"], stdin=terminal, capture_output=True, check=False)
        assert done.returncode == 2
        assert b"do not come from a terminal" in done.stderr
        done = run("compress", "-", data=WEIGHTS, stdout=terminal)
        assert done.returncode == 2
        assert b"do not go to a terminal" in done.stderr
    finally:
        os.close(terminal)
        os.close(master)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("compress", ["--base", "b"]),
        ("compress", ["--archive"]),
        ("compress", ["--model", "org/name"]),
        ("decompress", ["--base", "b"]),
    ],
)
def test_options_that_do_not_go_with_a_stream(zipnn: Zipnn, command: str, option: list[str]) -> None:
    run = zipnn(command, "-", *option, "-o", "out")
    assert run.code == 2
    assert f"{option[0]} does not go with standard input" in run.err
