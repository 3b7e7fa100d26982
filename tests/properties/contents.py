# SPDX-License-Identifier: MIT
"""Strategies for arrays as models hold them, and as no model would."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

Array = np.ndarray[Any, Any]

FLOATS = [np.dtype(name) for name in ("f2", "f4", "f8")] + [np.dtype(ml_dtypes.bfloat16)]
SMALL = [np.dtype(getattr(ml_dtypes, name)) for name in ("float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu")]
INTEGERS = [np.dtype(name) for name in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?")]
COMPLEX = [np.dtype(name) for name in ("c8", "c16")]

dtypes = st.sampled_from(FLOATS * 3 + SMALL + INTEGERS + COMPLEX)
# Sizes around a group of 128 elements, a tile and two; the reference reader is slow beyond.
counts = st.one_of(
    st.integers(0, 300),
    st.sampled_from([127, 128, 129, 4095, 4096, 4097, 8192 + 130]),
    st.integers(4000, 6000),
)


@st.composite
def contents(draw: st.DrawFn, dtype: np.dtype[Any], count: int) -> Array:
    """`count` elements of a kind that some codec has to look out for."""
    kind = draw(
        st.sampled_from(
            ["weights", "bits", "smooth", "constant", "few", "sparse", "special", "widened", "runs"]
        )
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "weights":
        return _rounded(rng.standard_normal(count) * 10.0 ** draw(st.integers(-6, 4)), dtype)
    if kind == "bits":
        return _bits(rng, count, dtype)
    if kind == "smooth":
        return _smooth(rng, count, dtype, draw(st.sampled_from([2, 6, 20, 50])))
    if kind == "constant":
        return np.repeat(_bits(rng, 1, dtype), count)
    if kind == "few":
        return rng.choice(_bits(rng, draw(st.integers(2, 20)), dtype), count)
    if kind == "sparse":
        return np.where(
            rng.random(count) < draw(st.floats(0, 0.2)), _bits(rng, count, dtype), np.zeros(1, dtype)
        )
    if kind == "special":
        values = np.concatenate([_bits(rng, count, dtype), special(dtype)])
        return rng.permutation(values)[:count]
    if kind == "widened":
        narrow = draw(st.sampled_from([np.dtype(ml_dtypes.bfloat16), np.dtype("f2")]))
        return _rounded(rng.standard_normal(count).astype(narrow).astype(np.float64), dtype)
    runs = [_rounded(rng.standard_normal(700), dtype), np.zeros(700, dtype), _bits(rng, 700, dtype)]
    return np.resize(np.concatenate([runs[i] for i in rng.integers(0, 3, 10)]), count)


def special(dtype: np.dtype[Any]) -> Array:
    """NaNs of every kind, infinities, both zeros, subnormals, and the ends of integers."""
    size = dtype.itemsize
    words = [
        0,
        1,
        2,
        (1 << 8 * size) - 1,
        1 << (8 * size - 1),
        (1 << 8 * size - 1) - 1,
        0x7F << max(0, 8 * size - 8),
    ]
    words += [
        0x7FC00001 >> 16,
        0x7F800001,
        0xFFC0DEAD,
        0x7C01,
        0xFC00,
        0x7FF0000000000001,
        0xFFF8000000000000,
    ]
    fitting = [word for word in words if word < 1 << 8 * size]
    raw = b"".join(word.to_bytes(size, "little") for word in fitting)
    return np.frombuffer(raw, np.uint8).view(dtype) if dtype != np.bool_ else np.array([False, True])


def _bits(rng: np.random.Generator, count: int, dtype: np.dtype[Any]) -> Array:
    if dtype == np.bool_:
        return rng.integers(0, 2, count).astype(np.bool_)
    return np.frombuffer(rng.bytes(count * dtype.itemsize), np.uint8).view(dtype)


def _smooth(rng: np.random.Generator, count: int, dtype: np.dtype[Any], spread: int) -> Array:
    """Noise whose most significant byte has one wide bump, as suits codes of groups of symbols."""
    if dtype == np.bool_:
        return _bits(rng, count, dtype)
    raw = _bits(rng, count, dtype).view(np.uint8).reshape(count, dtype.itemsize).copy()
    raw[:, -1] = rng.normal(128, spread, count).astype(np.int64) & 255
    return raw.reshape(-1).view(dtype)


def _rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(all="ignore"):
        if dtype.kind in "iu":
            span = np.iinfo(dtype)
            return np.clip(np.nan_to_num(values * 50), span.min / 2, span.max / 2).astype(dtype)
        return values.astype(dtype)


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    """Arrays of any dtype, content, shape, memory order, step and byte order."""
    dtype = draw(dtypes)
    count = draw(counts)
    flat = draw(contents(dtype, count))
    form = draw(
        st.sampled_from(["flat", "matrix", "transposed", "fortran", "reversed", "stepped", "swapped", "0-d"])
    )
    if form == "0-d" and count:
        return flat[:1].reshape(())
    if form == "reversed":
        return flat[::-1]
    if form == "stepped":
        return flat[:: draw(st.integers(2, 5))]
    if form == "swapped":
        return flat.byteswap().view(dtype.newbyteorder(">"))
    columns = draw(st.integers(1, 64))
    matrix = flat[: count // columns * columns].reshape(-1, columns)
    if form == "matrix":
        return matrix
    if form == "transposed":
        return matrix.T
    return np.asfortranarray(matrix) if form == "fortran" else flat
