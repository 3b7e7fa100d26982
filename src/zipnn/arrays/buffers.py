# SPDX-License-Identifier: MIT
"""From whatever holds data to contiguous little-endian bytes and a description of them.

Nothing is copied that lies in memory as frames hold it, and nothing is ever written to. torch is not
imported: whoever hands in a tensor has done that.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import dtypes
from ..frames import FLAG_BIG_ENDIAN, KIND_BYTES, KIND_NUMPY, KIND_TORCH
from . import dtype_names

_STRUCT_FORMATS = "?bBhHiIlLqQefd"


@dataclass(frozen=True, slots=True)
class Source:
    """What a frame is made from.

    Attributes:
        data: the elements, contiguous and little-endian, as flat bytes.
        dtype: name of their type (see `dtype_names`).
        shape: as safetensors would write it.
        kind, flags: see docs/format.md, 2.1.
    """

    data: memoryview
    dtype: str
    shape: tuple[int, ...]
    kind: int
    flags: int = 0


def source_of(data: Any, dtype: Any = None) -> Source:
    """Describe a buffer, a NumPy array or a torch tensor.

    Args:
        data: the input.
        dtype: what the elements of a plain buffer are; of an array it can only say what the array says.

    Raises:
        TypeError: `data` is none of these, or its elements are not plain data.
        ValueError: `dtype` contradicts the array, or does not fit the buffer's size.
    """
    name = None if dtype is None else dtype_names.of_any(dtype)
    if is_torch(data):
        source = _of_torch(data)
    elif isinstance(data, (np.ndarray, np.generic)):
        source = _of_numpy(data)
    else:
        return _of_buffer(data, name)
    if name is not None and name != source.dtype:
        raise ValueError(
            f"dtype={dtype!r} was given for data of dtype {source.dtype}: convert the data first"
        )
    return source


def flat_bytes(data: Any) -> memoryview:
    """The bytes of a buffer, an array or a tensor: a view where they are contiguous."""
    if is_torch(data):
        return _of_torch(data).data
    if isinstance(data, (np.ndarray, np.generic)):
        return _flat(np.asarray(data, order="C"))
    view = memoryview(data)
    if not view.c_contiguous:
        view = memoryview(view.tobytes())
    # Not memoryview.cast, which knows neither empty shapes nor all formats.
    return _flat(np.frombuffer(view, np.uint8)) if view.nbytes else memoryview(b"")


def target_of(out: Any) -> tuple[memoryview, str | None, bool]:
    """The memory of a buffer, an array or a tensor that is to be filled.

    Returns:
        The writable bytes; the name of the elements' dtype, or None where they are single bytes or a
        plain buffer; whether elements are to be big-endian.

    Raises:
        TypeError: `out` is none of these, or its elements are not plain data.
        ValueError: it is read-only or not contiguous, or not in main memory.
    """
    if is_torch(out):
        return _torch_target(out)
    if isinstance(out, np.ndarray):
        name = dtype_names.of_numpy(out.dtype)
        if not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError("out is read-only or not C-contiguous")
        named = out.dtype.itemsize > 1
        return _flat(out), name if named else None, named and dtype_names.is_big_endian(out.dtype)
    view = memoryview(out)
    if view.readonly or not view.c_contiguous:
        raise ValueError("out is read-only or not C-contiguous")
    return flat_bytes(view), None, False


def is_torch(data: Any) -> bool:
    """Whether `data` is a torch tensor; does not import torch."""
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return tensor is not None and isinstance(data, tensor)


def _flat(array: npt.NDArray[Any]) -> memoryview:
    # NumPy cannot view no bytes, nor elements of size 0, as anything.
    return array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")


def _of_buffer(data: Any, name: str | None) -> Source:
    try:
        view = memoryview(data)
    except TypeError as error:
        raise TypeError(
            f"cannot compress {type(data).__name__}: give a buffer, a NumPy array or a torch tensor"
        ) from error
    flat = flat_bytes(view)
    if name is not None:
        return Source(flat, name, (_elements(name, len(flat)),), KIND_BYTES)
    if len(view.format) == 1 and view.format in _STRUCT_FORMATS:
        return Source(flat, dtype_names.of_numpy(np.dtype(view.format)), tuple(view.shape or ()), KIND_BYTES)
    return Source(flat, "U8", (len(flat),), KIND_BYTES)


def _elements(name: str, size: int) -> int:
    """How many elements of that type `size` bytes are."""
    known = dtypes.named(name)
    bits = known.bits or 8
    count = size * 8 // bits
    if known.size(count) != size and known.bits:
        raise ValueError(f"{size} bytes are not a whole number of {name} elements of {bits // 8} bytes")
    return count


def _of_numpy(data: npt.NDArray[Any] | np.generic) -> Source:
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError("a masked array is two arrays: compress its .data and its .mask")
    array = np.asarray(data, order="C")
    name = dtype_names.of_numpy(array.dtype)
    shape, flags = np.shape(data), 0
    if dtype_names.is_big_endian(array.dtype):
        array, flags = array.byteswap(), FLAG_BIG_ENDIAN
    return Source(_flat(array), name, shape, KIND_NUMPY, flags)


def _of_torch(tensor: Any) -> Source:
    torch = sys.modules["torch"]
    _check_tensor(torch, tensor)
    name = dtype_names.of_torch(tensor.dtype)
    shape = tuple(tensor.shape)
    if name == "F4" and shape:
        # torch counts bytes with two elements each, safetensors elements.
        shape = (*shape[:-1], 2 * shape[-1])
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return Source(_torch_bytes(torch, plain), name, shape, KIND_TORCH)


def _torch_target(out: Any) -> tuple[memoryview, str | None, bool]:
    torch = sys.modules["torch"]
    _check_tensor(torch, out)
    if out.device.type != "cpu" or not out.is_contiguous() or out.is_conj() or out.is_neg():
        raise ValueError("out is not a contiguous tensor on the CPU")
    name = dtype_names.of_torch(out.dtype) if out.element_size() > 1 else None
    return _torch_bytes(torch, out.detach()), name, False


def _torch_bytes(torch: Any, plain: Any) -> memoryview:
    """The memory of a contiguous tensor."""
    # Not reshape: that leaves a single element, or none, whatever stride it has, and view wants 1.
    return _flat(plain.as_strided((plain.numel(),), (1,)).view(torch.uint8).numpy())


def _check_tensor(torch: Any, tensor: Any) -> None:
    """Refuse tensors that are more than elements in memory."""
    if tensor.layout is not torch.strided or tensor.is_nested:
        raise TypeError(
            f"a tensor of layout {tensor.layout} is several: compress its parts, or .to_dense() it"
        )
    if tensor.is_quantized:
        raise TypeError(
            "a quantized tensor has parameters besides its elements: compress .int_repr() and them"
        )
    if tensor.is_meta:
        raise TypeError("a tensor on the meta device has no data")
    if type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        raise TypeError(f"a {type(tensor).__name__} wraps other tensors: compress those")
