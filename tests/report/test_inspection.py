# SPDX-License-Identifier: MIT
"""`inspect`: what it says of files, checked against the files themselves."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

import zipnn

random = np.random.default_rng(5)
WEIGHTS = (random.standard_normal((300, 200)) * 0.02).astype(ml_dtypes.bfloat16)
TENSORS: dict[str, np.ndarray] = {
    "weights": WEIGHTS,
    "again": WEIGHTS,
    "noise": random.integers(0, 256, (100, 90)).astype(np.uint8),
    "constant": np.full((50, 60), 1.5, np.float32),
    "bias": np.arange(9, dtype=np.float32),
    "scalar": np.array(7),
    "empty": np.zeros((0, 4), np.float16),
}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(TENSORS, path, metadata={"format": "pt"})
    return path


@pytest.fixture
def compressed(plain: Path) -> Path:
    path = plain.with_name("small.safetensors")
    zipnn.compress_file(plain, path)
    return path


def test_plain_file(plain: Path) -> None:
    report = zipnn.inspect(plain)
    size = plain.stat().st_size
    assert (report.path, report.kind, report.format_version) == (plain, "safetensors", None)
    assert (report.original_size, report.stored_size, report.ratio) == (size, size, 1.0)
    assert report.metadata == {"format": "pt"}
    for tensor in report.tensors:
        assert (tensor.codec, tensor.same_as, tensor.bound) == ("raw", None, None)
        assert tensor.stored_size == tensor.original_size == TENSORS[tensor.name].nbytes


def test_compressed_file(plain: Path, compressed: Path) -> None:
    report = zipnn.inspect(str(compressed))
    assert (report.path, report.kind, report.format_version) == (compressed, "compressed safetensors", 1)
    assert report.original_size == plain.stat().st_size
    assert report.stored_size == compressed.stat().st_size
    assert report.ratio == report.stored_size / report.original_size
    assert report.metadata == {"format": "pt"}
    with safetensors.safe_open(plain, "np") as file:
        assert [tensor.name for tensor in report.tensors] == file.offset_keys()
    with safetensors.safe_open(compressed, "np") as file:
        for tensor in report.tensors:
            array = TENSORS[tensor.name]
            assert (tensor.shape, tensor.original_size) == (array.shape, array.nbytes)
            assert tensor.stored_size == file.get_tensor(tensor.name).nbytes
    by_name = {tensor.name: tensor for tensor in report.tensors}
    assert by_name["weights"].dtype == "BF16"
    assert by_name["bias"].codec == by_name["empty"].codec == "raw"
    assert by_name["scalar"].codec == "stored"  # it comes first, so it carries what restores the file
    assert by_name["weights"].same_as == "again"
    assert by_name["again"].same_as is None
    assert by_name["again"].stored_size < 0.7 * WEIGHTS.nbytes
    assert by_name["constant"].stored_size < 300


def field_entropy(array: np.ndarray) -> float:
    """Bytes that the exponents of bf16 need at order 0, with mantissa and sign as they are."""
    bits = array.view(np.uint16).ravel()
    counts = np.bincount((bits >> 7) & 0xFF)
    shares = counts[counts > 0] / bits.size
    return bits.size * (8 - (shares * np.log2(shares)).sum()) / 8


def test_bound_is_the_entropy(plain: Path, compressed: Path) -> None:
    reports = [zipnn.inspect(path, bound=True, threads=2) for path in (plain, compressed)]
    for report in reports:
        by_name = {tensor.name: tensor for tensor in report.tensors}
        assert by_name["weights"].bound == pytest.approx(field_entropy(WEIGHTS), rel=0.02)
        assert by_name["constant"].bound == by_name["empty"].bound == 0
        assert by_name["noise"].bound == pytest.approx(9000, rel=0.01)
        distinct = [tensor.bound for tensor in report.tensors if tensor.same_as is None]
        assert report.bound == sum(bound for bound in distinct if bound is not None)
    assert [t.bound for t in reports[0].tensors] == [t.bound for t in reports[1].tensors]
    assert zipnn.inspect(plain).bound is None


def test_archive(tmp_path: Path) -> None:
    source, archive = tmp_path / "table.bin", tmp_path / "table.bin.znn"
    source.write_bytes(b"some words, again and again; " * 9000)
    zipnn.compress_file(source)
    report = zipnn.inspect(archive, bound=True)
    assert (report.kind, report.format_version, report.metadata) == ("archive", 1, None)
    assert report.original_size == source.stat().st_size
    assert report.stored_size == archive.stat().st_size
    assert sum(segment.original_size for segment in report.tensors) == report.original_size
    assert sum(segment.stored_size for segment in report.tensors) < report.stored_size
    assert report.ratio < 0.1
    assert 0 < report.bound < report.original_size  # type: ignore[operator]


def test_file_without_tensors(tmp_path: Path) -> None:
    path = tmp_path / "empty.safetensors"
    safetensors.numpy.save_file({}, path)
    report = zipnn.inspect(path, bound=True)
    assert (report.tensors, report.bound, report.ratio) == ((), 0, 1.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"GGUF and more", "not a safetensors file"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(zipnn.FormatError, match=message) as caught:
        zipnn.inspect(path)
    assert str(path) in str(caught.value)


def test_damaged_file(compressed: Path) -> None:
    compressed.write_bytes(compressed.read_bytes()[:-100])
    with pytest.raises(zipnn.CorruptError, match=r"small\.safetensors"):
        zipnn.inspect(compressed)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        zipnn.inspect(tmp_path / "nope")
    with pytest.raises((zipnn.FormatError, OSError)):
        zipnn.inspect(tmp_path)
