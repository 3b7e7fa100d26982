# SPDX-License-Identifier: MIT
"""HDF5 files, against what h5py reads from them."""

from __future__ import annotations

import io
import sys
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource, found
from zipnn import dtypes
from zipnn.containers.contents import Contents
from zipnn.containers.readers import hdf5, read_contents

h5py = pytest.importorskip("h5py")


def written(fill: Callable[[Any], None], **options: Any) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as root:
        fill(root)
    return file.getvalue()


def contents_of(data: bytes) -> Contents:
    return read_contents(MemorySource(data))


def expected(data: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Every dataset that lies in one piece."""
    arrays = {}

    def take(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None and name != "text":
            array = np.asarray(item[()])
            plain = array.astype(array.dtype.newbyteorder("<"))
            dtype = dtypes.BY_NUMPY[array.dtype.newbyteorder("=").name]
            arrays[name] = dtype.name, item.shape, plain.tobytes()

    with h5py.File(io.BytesIO(data)) as root:
        root.visititems(take)
    return arrays


def fill(root: Any) -> None:
    generator = np.random.default_rng(3)
    for name, dtype in dtypes.BY_NUMPY.items():
        if "float8" not in name and name != "bfloat16":
            array = (generator.standard_normal((3, 4)) * 5).astype(name)
            root[f"little/{dtype.name}"] = array
            root[f"big/{dtype.name}"] = array.astype(array.dtype.newbyteorder(">"))
    root["model_weights/dense/dense/kernel:0"] = generator.standard_normal((50, 60))
    root["scalar"] = 2.5
    root["alias"] = root["scalar"]
    root["text"] = "text"
    root["soft"] = h5py.SoftLink("/nowhere")
    root["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
    root.create_dataset("never_written", (5,), "f4")


def chunked(root: Any) -> None:
    array = np.arange(64, dtype=np.float32).reshape(8, 8)
    root.create_dataset("one", data=array, chunks=(8, 8))
    root.create_dataset("four", data=array, chunks=(4, 4))
    root.create_dataset("zipped", data=array, chunks=(8, 4), compression="gzip")
    root.create_dataset("shuffled", data=array, chunks=(8, 4), compression="gzip", shuffle=True)


def sample() -> bytes:
    return written(fill)


def sample_chunked() -> bytes:
    return written(chunked, libver="latest")


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("block", [0, 1024])
def test_every_dataset_is_found(version: str, block: int) -> None:
    data = written(fill, libver=version, userblock_size=block)
    contents = contents_of(data)
    if block:  # the file begins with whatever is in the block
        assert contents.format == "bytes"
        return
    assert contents.format == "hdf5", contents.note
    tensors = found(data, contents)
    assert tensors == expected(data)
    assert len(tensors) == 30
    assert any(tensor.big_endian for tensor in contents.tensors)


def test_chunks() -> None:
    array = np.arange(64, dtype=np.float32).reshape(8, 8)
    data = written(chunked)
    contents = contents_of(data)
    assert found(data, contents) == {"one": ("F32", (8, 8), array.tobytes())}
    assert [(extent.dtype, extent.size) for extent in contents.extents] == [("F32", 64)] * 4
    pieces = {data[extent.offset : extent.offset + 64] for extent in contents.extents}
    assert pieces == {array[y : y + 4, x : x + 4].tobytes() for y in (0, 4) for x in (0, 4)}
    assert len(contents.deflated) == 2
    halves = [zlib.decompress(data[each.offset : each.offset + each.size], -15) for each in contents.deflated]
    assert halves == [array[:, :4].tobytes(), array[:, 4:].tobytes()]
    assert [each.inflated_size for each in contents.deflated] == [128, 128]


def test_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(40_000, dtype=np.int32)
    data = written(lambda root: root.create_dataset("x", data=array, chunks=(4,)))
    contents = contents_of(data)
    assert len(contents.extents) == 10_000
    in_order = sorted(contents.extents, key=lambda extent: extent.offset)
    assert {extent.size for extent in in_order} == {16}
    monkeypatch.setattr(hdf5, "_MAX_CHUNKS", 10)
    assert len(contents_of(data).extents) == 10


def test_a_keras_file_is_a_zip_file_with_one_inside() -> None:
    data = written(lambda root: root.update({"layers/dense/vars/0": np.arange(12.0).reshape(3, 4)}))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", data)
    contents = contents_of(file.getvalue())
    assert contents.format == "zip"
    assert found(file.getvalue(), contents) == expected(data)


def test_without_h5py_the_file_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(fill)
    monkeypatch.setitem(sys.modules, "h5py", None)
    contents = contents_of(data)
    assert (contents.format, contents.tensors) == ("hdf5", ())
    assert contents.note == hdf5.MISSING
    assert "pip install zipnn[h5]" in contents.note


def test_an_error_of_the_system_is_passed_on() -> None:
    class Broken(MemorySource):
        def read(self, offset: int, size: int) -> memoryview:
            if self.bytes_read > 100:
                raise OSError(5, "the disk is gone")
            return super().read(offset, size)

    with pytest.raises(OSError, match="the disk is gone"):
        read_contents(Broken(written(fill)))


def test_a_real_model(present_model: Callable[[str], bytes]) -> None:
    data = present_model("hed-bsds500-f32.weights.h5")
    tensors = found(data, contents_of(data))
    assert tensors == expected(data)
    assert len(tensors) == 38
