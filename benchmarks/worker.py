# SPDX-License-Identifier: MIT
"""A process that measures codecs as it is told. There are two, each in an environment of its own.

    python -m benchmarks.worker product|peers

Orders and answers are lines of JSON on the standard streams (see `benchmarks/processes.py`). One call is
timed for each order, so that the processes can take turns and whatever slows the machine slows all alike.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import memory
from benchmarks.codecs.base import Codec, UnsupportedError
from benchmarks.timing import timed


@dataclass
class Case:
    """A codec that was set up, the data it is given, and what it made of them."""

    codec: Codec
    data: np.ndarray
    out: np.ndarray
    frame: Any


class Worker:
    """Keeps the cases that were opened, and the buffers that they share."""

    def __init__(self, module: Any) -> None:
        self.codecs: dict[str, type[Codec]] = {codec.name: codec for codec in module.codecs()}
        self.versions: Callable[[], dict[str, str]] = module.versions
        self.cases: list[Case] = []
        self.path = ""
        self.data = self.out = np.empty(0, np.uint8)

    def hello(self) -> dict[str, Any]:
        """What there is to measure."""
        codecs = [
            {"name": codec.name, "threaded": codec.threaded, "slice": codec.slice}
            for codec in self.codecs.values()
        ]
        return {"codecs": codecs, "versions": self.versions(), "memory": memory.settle(memory.FRESH)}

    def open(self, codec: str, path: str, dtype: str, threads: int, whole: bool = False) -> dict[str, Any]:
        """Set up a codec for a buffer, or its slice if not `whole`, and check that the buffer comes back."""
        chosen = self.codecs[codec]
        data = self._buffer(path)
        data = data if whole else data[: chosen.slice]
        try:
            ready = chosen(dtype, threads)
        except UnsupportedError as error:
            return {"missing": str(error)}
        except ImportError as error:
            return {"missing": f"not installed: {error}"}
        frame = ready.compress(ready.source(data))
        out = self.out[: len(data)]
        for room in (None, out):
            if not np.array_equal(ready.content(ready.decompress(frame, room)), data):
                return {"missing": "what it gives back differs"}
        self.cases.append(Case(ready, data, out, frame))
        return {"case": len(self.cases) - 1, "bytes": len(data), "size": ready.size(frame)}

    def _buffer(self, path: str) -> np.ndarray:
        if path != self.path:
            self.path, self.data = path, np.fromfile(path, np.uint8)
            self.out = np.zeros_like(self.data)
        return self.data

    def time(self, case: int, direction: str, memory_kind: str, loops: int = 1) -> dict[str, Any]:
        """Seconds of one call, on average of `loops` calls in a row."""
        it = self.cases[case]
        memory.settle(memory_kind)
        if direction == "compress":
            sources = [it.codec.source(it.data) for _ in range(loops)]
            seconds, _ = timed(lambda: _each(it.codec.compress, sources))
        else:
            out = it.out if memory_kind == memory.WARM else None
            seconds, _ = timed(
                lambda: _each(lambda frame: it.codec.decompress(frame, out), [it.frame] * loops)
            )
        return {"seconds": seconds / loops}

    def close(self) -> dict[str, Any]:
        """Forget all cases and their buffer: another may come under the same name."""
        self.cases.clear()
        self.path = ""
        return {}


def _each(call: Callable[[Any], Any], arguments: Sequence[Any]) -> Any:
    """Call for each argument. The last result is returned, so that freeing it is not timed."""
    result = None
    for argument in arguments:
        result = call(argument)
    return result


def main() -> int:
    """Carry out orders until there are no more. Returns the exit code."""
    # What a codec prints must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker = Worker(importlib.import_module(f"benchmarks.codecs.{sys.argv[1]}"))
    orders: dict[str, Callable[..., dict[str, Any]]] = {
        "hello": worker.hello,
        "open": worker.open,
        "time": worker.time,
        "close": worker.close,
    }
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = orders[order.pop("do")](**order)
        except Exception as error:  # noqa: BLE001  a peer may raise anything: the table says what
            traceback.print_exc()
            answer = {
                "missing": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            }
        print(json.dumps(answer), file=answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
