# SPDX-License-Identifier: MIT
"""safetensors files, as part of a folder or where their tensors are looked for beside others'."""

from __future__ import annotations

from ...storage.filereader import Source
from .. import safetensors_header
from ..contents import Contents, StoredTensor
from ..safetensors_layout import FORMAT_KEY


def read(source: Source) -> Contents | None:
    """What is in a safetensors file. Raises `FormatError` if it is damaged."""
    if not safetensors_header.looks_like(bytes(source.read(0, min(source.size, 16))), source.size):
        return None
    header = safetensors_header.parse(safetensors_header.read_prefix(source.read, source.size), source.size)
    if FORMAT_KEY in (header.metadata or {}):
        return Contents("compressed safetensors")  # what it holds are frames, which nothing makes smaller
    tensors = (
        StoredTensor(info.name, info.dtype, info.shape, info.start, info.size)
        for info in header.in_data_order()
    )
    return Contents("safetensors", tuple(tensors))
