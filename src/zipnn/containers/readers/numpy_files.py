# SPDX-License-Identifier: MIT
"""NumPy's `.npy` files. For `.npz`, see `zip_members`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ... import dtypes
from ...errors import CorruptError, FormatError
from ...storage.filereader import Source
from ..contents import Contents, Extent, StoredTensor
from ..shapes import element_count, fortran_order, is_shape, needed_strides

MAGIC = b"\x93NUMPY"
MAX_HEADER = 12 + 0xFFFF
"""Bytes within which the header ends; one of another version than 1 could be longer, but is not."""

_DESCR = re.compile(rb"""['"]descr['"]\s*:\s*(?:['"]([<>|=])([A-Za-z])(\d{0,9})(?:\[[^'"]*\])?['"]|[\[(])""")
_FORTRAN = re.compile(rb"""['"]fortran_order['"]\s*:\s*(True|False)""")
_SHAPE = re.compile(rb"""['"]shape['"]\s*:\s*\(([\d,\sL]*)\)""")
_DIGITS = 20
_KINDS = {"b1": "BOOL"} | {
    f"{kind}{bits // 8}": f"{letter}{bits}"
    for kind, letter, sizes in (
        ("i", "I", (8, 16, 32, 64)),
        ("u", "U", (8, 16, 32, 64)),
        ("f", "F", (16, 32, 64)),
        ("c", "C", (64, 128)),
    )
    for bits in sizes
}


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of an `.npy` file says.

    Attributes:
        dtype: safetensors' name; None if what the elements are is not known.
        data_start: where the data begin in the file.
        is_array: whether the elements are numbers of `dtype`, rather than something made of such.
    """

    dtype: str | None
    shape: tuple[int, ...]
    fortran: bool
    big_endian: bool
    data_start: int
    is_array: bool = True

    def size(self) -> int:
        """Bytes of data."""
        return dtypes.named(self.dtype or "").size(element_count(self.shape))

    def tensor(self, name: str, offset: int, member: int | None = None) -> StoredTensor | None:
        """The array as a tensor whose data begin at `offset`."""
        if self.dtype is None or not self.is_array:
            return None
        strides = needed_strides(self.shape, fortran_order(self.shape)) if self.fortran else None
        return StoredTensor(
            name, self.dtype, self.shape, offset, self.size(), strides, self.big_endian, member
        )

    def extent(self, offset: int, room: int) -> Extent | None:
        """The data, which begin at `offset` and take at most `room` bytes, without a name."""
        if self.dtype is None:
            return None
        size = self.size() if self.is_array else room
        width = dtypes.named(self.dtype).bits // 8
        return Extent(offset, min(size, room) // width * width, self.dtype, self.big_endian)


def read(source: Source) -> Contents | None:
    """The array of an `.npy` file. See `readers`."""
    head = bytes(source.read(0, min(source.size, MAX_HEADER)))
    if not head.startswith(MAGIC):
        return None
    header = parse_header(head)
    room = source.size - header.data_start
    tensor = header.tensor("array", header.data_start)
    if tensor is not None:
        if tensor.size > room:
            raise CorruptError(f"an array of {tensor.size} bytes in {room}; incomplete download?")
        return Contents("npy", (tensor,))
    extent = header.extent(header.data_start, room)
    return Contents("npy", extents=(extent,) if extent else ())


def parse_header(head: bytes) -> Header:
    """The header at the beginning of a file, of which `head` is what there is, or MAX_HEADER bytes.

    Raises:
        FormatError: it is not the header of an `.npy` file.
    """
    if not head.startswith(MAGIC) or len(head) < 12 or head[6] not in (1, 2, 3):
        raise FormatError("not the header of an .npy file")
    start, size_bytes = (10, 2) if head[6] == 1 else (12, 4)
    data_start = start + int.from_bytes(head[8 : 8 + size_bytes], "little")
    if data_start > len(head):
        raise FormatError(f"an .npy file with a header of {data_start} bytes")
    text = head[start:data_start]
    descr, fortran, shape = _DESCR.search(text), _FORTRAN.search(text), _SHAPE.search(text)
    if not descr or not fortran or not shape:
        raise FormatError("an .npy file with a header that is not understood")
    dtype, big_endian, is_array = _dtype(descr)
    return Header(dtype, _shape(shape[1]), fortran[1] == b"True", big_endian, data_start, is_array)


def numeric_dtype(text: str) -> tuple[str | None, bool]:
    """The dtype of numbers that NumPy calls `text`, such as `<f4`, and whether it is big-endian."""
    if len(text) < 3 or text[0] not in "<>|=":
        return None, False
    dtype = _KINDS.get(text[1:])
    return dtype, text[0] == ">" and not text.endswith("1")


def _dtype(descr: re.Match[bytes]) -> tuple[str | None, bool, bool]:
    """Name, whether it is big-endian, whether an element is one number."""
    if descr[1] is None:
        return None, False, False  # structured
    kind, size = descr[2].decode(), int(descr[3] or 0)
    big_endian = descr[1] == b">" and size > 1
    if kind in "mM" and size == 8:
        return "I64", big_endian, False  # times
    if kind == "U":
        return "U32", descr[1] == b">", False  # text
    return _KINDS.get(f"{kind}{size}"), big_endian, True


def _shape(text: bytes) -> tuple[int, ...]:
    parts = [part.strip().removesuffix(b"L") for part in text.split(b",")]
    parts = [part for part in parts if part]
    if not all(part.isdigit() and len(part) < _DIGITS for part in parts):
        raise FormatError("an .npy file with a shape that is not understood")
    shape = tuple(int(part) for part in parts)
    if not is_shape(shape):
        raise FormatError("an .npy file with an absurd shape")
    return shape
