# SPDX-License-Identifier: MIT
"""Where zipnn 0.5 had these; see `compat`. Imports torch."""

from .compat.old_torch import (
    ZipNNDtypeEnum,
    zipnn_divide_int,
    zipnn_get_dtype_bits,
    zipnn_is_floating_point,
    zipnn_multiply_if_max_below,
    zipnn_pack_shape,
    zipnn_unpack_shape,
)

__all__ = [
    "ZipNNDtypeEnum",
    "zipnn_divide_int",
    "zipnn_get_dtype_bits",
    "zipnn_is_floating_point",
    "zipnn_multiply_if_max_below",
    "zipnn_pack_shape",
    "zipnn_unpack_shape",
]
