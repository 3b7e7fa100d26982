# SPDX-License-Identifier: MIT
"""Killed at any instant, adding and pruning leave a series all of whose checkpoints come back."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

from tests.checkpoints.runs import contents, steps
from tests.integration.child import start
from zipnn.checkpoints import Series

ADD = """
import sys
from zipnn.checkpoints import Series
print("ready", flush=True)
Series(sys.argv[1]).add(sys.argv[2])
print("done", flush=True)
"""
PRUNE = """
import sys
from zipnn.checkpoints import Series
print("ready", flush=True)
Series(sys.argv[1]).prune([2, 4])
print("done", flush=True)
"""


def killed_after(code: str, seconds: float, *paths: Path) -> float:
    """Start `code` and kill it so long after it began its work; how long it took, if it was done by then."""
    with start(code, *paths) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begun = time.monotonic()
        if seconds == float("inf"):
            assert process.stdout.read() == "done\n"
            return time.monotonic() - begun
        time.sleep(seconds)
        process.kill()
        process.stdout.read()
        return seconds


def check(series: Series, truth: list[dict[str, bytes]], numbers: set[int], work: Path) -> None:
    known = {checkpoint.number for checkpoint in series.checkpoints()}
    assert numbers <= known
    for number in known:
        series.restore(number, work / "restored")
        assert contents(work / "restored") == truth[min(number, len(truth)) - 1]
        shutil.rmtree(work / "restored")


def test_killed_while_it_adds_or_prunes(tmp_path: Path) -> None:
    truth = []
    ready = Series(tmp_path / "ready")
    for files in steps(tmp_path / "run", 5):
        truth.append(files)
        if len(truth) < 5:
            ready.add(tmp_path / "run")
    folder = tmp_path / "series"
    chance = random.Random(3)
    for code, needed in ((ADD, {1, 2, 3, 4}), (PRUNE, {2, 4})):
        shutil.copytree(ready.folder, folder)
        longest = killed_after(code, float("inf"), folder, tmp_path / "run")
        for attempt in range(6):
            shutil.rmtree(folder)
            shutil.copytree(ready.folder, folder)
            killed_after(code, longest * (attempt + chance.random()) / 5, folder, tmp_path / "run")
            check(Series(folder), truth, needed, tmp_path)
            Series(folder).add(tmp_path / "run")  # goes on, and cleans up
            check(Series(folder), truth, needed, tmp_path)
            names = {path.name for path in folder.iterdir()} - {"series.json", "series.lock"}
            assert names == {checkpoint.file for checkpoint in Series(folder).checkpoints()}
        shutil.rmtree(folder)
