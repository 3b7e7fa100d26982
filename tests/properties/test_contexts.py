# SPDX-License-Identifier: MIT
"""Level max: whatever the rows and columns, both decoders give the data back, and no frame is larger."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zipnn
from tests.properties.contents import Array, contents, dtypes
from tests.reference import read_frame
from zipnn import limits
from zipnn.frames import FrameReader, write_frame, write_frame_stream


def _codec(frame: bytes) -> str:
    return FrameReader(lambda offset, size: memoryview(frame)[offset : offset + size], len(frame)).head.codec


def _scaled(rows: int, columns: int, seed: int) -> Array:
    """Normal numbers whose rows and columns have scales of their own."""
    rng = np.random.default_rng(seed)
    scales = np.exp2(rng.uniform(-2, 2, (rows, 1)) + rng.uniform(-1, 1, columns))
    result: Array = rng.standard_normal((rows, columns)) * scales
    return result


@settings(max_examples=40, deadline=None)
@given(data=st.data(), dtype=dtypes, columns=st.integers(1, 2000), scaled=st.booleans())
def test_matrices_come_back_from_both_decoders(
    data: st.DataObject, dtype: np.dtype, columns: int, scaled: bool
) -> None:
    rows = 17_000 // columns + 1
    if scaled:
        with np.errstate(all="ignore"):
            array = _scaled(rows, columns, data.draw(st.integers(0, 99))).astype(dtype)
    else:
        array = data.draw(contents(dtype, rows * columns)).reshape(rows, columns)
    frame = zipnn.compress(array, level="max", threads=1)
    assert zipnn.compress(array, level="max", threads=2) == frame
    assert zipnn.decompress(frame).tobytes() == array.tobytes() == read_frame(frame).data
    # Never much larger: Zstandard, which level default may take, must save so much.
    assert len(frame) <= len(zipnn.compress(array)) + array.nbytes * 2 * limits.ZSTD_GAIN + 64


@pytest.mark.parametrize("dtype", ["float16", "float32", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_scales_of_rows_and_columns_are_found(dtype: str | type) -> None:
    array = _scaled(700, 500, 5).astype(dtype)
    frame = zipnn.compress(array, level="max")
    assert "rans" in _codec(frame)
    without_rows = zipnn.compress(array.reshape(-1))
    assert len(frame) < len(without_rows) - array.size // 28  # bytes: over a quarter of a bit an element
    # The second chunk begins within a row.
    assert zipnn.decompress(frame).tobytes() == array.tobytes() == read_frame(frame).data


def test_the_stream_writer_writes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zipnn.limits.WINDOW", 1 << 20)
    array = _scaled(3000, 300, 6).astype(np.float16)
    view = memoryview(array.view(np.uint8).reshape(-1)).cast("B")
    out = bytearray(array.nbytes * 2)

    def write_at(offset: int, part: bytes) -> None:
        out[offset : offset + len(part)] = part

    size = write_frame_stream(
        lambda offset, count: view[offset : offset + count],
        view.nbytes,
        write_at,
        dtype="F16",
        shape=array.shape,
        level="max",
        align=8,
    )
    frame = bytes(out[:size])
    assert frame == write_frame(view, dtype="F16", shape=array.shape, level="max", align=8)
    assert _codec(frame) == "rans"
    reader = FrameReader(lambda offset, count: memoryview(frame)[offset : offset + count], size)
    assert bytes(reader.decode_range(1_000_001, 1_100_000)) == bytes(view[1_000_001:1_100_000])
