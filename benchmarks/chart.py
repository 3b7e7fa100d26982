# SPDX-License-Identifier: MIT
"""The chart for the README: size and speed of every codec on one model.

An SVG of its own, without a library: rectangles and text, in the colours of a light page or a dark one.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from benchmarks.report import MEMCPY, OLD, Results, by_codec, percent, speed

BUFFER, FILE = "ASTRA bf16", "ASTRA ResNet-152, bf16 as released"
"""A model that was released as bf16: speeds are of its buffer, sizes of its file. Where it was not measured,
the first buffer that was."""

WIDTH, ROW, TOP, FOOT = 860, 26, 74, 30
NAME, SIZE = 12, 214
PANELS = (("decompress", 232, 260), ("compress", 546, 260))
"""Direction, left edge and room of each panel; the label of a bar may reach beyond the room."""

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.head, .foot { fill: #59636e; font-size: 12px }
.own { font-weight: 600 }
.end { text-anchor: end }
.line { stroke: #d1d9e0 }
rect.own { fill: #0969da } rect.peer { fill: #9aa4af } rect.copy { fill: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .head, .foot { fill: #9198a1 } .line { stroke: #3d444d }
  rect.own { fill: #4493f8 } rect.peer { fill: #656c76 } rect.copy { fill: #3d444d }
}
"""


def draw(results: Results) -> str:
    """The SVG, as text. Raises ValueError if nothing was measured."""
    buffers = [buffer for buffer in results["buffers"] if buffer.get("rows")]
    if not buffers:
        raise ValueError("no buffer was measured")
    buffer = next((buffer for buffer in buffers if buffer["name"] == BUFFER), buffers[0])
    rows = [row for row in by_codec(buffer, 1).values() if speed(row, "warm", "decompress")]
    rows.sort(key=lambda row: -(speed(row, "warm", "decompress") or 0))
    sizes = file_sizes(results) if buffer["name"] == BUFFER else {}
    height = TOP + ROW * len(rows) + FOOT
    title = f"{buffer['name']}, {buffer['what']}: {buffer['bytes'] / 1e6:.0f} MB"
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(title)}>',
        f"<style>{STYLE}</style>",
        _text(NAME, 24, title, "title"),
        *_heads(),
        *(
            mark
            for number, row in enumerate(rows)
            for mark in _row(row, sizes.get(row["codec"], percent(row)), TOP + ROW * number, _scales(rows))
        ),
        _text(NAME, height - 10, _foot(results), "foot"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def file_sizes(results: Results) -> dict[str, float]:
    """Size of the whole file in percent, by codec; nothing if it was not measured."""
    row = next((row for row in results["files"] if row["file"] == FILE and "levels" in row), {})
    small = {f"zipnn {level}": size for level, size in row.get("levels", {}).items()} | row.get("peers", {})
    return {codec: 100 * size / row["bytes"] for codec, size in small.items()}


def _heads() -> Iterator[str]:
    yield _text(SIZE, 56, "size", "head end")
    for direction, left, _ in PANELS:
        yield _text(left, 56, f"{direction}, GB/s", "head")
    yield f'<line class="line" x1="{NAME}" x2="{WIDTH - 12}" y1="{TOP - 8}" y2="{TOP - 8}"/>'


def _scales(rows: list[Results]) -> dict[str, float]:
    """Pixels for each GB/s, by direction."""
    return {
        direction: room / max(speed(row, "warm", direction) or 0 for row in rows)
        for direction, _, room in PANELS
    }


def _row(row: Results, size: float, top: int, scales: dict[str, float]) -> Iterator[str]:
    name = row["codec"]
    kind = "copy" if name == MEMCPY else "own" if name.startswith("zipnn ") and name != OLD else "peer"
    base = top + 16
    yield _text(NAME, base, name, kind)
    yield _text(SIZE, base, "100 %" if kind == "copy" else f"{size:.2f} %", f"{kind} end")
    for direction, left, _ in PANELS:
        value = speed(row, "warm", direction)
        if value is None:
            continue
        width = max(1.0, value * scales[direction])
        yield f'<rect class="{kind}" x="{left}" y="{top + 3}" width="{width:.1f}" height="{ROW - 8}" rx="2"/>'
        yield _text(round(left + width + 6), base, f"{value:.1f}" if value >= 1 else f"{value:.2f}", kind)


def _foot(results: Results) -> str:
    facts = results["machine"]
    machine = f"{facts['processor']}, kernels {facts['kernels']}"
    return f"One thread, memory that was used before, medians; {machine}"


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'
