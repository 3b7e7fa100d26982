# SPDX-License-Identifier: MIT
"""Threads shared out among loaders that decode at the same time."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from .. import _core, limits


class Budget:
    """At most as many threads decode at once, over all loaders, as one decoder alone would use."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._used = 0

    @contextlib.contextmanager
    def threads_for(self, size: int) -> Iterator[int]:
        """Wait for a thread, then lend as many as are free and `size` bytes of data are worth."""
        total = _core.default_threads()
        with self._free:
            self._free.wait_for(lambda: self._used < total)
            lent = min(total - self._used, size // limits.WORTH_A_THREAD + 1)
            self._used += lent
        try:
            yield lent
        finally:
            with self._free:
                self._used -= lent
                self._free.notify_all()

    def reset(self) -> None:
        """Forget all loans: in a forked child, where those who hold them are not."""
        self.__init__()  # type: ignore[misc]


BUDGET = Budget()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BUDGET.reset)
