# SPDX-License-Identifier: MIT
"""What compressed data say of themselves, in the words of `ZipNN.metadata`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import dtypes, legacy
from ..containers.frame_stream import FrameStream
from ..errors import FormatError
from ..frames import KIND_NUMPY, KIND_TORCH
from ..legacy import LegacyInfo
from .names import DTYPE_CODES, EnumFormat, EnumMethod

_FIRST_RELEASE = "1.0.0"  # that wrote format version 1 (docs/format.md, 1)
_FORMATS = {KIND_NUMPY: "NUMPY", KIND_TORCH: "TORCH"}
_LEGACY_FORMATS = {"bytes": "BYTE", "numpy": "NUMPY", "torch": "TORCH"}


@dataclass(frozen=True, slots=True)
class Description:
    """Of data in either format.

    Attributes:
        version: of the zipnn that wrote the data, or the first that could.
        method: a name: the codec.
        input_format: a name of `EnumFormat`.
        dtype: safetensors' name.
        shape: of a tensor or an array; of bytes None.
        delta: whether the data are a difference to a base.
        streaming: whether there may be several frames.
        original_size: bytes; None where old data do not tell.
    """

    version: str
    method: str
    input_format: str
    dtype: str
    shape: tuple[int, ...] | None
    delta: bool
    streaming: bool
    original_size: int | None

    @property
    def dtype_name(self) -> str:
        """As torch names it, if it does."""
        return dtypes.named(self.dtype).torch or self.dtype

    @property
    def dtype_code(self) -> int:
        """As old headers have it; 0 for what they could not say."""
        return DTYPE_CODES.get(self.dtype_name, 0)


def describe(data: memoryview) -> Description:
    """Describe a whole stream. Raises `FormatError` and its subclasses."""
    if legacy.is_legacy(data):
        return of_legacy(legacy.describe(data))
    return of_stream(FrameStream(lambda offset, size: data[offset : offset + size], len(data)))


def of_legacy(info: LegacyInfo) -> Description:
    """Of what zipnn 0.1 to 0.5 wrote."""
    return Description(
        info.version,
        info.method.upper(),
        _LEGACY_FORMATS[info.input_format],
        info.dtype,
        info.shape,
        info.delta,
        info.streaming,
        info.original_size,
    )


def of_stream(stream: FrameStream) -> Description:
    """Of frames."""
    head = stream.parts[0].frame.head
    input_format = _FORMATS.get(head.kind, "BYTE")
    if input_format != "BYTE" and len(stream.parts) > 1:
        raise FormatError(f"{len(stream.parts)} frames of tensors follow each other: give one at a time")
    shape = None
    if input_format != "BYTE":
        shape = head.shape
    return Description(
        _FIRST_RELEASE,
        head.codec.upper(),
        input_format,
        head.dtype,
        shape,
        stream.base is not None,
        stream.cut or len(stream.parts) > 1,
        stream.original_size,
    )


def as_metadata(found: Description, chunk: int) -> dict[str, Any]:
    """The dictionary that `ZipNN.metadata` gives. `chunk`: bytes that are coded together."""
    values = {
        "zipnn version": found.version,
        "byte_reorder": 0,
        "bit_reorder": 0,
        "method": found.method,
        "input_format": found.input_format,
        "delta_compressed_type": "byte" if found.delta else 0,
        "lossy_compressed_type": "NONE",
        "lossy_compressed_factor": 0,
        "lossy_is_int": 0,
        "is_streaming": found.streaming,
        "compression_chunk": f"{chunk} Bytes",
        "dtype": found.dtype_name.upper(),
        "original_len": f"{found.original_size} Bytes",
    }
    if found.shape is not None:
        values["shape_bytes"] = found.shape
        values["shape_size"] = len(pack_shape(found.shape))
    return values


def pack_shape(shape: Any) -> bytes:
    """A shape as old headers have it: the number of dimensions, and of each its width and size."""
    packed = bytearray([len(shape)])
    for size in shape:
        width = next(width for width in (1, 2, 4, 8) if size < 1 << (8 * width))
        packed += bytes([width]) + int(size).to_bytes(width, "little")
    return bytes(packed)


def unpack_shape(packed: Any) -> tuple[tuple[int, ...], int]:
    """The shape in front of `packed`, and the number of bytes that it takes.

    Raises:
        ValueError: it is cut off, or has a width that is none.
    """
    data = memoryview(packed).cast("B")
    shape: list[int] = []
    at = 1
    for _ in range(data[0] if data else 0):
        width = data[at] if at < len(data) else 0
        if width not in (1, 2, 4, 8) or at + 1 + width > len(data):
            raise ValueError(f"the shape is damaged or cut off at byte {at}")
        shape.append(int.from_bytes(data[at + 1 : at + 1 + width], "little"))
        at += 1 + width
    return tuple(shape), at


METHODS = {member.name: member.value for member in EnumMethod}
FORMATS = {member.name: member.value for member in EnumFormat}
