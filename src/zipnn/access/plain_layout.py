# SPDX-License-Identifier: MIT
"""The plain safetensors file that tensors make, laid out without being written."""

from __future__ import annotations

import bisect
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import dtypes
from ..arrays import buffers
from ..containers.safetensors_layout import KEY_PREFIX
from ..storage.filereader import fresh_buffer

# safetensors lays tensors out by dtype in this order, then by name.
_DTYPE_ORDER = (
    "U64", "I64", "F64", "C64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16",
    "F8_E5M2FNUZ", "F8_E4M3FNUZ", "F8_E8M0", "F8_E4M3", "F8_E5M2", "I8", "U8", "F4", "BOOL",
)  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(_DTYPE_ORDER)}


class PlainLayout:
    """The plain safetensors file of some tensors, made up as it is read.

    Args:
        tensors: NumPy arrays and torch tensors by name; any strides, byte order and device.
        metadata: for `__metadata__`.
        path: the name under which errors speak of it.

    Raises:
        TypeError: a name, a tensor or an entry of the metadata is of the wrong type.
        ValueError: a tensor has no data of its own (sparse, meta), or a dtype that safetensors lacks.
    """

    def __init__(self, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None, path: Path) -> None:
        self.path = path
        described = [_Source(name, tensor) for name, tensor in _checked(tensors).items()]
        described.sort(key=lambda source: (_RANK[source.dtype], source.name))
        header: dict[str, Any] = {} if metadata is None else {"__metadata__": _checked_metadata(metadata)}
        end = 0
        self._sources: list[_Source] = []
        self._starts: list[int] = []
        for source in described:
            offsets = [end, end + source.size]
            header[source.name] = {"dtype": source.dtype, "shape": source.shape, "data_offsets": offsets}
            if source.size:
                self._sources.append(source)
                self._starts.append(end)
            end += source.size
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        text = text.ljust((len(text) + 7) // 8 * 8)
        self._prefix = len(text).to_bytes(8, "little") + text
        self.size = len(self._prefix) + end
        self._current: tuple[int, memoryview] = (-1, memoryview(b""))

    def read(self, offset: int, size: int) -> memoryview:
        """Bytes of the file. Not to be written to: they can be the caller's."""
        start = offset - len(self._prefix)
        index = bisect.bisect_right(self._starts, start) - 1
        if index >= 0 and start + size <= self._starts[index] + self._sources[index].size:
            data = self._data(index)
            return data[start - self._starts[index] :][:size]
        buffer = fresh_buffer(size)
        head = memoryview(self._prefix)[offset : offset + size]
        buffer[: len(head)] = head
        done = len(head)
        while done < size:
            at = start + done
            index = bisect.bisect_right(self._starts, at) - 1
            piece = self._data(index)[at - self._starts[index] :][: size - done]
            buffer[done : done + len(piece)] = piece
            done += len(piece)
        return buffer

    def _data(self, index: int) -> memoryview:
        # Only one at a time: it is a copy for tensors that lie scattered or on another device.
        if self._current[0] != index:
            self._current = (index, self._sources[index].bytes())
        return self._current[1]


class _Source:
    """One tensor that is to be saved."""

    def __init__(self, name: str, tensor: Any) -> None:
        self.name = name
        self._tensor = tensor
        torch = sys.modules.get("torch")
        if isinstance(tensor, np.ndarray):
            dtype = dtypes.BY_NUMPY.get(tensor.dtype.name)
            self.shape = list(tensor.shape)
        elif torch is not None and isinstance(tensor, torch.Tensor):
            _check_dense(name, tensor)
            dtype = dtypes.BY_TORCH.get(str(tensor.dtype).removeprefix("torch."))
            self.shape = list(tensor.shape)
            if dtype is not None and dtype.name == "F4" and self.shape:
                self.shape[-1] *= 2  # torch counts the bytes, safetensors the elements
        else:
            raise TypeError(f"tensor {name!r}: a NumPy array or torch tensor, not {type(tensor).__name__}")
        if dtype is None or dtype.name not in _RANK:
            raise ValueError(f"tensor {name!r}: safetensors has no dtype for {tensor.dtype}")
        self.dtype = dtype.name
        self.size = int(tensor.nbytes)

    def bytes(self) -> memoryview:
        """The data, contiguous and little-endian; a copy only where they are not."""
        return buffers.source_of(self._tensor).data.toreadonly()


def _check_dense(name: str, tensor: Any) -> None:
    torch = sys.modules["torch"]
    if tensor.layout is not torch.strided:
        raise ValueError(f"tensor {name!r}: safetensors takes no sparse tensors; call to_dense() first")
    if tensor.is_meta or tensor.is_quantized:
        kind = "a meta tensor, which has no data" if tensor.is_meta else "quantized by torch"
        raise ValueError(f"tensor {name!r}: {kind}")


def _checked(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(tensors, Mapping):
        raise TypeError(f"tensors must be a dict of names and tensors, not {type(tensors).__name__}")
    for name in tensors:
        _check_text(name, "a tensor's name")
        if name == "__metadata__":
            raise ValueError("no tensor can have the name '__metadata__'")
    return tensors


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a dict of strings, not {type(metadata).__name__}")
    for key, value in metadata.items():
        _check_text(key, "a key of the metadata")
        _check_text(value, f"the metadata's {key!r}")
        if key.startswith(KEY_PREFIX):
            raise ValueError(f"the metadata's {key!r}: keys that begin with {KEY_PREFIX!r} are zipnn's own")
    return dict(metadata)


def _check_text(value: object, what: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} is not valid Unicode: {value!r}") from None
