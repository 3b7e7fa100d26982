# SPDX-License-Identifier: MIT
"""Where zipnn 0.5 had these; see `compat`. Imports torch."""

from .compat.old_torch import (
    COMPRESSED_DTYPE,
    COMPRESSION_METHOD,
    METADATA_KEY,
    CompressedTensorInfo,
    build_compressed_tensor_info,
    get_compressed_tensors_metadata,
    set_compressed_tensors_metadata,
)

__all__ = [
    "COMPRESSED_DTYPE",
    "COMPRESSION_METHOD",
    "METADATA_KEY",
    "CompressedTensorInfo",
    "build_compressed_tensor_info",
    "get_compressed_tensors_metadata",
    "set_compressed_tensors_metadata",
]
