# SPDX-License-Identifier: MIT
"""Where the memory of results comes from: from the system for each call, or used before.

Touching new memory costs more than decoding into it, and most codecs for Python allocate their results. So
every measurement says which it was. *Fresh*: each large block is mapped anew, and the system clears its
pages while the codec runs. *Warm*: `malloc` keeps what was freed, so that after a first call all blocks
that a call asks for were used before. Both are settings of glibc, made at run time; where there is no
glibc, `settle` says so and everything is as the system does it.
"""

from __future__ import annotations

import ctypes
import sys

WARM, FRESH = "warm", "fresh"

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -3, -4, -8
"""Of `mallopt`, in malloc.h."""

_NEVER = 2**31 - 1
_LARGE = 128 << 10


def settle(memory: str) -> bool:
    """Make `malloc` give memory of one kind from now on.

    Before each call that is to get fresh memory, `settle(FRESH)` again: it hands back what was freed.

    Returns:
        False if that cannot be chosen here.
    """
    libc = _glibc()
    if libc is None:
        return False
    # One heap for all threads, or a thread's own would count as fresh.
    libc.mallopt(_ARENA_MAX, 1)
    if memory == WARM:
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    else:
        libc.mallopt(_MMAP_MAX, 65536)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_TRIM_THRESHOLD, _LARGE)
        libc.malloc_trim(0)
    return True


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
