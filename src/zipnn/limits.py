# SPDX-License-Identifier: MIT
"""Sizes that bound memory and decide between codings. Those in bytes unless said otherwise."""

from __future__ import annotations

WINDOW = 64 << 20
"""Original data held at once while a frame is streamed."""

READ_AT_ONCE = 8 << 20
"""Data whose payloads are read at a time where all of a tensor is decoded."""

WORTH_A_THREAD = 1 << 20
"""Small tensors are handed to threads in runs of this size."""

HEAD_PREFIX = 4096
"""First read of a frame. The head of most frames fits; a second read gets the rest of a larger one."""

MAX_DTYPE_NAME = 32
MAX_DIMENSIONS = 64
"""What the head of a frame holds (docs/format.md, 2.1)."""

WORTH_CODING = 0.999
"""Data larger than a window that are expected to shrink by less are stored."""

ZSTD_LEVEL = 3
ZSTD_CHUNK_LOG2 = 21
"""Chunks of 2 MiB: level 3 finds nothing farther away, and a slice decodes no more than it must."""

ZSTD_GAIN = 0.02
"""Part of the data that Zstandard must save beyond the core's codecs, which decode faster."""

WORTH_MATCHING = 0.03
"""Share of words of floating-point data that must repeat before Zstandard is tried."""

ZSTD_SAMPLE_PIECES = 8
ZSTD_SAMPLE_PIECE = 128 << 10
"""What is compressed on trial."""

ZSTD_WINDOW_LOG = 24
"""Largest window of a Zstandard frame that is read: that of the largest chunk. Bounds its memory."""

ALIGNMENT = 64
"""Of the memory of results: whole cache lines, and what vector instructions like best."""

HUGE = 4 << 20
"""Results from this size on get huge pages where the system has them: NumPy asks for them from here on."""
