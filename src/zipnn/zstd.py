# SPDX-License-Identifier: MIT
"""Zstandard, from the standard library (Python 3.14) or `backports.zstd`, with bounded output."""

from __future__ import annotations

import sys

from .errors import CorruptError
from .limits import ZSTD_LEVEL, ZSTD_WINDOW_LOG

if sys.version_info >= (3, 14):
    from compression import zstd as _zstd
else:
    from backports import zstd as _zstd


def compress(data: bytes | bytearray | memoryview, level: int = ZSTD_LEVEL) -> bytes:
    """`data` as one Zstandard frame (RFC 8878) that states its content's size."""
    packed: bytes = _zstd.compress(data, level)
    return packed


def decompress(data: bytes | bytearray | memoryview, size: int) -> bytes:
    """The content of exactly one Zstandard frame, which must be of `size` bytes.

    Raises:
        CorruptError: the frame is damaged, has another size, is not alone or wants too much memory.
    """
    options = {int(_zstd.DecompressionParameter.window_log_max): ZSTD_WINDOW_LOG}
    decoder = _zstd.ZstdDecompressor(options=options)
    try:
        # One byte more than there should be, so that the decoder reaches the frame's end.
        content: bytes = decoder.decompress(data, size + 1)
    except _zstd.ZstdError as error:
        raise CorruptError(f"Zstandard data are damaged: {error}") from error
    if not decoder.eof or len(content) != size:
        raise CorruptError(f"Zstandard data do not hold the {size} bytes that they should")
    if decoder.unused_data:
        raise CorruptError("stray bytes after Zstandard data")
    return content
