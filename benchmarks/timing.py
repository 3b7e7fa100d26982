# SPDX-License-Identifier: MIT
"""Times of calls, and what is said of several of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

RUNS = 7
"""Of every call, for its median."""


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, by the clock on the wall, and what it returns."""
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Median and quartiles of some times, in seconds, and how many they are."""
    runs = len(seconds)
    if runs == 1:
        seconds = [*seconds, *seconds]
    q1, median, q3 = statistics.quantiles(seconds, n=4, method="inclusive")
    return {"median": _short(median), "q1": _short(q1), "q3": _short(q3), "runs": runs}


def _short(seconds: float) -> float:
    """Four digits: the rest is noise, and would change with every run."""
    return float(f"{seconds:.4g}")
