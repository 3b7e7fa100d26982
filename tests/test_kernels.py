# SPDX-License-Identifier: MIT
"""ZIPNN_SIMD chooses the set of kernels; a set that is not there is reported once."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = "from zipnn import _core\nprint(_core.simd())\nprint(_core.simd())\n"


def chosen(wanted: str | None) -> tuple[list[str], str]:
    """The names given by two calls in a fresh process, and its standard error output."""
    environment = {name: value for name, value in os.environ.items() if name != "ZIPNN_SIMD"}
    if wanted is not None:
        environment["ZIPNN_SIMD"] = wanted
    ran = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, check=True, capture_output=True, text=True
    )
    return ran.stdout.split(), ran.stderr


def test_a_set_that_is_there_is_used_without_a_word() -> None:
    assert chosen("scalar") == (["scalar", "scalar"], "")


def test_the_best_is_used_where_none_is_named() -> None:
    names, shown = chosen(None)
    assert chosen("") == (names, shown)
    assert shown == ""


def test_one_line_says_that_a_set_is_not_there() -> None:
    best, _ = chosen(None)
    names, shown = chosen("avx3")
    assert names == best
    assert len(shown.splitlines()) == 1
    assert "ZIPNN_SIMD=avx3" in shown
    assert "scalar" in shown
    assert f"using {best[0]}" in shown
