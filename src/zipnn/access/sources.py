# SPDX-License-Identifier: MIT
"""Where tensors that lie in no safetensors file come from, as C-ordered little-endian elements.

`Extents` gives the bytes that hold a tensor, from a plain file or an archive; `StoredTensors` makes
elements of them: it gathers views with strides, turns big-endian elements around, and gives block types
as bytes, a row of blocks being the last dimension.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import deflate, dtypes
from ..arrays.dtype_names import numpy_dtype
from ..arrays.frameworks import Framework
from ..containers.contents import Contents, Deflated, StoredTensor
from ..containers.shapes import element_count
from ..errors import CorruptError, FormatError, ZipnnError, error_place
from ..limits import READ_AT_ONCE
from ..storage.filereader import FileReader, fresh_buffer
from ..storage.locations import Place
from .slicing import Selection, TensorSlice

_DEFLATE_BOUND = 1040
"""More than any DEFLATE stream expands to (258 bytes from 2 bits)."""
_EXPANDED = 256 << 20
"""A tensor that repeats what is stored (stride 0) may take this much memory."""
_SHARED = 16
"""All tensors together may take so many times the bytes that hold them: models tie some of their weights."""


@dataclass(frozen=True, slots=True)
class ModelTensor:
    """A tensor of a model file.

    Attributes:
        name: as the file gives it.
        dtype: safetensors' name, or that of a block type, such as `Q4_K`.
        shape: in elements.
        size: bytes of its elements.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


class Extents(Protocol):
    """The bytes from a tensor's `offset` on, `size` of them."""

    @property
    def path(self) -> Place: ...

    def check(self, tensor: StoredTensor) -> None:
        """Raise `CorruptError` if there cannot be so many bytes."""

    def read_into(self, tensor: StoredTensor, start: int, out: memoryview, threads: int) -> None:
        """Fill `out` with the extent's bytes from `start`. Raises `CorruptError`."""


class PlainExtents:
    """Extents of a file that is not compressed by zipnn."""

    def __init__(self, reader: FileReader, contents: Contents) -> None:
        self.path = reader.path
        self._reader = reader
        self._contents = contents

    def check(self, tensor: StoredTensor) -> None:
        limit = self._reader.size
        if tensor.member is not None:
            limit = self._contents.deflated[tensor.member].size * _DEFLATE_BOUND
        if tensor.offset + tensor.size > limit:
            raise CorruptError(f"ends at byte {tensor.offset + tensor.size}, of at most {limit}; truncated?")

    def read_into(self, tensor: StoredTensor, start: int, out: memoryview, threads: int) -> None:
        if tensor.member is None:
            self._reader.read_into(tensor.offset + start, out)
            return
        inflate_into(self._reader, self._contents.deflated[tensor.member], tensor.offset + start, out)


class StoredTensors:
    """The tensors of a file behind the methods of `TensorFile`. For several threads.

    Attributes:
        path: the file.
        tensors: by name, as they are listed.
    """

    def __init__(self, extents: Extents, stored: Iterable[StoredTensor]) -> None:
        self.path = extents.path
        self._extents = extents
        self._stored: dict[str, StoredTensor] = {}
        self.tensors: dict[str, ModelTensor] = {}
        self._arrays: dict[str, ModelTensor] = {}
        repeats: dict[str, int] = {}
        for tensor in stored:
            name = _free_name(tensor.name, self._stored, repeats)
            self._stored[name] = tensor
            self._arrays[name] = _as_array(tensor, name)
            self.tensors[name] = ModelTensor(name, tensor.dtype, tensor.shape, self._arrays[name].size)

    def array(self, name: str) -> ModelTensor:
        """What a tensor is given as: with a dtype and a shape that frameworks have.

        Raises:
            KeyError: there is no such tensor.
            FormatError: its shape, strides and size do not fit each other, or it would take more memory
                than the file justifies.
        """
        self._check(name)
        return self._arrays[name]

    def all_arrays(self) -> list[ModelTensor]:
        """What all tensors are given as, where all are wanted at once.

        Raises:
            FormatError: as `array`; or they share so much that copies would take far more memory than the
                file has bytes.
        """
        arrays = [self.array(name) for name in self.tensors]
        needed, held = sum(array.size for array in arrays), self._distinct_bytes()
        if needed > _SHARED * held + _EXPANDED:
            raise FormatError(
                f"file {self.path}: its tensors share {held} bytes and would take {needed}: "
                "take them one by one"
            )
        return arrays

    def _distinct_bytes(self) -> int:
        """Bytes that hold tensors, each counted once."""
        total, last, end = 0, None, 0
        for tensor in sorted(self._stored.values(), key=_by_place):
            start = tensor.offset if tensor.member != last else max(tensor.offset, end)
            end = max(start, tensor.offset + tensor.size)
            total += end - start
            last = tensor.member
        return total

    def in_order(self, name: str) -> bool:
        """Whether the tensor's elements follow each other without holes."""
        return self._stored[name].strides is None

    def read_into(self, name: str, out: memoryview, threads: int = 0) -> None:
        """Read a tensor into `out`, writable memory of exactly its size.

        Raises:
            CorruptError: its data are damaged, or end too early.
        """
        tensor = self._stored[name]
        if not self.in_order(name):
            self.gather(name, tuple(range(extent) for extent in tensor.shape), out, threads)
            return
        with self._place(name):
            self._read(tensor, 0, out, threads)

    def read_range(self, name: str, start: int, stop: int, threads: int = 0) -> memoryview:
        """The bytes [start, stop) of a tensor whose elements are in order. Raises as `read_into`.

        Both ends are at elements.
        """
        out = fresh_buffer(stop - start)
        with self._place(name):
            self._read(self._stored[name], start, out, threads)
        return out

    def gather(self, name: str, selection: Selection, out: memoryview, threads: int = 0) -> None:
        """Put the selected elements of a tensor with strides into `out`, reading what spans them.

        Raises as `read_into`.
        """
        if not len(out):
            return
        tensor = self._stored[name]
        assert tensor.strides is not None
        item = _item_size(tensor.dtype)
        picks = [part if isinstance(part, range) else range(part, part + 1) for part in selection]
        pairs = list(zip(picks, tensor.strides, strict=True))
        low = sum(pick[0] * stride for pick, stride in pairs)
        high = sum(pick[-1] * stride for pick, stride in pairs) + 1
        with self._place(name):
            span = fresh_buffer((high - low) * item)
            self._extents.read_into(tensor, low * item, span, threads)
            view = np.lib.stride_tricks.as_strided(
                _units(span, item),
                tuple(len(pick) for pick in picks),
                # Where one is picked, the stride says nothing, and may be beyond what can be multiplied.
                tuple(pick.step * stride * item if len(pick) > 1 else 0 for pick, stride in pairs),
                writeable=False,
            )
            _units(out, item).reshape(view.shape)[...] = view
            _to_little_endian(tensor, out)

    def _check(self, name: str) -> None:
        tensor, array = self._stored[name], self._arrays[name]
        with self._place(name):
            self._extents.check(tensor)
            if tensor.strides is None:
                if array.size != tensor.size:
                    raise FormatError(
                        f"{tensor.dtype} of shape {list(tensor.shape)} takes {array.size} bytes, "
                        f"the file has {tensor.size}"
                    )
                return
            if not dtypes.named(tensor.dtype).bits and not tensor.dtype.startswith("numpy:"):
                raise FormatError(f"elements of {tensor.dtype} are of unknown size, and cannot have strides")
            reach = _reach(tensor)
            if reach is None or reach * _item_size(tensor.dtype) > tensor.size:
                raise FormatError(
                    f"shape {list(tensor.shape)} with strides {list(tensor.strides)} leads outside of its "
                    "data"
                )
            if array.size > max(tensor.size, _EXPANDED):
                raise FormatError(
                    f"expanded from {tensor.size} bytes, it would take {array.size}; take slices of it"
                )

    def _read(self, tensor: StoredTensor, start: int, out: memoryview, threads: int) -> None:
        self._extents.read_into(tensor, start, out, threads)
        _to_little_endian(tensor, out)

    def _place(self, name: str) -> Any:
        return error_place(f"file {self.path}: tensor {name!r}")


class StridedSlice(TensorSlice):
    """A slice of a tensor with strides: what spans the selected elements is read, and no more."""

    def __init__(self, file: StoredTensors, info: ModelTensor, framework: Framework, threads: int) -> None:
        super().__init__(file, info, framework, threads)
        self._tensors = file

    def _select(self, selection: Selection, shape: tuple[int, ...]) -> Any:
        kept = tuple(len(item) for item in selection if isinstance(item, range))
        tensor, data = self._empty(kept)
        self._tensors.gather(self._info.name, selection, data, self._threads)
        return tensor


def inflate_into(reader: FileReader, member: Deflated, start: int, out: memoryview) -> None:
    """Fill `out` with what a DEFLATE stream holds from `start`, without holding what lies before.

    Raises:
        CorruptError: it is damaged, or holds less.
    """
    stop = start + len(out)
    if stop > member.size * _DEFLATE_BOUND:
        raise CorruptError(f"{member.size} compressed bytes cannot hold {stop}")
    at = 0
    pieces = deflate.inflate(
        lambda offset, size: reader.read(member.offset + offset, size), member.size, member.inflated_size
    )
    for piece in pieces if out else ():
        low, high = max(at, start), min(at + len(piece), stop)
        if low < high:
            out[low - start : high - start] = piece[low - at : high - at]
        at += len(piece)
        if at >= stop:
            return
    if out:
        raise CorruptError(f"the compressed data end after {at} bytes, {stop} are needed")


def is_block_type(dtype: str) -> bool:
    """Whether a dtype is of blocks of elements that no framework has."""
    return dtype not in dtypes.BY_NAME and ":" not in dtype


def _as_array(tensor: StoredTensor, name: str) -> ModelTensor:
    """The tensor with a dtype and shape that frameworks have."""
    if not is_block_type(tensor.dtype):
        known, count = dtypes.named(tensor.dtype), element_count(tensor.shape)
        try:
            size = known.size(count) if known.bits else count * _item_size(tensor.dtype)
        except ZipnnError:  # a dtype that cannot be had here: whoever asks for the tensor will hear of it
            size = tensor.size
        return ModelTensor(name, tensor.dtype, tensor.shape, size)
    rows = element_count(tensor.shape[:-1])
    if rows < 1 or tensor.size % rows:
        return ModelTensor(name, "U8", (tensor.size,), tensor.size)
    return ModelTensor(name, "U8", (*tensor.shape[:-1], tensor.size // rows), tensor.size)


def _item_size(dtype: str) -> int:
    """Bytes of an element; of one whose size nobody knows, 1.

    Raises `FormatError` for what is no number of bytes, or has no such dtype.
    """
    known = dtypes.named(dtype)
    if known.bits:
        if known.bits % 8:
            raise FormatError(f"elements of {dtype} have no places of their own, and cannot have strides")
        return known.bits // 8
    return numpy_dtype(dtype).itemsize if dtype.startswith("numpy:") else 1


def _reach(tensor: StoredTensor) -> int | None:
    """So many elements from the first one on are needed; None if the strides are no strides."""
    strides = tensor.strides or ()
    if len(strides) != len(tensor.shape) or any(stride < 0 for stride in strides):
        return None
    if 0 in tensor.shape:
        return 0
    return sum((extent - 1) * stride for extent, stride in zip(tensor.shape, strides, strict=True)) + 1


def _units(data: memoryview, item: int) -> npt.NDArray[Any]:
    """Bytes as elements of that size, for moving them about."""
    return np.frombuffer(data, f"u{item}" if item in (1, 2, 4, 8) else f"V{item}")


def _to_little_endian(tensor: StoredTensor, data: memoryview) -> None:
    if not tensor.big_endian:
        return
    unit = _swapped_unit(tensor.dtype)
    if unit > 1:
        units = np.frombuffer(data, np.uint8).reshape(-1, unit)
        step = READ_AT_ONCE // unit
        for at in range(0, len(units), step):
            units[at : at + step] = units[at : at + step, ::-1].copy()


def _swapped_unit(dtype: str) -> int:
    """Bytes of what is turned around as one: of complex numbers each part, of text each character."""
    if dtype.startswith("numpy:"):
        kind = numpy_dtype(dtype)
        return {"c": kind.itemsize // 2, "U": 4, "S": 1, "V": 1}.get(kind.kind, kind.itemsize)
    return _item_size(dtype) // (2 if dtype in ("C64", "C128") else 1)


def _by_place(tensor: StoredTensor) -> tuple[int, int]:
    return (-1 if tensor.member is None else tensor.member, tensor.offset)


def _free_name(name: str, taken: dict[str, StoredTensor], repeats: dict[str, int]) -> str:
    """The name, with a number behind it where a file gives it more than once."""
    free = name
    while free in taken:  # goes on where it stopped for the same name: a file may give it a million times
        repeats[name] = repeats.get(name, 1) + 1
        free = f"{name} ({repeats[name]})"
    return free
