# SPDX-License-Identifier: MIT
"""One small module a format: where in a file its tensors lie. None of them executes anything.

Each has `read(source) -> Contents | None`: None for a file of another format, `FormatError` for one
that is damaged. Every number from the file is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Callable

from ...errors import FormatError
from ...storage.filereader import Source
from ..contents import Contents
from . import (
    coreml,
    ctranslate2,
    gguf,
    hdf5,
    msgpack,
    ncnn,
    numpy_files,
    onnx,
    safetensors,
    tflite,
    torch_legacy,
    torch_zip,
    zip_members,
)
from .checked import checked

Reader = Callable[[Source], "Contents | None"]

_PLAIN: tuple[Reader, ...] = (
    gguf.read,
    safetensors.read,
    torch_legacy.read,
    numpy_files.read,
    hdf5.read,
    tflite.read,
    coreml.read,
    ctranslate2.read,
    ncnn.read,
    onnx.read,
    msgpack.read,
)
"""Readers of files that may lie in a ZIP file."""

_READERS: tuple[Reader, ...] = (
    torch_zip.read,
    zip_members.reader((torch_zip.read, *_PLAIN)),
    *_PLAIN,
)


def read_contents(source: Source) -> Contents:
    """What is in a file. One that no reader knows, or that is damaged, is bytes.

    What comes back holds what `checked` promises.

    Raises:
        OSError: it cannot be read.
    """
    try:
        for read in _READERS:
            contents = read(source)
            if contents is not None:
                return checked(contents, source.size)
    except FormatError as error:
        return Contents("bytes", note=f"taken as bytes: {error}")
    return Contents("bytes")
