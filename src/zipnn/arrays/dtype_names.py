# SPDX-License-Identifier: MIT
"""From the dtypes of NumPy and torch to the names that frames carry, and back.

Where safetensors has no name, a frame carries `numpy:` and what NumPy writes (`numpy:<M8[ns]`) or
ml_dtypes' name (`numpy:int4`), or `torch:` and the attribute of `torch` (`torch:complex32`).
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from typing import Any

import numpy as np

from .. import dtypes, limits
from ..errors import FormatError, MissingDependencyError

_NUMPY, _TORCH = "numpy:", "torch:"


def of_numpy(dtype: np.dtype[Any]) -> str:
    """The name of a NumPy dtype, whatever its byte order.

    Raises:
        TypeError: its elements are not plain data of a fixed size.
    """
    if dtype.hasobject:
        raise TypeError(f"dtype {dtype} holds references, not data: convert the array, or pickle it first")
    if dtype.names is not None:
        raise TypeError(f"dtype {dtype} is a structure: compress its fields one by one")
    if dtype.itemsize == 0:
        raise TypeError(f"dtype {dtype} has elements without bytes: there is nothing to compress")
    known = dtypes.BY_NUMPY.get(dtype.name)
    if known is not None:
        return known.name
    ours = dtype.type.__module__.partition(".")[0] == "ml_dtypes"
    name = _NUMPY + (dtype.name if ours else dtype.newbyteorder("<").str)
    try:
        same = numpy_dtype(name) == dtype.newbyteorder("<")
    except FormatError:
        same = False
    if not same or len(name) > limits.MAX_DTYPE_NAME:
        raise TypeError(f"dtype {dtype} has no name to find it by: view the array as another one")
    return name


def of_torch(dtype: Any) -> str:
    """The name of a `torch.dtype`."""
    attribute = str(dtype).removeprefix("torch.")
    known = dtypes.BY_TORCH.get(attribute)
    return known.name if known is not None else _TORCH + attribute


def of_any(dtype: Any) -> str:
    """The name of a dtype given as a name of safetensors, NumPy or torch, or as such an object.

    Raises:
        TypeError: it is none of these.
        ValueError: it has big-endian elements, which only a NumPy array can say of itself.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(dtype, torch.dtype):
        return of_torch(dtype)
    if isinstance(dtype, str):
        plain = dtype.removeprefix("torch.")
        known = dtypes.BY_NAME.get(dtype) or dtypes.BY_NUMPY.get(plain) or dtypes.BY_TORCH.get(plain)
        if known is not None:
            return known.name
    try:
        found = np.dtype(dtype) if dtype is not None else None
    except TypeError:
        found = None
    if found is None:
        raise TypeError(f"dtype {dtype!r} is not known: give a name such as 'BF16' or 'float32'")
    if is_big_endian(found):
        raise ValueError(f"dtype {dtype!r} is big-endian: give the data as a NumPy array of that dtype")
    return of_numpy(found)


def is_big_endian(dtype: np.dtype[Any]) -> bool:
    """Whether elements lie in memory with their most significant byte first."""
    return dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big")


@functools.lru_cache
def numpy_dtype(name: str) -> np.dtype[Any]:
    """The little-endian NumPy dtype of a name.

    Raises:
        FormatError: NumPy has none.
        MissingDependencyError: it has with ml_dtypes, or with a newer one.
    """
    attribute = dtypes.named(name).numpy
    if attribute is None and name.startswith(_NUMPY):
        attribute = name.removeprefix(_NUMPY)
    if attribute is None:
        raise FormatError(f'NumPy has no dtype for {name}: use framework="pt"')
    found = _builtin(attribute)
    if found is not None:
        return found.newbyteorder("<")
    if not re.fullmatch("[a-z]+[0-9]+[a-z0-9_]*", attribute):
        raise FormatError(f"NumPy has no dtype {attribute!r}")
    return _from_ml_dtypes(name, attribute)


def _builtin(spec: str) -> np.dtype[Any] | None:
    """NumPy's own dtype of that name or string, if it is plain data and `spec` is its usual form."""
    try:
        found = np.dtype(spec)
    except (TypeError, ValueError, SyntaxError):
        return None
    plain = not found.hasobject and found.names is None and found.subdtype is None
    own = found.type.__module__.partition(".")[0] == "numpy"
    return found if plain and own and spec in (found.name, found.str) else None


def _from_ml_dtypes(name: str, attribute: str) -> np.dtype[Any]:
    try:
        module = importlib.import_module("ml_dtypes")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f'NumPy has no dtype for {name} by itself: pip install ml_dtypes, or use framework="pt"'
        ) from error
    try:
        found: np.dtype[Any] = np.dtype(getattr(module, attribute))
    except (AttributeError, TypeError) as error:
        raise MissingDependencyError(
            f"dtype {name} needs a newer ml_dtypes: pip install --upgrade ml_dtypes"
        ) from error
    return found


def torch_dtype(torch: Any, name: str) -> Any:
    """The dtype of a name in the module `torch`.

    Raises:
        FormatError: torch has none.
        MissingDependencyError: a newer torch has it.
    """
    attribute = dtypes.named(name).torch
    if attribute is None and name.startswith(_TORCH):
        attribute = name.removeprefix(_TORCH)
    if attribute is None:
        raise FormatError(f'torch has no dtype for {name}: use framework="np"')
    found = getattr(torch, attribute, None)
    if not isinstance(found, torch.dtype):
        raise MissingDependencyError(
            f"dtype {name} needs torch.{attribute}, which torch {torch.__version__} does not have: "
            "pip install --upgrade torch"
        )
    return found
