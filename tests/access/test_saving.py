# SPDX-License-Identifier: MIT
"""`save_file`: what it writes decompresses to the very file that safetensors writes."""

from __future__ import annotations

import importlib.util
import os
import stat
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy

import zipnn

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="needs torch")

random = np.random.default_rng(11)


def normal(*shape: int) -> np.ndarray:
    """Weights as a model has them."""
    return (random.standard_normal(shape) * 0.02).astype(np.float32)


EVERY_DTYPE = [
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", "complex64"),
    *(ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.float8_e8m0fnu),
    *(ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e5m2fnuz),
]
MIXED: dict[str, np.ndarray] = {
    **{f"{place:02} {np.dtype(d)}": normal(40, 30).astype(d) for place, d in enumerate(EVERY_DTYPE)},
    "scalar": np.array(2.5),
    "empty": np.zeros((3, 0), np.float16),
    'quote " backslash \\ tab \t newline \n control \x01 ünï 😀 \u2028 \x7f': normal(300),
    "": normal(2, 3),
    "large": normal(700, 1000),
}


def restored(path: Path) -> bytes:
    """The plain file that a compressed one decompresses to."""
    output = path.with_name("restored")
    zipnn.decompress_file(path, output, force=True)
    return output.read_bytes()


def is_compressed(path: Path) -> bool:
    return zipnn.inspect(path).kind == "compressed safetensors"


@pytest.mark.parametrize("level", ["fast", "default", "max"])
@pytest.mark.parametrize("metadata", [None, {}, {"format": "ünï\n"}], ids=str)
def test_decompresses_to_what_safetensors_writes(
    tmp_path: Path, metadata: dict[str, str] | None, level: str
) -> None:
    path = tmp_path / "model.safetensors"
    assert zipnn.save_file(MIXED, path, metadata, level=level, threads=2) is None
    assert is_compressed(path)
    assert restored(path) == safetensors.numpy.save(MIXED, metadata)


def test_is_what_compressing_the_plain_file_gives(tmp_path: Path) -> None:
    safetensors.numpy.save_file(MIXED, tmp_path / "plain.safetensors", metadata={"a": "b"})
    zipnn.compress_file(tmp_path / "plain.safetensors", tmp_path / "one.safetensors")
    zipnn.save_file(MIXED, tmp_path / "two.safetensors", {"a": "b"})
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


@pytest.mark.parametrize("compress", [True, False])
def test_comes_back_with_load_file(tmp_path: Path, compress: bool) -> None:
    path = tmp_path / "model.safetensors"
    zipnn.save_file(MIXED, path, compress=compress)
    loaded = zipnn.load_file(path)
    assert loaded.keys() == MIXED.keys()
    for name, array in MIXED.items():
        assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        assert loaded[name].tobytes() == array.tobytes()


def test_plain_file_is_the_one_that_safetensors_writes(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    zipnn.save_file(MIXED, path, {"a": "b"}, compress=False)
    assert path.read_bytes() == safetensors.numpy.save(MIXED, {"a": "b"})


@pytest.mark.parametrize(
    "tensors",
    [{}, {"w": np.zeros((0, 3))}, {"w": normal(4)}, {"w": random.integers(0, 256, 9000).astype(np.uint8)}],
    ids=["nothing", "no bytes", "tiny", "noise"],
)
def test_what_would_not_become_smaller_is_saved_plain(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    path = tmp_path / "model.safetensors"
    zipnn.save_file(tensors, path)
    assert path.read_bytes() == safetensors.numpy.save(tensors)


@pytest.mark.parametrize(
    "array",
    [
        normal(50, 60).T,
        normal(50, 60)[::-1, ::2],
        np.asfortranarray(normal(20, 30, 4)),
        normal(50, 60).astype(">f4"),
        normal(50, 60).astype(">f4").T[::-3],
        np.broadcast_to(normal(60), (50, 60)),
        np.array(1.5, ">f8"),
    ],
    ids=[
        "transposed",
        "reversed",
        "fortran",
        "big-endian",
        "big-endian strided",
        "broadcast",
        "0-d big-endian",
    ],
)
def test_strides_and_byte_order_do_not_matter(tmp_path: Path, array: np.ndarray) -> None:
    tensors = {"w": array, "v": normal(100, 100)}
    before = array.tobytes()
    path = tmp_path / "model.safetensors"
    zipnn.save_file(tensors, path)
    plain = array.astype(array.dtype.newbyteorder("<"), order="C")
    assert restored(path) == safetensors.numpy.save({**tensors, "w": plain})
    assert array.tobytes() == before


def test_read_only_arrays_are_saved(tmp_path: Path) -> None:
    array = normal(100, 100)
    array.flags.writeable = False
    zipnn.save_file({"w": array}, tmp_path / "model.safetensors")
    assert restored(tmp_path / "model.safetensors") == safetensors.numpy.save({"w": array})


def test_equal_tensors_are_stored_once(tmp_path: Path) -> None:
    array = normal(300, 300)
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    zipnn.save_file({"a": array}, one)
    zipnn.save_file({"a": array, "b": array}, two)
    assert two.stat().st_size < one.stat().st_size + 1000
    assert restored(two) == safetensors.numpy.save({"a": array, "b": array})


# --- torch ---------------------------------------------------------------------------------------


@needs_torch
def test_torch_tensors_decompress_to_what_safetensors_writes(tmp_path: Path) -> None:
    import safetensors.torch
    import torch

    generator = torch.Generator().manual_seed(3)
    weights = torch.randn(60, 50, generator=generator) * 0.02
    tensors = {
        **{
            str(d): weights.clone().to(d)
            for d in (torch.float64, torch.float32, torch.float16, torch.bfloat16)
        },
        **{str(d): weights.clone().to(d) for d in (torch.float8_e4m3fn, torch.float8_e5m2, torch.int64)},
        "four bits": torch.randint(0, 4, (64, 96), dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        "complex": torch.complex(weights, weights),
        "flags": weights > 0,
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 2, dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(weights.clone()),
    }
    path = tmp_path / "model.safetensors"
    zipnn.save_file(tensors, path, {"format": "pt"})
    assert is_compressed(path)
    assert restored(path) == safetensors.torch.save(tensors, {"format": "pt"})


@needs_torch
def test_scattered_torch_tensors_are_saved_by_value(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save

    weights = torch.randn(60, 50, generator=torch.Generator().manual_seed(3)) * 0.02
    numbers = torch.complex(weights, weights * 2)
    tensors = {
        "transposed": weights.T,
        "strided": weights[::2, 3:],
        "expanded": weights[:, :1].expand(60, 7),
        "conjugate": numbers.conj(),
        "negative": numbers.conj().imag,
    }
    path = tmp_path / "model.safetensors"
    zipnn.save_file(tensors, path)
    dense = {
        name: tensor.contiguous().resolve_conj().resolve_neg().clone() for name, tensor in tensors.items()
    }
    assert restored(path) == save(dense)


@needs_torch
def test_tied_torch_tensors_are_stored_once(tmp_path: Path) -> None:
    import torch

    weights = torch.randn(300, 300, generator=torch.Generator().manual_seed(3))
    path = tmp_path / "model.safetensors"
    zipnn.save_file({"embedding": weights, "head": weights}, path)
    report = {tensor.name: tensor for tensor in zipnn.inspect(path).tensors}
    assert report["head"].same_as == "embedding"
    assert report["head"].stored_size < 500
    loaded = zipnn.load_file(path, "pt")
    assert torch.equal(loaded["head"], weights)
    assert torch.equal(loaded["embedding"], weights)


@needs_torch
def test_arrays_and_torch_tensors_go_into_one_file(tmp_path: Path) -> None:
    import torch

    array = normal(90, 50)
    path = tmp_path / "model.safetensors"
    zipnn.save_file({"b": array, "a": torch.from_numpy(array.copy())}, path)
    assert restored(path) == safetensors.numpy.save({"b": array, "a": array})


@needs_torch
def test_torch_tensors_without_data_of_their_own(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "model.safetensors"
    cases = {"sparse": torch.eye(3).to_sparse(), "meta": torch.zeros(2, device="meta")}
    for word, tensor in cases.items():
        with pytest.raises(ValueError, match=rf"tensor 'w': .*{word}"):
            zipnn.save_file({"w": tensor}, path)
    assert not list(tmp_path.iterdir())


# --- what is refused, and what then is on the disk ------------------------------------------------


@pytest.mark.parametrize(
    ("tensors", "metadata", "error", "message"),
    [
        ([], None, TypeError, "a dict of names and tensors, not list"),
        ({1: normal(2)}, None, TypeError, "a tensor's name must be a string, not int"),
        ({"a": 3}, None, TypeError, "tensor 'a': a NumPy array or torch tensor, not int"),
        ({"a": [1.0]}, None, TypeError, "tensor 'a': .* not list"),
        ({"a": np.array(["x"])}, None, ValueError, "tensor 'a': safetensors has no dtype for <U1"),
        ({"a": np.array([None])}, None, ValueError, "tensor 'a': safetensors has no dtype for object"),
        (
            {"a": np.zeros(2, complex)},
            None,
            ValueError,
            "tensor 'a': safetensors has no dtype for complex128",
        ),
        ({"a": np.zeros(2, "f4,i4")}, None, ValueError, "tensor 'a': safetensors has no dtype"),
        ({"__metadata__": normal(2)}, None, ValueError, "no tensor can have the name '__metadata__'"),
        ({"\ud800": normal(2)}, None, ValueError, "a tensor's name is not valid Unicode"),
        ({"a": normal(2)}, [], TypeError, "metadata must be a dict of strings, not list"),
        ({"a": normal(2)}, {"a": 1}, TypeError, "the metadata's 'a' must be a string, not int"),
        ({"a": normal(2)}, {1: "a"}, TypeError, "a key of the metadata must be a string, not int"),
        ({"a": normal(2)}, {"a": "\udcff"}, ValueError, "the metadata's 'a' is not valid Unicode"),
        (
            {"a": normal(2)},
            {"zipnn.format": "1"},
            ValueError,
            "keys that begin with 'zipnn.' are zipnn's own",
        ),
    ],
)
def test_refused(tmp_path: Path, tensors: Any, metadata: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        zipnn.save_file(tensors, tmp_path / "model.safetensors", metadata)
    assert not list(tmp_path.iterdir())


def test_unknown_level(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="level"):
        zipnn.save_file({"a": normal(100, 100)}, tmp_path / "model.safetensors", level="silly")
    assert not list(tmp_path.iterdir())


def test_replaces_a_file_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")
    path.chmod(0o640)
    zipnn.save_file(MIXED, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
    assert is_compressed(path)


def test_new_file_gets_the_permissions_of_new_files(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    zipnn.save_file(MIXED, tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")

    def full(fd: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        zipnn.save_file(MIXED, path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_tensors_that_change_while_they_are_saved_are_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = normal(300, 300)
    sync = os.fsync

    def changing(fd: int) -> None:
        array[7, 7] += 1
        sync(fd)

    monkeypatch.setattr(os, "fsync", changing)
    with pytest.raises(zipnn.MismatchError, match=r"Were the tensors changed"):
        zipnn.save_file({"w": array}, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "nope" / "model.safetensors"
    with pytest.raises(FileNotFoundError) as caught:
        zipnn.save_file(MIXED, path)
    assert caught.value.filename == str(path)
