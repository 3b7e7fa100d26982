# SPDX-License-Identifier: MIT
"""Whatever the data: they come back bit for bit, from zipnn's decoder and from the independent one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import zipnn
from tests.properties.contents import Array, arrays, contents, dtypes
from tests.reference import read_frame
from zipnn.arrays import dtype_names

levels = st.sampled_from(["default", "fast", "max"])


@settings(max_examples=400)
@given(array=arrays(), level=levels)
def test_arrays_come_back_from_both_decoders(array: Array, level: str) -> None:
    before = array.tobytes()
    writeable, array.flags.writeable = array.flags.writeable, False
    frame = zipnn.compress(array, level=level, threads=1)
    array.flags.writeable = writeable

    result = zipnn.decompress(frame, threads=1)
    assert (result.dtype, result.shape) == (array.dtype, array.shape)
    assert result.tobytes() == before == array.tobytes()

    independent = read_frame(frame)
    assert (independent.dtype, independent.shape) == (dtype_names.of_numpy(array.dtype), array.shape)
    little = array.byteswap() if dtype_names.is_big_endian(array.dtype) else array
    assert independent.data == little.tobytes()
    head = 44 + len(independent.dtype) + 8 * array.ndim + 12
    assert len(frame) <= len(before) + head


@settings(max_examples=150)
@given(data=st.data(), dtype=dtypes, level=levels, tail=st.binary(max_size=9))
def test_bytes_of_any_length_come_back(data: st.DataObject, dtype: Array, level: str, tail: bytes) -> None:
    raw = data.draw(contents(dtype, data.draw(st.integers(0, 5000)))).tobytes() + tail
    frame = zipnn.compress(raw, level=level)
    assert zipnn.decompress(frame) == read_frame(frame).data == raw


@settings(max_examples=25)
@given(data=st.data(), dtype=dtypes, level=levels)
def test_large_arrays_come_back_for_any_number_of_threads(
    data: st.DataObject, dtype: Array, level: str
) -> None:
    array = data.draw(contents(dtype, data.draw(st.integers(2**18 - 2, 2**19 + 5000))))
    frame = zipnn.compress(array, level=level, threads=1)
    for threads in (2, 3, 4):
        assert zipnn.compress(array, level=level, threads=threads) == frame
        assert zipnn.decompress(frame, threads=threads).tobytes() == array.tobytes()
