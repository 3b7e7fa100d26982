# SPDX-License-Identifier: MIT
"""Running a command over its paths, and telling what came of each."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zipnn

from ..storage.locations import Place, Url
from . import text
from .errors import Exit, OutputLostError, exit_code, hint_of, message_of
from .output import Console, ProgressLine

log = logging.getLogger(__name__)


class Outcome:
    """What came of a run: what to print, in text and as JSON, and the exit code.

    Args:
        command: the command's name.
        console: where errors and results go.
    """

    def __init__(self, command: str, console: Console) -> None:
        self._command = command
        self._console = console
        self._errors: list[dict[str, Any]] = []
        self._codes: set[Exit] = set()

    @contextlib.contextmanager
    def attempt(self, path: Place, verb: str = "") -> Iterator[ProgressLine]:
        """Work on one path under a progress line; an error is reported, and ends only this.

        Args:
            path: what is worked on.
            verb: what is done, such as "compressing"; empty for what takes no time worth a word.
        """
        label = f"{verb} {text.name(path)}"
        progress = self._console.progress(label)
        if verb and not progress.visible:
            self._console.note(label)
        try:
            with progress:
                yield progress
        except OutputLostError:
            raise
        except Exception as error:
            log.debug("%s", path, exc_info=error)
            self.fail(path, error)

    def fail(self, path: Place, error: Exception) -> None:
        """Report that `path` failed."""
        message, hint = message_of(error), hint_of(error)
        if str(path) not in message and getattr(error, "filename", None) is None:
            message = f"{path}: {message}"
        self._codes.add(exit_code(error))
        self._errors.append(
            {"path": str(path), "type": type(error).__name__, "message": message, "hint": hint or None}
        )
        self._console.error(message, hint)

    def count_as(self, code: Exit) -> None:
        """Let the run end with this code, though nothing went wrong with it."""
        self._codes.add(code)

    def finish(self, results: Iterable[dict[str, Any]], **more: Any) -> Exit:
        """Print the JSON document, if that was asked for, and give the exit code."""
        code = next((code for code in (Exit.FAILED, Exit.EXISTS) if code in self._codes), Exit.OK)
        self._console.document(
            {
                "zipnn": zipnn.__version__,
                "command": self._command,
                "exit_code": int(code),
                "results": list(results),
                "errors": self._errors,
                **more,
            }
        )
        return code


def as_json(record: Any) -> dict[str, Any]:
    """A dataclass as what JSON can say: paths as strings."""
    return dataclasses.asdict(record, dict_factory=lambda pairs: {key: _plain(value) for key, value in pairs})


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path | Url) else value
