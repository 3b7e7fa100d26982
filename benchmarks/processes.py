# SPDX-License-Identifier: MIT
"""The other side of `benchmarks/worker.py`: starts a worker and gives it orders."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parent.parent


class WorkerError(Exception):
    """A worker ended, or could not be started."""


class Process:
    """A worker in an interpreter of its own; a context manager.

    Attributes:
        kind: "product" or "peers".
        codecs: what it can measure; see `Worker.hello`.
        versions: of the packages.
        settles: whether the memory of results can be chosen there.
    """

    def __init__(self, kind: str, python: Path) -> None:
        """Start `python` and ask what it has. Raises WorkerError."""
        self.kind = kind
        # Neither the caller's path nor a thread count from outside reaches the codecs.
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ZIPNN_NUM"))
        }
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", kind],
            cwd=ROOT,
            env=kept,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        hello = self.ask("hello")
        self.codecs: list[dict[str, Any]] = hello["codecs"]
        self.versions: dict[str, str] = hello["versions"]
        self.settles: bool = hello["memory"]

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Give an order and wait for the answer. Raises WorkerError."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            print(json.dumps({"do": do, **order}), file=process.stdin, flush=True)
        except BrokenPipeError:
            line = ""
        else:
            line = process.stdout.readline()
        if not line:
            raise WorkerError(f"the process of the {self.kind} ended with {process.wait()} at {do} {order}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The end of its orders ends it.
        self._process.communicate()
