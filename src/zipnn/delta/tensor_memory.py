# SPDX-License-Identifier: MIT
"""The memory of arrays and tensors that are written in place: where it lies, and who shares it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import buffers, dtype_names
from ..arrays.frameworks import Framework, NumpyFramework, TorchFramework, empty_tensor
from ..frames import FLAG_BIG_ENDIAN, KIND_TORCH
from .states import Described

_SHARING_WORK = 100_000  # steps that NumPy may take to find out whether two arrays share an element


@dataclass(frozen=True, slots=True)
class Region:
    """The bytes of a tensor: addresses [start, stop), and which of them.

    `strides` are in bytes.
    """

    start: int
    stop: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    item: int

    def shares(self, other: Region) -> bool:
        """Whether the two have a byte in common. Where that takes too long to say, they have."""
        if self.stop <= other.start or other.stop <= self.start:
            return False
        try:
            return np.shares_memory(self._array(), other._array(), max_work=_SHARING_WORK)  # type: ignore[arg-type]
        except RuntimeError:  # too hard
            return True

    def folded(self) -> bool:
        """Whether several elements may lie at the same place."""
        reach = 0
        for stride, extent in sorted(zip(map(abs, self.strides), self.shape, strict=True)):
            if extent > 1 and stride < reach + self.item:
                return True
            reach += stride * (extent - 1)
        return False

    def _array(self) -> Any:
        return np.asarray(_Interface(self))  # nobody reads or writes through it


class _Interface:
    def __init__(self, region: Region) -> None:
        lowest = sum(min(0, s * (n - 1)) for s, n in zip(region.strides, region.shape, strict=True))
        self.__array_interface__ = {
            "version": 3,
            "data": (region.start - lowest, True),
            "shape": region.shape,
            "strides": region.strides,
            "typestr": f"|V{region.item}",
        }


def region_of(tensor: Any) -> Region | None:
    """Where a tensor lies; None if it has no elements."""
    if buffers.is_torch(tensor):
        item = tensor.element_size()
        if tensor.numel() == 0:
            return None
        start, shape = tensor.data_ptr(), tuple(tensor.shape)
        if tensor.is_contiguous():  # strides of single extents say nothing
            return Region(start, start + item * tensor.numel(), (tensor.numel(),), (item,), item)
        strides = tuple(item * stride for stride in tensor.stride())
    else:
        if tensor.nbytes == 0:
            return None
        item, shape, strides = tensor.itemsize, tensor.shape, tensor.strides
        start = tensor.__array_interface__["data"][0]
        if tensor.flags.c_contiguous:
            return Region(start, start + tensor.nbytes, (tensor.size,), (item,), item)
    steps = [(stride, stride * (extent - 1)) for stride, extent in zip(strides, shape, strict=True)]
    low, high = sum(min(0, reach) for _, reach in steps), sum(max(0, reach) for _, reach in steps)
    return Region(start + low, start + high + item, shape, strides, item)


def overlapping(regions: dict[str, Region]) -> Iterator[tuple[str, str]]:
    """The pairs of names whose regions share bytes."""
    active: list[str] = []
    for name in sorted(regions, key=lambda name: regions[name].start):
        region = regions[name]
        active = [other for other in active if regions[other].stop > region.start]
        for other in active:
            if region.shares(regions[other]):
                yield other, name
        active.append(name)


def check_writable(name: str, tensor: Any, region: Region | None) -> None:
    """Raise `ValueError` if a tensor of that name and region cannot be written to in place."""
    if not buffers.is_torch(tensor) and not tensor.flags.writeable:
        raise ValueError(f"tensor {name!r}: the array is read-only; copy=True gives new ones")
    if region is not None and region.folded():
        raise ValueError(f"tensor {name!r}: elements of it lie at the same place; copy=True gives new ones")


@contextlib.contextmanager
def editing(tensor: Any) -> Iterator[memoryview]:
    """The little-endian bytes of a tensor, in order, to be changed.

    They are the tensor's own memory if it lies there like that; else a copy, which goes back at the end.
    """
    if buffers.is_torch(tensor):
        torch = sys.modules["torch"]
        plain = tensor.detach()
        if plain.device.type == "cpu" and plain.is_contiguous() and not (plain.is_conj() or plain.is_neg()):
            yield buffers.target_of(plain)[0]
            return
        host = plain.cpu().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
        yield buffers.target_of(host)[0]
        plain.copy_(host)
    elif tensor.flags.c_contiguous and not dtype_names.is_big_endian(tensor.dtype):
        yield buffers.target_of(tensor)[0]
    else:
        host = np.array(tensor, dtype=tensor.dtype.newbyteorder("<"), order="C", subok=False)
        yield buffers.target_of(host)[0]
        tensor[...] = host


def cloned(tensor: Any) -> Any:
    """A tensor of its own with the same content, dtype and shape, on the same device."""
    if buffers.is_torch(tensor):
        torch = sys.modules["torch"]
        return tensor.detach().clone(memory_format=torch.contiguous_format)
    return np.array(tensor, order="C", subok=False)


def created(new: Described, kind: int, flags: int, like: Any) -> Any:
    """A new tensor, its content undefined.

    Args:
        new: what it is to be.
        kind, flags: of what framework (see docs/format.md, 2.1) if nothing is like it.
        like: a tensor of the framework and on the device where it is to be, or None.

    Raises:
        FormatError, MissingDependencyError: the framework has no such dtype.
        CorruptError: dtype, shape and size do not go together.
    """
    torch = buffers.is_torch(like) or (like is None and kind == KIND_TORCH)
    framework: Framework = (
        TorchFramework("cpu" if like is None else like.device) if torch else NumpyFramework()
    )
    tensor, _ = empty_tensor(framework, new.dtype, new.shape, new.size)
    if flags & FLAG_BIG_ENDIAN and not torch:
        tensor = tensor.view(tensor.dtype.newbyteorder(">"))
    return framework.place(tensor)
