# SPDX-License-Identifier: MIT
"""Where the command's words go: results to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import Any, TextIO

from . import text
from .errors import OutputLostError

_RED, _GREEN, _CYAN = "31", "32", "36"
_REDRAW_SECONDS = 0.1
_BAR = 24  # columns that a bar needs to be worth something


class Console:
    """The two output streams of one run.

    Args:
        quiet: nothing but errors (and JSON, if that was asked for).
        json: results are one JSON document, not text.
    """

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.json = json
        for stream in (sys.stdout, sys.stderr):
            # A name that the terminal's encoding lacks must not end the run.
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                with contextlib.suppress(ValueError):
                    reconfigure(errors="backslashreplace")

    def result(self, line: str) -> None:
        """A result for people."""
        if not self.quiet and not self.json:
            _print(line)

    def document(self, value: dict[str, Any]) -> None:
        """The result for programs."""
        if self.json:
            _print(json.dumps(value, indent=2))

    def note(self, line: str) -> None:
        """What happens, for people."""
        if not self.quiet:
            _say(line)

    def error(self, message: str, hint: str = "") -> None:
        """What went wrong, in one line, and what to do about it in another."""
        _say(f"zipnn: {_colour(sys.stderr, _RED, 'error:')} {_one_line(message)}")
        if hint:
            _say(f"{_colour(sys.stderr, _CYAN, 'hint:')} {_one_line(hint)}")

    def progress(self, label: str) -> ProgressLine:
        """A progress line, seen on a terminal only."""
        return ProgressLine(label, None if self.quiet else sys.stderr)

    def width(self) -> int | None:
        """Columns of the terminal that results go to; None if they do not go to one."""
        return _columns(sys.stdout) if _is_terminal(sys.stdout) else None


class ProgressLine:
    """`label  [####----]  52 %  1.20 GB/s`, redrawn in place; call it with the bytes done and the total.

    As a context manager it removes itself at the end.
    """

    def __init__(self, label: str, stream: TextIO | None) -> None:
        drawable = _is_terminal(stream) and os.environ.get("TERM") != "dumb"
        self._stream = stream if drawable else None
        self._label = label
        self._begun = time.monotonic()
        self._drawn = float("-inf")
        self._length = 0

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._stream is not None and self._length:
            with contextlib.suppress(OSError):
                self._put(" " * self._length + "\r")
            self._length = 0

    @property
    def visible(self) -> bool:
        """Whether there is a terminal to draw on."""
        return self._stream is not None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._stream is None or now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        with contextlib.suppress(OSError):
            self._draw(done, total, now - self._begun)

    def _draw(self, done: int, total: int, seconds: float) -> None:
        width = _columns(self._stream) - 1
        share = min(done / total, 1) if total else 1
        tail = f"  {share:4.0%}  {text.speed(done, seconds)}"
        room = max(width - len(tail), 0)
        label = text.shorten(self._label, room - _BAR if room > 2 * _BAR else room)
        bar = _bar(share, min(30, room - len(label) - 4))
        line = (label + bar + tail)[:width]
        painted = line.replace(bar, _colour(self._stream, _GREEN, bar), 1) if bar else line
        self._put(painted + " " * (self._length - len(line)) + "\r")
        self._length = max(self._length, len(line))

    def _put(self, characters: str) -> None:
        assert self._stream is not None
        self._stream.write(characters)
        self._stream.flush()


def _bar(share: float, width: int) -> str:
    if width < 5:
        return ""
    full = round(share * width)
    return f"  [{'#' * full}{'-' * (width - full)}]"


def _print(line: str) -> None:
    """A line to standard output, at once; to nowhere if that was closed before we began."""
    if sys.stdout is not None:
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except OSError as error:
            raise OutputLostError(error) from error


def _say(line: str) -> None:
    """A line to standard error, if anyone is there to read it."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


def _one_line(message: str) -> str:
    return text.name(message)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _columns(stream: TextIO | None) -> int:
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError):
        columns = 0
    return columns or 80


def _colour(stream: TextIO | None, code: str, words: str) -> str:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not _is_terminal(stream)
    return words if plain else f"\x1b[{code}m{words}\x1b[0m"
