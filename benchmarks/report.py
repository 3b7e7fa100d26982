# SPDX-License-Identifier: MIT
"""The results as tables in Markdown. Speeds are GB of original data a second (10^9 bytes), medians."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.loading import WAYS as LOADING_WAYS

Results = dict[str, Any]

BEGIN, END = "<!-- tables of make bench -->", "<!-- end of the tables -->"
NONE = "-"
OLD, MEMCPY = "zipnn 0.5.4", "memcpy"


def percent(row: Results) -> float:
    """Size in percent of the original."""
    return 100 * row["size"] / row["bytes"]


def speed(row: Results | None, memory: str, direction: str) -> float | None:
    """GB/s of a row, or None where that was not measured."""
    times = (row or {}).get(memory, {}).get(direction)
    return row["bytes"] / times["median"] / 1e9 if row and times else None


def by_codec(buffer: Results, threads: int) -> dict[str, Results]:
    """The rows of a buffer for one number of threads."""
    return {row["codec"]: row for row in buffer.get("rows", ()) if row["threads"] == threads}


def all_threads(results: Results) -> int:
    """The largest number of threads that was measured."""
    return max(
        row["threads"] for buffer in results["buffers"] for row in buffer.get("rows", [{"threads": 1}])
    )


def tables(results: Results) -> str:
    """All tables, each with its heading."""
    parts = [
        _machine(results),
        _ratios(results),
        *(_buffer(buffer, results) for buffer in results["buffers"]),
        _tiny(results["tiny"]),
        _files(results["files"]),
        _archives(results["archives"]),
        _loading(results["loading"]),
    ]
    return "\n\n".join(parts) + "\n"


def replace(page: Path, text: str) -> None:
    """Put the tables into a page, between its two marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{page} has no place for the tables: {BEGIN} ... {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None, digits: int = 2, unit: str = "") -> str:
    return NONE if value is None else f"{value:.{digits}f}{unit}"


def _machine(results: Results) -> str:
    facts = {**results["machine"]}
    peers = results["versions"]["peers"]
    facts["product"] = ", ".join(f"{name} {value}" for name, value in results["versions"]["product"].items())
    facts["peers"] = ", ".join(f"{name} {value}" for name, value in peers.items())
    facts["time of the run"] = f"{results['minutes']} minutes"
    return "### Machine and versions\n\n" + table(["what", "value"], [[k, str(v)] for k, v in facts.items()])


def _ratios(results: Results) -> str:
    """What each level gives against zipnn 0.5.4 and against copying, one thread, warm memory."""
    count = all_threads(results)
    heads = [
        "buffer",
        "level",
        "size - 0.5.4",
        "decompress / 0.5.4",
        "decompress / memcpy",
        "compress / 0.5.4",
    ]
    heads += [f"decompress, {count} threads / 1", f"compress, {count} threads / 1"]
    rows = []
    for buffer in results["buffers"]:
        one, many = by_codec(buffer, 1), by_codec(buffer, count) if count > 1 else {}
        for name, row in one.items():
            if name == OLD or not name.startswith("zipnn ") or "missing" in row:
                continue
            old = one.get(OLD, {})
            points = percent(row) - percent(old) if "size" in old else None
            cells = [
                "" if points is None else f"{points:+.2f} pp",
                _ratio(row, old, "decompress"),
                _ratio(row, one.get(MEMCPY), "decompress"),
                _ratio(row, old, "compress"),
            ]
            cells += [_ratio(many.get(name), row, way) for way in ("decompress", "compress")]
            rows.append([buffer["name"], name.removeprefix("zipnn "), *cells])
    return "### Each level against zipnn 0.5.4 and memcpy (warm, one thread)\n\n" + table(heads, rows)


def _ratio(row: Results | None, other: Results | None, way: str) -> str:
    mine, theirs = speed(row, "warm", way), speed(other, "warm", way)
    return NONE if mine is None or theirs is None else f"{mine / theirs:.2f}x"


def _buffer(buffer: Results, results: Results) -> str:
    head = f"### {buffer['name']} ({buffer['what']})"
    if "missing" in buffer:
        return f"{head}\n\nNot measured: {buffer['missing']}."
    count = all_threads(results)
    columns = [(memory, way, n) for memory in ("warm", "fresh") for n in sorted({1, count}) for way in _WAYS]
    heads = ["codec", "size", *(f"{memory} {_WAYS[way]}, {n} thr." for memory, way, n in columns)]
    one, rows, notes = by_codec(buffer, 1), [], []
    for name, row in one.items():
        if "missing" in row:
            notes.append(f"{name}: not measured, {row['missing']}.")
            continue
        if row["bytes"] < buffer["bytes"]:
            notes.append(f"{name}: the first {row['bytes'] / 1e6:.1f} MB only, for it is slow.")
        cells = [_number(speed(by_codec(buffer, n).get(name), memory, way)) for memory, way, n in columns]
        rows.append([name, _number(percent(row), unit=" %"), *cells])
    text = f"{head}, {buffer['bytes'] / 1e6:.1f} MB, GB/s\n\n" + table(heads, rows)
    return "\n\n".join([text, *notes])


_WAYS = {"compress": "comp.", "decompress": "dec."}


def _tiny(tiny: Results) -> str:
    rows = []
    for row in tiny["rows"]:
        if "missing" not in row:
            times = [f"{row['warm'][way]['median'] * 1e6:.1f}" for way in _WAYS]
            rows.append([row["codec"], f"{row['size']} B", *times])
    heads = ["codec", "size", "compress, us", "decompress, us"]
    return f"### {tiny['bytes']} bytes of bf16, one call, warm, one thread\n\n" + table(heads, rows)


def _files(files: Sequence[Results]) -> str:
    measured = [row for row in files if "missing" not in row]
    columns = [(key, name) for key in ("levels", "peers") for name in (measured[0][key] if measured else ())]
    heads = ["file", "original", *(f"zipnn {name}" if key == "levels" else name for key, name in columns)]
    rows = []
    for row in files:
        if "missing" in row:
            rows.append([f"{row['file']}: {row['missing']}", *[NONE] * (1 + len(columns))])
            continue
        small = [row[key].get(name) for key, name in columns]
        shares = [_number(value and 100 * value / row["bytes"], unit=" %") for value in small]
        rows.append([row["file"], f"{row['bytes'] / 1e6:.1f} MB", *shares])
    return "### Whole files, everything counted\n\n" + table(heads, rows)


def _archives(rows: Sequence[Results]) -> str:
    measured = next((row for row in rows if "missing" not in row), None)
    if measured is None:
        return ""
    codecs = list(measured["codecs"])
    heads = ["file", "original", *codecs, *(f"{name}, MB/s" for name in codecs)]
    lines: list[Sequence[str]] = []
    for row in rows:
        if "missing" in row:
            lines.append([f"{row['file']}: {row['missing']}", *[NONE] * (len(heads) - 1)])
            continue
        sizes, speeds = [], []
        for name in codecs:
            codec = row["codecs"][name]
            size = codec.get("size")
            sizes.append(_number(size and 100 * size / row["bytes"], unit=" %"))
            speeds.append(
                " / ".join(f"{row['bytes'] / codec[way]['median'] / 1e6:.0f}" for way in _WAYS)
                if size
                else NONE
            )
        lines.append([row["file"], f"{row['bytes'] / 1e6:.1f} MB", *sizes, *speeds])
    text = (
        "Speeds: compress / decompress, one thread, memory used before, medians. "
        "The peers get the file as one buffer.\n\n"
    )
    return "### Files of other formats, everything counted\n\n" + text + table(heads, lines)


def _loading(loads: Sequence[Results]) -> str:
    heads = ["file", "loaded with"]
    for what, _, _ in LOADING_WAYS:
        heads += [f"{what}, ms", "/ safetensors"]
    rows: list[Sequence[str]] = []
    plain: dict[str, Results] = {}
    for row in loads:
        if "missing" in row:
            rows.append([f"{row['file']}: {row['missing']}", *[NONE] * (len(heads) - 1)])
            continue
        plain.setdefault(row["file"], row)
        cells = []
        for what, _, _ in LOADING_WAYS:
            mine, theirs = row[what]["median"], plain[row["file"]][what]["median"]
            cells += [f"{mine * 1e3:.1f}", f"{mine / theirs:.2f}"]
        rows.append([row["file"], row["how"], *cells])
    return "### Loading a file to NumPy arrays, all threads\n\n" + table(heads, rows)
