# SPDX-License-Identifier: MIT
"""Numbers, names and tables as people read them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..storage.locations import Url

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def size(count: float) -> str:
    """A number of bytes in decimal units and three significant digits: `90.9 MB`."""
    value = float(count)
    for unit in _UNITS:
        if abs(value) < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    if unit == "B":
        return f"{value:.0f} B"
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:.{digits}f} {unit}"


def speed(count: int, seconds: float) -> str:
    """Bytes a second: `1.20 GB/s`."""
    return f"{size(count / max(seconds, 1e-9))}/s"


def percent(part: int, whole: int) -> str:
    """A part in percent, one decimal: `66.3 %`; of nothing, 100 %."""
    return f"{100 * part / whole if whole else 100:.1f} %"


def duration(seconds: float) -> str:
    """A time: `42 ms`, `1.42 s`, `12.3 s`, `3 min 05 s`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{round(seconds) // 60} min {round(seconds) % 60:02} s"


def name(value: str | os.PathLike[str] | Url) -> str:
    """A name for one line of text: characters that a terminal would obey or cannot show are escaped."""
    raw = str(value) if isinstance(value, Url) else os.fspath(value)
    if raw.isprintable():
        return raw
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in raw)


def shorten(text: str, width: int) -> str:
    """At most `width` characters of a text; what goes, goes from its middle."""
    if len(text) <= width:
        return text
    if width < 4:
        return text[:width]
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[-tail:]}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int, width: int | None = None) -> str:
    """Rows in columns, two spaces apart, a rule below the header.

    Args:
        header: the columns' titles.
        rows: the cells.
        left: so many columns, from the first, are flush left; the others flush right.
        width: of the terminal; the first column gives way to it. None: as wide as it gets.
    """
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    if width is not None:
        excess = sum(widths) + 2 * (len(widths) - 1) - width
        widths[0] = max(min(8, widths[0]), widths[0] - max(excess, 0))
    lines = [_row(header, widths, left), "  ".join("-" * w for w in widths)]
    lines += [_row(row, widths, left) for row in rows]
    return "\n".join(lines)


def _row(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    padded = [
        shorten(cell, width).ljust(width) if place < left else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
