# SPDX-License-Identifier: MIT
"""Parts of tensors: which bytes an index covers, and `TensorSlice`, which decodes only those.

The rules for an index are those of safetensors' slices: with torch whatever a tensor takes; with
NumPy slices with a positive step, integers and an ellipsis. Two accidents of theirs are not copied:
negative bounds and empty ranges or tensors mean what they mean in NumPy.
"""

from __future__ import annotations

import math
import operator
from types import EllipsisType
from typing import Any

import numpy as np

from ..arrays.frameworks import Framework, TorchFramework
from .reading import TensorShape, TensorSource, framework_shape, read_tensor, tensor_place
from .refusals import refusal

Selection = tuple["int | range", ...]
"""One entry a dimension: the place of one element (the dimension goes) or a range of them."""


class TensorSlice:
    """A tensor of an open file that decodes what is asked of it: `part = tensor_slice[10:20, :]`."""

    def __init__(self, file: TensorSource, info: TensorShape, framework: Framework, threads: int) -> None:
        self._file = file
        self._info = info
        self._framework = framework
        self._threads = threads

    def get_shape(self) -> list[int]:
        """The whole tensor's shape, as the file gives it."""
        return list(self._info.shape)

    def get_dtype(self) -> str:
        """The tensor's dtype under safetensors' name, such as `BF16`."""
        return self._info.dtype

    def __getitem__(self, index: Any) -> Any:
        """The part of the tensor that `index` says, compact and in memory of its own.

        Raises:
            IndexError: the index does not fit the tensor.
            CorruptError: the part's data are damaged.
        """
        shape = framework_shape(self._file, self._info, self._framework)
        if isinstance(self._framework, TorchFramework):
            selection = torch_selection(index, shape)
            if selection is None:
                return read_tensor(self._file, self._info, self._framework, self._threads)[index]
        else:
            with tensor_place(self._file, self._info):
                selection = numpy_selection(index, shape)
        return self._framework.place(self._select(selection, shape))

    def _select(self, selection: Selection, shape: tuple[int, ...]) -> Any:
        kept = tuple(len(item) for item in selection if isinstance(item, range))
        if 0 in kept:
            return self._empty(kept)[0]
        start, block_shape, index = cover(shape, selection)
        block, data = self._empty(block_shape)
        if block_shape == shape:
            self._file.read_into(self._info.name, data, self._threads)
        else:
            offset = start * (len(data) // math.prod(block_shape))
            data[:] = self._file.read_range(self._info.name, offset, offset + len(data), self._threads)
        part = block[(*index, ...)]
        return part if math.prod(kept) == math.prod(block_shape) else self._framework.own(part)

    def _empty(self, shape: tuple[int, ...]) -> tuple[Any, memoryview]:
        with tensor_place(self._file, self._info):
            return self._framework.empty(self._info.dtype, shape)


def cover(
    shape: tuple[int, ...], selection: Selection
) -> tuple[int, tuple[int, ...], tuple[int | slice, ...]]:
    """The smallest run of elements that holds a selection which is not empty.

    Returns:
        The run's first element, its shape as a block of as many dimensions as the tensor has, and the
        index that takes the selection out of the block.
    """
    start, run = 0, math.prod(shape)
    block: list[int] = []
    index: list[int | slice] = []
    narrowing = True
    for extent, item in zip(shape, selection, strict=True):
        picked = item if isinstance(item, range) else range(item, item + 1)
        low, high = (picked[0], picked[-1] + 1) if narrowing else (0, extent)
        run //= extent
        start += low * run
        block.append(high - low)
        if isinstance(item, range):
            index.append(slice(picked[0] - low, picked[-1] + 1 - low, picked.step))
        else:
            index.append(item - low)
        narrowing = narrowing and high - low == 1
    return start, tuple(block), tuple(index)


def numpy_selection(index: Any, shape: tuple[int, ...]) -> Selection:
    """An index as safetensors takes it for NumPy.

    Raises:
        IndexError: it is not of the kinds taken, or does not fit.
        TypeError: a bound of a slice is not an integer.
    """
    if isinstance(index, list):
        if index:
            raise refusal(IndexError, "lists are not taken as an index: use slices and integers")
        index = slice(0, 0)
    items = _expand(index, len(shape))
    if items is None:
        raise refusal(IndexError, "only one ellipsis (...) is allowed in an index")
    items = [_checked_slice(item) if isinstance(item, slice) else _integer(item) for item in items]
    if len(items) > len(shape):
        raise refusal(IndexError, f"more indices than dimensions: {len(items)} for shape {list(shape)}")
    return tuple(
        _numpy_range(item, extent, axis) if isinstance(item, slice) else _numpy_place(item, extent, axis)
        for axis, (item, extent) in enumerate(zip(items, shape, strict=True))
    )


def torch_selection(index: Any, shape: tuple[int, ...]) -> Selection | None:
    """An index of slices, integers and an ellipsis that fits `shape`; None for what only torch can judge."""
    items = _expand(index, len(shape))
    if items is None or len(items) != len(shape):
        return None
    selection: list[int | range] = []
    for item, extent in zip(items, shape, strict=True):
        if isinstance(item, slice):
            try:
                picked = range(*item.indices(extent))
            except (TypeError, ValueError):
                return None
            if picked.step < 1:
                return None
            selection.append(picked)
        elif isinstance(item, int | np.integer) and not isinstance(item, bool) and -extent <= item < extent:
            selection.append(int(item) % extent)
        else:
            return None
    return tuple(selection)


def _expand(index: Any, ndim: int) -> list[Any] | None:
    """The index as one item a dimension, ellipsis and missing items filled in; None for two ellipses."""
    items = list(index) if isinstance(index, tuple) else [index]
    places = [place for place, item in enumerate(items) if isinstance(item, EllipsisType)]
    if len(places) > 1:
        return None
    place = places[0] if places else len(items)
    filling = [slice(None)] * (ndim - (len(items) - len(places)))
    return [*items[:place], *filling, *items[place + 1 :]]


def _checked_slice(item: slice) -> slice:
    """The slice with integers for bounds and step."""
    start, stop, step = (
        None if bound is None else operator.index(bound) for bound in (item.start, item.stop, item.step)
    )
    if step is not None and step < 1:
        raise refusal(IndexError, f"the step of a slice must be positive, not {step}")
    return slice(start, stop, step)


def _integer(item: Any) -> int:
    try:
        return operator.index(item)
    except TypeError:
        raise refusal(
            IndexError, f"{type(item).__name__} as an index: a slice, an integer or an ellipsis is needed"
        ) from None


def _numpy_range(item: slice, extent: int, axis: int) -> range:
    if (item.start and item.start >= extent) or (item.stop is not None and item.stop > extent):
        raise refusal(
            IndexError, f"{item.start}:{item.stop} is out of bounds for dimension {axis} of size {extent}"
        )
    return range(*item.indices(extent))


def _numpy_place(place: int, extent: int, axis: int) -> int:
    if not -extent <= place < extent:
        raise refusal(IndexError, f"index {place} is out of bounds for dimension {axis} of size {extent}")
    return place % extent
