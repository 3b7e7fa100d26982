# SPDX-License-Identifier: MIT
"""`zipnn series`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkpoints.runs import contents, steps
from tests.cli.conftest import Zipnn


@pytest.fixture
def truth(zipnn: Zipnn, tmp_path: Path) -> list[dict[str, bytes]]:
    """What is in each checkpoint of a series of four."""
    known = []
    for files in steps(tmp_path / "run", 4):
        known.append(files)
        run = zipnn(
            "series", "add", tmp_path / "series", tmp_path / "run", "--name", f"s{len(known)}", "--every", 3
        )
        assert (run.code, run.out.count("\n")) == (0, 1)
    return known


def test_from_adding_to_pruning(zipnn: Zipnn, tmp_path: Path, truth: list[dict[str, bytes]]) -> None:
    series = tmp_path / "series"
    results = zipnn("series", "list", series, "--json").document["results"]
    assert [(result["number"], result["name"], result["base"]) for result in results] == [
        (1, "s1", None), (2, "s2", 1), (3, "s3", 2), (4, "s4", None),
    ]  # fmt: skip
    assert "s3" in zipnn("series", "list", series).out
    run = zipnn("series", "restore", series, "s3", "-o", tmp_path / "s3")
    assert (run.code, "checkpoint 3 (s3): " in run.out) == (0, True)
    run = zipnn("series", "restore", series, "s5", "-o", tmp_path / "s5")
    assert (run.code, "4 ('s4')" in run.err) == (1, True)
    assert zipnn("series", "restore", series, "#3", "-o", tmp_path / "number").code == 0
    assert contents(tmp_path / "s3") == truth[2]
    assert zipnn("series", "restore", series, "3", "-o", tmp_path / "s3").code == 3
    assert zipnn("series", "verify", series).out.count("intact") == 4
    assert zipnn("series", "prune", series, "--keep-only", "s1", "3", "4").code == 0
    run = zipnn("series", "reanchor", series, "3", "--json")
    assert run.document["results"][0]["base"] is None
    run = zipnn("series", "prune", series, "--keep", "2", "--json")
    assert [result["number"] for result in run.document["results"]] == [1]
    assert zipnn("series", "restore", series, "3", "-o", tmp_path / "again").code == 0
    assert contents(tmp_path / "again") == truth[2]


def test_a_damaged_one(zipnn: Zipnn, tmp_path: Path, truth: list[dict[str, bytes]]) -> None:
    series = tmp_path / "series"
    path = series / "000002.znn"
    path.write_bytes(path.read_bytes()[:-1])
    run = zipnn("series", "verify", series, "--json")
    assert run.code == 1
    assert [result["restorable"] for result in run.document["results"]] == [True, False, False, True]
    assert len(run.document["errors"]) == 2
    run = zipnn("series", "restore", series, "3", "-o", tmp_path / "out")
    assert run.code == 1
    assert "without these can be restored: 1, 4" in run.err


def test_wrong_command_lines(zipnn: Zipnn, tmp_path: Path) -> None:
    assert zipnn("series").code == 2
    assert zipnn("series", "--help").code == 0
    assert zipnn("series", "add", tmp_path / "s", "a", "b", "--name", "n").code == 2
    assert zipnn("series", "add", tmp_path / "s", "a", "--every", "0").code == 2
    for keep in ("0", "-1"):
        run = zipnn("series", "prune", tmp_path / "s", "--keep", keep)
        assert (run.code, f"--keep {keep} would" in run.err) == (2, True)
    assert zipnn("series", "prune", tmp_path / "s").code == 2
    assert zipnn("series", "list", tmp_path / "s").code == 1
    assert zipnn("series", "add", tmp_path / "s", tmp_path / "nowhere").code == 1
