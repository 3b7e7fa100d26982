# SPDX-License-Identifier: MIT
"""Where tensors live after loading: NumPy arrays or torch tensors.

A framework gives memory for a tensor (its own, writable, 64-byte aligned) together with a view of
its bytes to decode into, and moves the finished tensor to its device. It is chosen when loading.
"""

from __future__ import annotations

import importlib
import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..access.refusals import refusal
from ..errors import CorruptError, FormatError, MissingDependencyError
from ..limits import ALIGNMENT, HUGE
from . import dtype_names


class Framework(Protocol):
    """What loading needs from NumPy or torch."""

    def dtype(self, name: str) -> Any:
        """The framework's dtype of that name (see `dtype_names`).

        Raises:
            FormatError: the framework has no such dtype.
            MissingDependencyError: it has with an optional package, or in a newer version.
        """

    def shape(self, dtype: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that a tensor of this dtype and (safetensors) shape has in the framework."""

    def empty(self, dtype: str, shape: tuple[int, ...]) -> tuple[Any, memoryview]:
        """An uninitialised tensor in main memory, of the framework's `shape`, and its bytes.

        Raises as `dtype` does.
        """

    def own(self, part: Any) -> Any:
        """A compact tensor with the values of `part`, in memory of its own."""

    def place(self, tensor: Any) -> Any:
        """The tensor on the framework's device."""


class NumpyFramework:
    """NumPy arrays; bf16, fp8 and their like through ml_dtypes."""

    def dtype(self, name: str) -> np.dtype[Any]:
        return dtype_names.numpy_dtype(name)

    def shape(self, dtype: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def empty(self, dtype: str, shape: tuple[int, ...]) -> tuple[npt.NDArray[Any], memoryview]:
        flat = _aligned_bytes(math.prod(shape) * (itemtype := self.dtype(dtype)).itemsize)
        return flat.view(itemtype).reshape(shape), flat.data

    def own(self, part: npt.NDArray[Any]) -> npt.NDArray[Any]:
        copy = _aligned_bytes(part.nbytes).view(part.dtype).reshape(part.shape)
        copy[...] = part
        return copy

    def place(self, tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return tensor


class TorchFramework:
    """torch tensors, decoded in main memory and then moved to `device`."""

    def __init__(self, device: Any) -> None:
        try:
            self._torch = importlib.import_module("torch")
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                'framework="pt" needs torch, which is not installed: pip install torch'
            ) from error
        try:
            self._device = self._torch.device(device)
        except (RuntimeError, TypeError) as error:
            raise refusal(ValueError, f"device {device!r} is not one that torch knows: {error}") from error

    def dtype(self, name: str) -> Any:
        return dtype_names.torch_dtype(self._torch, name)

    def shape(self, dtype: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        # torch's four-bit type is a pair of elements in a byte.
        return (*shape[:-1], shape[-1] // 2) if dtype == "F4" and shape else shape

    def empty(self, dtype: str, shape: tuple[int, ...]) -> tuple[Any, memoryview]:
        kind = self.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        # NumPy asks for huge pages, torch does not; half of the time to fill new memory goes into small ones.
        if size >= HUGE:
            flat = self._torch.from_numpy(_aligned_bytes(size))
        else:
            flat = self._torch.empty(size, dtype=self._torch.uint8)
        return flat.view(kind).reshape(shape), flat.numpy().data

    def own(self, part: Any) -> Any:
        return part.clone(memory_format=self._torch.contiguous_format)

    def place(self, tensor: Any) -> Any:
        return tensor.to(self._device)


def open_framework(name: str, device: Any = "cpu") -> Framework:
    """The framework of that name ("np", "numpy"; "pt", "torch", "pytorch") for a device.

    Raises:
        ValueError: the name or the device is not known.
        TypeError: the name is not a string.
        MissingDependencyError: torch is not installed.
    """
    if not isinstance(name, str):
        raise TypeError(f"framework must be a string, not {type(name).__name__}")
    if name in ("pt", "torch", "pytorch"):
        return TorchFramework(device)
    if name not in ("np", "numpy"):
        raise refusal(ValueError, f'framework {name!r} is not supported: "np" and "pt" are')
    if str(device) != "cpu":
        raise refusal(ValueError, f'NumPy arrays live on the CPU: device {device!r} needs framework="pt"')
    return NumpyFramework()


def empty_tensor(
    framework: Framework, dtype: str, shape: tuple[int, ...], size: int
) -> tuple[Any, memoryview]:
    """A tensor for `size` bytes that something from outside calls elements of that dtype and shape.

    Returns:
        As `Framework.empty`.

    Raises:
        CorruptError: dtype, shape and size do not go together.
        FormatError, MissingDependencyError: the framework has no such dtype, or holds no such shape.
    """
    own = framework.shape(dtype, shape)
    if math.prod(own) * framework.dtype(dtype).itemsize != size:
        raise CorruptError(f"{size} bytes are not a tensor of {dtype} and shape {shape}")
    try:
        return framework.empty(dtype, own)
    except (OverflowError, RuntimeError, ValueError) as error:
        raise FormatError(f"shape {shape} is beyond what the framework can hold: {error}") from error


def _aligned_bytes(size: int) -> npt.NDArray[np.uint8]:
    """An uninitialised, aligned byte array."""
    room = np.empty(size + ALIGNMENT, dtype=np.uint8)
    skip = -room.__array_interface__["data"][0] % ALIGNMENT
    return room[skip : skip + size]
