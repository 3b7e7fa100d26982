# SPDX-License-Identifier: MIT
"""The class `ZipNN`: what goes in comes out as zipnn 0.5 gave it, and what was broken there is not here."""

from __future__ import annotations

import array
import hashlib
import threading
import warnings
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import zipnn
from tests.legacy import fixtures
from zipnn import CorruptError, FormatError, MismatchError, ZipNN

BYTE_DTYPES = ("float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float64", "int8", "uint8")
SIZES = (0, 1, 2, 3, 4, 5, 1001, 20_002, 300_003)


def weights(size: int, seed: int = 1) -> bytes:
    """Bytes of bf16 numbers; an odd size ends in half of one."""
    values = np.random.default_rng(seed).normal(0, 0.02, size // 2 + 1)
    return values.astype(ml_dtypes.bfloat16).tobytes()[:size]


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """No call with parameters that mean something warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("dtype", BYTE_DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_bytes_of_any_size_come_back(dtype: str, size: int) -> None:
    data = weights(size)
    packed = ZipNN(bytearray_dtype=dtype).compress(data)
    assert type(packed) is bytes
    result = ZipNN().decompress(packed)
    assert type(result) is bytearray
    assert result == data
    # It is a frame of today: the function reads it too.
    assert zipnn.decompress(packed) == data


def test_bytes_are_coded_as_elements_even_if_the_last_is_cut_off() -> None:
    data = weights(300_001)
    assert len(ZipNN().compress(data)) < 0.75 * len(data)
    assert len(ZipNN().compress(data)) < len(zipnn.compress(data))


@pytest.mark.parametrize("size", SIZES)
def test_streaming_gives_one_frame_for_each_piece(size: int) -> None:
    data = weights(size)
    packed = ZipNN(is_streaming=True, streaming_chunk=4096).compress(data)
    assert type(packed) is bytearray
    assert packed.count(b"\x9aZNF") == max(1, -(-size // 4096))
    result = ZipNN().decompress(packed)
    assert type(result) is bytearray
    assert result == data


def test_results_that_follow_each_other_are_one_stream() -> None:
    streaming = ZipNN(is_streaming=True, streaming_chunk=1024)
    parts = [weights(size, size) for size in (5000, 0, 1, 3000)]
    packed = b"".join(bytes(streaming.compress(part)) for part in parts)
    assert ZipNN().decompress(packed) == b"".join(parts)
    packed = b"".join(ZipNN().compress(part) for part in parts)
    assert ZipNN().decompress(packed) == b"".join(parts)


def test_no_bytes_are_what_zipnn_05_made_of_none() -> None:
    assert ZipNN(is_streaming=True).decompress(b"") == bytearray()
    with pytest.raises(FormatError):
        ZipNN().decompress(b"")


def test_a_cut_off_stream_is_an_error_wherever_it_is_cut() -> None:
    packed = bytes(ZipNN(is_streaming=True, streaming_chunk=256).compress(weights(1500)))
    for size in range(1, len(packed)):
        with pytest.raises(FormatError):
            ZipNN().decompress(packed[:size])


def test_every_changed_byte_is_seen() -> None:
    packed = ZipNN(delta_compressed_type="byte", is_streaming=True, streaming_chunk=256).compress(
        weights(700), delta_second_data=weights(700, 2)
    )
    for place in range(len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 0x10
        with pytest.raises((FormatError, MismatchError)):
            ZipNN(delta_compressed_type="byte").decompress(damaged, delta_second_data=weights(700, 2))


def test_bytes_behind_the_last_frame_are_an_error() -> None:
    for streaming in (False, True):
        packed = bytes(ZipNN(is_streaming=streaming).compress(weights(700)))
        with pytest.raises(FormatError):
            ZipNN().decompress(packed + b"\0")


@pytest.mark.parametrize("view", [bytearray, memoryview, lambda data: array.array("H", data)])
def test_any_buffer_is_taken_and_left_alone(view: Any) -> None:
    data = bytes(bytearray(weights(40_000)))
    before = hashlib.sha256(data).digest()
    assert ZipNN().decompress(ZipNN().compress(view(data))) == data
    assert hashlib.sha256(data).digest() == before


def test_wide_items_and_gaps_in_buffers() -> None:
    data = np.frombuffer(weights(40_000), np.uint16)
    assert ZipNN().decompress(ZipNN().compress(data)) == data.tobytes()
    assert ZipNN().decompress(ZipNN().compress(data[::3])) == data[::3].tobytes()
    assert ZipNN().decompress(ZipNN().compress(memoryview(data)[::2])) == data[::2].tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "u4", "i8", "?", ">f4", "c8"])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 0, 2), (40, 50)])
def test_arrays_come_back_as_they_were(dtype: str, shape: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    before = data.copy()
    packed = ZipNN(input_format="numpy").compress(data)
    assert type(packed) is bytes
    result = ZipNN().decompress(packed)
    assert (result.dtype, result.shape) == (data.dtype, data.shape)
    assert result.tobytes() == data.tobytes() == before.tobytes()
    assert result.flags.writeable


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "float64", "int64", "bool", "complex64"])
def test_tensors_come_back_as_they_were(name: str) -> None:
    torch = pytest.importorskip("torch")
    for shape in [(), (0,), (30, 40)]:
        data = (torch.rand(shape) * 5).to(getattr(torch, name))
        before = data.clone()
        result = ZipNN().decompress(ZipNN(input_format="torch").compress(data))
        assert (result.dtype, result.shape) == (data.dtype, data.shape)
        assert torch.equal(result, before)
        assert torch.equal(data, before)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_tensors_of_8_bits(name: str) -> None:
    torch = pytest.importorskip("torch")
    data = torch.randn(100, 7).to(getattr(torch, name))
    result = ZipNN().decompress(ZipNN(input_format="torch").compress(data))
    assert result.dtype == data.dtype
    assert torch.equal(result.view(torch.uint8), data.view(torch.uint8))


def test_parameters_of_a_model_and_views_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.randn(20, 30))
    packing = ZipNN(input_format="torch")
    result = packing.decompress(packing.compress(weight))
    assert torch.equal(result, weight)
    assert not result.requires_grad
    assert weight.requires_grad
    assert torch.equal(packing.decompress(packing.compress(weight.detach().t())), weight.t())
    result += 1  # of its own


def test_what_the_object_is_for_is_checked() -> None:
    torch = pytest.importorskip("torch")
    tensor, numbers = torch.zeros(3), np.zeros(3)
    for kind, data, instead in [
        ("byte", tensor, "torch"),
        ("torch", numbers, "numpy"),
        ("numpy", b"abc", "byte"),
        ("torch", b"abc", "byte"),
    ]:
        with pytest.raises(TypeError, match=f"input_format='{instead}'"):
            ZipNN(input_format=kind).compress(data)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(weights(5001))
    packed = ZipNN(input_format="file").compress(path)
    assert ZipNN(input_format="file", input_file=str(path)).compress(None) == packed
    (tmp_path / "packed").write_bytes(packed)
    writing = ZipNN(compressed_file=tmp_path / "packed", decompressed_file=tmp_path / "out")
    result = writing.decompress_read_file(None)
    assert result == writing.decompress_read_file(str(tmp_path / "packed")) == path.read_bytes()
    assert writing.write_bin(result) == 0
    assert (tmp_path / "out").read_bytes() == path.read_bytes()
    with pytest.raises(FileNotFoundError):
        ZipNN().decompress_read_file(tmp_path / "nothing")
    for call in (lambda: ZipNN().decompress_read_file(None), lambda: ZipNN().write_bin(b"")):
        with pytest.raises(ValueError, match="no path"):
            call()


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("size", [0, 1, 4096, 300_001])
def test_delta(size: int, streaming: bool, tmp_path: Path) -> None:
    base, data = weights(size), bytearray(weights(size))
    data[::7] = bytes(len(data[::7]))
    path = tmp_path / "base"
    path.write_bytes(base)
    by_bytes = ZipNN(delta_compressed_type="byte", is_streaming=streaming, streaming_chunk=8192)
    by_file = ZipNN(delta_compressed_type="file")
    packed = by_bytes.compress(data, delta_second_data=base)
    assert type(packed) is (bytearray if streaming else bytes)
    for result in (
        by_bytes.decompress(packed, delta_second_data=base),
        by_file.decompress(packed, delta_second_data=path),
    ):
        assert result == data
        assert type(result) is (bytearray if streaming else bytes)
    assert by_file.compress(bytes(data), delta_second_data=str(path)) == ZipNN(
        delta_compressed_type="byte"
    ).compress(data, delta_second_data=base)


def test_a_sparse_difference_is_small() -> None:
    base = weights(300_000)
    data = bytearray(base)
    data[1000:1010] = bytes(10)
    for dtype in ("bfloat16", "float32"):
        packing = ZipNN(delta_compressed_type="byte", bytearray_dtype=dtype)
        assert len(packing.compress(data, delta_second_data=base)) < 1000


def test_a_difference_is_never_taken_for_the_data(tmp_path: Path) -> None:
    base, data = weights(5000), weights(5000, 2)
    by_bytes, by_file = ZipNN(delta_compressed_type="byte"), ZipNN(delta_compressed_type="file")
    packed = by_bytes.compress(data, delta_second_data=base)
    with pytest.raises(MismatchError, match="not the base"):
        by_bytes.decompress(packed, delta_second_data=weights(5000, 3))
    with pytest.raises(ValueError, match="Length of delta file"):
        by_bytes.decompress(packed, delta_second_data=base[:-1])
    with pytest.raises(FormatError, match="using delta compression"):
        ZipNN().decompress(packed)
    with pytest.raises(FormatError, match="difference"):
        zipnn.decompress(packed)
    with pytest.raises(FormatError, match="wasn't compressed using delta"):
        by_bytes.decompress(ZipNN().compress(data), delta_second_data=base)
    with pytest.raises(ValueError, match="missing"):
        by_bytes.decompress(packed)
    with pytest.raises(ValueError, match="isn't set for delta"):
        ZipNN().compress(data, delta_second_data=base)
    with pytest.raises(ValueError, match="Length of delta file"):
        by_bytes.compress(data, delta_second_data=base[1:])
    with pytest.raises(FileNotFoundError):
        by_file.compress(data, delta_second_data=tmp_path / "nothing")
    path = tmp_path / "difference.znn"
    path.write_bytes(packed)
    with pytest.raises(FormatError, match="difference"):
        zipnn.decompress_file(path)
    assert zipnn.inspect(path).delta


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("method", "HUFFMAN"),
        ("method", "zstd"),
        ("method", 3),
        ("is_monotonic", 1),
        ("compression_threshold", 0.5),
        ("check_th_after_percent", 5),
        ("byte_reorder", 169),
        ("reorder_signbit", 255),
        ("lossy_compressed_factor", 20),
        ("compression_chunk", 1024),
        ("zstd_level", 9),
        ("lz4_compression_level", 1),
        ("bg_partitions", 4),
        ("torch_dtype", None),
        ("zstd_threads", 8),
        ("streaming_chunk_kb", 4096),
        ("input_type", "byte"),
    ],
)
def test_a_parameter_without_a_meaning_warns_once_and_changes_nothing(parameter: str, value: Any) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        packing = ZipNN(**{parameter: value})
    assert [warning.category for warning in caught] == [DeprecationWarning]
    assert str(caught[0].message).startswith(parameter)
    assert caught[0].filename == __file__
    data = weights(20_000)
    assert packing.compress(data) == ZipNN().compress(data)
    assert packing.decompress(packing.compress(data)) == data


def test_every_parameter_by_its_place() -> None:
    given = ["AUTO", "byte", "float32", 0, 2, 0.95, 10, 0, 0, 0, 0, 27, 262144, True, 4096]
    packing = ZipNN(*given, "in", "packed", "out", 3, 0)
    data = weights(9000)
    assert packing.decompress(packing.compress(data)) == data
    assert (packing.threads, packing.streaming_chunk, packing.decompressed_file) == (2, 4096, "out")


def test_nothing_is_lost_where_loss_was_asked_for() -> None:
    torch = pytest.importorskip("torch")
    with pytest.warns(DeprecationWarning, match="lossless"):
        packing = ZipNN(input_format="torch", lossy_compressed_type="integer")
    data = torch.randn(500)
    with pytest.warns(DeprecationWarning, match="compress_cpu_gpu"):
        packed = packing.compress(data, compress_cpu_gpu="gpu")
    assert torch.equal(packing.decompress(packed), data)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"method": "FSE"}, ValueError, "method 'FSE' is not known"),
        ({"input_format": "tensor"}, ValueError, "input_format 'tensor' is not known"),
        ({"compression_chunk": 1000}, ValueError, "power of 2"),
        ({"compression_chunk": 0}, ValueError, "power of 2"),
        ({"compression_chunk": -4}, ValueError, "power of 2"),
        ({"streaming_chunk": 3000}, ValueError, "power of 2"),
        ({"streaming_chunk": 0}, ValueError, "power of 2"),
        ({"streaming_chunk": 4096.0}, TypeError, "whole number"),
        ({"threads": -1}, ValueError, "threads is -1"),
        ({"threads": "2"}, TypeError, "threads"),
        ({"is_streaming": True, "input_format": "torch"}, ValueError, "is_streaming"),
        ({"delta_compressed_type": "torch"}, ValueError, "delta_compressed_type"),
        ({"delta_compressed_type": "byte", "input_format": "numpy"}, ValueError, "delta_compressed_type"),
        ({"lossy_compressed_type": "some", "input_format": "torch"}, ValueError, "lossy_compressed_type"),
        ({"lossy_compressed_type": "integer"}, ValueError, "lossy_compressed_type"),
        ({"compressed_ret_type": "file"}, ValueError, "compress_file"),
        ({"no_such": 1}, TypeError, "no_such"),
    ],
)
def test_wrong_parameters(parameters: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ZipNN(**parameters)


def test_a_dtype_that_is_none() -> None:
    with pytest.raises(ValueError, match="bytearray_dtype 'float17' is not known"):
        ZipNN(bytearray_dtype="float17").compress(b"abcd")


def test_many_threads_are_no_harm() -> None:
    data = weights(300_000)
    assert ZipNN(threads=100_000).compress(data) == ZipNN(threads=1).compress(data)


def test_attributes_tell_of_the_last_data(capsys: pytest.CaptureFixture[str]) -> None:
    packing = ZipNN(method=0, input_format=3, threads=3)
    assert (packing.method, packing.input_format, packing.threads) == (0, 3, 3)
    assert (packing.header_length, bytes(packing._header[:2])) == (32, b"ZN")
    packing.decompress(packing.compress(np.zeros((5, 6), np.float32)))
    assert (packing.dtype, packing.original_len, packing.shape_bytes) == (1, 120, (5, 6))
    version = f"{packing.version_major}.{packing.version_minor}.{packing.version_tiny}"
    assert version == "1.0.0"
    packing.__version__()
    assert capsys.readouterr().out == f"ZipNN version: {zipnn.__version__}\n"
    settings = packing.__metadata__()
    assert (settings["Threads"], settings["Input format"]) == (3, 3)
    assert capsys.readouterr().out == f"{settings}\n"


def test_decompressing_changes_no_parameter() -> None:
    packing = ZipNN()
    packing.decompress(ZipNN(is_streaming=True, streaming_chunk=1024).compress(weights(5000)))
    packing.decompress(ZipNN(input_format="numpy").compress(np.zeros(5)))
    packing.decompress(fixtures.stream(_entry("0.5.4/chunk_65536_float16")))
    data = weights(3_000_000)
    assert packing.compress(data) == ZipNN().compress(data)
    assert packing.decompress(packing.compress(data)) == data


def test_metadata(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = ZipNN(input_format="numpy").compress(np.zeros((5, 300), np.float16))
    found = ZipNN().metadata(packed)
    assert found is not None
    assert capsys.readouterr().out == f"{found}\n"
    facts = {"input_format": "NUMPY", "dtype": "FLOAT16", "original_len": "3000 Bytes"}
    assert facts.items() <= found.items()
    assert (found["shape_bytes"], found["shape_size"]) == ((5, 300), 6)
    path = tmp_path / "packed"
    path.write_bytes(packed)
    assert ZipNN().metadata(str(path)) == ZipNN().metadata(path) == found
    capsys.readouterr()
    assert ZipNN().metadata(packed, version=True) is None
    assert capsys.readouterr().out == "ZipNN version: 1.0.0\n"
    with pytest.raises(FormatError):
        ZipNN().metadata(b"no data of zipnn, but text")


def test_metadata_of_what_zipnn_05_wrote(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(fixtures.stream(_entry("0.5.4/torch_float32_3d")))
    found = ZipNN().metadata(str(path))
    assert found is not None
    facts = {"zipnn version": "0.5.4", "input_format": "TORCH", "dtype": "FLOAT32", "byte_reorder": 220}
    assert facts.items() <= found.items()
    assert found["compression_chunk"] == "262144 Bytes"
    assert len(found["shape_bytes"]) == 3


def test_one_object_in_many_threads() -> None:
    packing = ZipNN(is_streaming=True, streaming_chunk=8192)
    pieces = [weights(100_000, seed) for seed in range(8)]
    results: dict[int, bool] = {}

    def work(place: int) -> None:
        results[place] = packing.decompress(packing.compress(pieces[place])) == pieces[place]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(pieces))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[place] for place in range(len(pieces)))


def test_everything_that_releases_wrote_is_read() -> None:
    """Bytes, arrays and tensors of every release, through the class."""
    wrong = []
    for entry in fixtures.manifest()["entries"]:
        if entry["input_kind"] == "torch" and _no_torch():
            continue
        base = fixtures.base_of(entry)
        packing = ZipNN(delta_compressed_type=0 if base is None else "byte")
        stream = fixtures.stream(entry)
        if not stream:
            packing.is_streaming = True
        result = packing.decompress(stream, delta_second_data=base)
        if hashlib.sha256(_bytes(result)).hexdigest() != entry["expected_sha256"]:
            wrong.append(entry["id"])
    assert wrong == []


@pytest.mark.parametrize("name", ["0.5.4/bytes_bfloat16_huffman", "0.5.4/torch_float32_3d"])
def test_damaged_old_data_are_an_error(name: str) -> None:
    stream = fixtures.stream(_entry(name))
    for size in (0, 1, 10, 31, 32, len(stream) // 2, len(stream) - 1):
        with pytest.raises(FormatError):
            ZipNN().decompress(stream[:size])
    with pytest.raises(CorruptError):
        ZipNN().decompress(stream + b"\0")


def _entry(name: str) -> dict[str, Any]:
    return next(entry for entry in fixtures.manifest()["entries"] if entry["id"] == name)


def _no_torch() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return True
    return False


def _bytes(result: Any) -> bytes:
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    if isinstance(result, np.ndarray):
        return result.tobytes()
    return zipnn.decompress(zipnn.compress(result), framework="bytes")  # type: ignore[no-any-return]
