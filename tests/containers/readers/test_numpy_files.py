# SPDX-License-Identifier: MIT
"""NumPy's files, against what NumPy loads from them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource, found
from zipnn import dtypes
from zipnn.containers.contents import Contents
from zipnn.containers.readers import read_contents

Arrays = dict[str, "np.ndarray"]

DTYPES = [name for name in dtypes.BY_NUMPY if "float8" not in name and name != "bfloat16"]


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def contents_of(data: bytes) -> Contents:
    return read_contents(MemorySource(data))


def expected(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    plain = array.astype(array.dtype.newbyteorder("<"))
    return dtypes.BY_NUMPY[array.dtype.newbyteorder("=").name].name, array.shape, plain.tobytes()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(name: str, byte_order: str, version: tuple[int, int]) -> None:
    dtype = np.dtype(name).newbyteorder(byte_order)
    array = np.arange(12).astype(dtype).reshape(3, 4)
    data = npy(array, version)
    assert found(data, contents_of(data)) == {"array": expected(array)}


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 0, 2), (1, 1), (2, 3, 4)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_shape_and_order(shape: tuple[int, ...], order: str) -> None:
    array = np.asarray(np.arange(np.prod(shape, dtype=int)).reshape(shape), order=order)
    data = npy(array)
    contents = contents_of(data)
    assert found(data, contents) == {"array": expected(array)}
    if order == "F" and shape == (2, 3, 4):
        assert contents.tensors[0].strides == (1, 2, 6)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3, [("a", "<f4"), ("b", "<i2")]),
        np.array([1, "x", None], object),
        np.zeros(3, "S5"),
        np.zeros(3, "V2"),
    ],
    ids=["structured", "object", "S5", "V2"],
)
def test_what_is_not_an_array_of_numbers_is_bytes(array: np.ndarray) -> None:
    contents = contents_of(npy(array))
    assert (contents.format, contents.tensors, contents.extents) == ("npy", (), ())


def test_text_and_times_are_integers_without_a_name() -> None:
    for array, dtype in [(np.array(["ab", "c"]), "U32"), (np.zeros(4, "M8[ns]"), "I64")]:
        contents = contents_of(npy(array))
        (extent,) = contents.extents
        assert (extent.dtype, extent.size, contents.tensors) == (dtype, array.nbytes, ())


def test_a_truncated_array_is_bytes() -> None:
    contents = contents_of(npy(np.arange(100))[:-1])
    assert contents.format == "bytes"
    assert "incomplete download?" in contents.note


def arrays() -> Arrays:
    generator = np.random.default_rng(0)
    return {
        "w": generator.standard_normal((5, 7), np.float32),
        "f": np.asfortranarray(generator.standard_normal((5, 7))),
        "big": np.arange(9, dtype=">i8"),
        "half": np.zeros(100, np.float16),
        "deep/name": np.array(3),
        "empty": np.zeros((0, 2), np.float32),
    }


def sample() -> bytes:
    return npy(np.arange(12.0).reshape(3, 4))


def sample_stored() -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays())
    return file.getvalue()


def sample_deflated() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays())
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed], ids=["stored", "deflated"])
def test_archives(save: Callable[..., None]) -> None:
    file = io.BytesIO()
    save(file, **arrays())
    data = file.getvalue()
    contents = contents_of(data)
    assert contents.format == "npz"
    assert len(contents.deflated) == (len(arrays()) if save is np.savez_compressed else 0)
    with np.load(io.BytesIO(data)) as loaded:
        assert found(data, contents) == {name: expected(loaded[name]) for name in loaded}


def test_other_zip_files_with_arrays() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello" * 100, zipfile.ZIP_DEFLATED)
        archive.writestr("a/w.npy", npy(np.arange(5)))
        archive.writestr("broken.npy", npy(np.arange(5))[:-1])
        archive.writestr("empty.npy", b"")
        archive.writestr("lzma.npy", npy(np.arange(50)), zipfile.ZIP_LZMA)
    contents = contents_of(file.getvalue())
    assert contents.format == "zip"
    assert found(file.getvalue(), contents) == {"a/w": expected(np.arange(5))}
    assert len(contents.deflated) == 1
    assert "broken.npy" in contents.note


def test_zip_files_with_checkpoints() -> None:
    """Their tensors are told apart by the name of the file; a compressed one is a member like any other."""
    safetensors = pytest.importorskip("safetensors.numpy")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("a.safetensors", "b.safetensors"):
            archive.writestr(name, safetensors.save({"w": np.arange(6.0)}))
        archive.writestr("c.safetensors", safetensors.save({"w": np.arange(6.0)}), zipfile.ZIP_DEFLATED)
    data = file.getvalue()
    contents = contents_of(data)
    assert found(data, contents) == {f"{name}.safetensors/w": expected(np.arange(6.0)) for name in ("a", "b")}
    assert len(contents.deflated) == 1


def test_a_real_archive(present_model: Callable[[str], bytes]) -> None:
    data = present_model("g2p-en-f32.npz")
    with np.load(io.BytesIO(data)) as loaded:
        assert found(data, contents_of(data)) == {name: expected(loaded[name]) for name in loaded}
