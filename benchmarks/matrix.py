# SPDX-License-Identifier: MIT
"""Every codec on one buffer: one thread and all, fresh memory and warm, each in both directions.

The runs are interleaved: each round times every case once, so that a machine that slows down slows all
codecs alike, and each in another order, for what ran before leaves the memory in its own state. The kinds
of memory are explained in `benchmarks/memory.py`.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import memory
from benchmarks.codecs.base import DIRECTIONS
from benchmarks.processes import Process
from benchmarks.timing import summary

SLOW = 2.0
"""Seconds of a call from which on it is repeated `SLOW_RUNS` times only."""
SLOW_RUNS = 3

Row = dict[str, Any]


@dataclass
class _Case:
    """One codec with one number of threads: where it is measured, and its times so far."""

    process: Process
    number: int
    row: Row
    directions: Sequence[str]
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def run(self, direction: str, kind: str, loops: int) -> float:
        """Time one call and return its seconds. One that fails is noted in the row."""
        answer = self.process.ask(
            "time", case=self.number, direction=direction, memory_kind=kind, loops=loops
        )
        if "seconds" not in answer:
            self.row["missing"] = answer["missing"]
        return float(answer.get("seconds", math.nan))


def measure(
    processes: Sequence[Process],
    path: Path,
    dtype: str,
    *,
    runs: int,
    threads: Sequence[int],
    memories: Sequence[str] = (memory.FRESH, memory.WARM),
    loops: int = 1,
) -> list[Row]:
    """Measure all codecs of all processes on one buffer.

    Args:
        processes: the workers.
        path: the buffer's file.
        dtype: of its elements, by its name in safetensors.
        runs: timed calls for each figure.
        threads: numbers of threads to measure.
        memories: kinds of memory to measure.
        loops: calls that are timed together, for those too short for a clock.

    Returns:
        A row for each codec and number of threads: `codec`, `threads`, `bytes`, `size`, and for each kind
        of memory and direction a summary of the seconds (`timing.summary`); or `missing`, why it is not
        measured.
    """
    cases, rows = [], []
    for process, codec, count in _wanted(processes, threads):
        row: Row = {"codec": codec["name"], "threads": count}
        rows.append(row)
        answer = process.ask("open", codec=codec["name"], path=str(path), dtype=dtype, threads=count)
        if "missing" in answer:
            row["missing"] = answer["missing"]
            continue
        row |= {"bytes": answer["bytes"], "size": answer["size"]}
        directions = DIRECTIONS if count == 1 else codec["threaded"]
        cases.append(_Case(process, answer["case"], row, directions))
    for kind in memories:
        # Not counted: it is what makes memory warm, and tells which are slow.
        first = {id(case): {way: case.run(way, kind, loops) for way in case.directions} for case in cases}
        for number in range(runs):
            for case in random.Random(number).sample(cases, len(cases)):
                for way in case.directions:
                    if number < SLOW_RUNS or first[id(case)][way] * loops < SLOW:
                        case.seconds.setdefault((kind, way), []).append(case.run(way, kind, loops))
        print(".", end="", file=sys.stderr, flush=True)
    for case in cases:
        for (kind, way), seconds in case.seconds.items():
            if "missing" not in case.row:
                case.row.setdefault(kind, {})[way] = summary(seconds)
    for process in processes:
        process.ask("close")
    return rows


def sizes(process: Process, path: Path, dtype: str) -> dict[str, int]:
    """Size of a file's bytes as each codec of a process compresses them; those missing are left out."""
    found = {}
    for codec in process.codecs:
        answer = process.ask("open", codec=codec["name"], path=str(path), dtype=dtype, threads=1, whole=True)
        if "size" in answer:
            found[codec["name"]] = answer["size"]
        process.ask("close")
    return found


def _wanted(
    processes: Sequence[Process], threads: Sequence[int]
) -> Iterator[tuple[Process, dict[str, Any], int]]:
    for count in threads:
        for process in processes:
            for codec in process.codecs:
                if count == 1 or codec["threaded"]:
                    yield process, codec, count
