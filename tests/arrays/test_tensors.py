# SPDX-License-Identifier: MIT
"""`compress` and `decompress`: whatever goes in comes back, of the same kind, and nothing is touched."""

from __future__ import annotations

import array
import builtins
import itertools
import mmap
import os
import pathlib
import subprocess
import sys
import threading
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import zipnn
from tests.reference import read_frame
from tests.reference.build import assemble
from zipnn.arrays import dtype_names
from zipnn.arrays.dtype_names import numpy_dtype
from zipnn.errors import CorruptError, FormatError, MissingDependencyError


def weights(count: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray[Any, Any]:
    return (np.random.default_rng(seed).standard_normal(count) * 3).astype(dtype)


BIG_BF16 = np.dtype(ml_dtypes.bfloat16).newbyteorder(">")
ARRAYS = {
    "0-d": np.array(2.5),
    "scalar": np.float32(7),
    "empty": np.zeros((0, 3), np.int16),
    "empty in the middle": np.zeros((2, 0, 3), ml_dtypes.bfloat16),
    "transposed": weights(6000).reshape(20, 300).T,
    "Fortran order": np.asfortranarray(weights(6000, np.float16).reshape(20, 300)),
    "negative strides": weights(999, np.float64)[::-3],
    "both reversed": np.arange(120).reshape(10, 12)[::-1, ::-2],
    "broadcast": np.broadcast_to(np.float32(3), (40, 50)),
    "unaligned": np.frombuffer(weights(101).tobytes()[1:-3], "<f4"),
    "record field": np.zeros(50, [("a", "u1"), ("b", "<f8")])["b"],
    "many dimensions": np.arange(2**11).reshape((2,) * 11),
    "bool": np.arange(1000) % 3 == 0,
    "complex": weights(500).astype(np.complex64).reshape(5, 100),
    "complex, big-endian": weights(500).astype(">c16"),
    "big-endian": weights(5000, ">f4").reshape(50, 100),
    "big-endian, transposed": np.arange(600, dtype=">u2").reshape(20, 30).T,
    "big-endian bfloat16": weights(300, ml_dtypes.bfloat16).byteswap().view(BIG_BF16),
    "subclass": np.arange(6).view(type("Mine", (np.ndarray,), {})),
    "datetime64": np.arange(100).astype("M8[ns]"),
    "timedelta64, big-endian": np.arange(100).astype(">m8[25s]"),
    "text": np.array(["zip", "neural network"]),
    "text, big-endian": np.array(["zip", "neural network"]).astype(">U20"),
    "byte strings": np.array([b"zip", b"nn"]),
    "raw": np.frombuffer(bytes(range(70)), "V7"),
    "long double": np.arange(20, dtype=np.longdouble),
    **{
        f"ml_dtypes {name}": np.arange(300).astype(np.uint8).view(getattr(ml_dtypes, name))
        for name in ("float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "float8_e3m4", "int4", "uint4")
    },
    "ml_dtypes bfloat16": weights(3000, ml_dtypes.bfloat16),
}


def same_array(result: Any, given: Any) -> bool:
    expected = np.asarray(given)
    return bool(
        type(result) is np.ndarray
        and result.dtype == expected.dtype
        and result.shape == expected.shape
        and result.tobytes() == expected.tobytes()
    )


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("level", ["default", "fast", "max"])
def test_arrays_come_back_as_they_were(name: str, level: str) -> None:
    given = ARRAYS[name]
    before = given.tobytes()
    frame = zipnn.compress(given, level=level)
    assert type(frame) is bytes
    result = zipnn.decompress(frame)
    assert same_array(result, given)
    assert given.tobytes() == before
    assert result.flags.writeable
    assert result.flags.c_contiguous
    assert result.ctypes.data % 64 == 0 or result.nbytes == 0
    if result.nbytes and result.dtype.kind in "fiu":
        result[...] = 0
        assert same_array(zipnn.decompress(frame), given)
    assert zipnn.decompress(frame, framework="bytes") == before
    assert len(read_frame(frame).data) == len(before)


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"weights" * 1000,
        bytearray(b"weights" * 1000),
        memoryview(b"weights" * 1000)[3::5],
        memoryview(weights(1000)),
        memoryview(np.asfortranarray(weights(1000).reshape(10, 100))),
        memoryview(np.zeros((3, 0))),
        array.array("d", range(500)),
        array.array("h"),
    ],
)
def test_buffers_come_back_as_bytes(given: Any) -> None:
    frame = zipnn.compress(given)
    result = zipnn.decompress(frame)
    assert type(result) is bytes
    assert result == memoryview(given).tobytes()
    assert read_frame(frame).data == result


def test_a_memory_map_is_a_buffer(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(weights(5000).tobytes())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert zipnn.decompress(zipnn.compress(mapped)) == path.read_bytes()
    mapped_array = np.memmap(path, "<f4", mode="r")
    assert same_array(zipnn.decompress(zipnn.compress(mapped_array)), mapped_array)


def test_the_elements_of_a_typed_buffer_are_seen() -> None:
    values = weights(50_000)
    assert zipnn.decompress(zipnn.compress(memoryview(values)), framework="np").dtype == np.float32
    assert len(zipnn.compress(array.array("f", values))) < 0.9 * values.nbytes


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (np.array([1, None]), "pickle"),
        (np.zeros(3, "i4,f4"), "fields one by one"),
        (np.ma.array([1, 2], mask=[0, 1]), r"\.mask"),
        (np.zeros(3, "V0"), "without bytes"),
        ([1, 2], "give a buffer"),
        ("text", "give a buffer"),
        (None, "give a buffer"),
        ({"a": 1}, "give a buffer"),
    ],
)
def test_what_is_not_plain_data_is_refused_with_advice(given: Any, advice: str) -> None:
    with pytest.raises(TypeError, match=advice):
        zipnn.compress(given)


@pytest.mark.skipif(np.__version__ < "2", reason="NumPy 1 has no strings of variable width")
def test_strings_of_variable_width_are_refused() -> None:
    with pytest.raises(TypeError, match="references"):
        zipnn.compress(np.array(["a", "bc"], dtype="T"))


class TestDtypeArgument:
    """`dtype=` says what a plain buffer holds, and may restate what an array is."""

    def test_bytes_are_coded_as_what_they_are_and_come_back_as_bytes(self) -> None:
        values = weights(40_000, ml_dtypes.bfloat16)
        data = values.tobytes()
        plain = zipnn.compress(data)
        for dtype in ("BF16", "bfloat16", "torch.bfloat16", ml_dtypes.bfloat16, values.dtype):
            frame = zipnn.compress(data, dtype=dtype)
            assert len(frame) < 0.9 * len(plain)
            assert zipnn.decompress(frame) == data
            assert same_array(zipnn.decompress(frame, framework="np"), values)

    def test_sub_byte_types_count_elements(self) -> None:
        assert read_frame(zipnn.compress(bytes(5), dtype="F4")).shape == (10,)
        for size in range(9):
            assert zipnn.decompress(zipnn.compress(bytes(size), dtype="F6_E2M3")) == bytes(size)

    def test_an_array_is_what_it_is(self) -> None:
        assert same_array(zipnn.decompress(zipnn.compress(weights(9), dtype="float32")), weights(9))
        with pytest.raises(ValueError, match="of dtype F32: convert the data first"):
            zipnn.compress(weights(9), dtype="BF16")

    def test_wrong_dtypes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="not a whole number of F32 elements of 4 bytes"):
            zipnn.compress(bytes(10), dtype="F32")
        with pytest.raises(ValueError, match="big-endian"):
            zipnn.compress(bytes(8), dtype=">f4")
        for wrong in ("no such type", 5, object()):
            with pytest.raises(TypeError, match="not known"):
                zipnn.compress(bytes(8), dtype=wrong)
        with pytest.raises(TypeError, match="references"):
            zipnn.compress(bytes(8), dtype=object)


def test_the_level_and_the_framework_are_checked() -> None:
    with pytest.raises(ValueError, match="level 'extreme' is not known"):
        zipnn.compress(b"a", level="extreme")
    with pytest.raises(ValueError, match="framework 'jax' is not known"):
        zipnn.decompress(zipnn.compress(b"a"), framework="jax")
    with pytest.raises(ValueError, match="not both"):
        zipnn.decompress(zipnn.compress(b"a"), framework="bytes", out=bytearray(1))


def test_the_result_does_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    given = weights(1_500_000)
    frames = {zipnn.compress(given, threads=threads) for threads in (None, 1, 2, 3, 4)}
    monkeypatch.setenv("ZIPNN_NUM_THREADS", "2")
    frames.add(zipnn.compress(given))
    assert len(frames) == 1
    for threads in (1, 2, 3, 4):
        assert same_array(zipnn.decompress(*frames, threads=threads), given)


class TestOut:
    """`out=` is the caller's memory."""

    VALUES = weights(5000)

    def outs(self) -> list[Any]:
        size = self.VALUES.nbytes
        return [
            bytearray(size),
            memoryview(bytearray(size)),
            memoryview(bytearray(size + 1))[1:],
            np.zeros(size, np.uint8),
            np.zeros((5, 1000), np.float32),
            array.array("f", bytes(size)),
        ]

    def test_every_kind_of_memory_is_filled_and_returned(self) -> None:
        frame = zipnn.compress(self.VALUES)
        for out in self.outs():
            assert zipnn.decompress(frame, out=out) is out
            assert memoryview(out).tobytes() == self.VALUES.tobytes()

    def test_empty_data_need_no_memory(self) -> None:
        for out in (bytearray(), np.zeros(0, np.float32), np.zeros((0, 3), np.float32)):
            assert zipnn.decompress(zipnn.compress(np.zeros((0, 3), np.float32)), out=out) is out

    def test_what_does_not_fit_is_refused(self) -> None:
        frame = zipnn.compress(self.VALUES)
        size = self.VALUES.nbytes
        read_only = np.zeros(5000, np.float32)
        read_only.flags.writeable = False
        for out, message in [
            (bytes(size), "read-only"),
            (read_only, "read-only"),
            (np.zeros((5000, 2), np.float32)[:, 0], "not C-contiguous"),
            (memoryview(bytearray(2 * size))[::2], "not C-contiguous"),
            (bytearray(size - 1), f"{size - 1} bytes"),
            (np.zeros(5001, np.float32), f"{size + 4} bytes"),
            (np.zeros(5000, np.int32), "dtype I32, the data are F32"),
        ]:
            with pytest.raises(ValueError, match=message):
                zipnn.decompress(frame, out=out)
        with pytest.raises(TypeError):
            zipnn.decompress(frame, out=[0.0] * 5000)

    def test_big_endian_data_keep_their_values_or_their_bytes(self) -> None:
        given = self.VALUES.astype(">f4")
        for frame in (zipnn.compress(given), zipnn.compress(self.VALUES)):
            for dtype in ("<f4", ">f4"):
                out = zipnn.decompress(frame, out=np.zeros(5000, dtype))
                np.testing.assert_array_equal(out, self.VALUES)
        assert bytes(zipnn.decompress(zipnn.compress(given), out=bytearray(20_000))) == given.tobytes()


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make `import package` fail, as if it was not installed."""
    real = builtins.__import__

    def importing(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", importing)
    monkeypatch.setitem(sys.modules, package, None)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor_frame = assemble([(bytes(4), bytes(4))], 0, dtype="F32", shape=(1,), kind=2)
    bf16_frame = zipnn.compress(weights(10, ml_dtypes.bfloat16))
    hide(monkeypatch, "torch")
    hide(monkeypatch, "ml_dtypes")
    numpy_dtype.cache_clear()
    with pytest.raises(MissingDependencyError, match="pip install torch"):
        zipnn.decompress(tensor_frame)
    assert zipnn.decompress(tensor_frame, framework="np").shape == (1,)
    with pytest.raises(MissingDependencyError, match="pip install ml_dtypes"):
        zipnn.decompress(bf16_frame)
    assert len(zipnn.decompress(bf16_frame, framework="bytes")) == 20


def test_dtypes_that_a_version_lacks_are_named() -> None:
    newer = assemble([(bytes(4), bytes(4))], 0, dtype="numpy:float3_e1m1", shape=(4,), kind=1)
    with pytest.raises(MissingDependencyError, match="newer ml_dtypes"):
        zipnn.decompress(newer)


def test_torch_is_not_imported_for_arrays() -> None:
    code = (
        "import sys, numpy, zipnn\n"
        "frame = zipnn.compress(numpy.arange(9.0))\n"
        "assert zipnn.decompress(frame).tolist() == list(range(9))\n"
        "assert zipnn.decompress(zipnn.compress(b'abc')) == b'abc'\n"
        "assert not {'torch', 'ml_dtypes', 'safetensors'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("numpy:O", (1,)),
        ("numpy:|O", (1,)),
        ("numpy:i4,i4", (1,)),
        ("numpy:(2,)i4", (1,)),
        ("numpy:", (8,)),
        ("numpy:<f4", (8,)),
        ("numpy:<f4", (2**62, 2**62)),
        ("numpy:|V1", (8, 2**63, 0)),
        ("unheard-of", (8,)),
        ("torch:float32", (2,)),
        ("U8", (8,) + (1,) * 63),
    ],
)
def test_hostile_dtypes_and_shapes_are_refused(dtype: str, shape: tuple[int, ...]) -> None:
    data = b"" if 0 in shape else bytes(8)
    frame = assemble([(data, data)] if data else [], 0, dtype=dtype, shape=shape, kind=1)
    if dtype == "U8" and np.__version__ >= "2":
        assert zipnn.decompress(frame).shape == shape
        return
    with pytest.raises((FormatError, MissingDependencyError)):
        zipnn.decompress(frame)
    assert zipnn.decompress(frame, framework="bytes") == data


def test_names_and_dtypes_are_each_others_inverse() -> None:
    for given in ARRAYS.values():
        dtype = np.asarray(given).dtype
        assert dtype_names.numpy_dtype(dtype_names.of_numpy(dtype)) == dtype.newbyteorder("<")


def test_frames_in_any_buffer_decode() -> None:
    given = weights(1000)
    frame = zipnn.compress(given)
    for holder in (bytearray(frame), memoryview(frame), np.frombuffer(frame, np.uint8)):
        assert same_array(zipnn.decompress(holder), given)
    with pytest.raises(TypeError):
        zipnn.decompress("frame")


def test_references_and_strangers_are_refused() -> None:
    from zipnn import _core

    with pytest.raises(FormatError, match="reference to tensor 'w'"):
        zipnn.decompress(_core.reference_head("F32", (1,), 4, "w"))
    for stranger in (b"PK\x03\x04" + bytes(100), b"{}", bytes(64)):
        with pytest.raises(FormatError, match="not a zipnn frame"):
            zipnn.decompress(stranger)
    with pytest.raises(CorruptError, match="stray"):
        zipnn.decompress(zipnn.compress(b"abc") + b"\0")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_can_work_after_its_parent_did() -> None:
    given = weights(2_000_000)
    frame = zipnn.compress(given, threads=4)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            same = zipnn.compress(given, threads=4) == frame
            status = 0 if same and same_array(zipnn.decompress(frame, threads=4), given) else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert same_array(zipnn.decompress(frame, threads=4), given)


def test_many_python_threads_at_once() -> None:
    inputs = [weights(300_000 + 1000 * i, seed=i) for i in range(4)] + [b"word " * 300_000]
    frames = [zipnn.compress(given, threads=1) for given in inputs]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _, threads in itertools.product(range(2), (1, 2, 3)):
            ok = zipnn.compress(inputs[index], threads=threads) == frames[index]
            result = zipnn.decompress(frames[index], threads=threads)
            given = inputs[index]
            ok &= result == given if isinstance(given, bytes) else same_array(result, given)
            if not ok:
                wrong.append(index)

    workers = [threading.Thread(target=work, args=(i % len(inputs),)) for i in range(2 * len(inputs))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
