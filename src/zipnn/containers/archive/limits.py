# SPDX-License-Identifier: MIT
"""Sizes that shape an archive, in bytes."""

from __future__ import annotations

SEGMENT = 64 << 20
"""Most data of one segment: what is held at once."""

SMALL = 8 << 10
"""Tensors below share a pool with others of their type."""

POOL = 8 << 20
"""Most data of one pool."""

POOL_TYPES = 20
"""Most types of small parts that have pools of their own; those of others are plain bytes."""

POOLS_OPEN = 192 << 20
"""Most data of pools that are needed at one place of the original: what restoring it may have to hold."""

GROUPED, GROUP, GROUPING_WINDOW = 1 << 20, 4 << 20, 24 << 20
"""Parts without a name are joined with others up to this size, to so much, from windows of the file."""

GAP = 64 << 10
"""What lies between tensors is looked at (sniffed) from this size on; below it goes to a pool."""

WORTH_SHARING = 64
"""Smaller equal parts are stored again rather than referred to."""

INDEX_SMALLEST, INDEX_LARGEST, INDEX_EXPANSION = 1 << 20, 256 << 20, 32


def index_allowed(length: int) -> int:
    """How large an index may become when it is decoded, whose frame has `length` bytes."""
    return min(INDEX_LARGEST, INDEX_SMALLEST + INDEX_EXPANSION * length)
