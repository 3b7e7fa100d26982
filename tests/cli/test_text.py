# SPDX-License-Identifier: MIT
"""Numbers, names and tables as people read them."""

from __future__ import annotations

import pytest

from zipnn.cli import text


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9994, "9.99 kB"),
        (9995, "10.0 kB"),
        (99_949, "99.9 kB"),
        (99_951, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (90_868_376, "90.9 MB"),
        (1_200_000_000, "1.20 GB"),
        (5 * 10**12, "5.00 TB"),
        (7 * 10**21, "7000 EB"),
        (-1500, "-1.50 kB"),
    ],
)
def test_size(count: int, expected: str) -> None:
    assert text.size(count) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 ms"),
        (0.0421, "42 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (9.99, "9.99 s"),
        (12.34, "12.3 s"),
        (119.6, "2 min 00 s"),
        (185, "3 min 05 s"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert text.duration(seconds) == expected


def test_percent_and_speed() -> None:
    assert text.percent(663, 1000) == "66.3 %"
    assert text.percent(0, 0) == "100.0 %"
    assert text.speed(2_400_000_000, 2) == "1.20 GB/s"
    assert text.speed(0, 0) == "0 B/s"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain name.txt", "plain name.txt"),
        ("ünï 模型", "ünï 模型"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31mred\x9b", r"\x1b[31mred\x9b"),
        ("caf\udce9", r"caf\udce9"),
        ("left\u202eright", r"left\u202eright"),
    ],
)
def test_name(raw: str, shown: str) -> None:
    assert text.name(raw) == shown


@pytest.mark.parametrize(
    ("width", "expected"), [(10, "abcdefghij"), (9, "abcd…ghij"), (4, "ab…j"), (3, "abc"), (0, "")]
)
def test_shorten(width: int, expected: str) -> None:
    assert text.shorten("abcdefghij", width) == expected


def test_table() -> None:
    assert text.table(["name", "n"], [["a", "1"], ["long name here", "1234"]], 1).splitlines() == [
        "name               n",
        "--------------  ----",
        "a                  1",
        "long name here  1234",
    ]
    assert text.table(["name", "n"], [["long name here", "1234"]], 1, width=14).splitlines() == [
        "name         n",
        "--------  ----",
        "long…ere  1234",
    ]
