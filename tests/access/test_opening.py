# SPDX-License-Identifier: MIT
"""`zipnn.open`: every way in which tensors lie in files, against NumPy and torch."""

from __future__ import annotations

import io
import json
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zipnn
from zipnn.access import opening
from zipnn.access.sources import PlainExtents, StoredTensors, inflate_into
from zipnn.containers.contents import Contents, Deflated, StoredTensor
from zipnn.errors import CorruptError, FormatError
from zipnn.plugins.readers import MemoryReader

Make = Callable[..., zipnn.ModelFile]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Opens a file of these bytes and tensors, as if a reader had found them, and nobody had checked it."""

    def make(data: bytes, *tensors: StoredTensor, deflated: tuple[Deflated, ...] = (), **options: Any) -> Any:
        path = tmp_path / "model.xyz"
        path.write_bytes(data)
        contents = Contents("xyz", tensors, deflated=deflated, note="as found")
        monkeypatch.setattr(opening, "read_contents", lambda source: contents)
        return zipnn.open(path, **options)

    return make


def element_strides(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return tuple(stride // array.itemsize for stride in array.strides)


WEIGHTS = np.random.default_rng(0).standard_normal((6, 5, 4)).astype("f4")


def test_tensors_of_a_plain_file(opened: Make) -> None:
    data = b"head" + WEIGHTS.tobytes() + b"tail"
    with opened(data, StoredTensor("w", "F32", (6, 5, 4), 4, WEIGHTS.nbytes)) as file:
        assert (file.format, file.compressed, file.metadata, file.note) == ("xyz", False, None, "as found")
        assert file.keys() == list(file) == ["w"]
        assert (len(file), "w" in file, "x" in file) == (1, True, False)
        assert file.tensors["w"] == file.tensors["w"]
        assert (file.tensors["w"].dtype, file.tensors["w"].shape, file.tensors["w"].size) == (
            "F32",
            (6, 5, 4),
            480,
        )
        got = file.get_tensor("w")
        assert got.dtype == np.float32
        assert got.flags.writeable
        assert (got == WEIGHTS).all()
        assert (file.get_slice("w")[2:4, ::2, 1] == WEIGHTS[2:4, ::2, 1]).all()
        assert file.get_bytes("w") == WEIGHTS.tobytes()
        assert (file.get_tensors()["w"] == WEIGHTS).all()
        part = file.get_slice("w")
    assert (part[1] == WEIGHTS[1]).all()  # slices outlive the file
    with pytest.raises(ValueError, match="closed"):
        file.get_tensor("w")


def test_names_that_are_not_there(opened: Make) -> None:
    file = opened(b"", StoredTensor("w", "F32", (0,), 0, 0))
    with pytest.raises(KeyError, match="'x'"):
        file.get_tensor("x")
    with pytest.raises(KeyError, match="'x'"):
        file.get_slice("x")
    with pytest.raises(TypeError, match="int"):
        file.get_tensor(1)  # type: ignore[arg-type]


def test_a_name_that_is_there_twice(opened: Make) -> None:
    one, two = np.arange(2, dtype="u1"), np.arange(3, dtype="u1")
    tensors = [StoredTensor("a", "U8", (2,), 0, 2), StoredTensor("a", "U8", (3,), 2, 3)]
    file = opened(one.tobytes() + two.tobytes(), *tensors)
    assert file.keys() == ["a", "a (2)"]
    assert file.get_tensor("a (2)").tolist() == [0, 1, 2]
    names = ["a", "a (3)", "a", "a", "a (2)", "a"]
    file = opened(b"x" * 6, *(StoredTensor(name, "U8", (1,), i, 1) for i, name in enumerate(names)))
    assert file.keys() == ["a", "a (3)", "a (2)", "a (4)", "a (2) (2)", "a (5)"]
    many = [StoredTensor("a", "U8", (0,), 0, 0)] * 100_000
    assert len(opened(b"", *many)) == 100_000


@pytest.mark.parametrize(
    "view",
    [
        WEIGHTS.T,
        np.asfortranarray(WEIGHTS),
        WEIGHTS[:, 1:4, ::2],
        WEIGHTS[2, :, 3],
        WEIGHTS.transpose(1, 0, 2)[1:, ::3],
        np.broadcast_to(WEIGHTS[0], (7, 5, 4)),
        WEIGHTS[:0].transpose(2, 0, 1),
    ],
)
def test_views_with_strides(opened: Make, view: np.ndarray[Any, Any]) -> None:
    base = view if view.flags.f_contiguous and view.base is None else WEIGHTS
    data = base.tobytes("A")
    start = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    stored = StoredTensor("v", "F32", view.shape, start, len(data) - start, element_strides(view))
    file = opened(data, stored)
    assert (file.get_tensor("v") == view).all()
    assert file.get_bytes("v") == view.tobytes()
    indices: list[Any] = [(), slice(None), slice(1, 3), (Ellipsis, slice(0, None, 2)), (slice(0, 0),)]
    indices += [0, -1, (slice(1, 3), 1)] if view.size and view.ndim > 1 else []
    for index in indices:
        want = view[index]
        got = file.get_slice("v")[index]
        assert got.shape == want.shape
        assert (got == want).all()
        assert got.flags.c_contiguous


def test_the_stride_of_an_axis_of_one_element_says_nothing(opened: Make) -> None:
    row = WEIGHTS[0, 0]
    file = opened(row.tobytes(), StoredTensor("v", "F32", (1, 4), 0, 16, (1 << 62, 1)))
    assert (file.get_tensor("v") == row[None]).all()
    assert (file.get_slice("v")[0, 1:] == row[1:]).all()


@pytest.mark.parametrize("dtype", ["Q4_0", "NOBODYS", "torch:complex32", "F4"])
def test_strides_need_elements_of_known_size(opened: Make, dtype: str) -> None:
    file = opened(bytes(1000), StoredTensor("v", dtype, (32, 2), 0, 1000, (1, 32)))
    for get in (file.get_tensor, file.get_slice, file.get_bytes):
        with pytest.raises(FormatError, match="cannot have strides"):
            get("v")


@given(st.data())
def test_any_strides_and_selections(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    strides = tuple(data.draw(st.lists(st.integers(0, 7), min_size=len(shape), max_size=len(shape))))
    reach = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
    base = np.arange(
        reach + data.draw(st.integers(0, 3)), dtype=data.draw(st.sampled_from(["<i2", ">i4", ">f8"]))
    )
    view = np.lib.stride_tricks.as_strided(base, shape, tuple(s * base.itemsize for s in strides))
    names = {"i2": "I16", "i4": "I32", "f8": "F64"}
    stored = StoredTensor(
        "v", names[base.dtype.str[1:]], shape, 3, base.nbytes, strides, base.dtype.byteorder == ">"
    )
    reader = MemoryReader(b"abc" + base.tobytes())
    file = StoredTensors(PlainExtents(reader, Contents("x", (stored,))), (stored,))
    out = memoryview(bytearray(file.array("v").size))
    file.read_into("v", out)
    little = view.astype(base.dtype.newbyteorder("<"))
    assert out == little.tobytes()
    picks = tuple(
        data.draw(st.one_of(st.integers(0, n - 1), st.slices(n).map(lambda s, n=n: range(*s.indices(n)))))
        for n in shape
    )
    picks = tuple(p if isinstance(p, int) or p.step > 0 else p[::-1] for p in picks)
    want = little[tuple(slice(p.start, p.stop, p.step) if isinstance(p, range) else p for p in picks)]
    out = memoryview(bytearray(want.nbytes))
    file.gather("v", picks, out)
    assert out == want.tobytes()


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">u8", ">c8", ">c16", "i1", ">U3", ">M8[s]", ">f2"])
def test_big_endian_elements(opened: Make, dtype: str) -> None:
    from zipnn.arrays.dtype_names import of_numpy

    values = np.arange(24).reshape(4, 6).astype("i8").astype(dtype)
    name = of_numpy(values.dtype)
    file = opened(values.tobytes(), StoredTensor("w", name, (4, 6), 0, values.nbytes, None, True))
    got = file.get_tensor("w")
    assert got.dtype == values.dtype.newbyteorder("<")
    assert (got == values).all()
    assert (file.get_slice("w")[1:3] == values[1:3]).all()
    columns = StoredTensor("w", name, (6, 4), 0, values.nbytes, (1, 6), True)
    assert (opened(values.tobytes(), columns).get_tensor("w") == values.T).all()


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def test_tensors_in_compressed_members(opened: Make) -> None:
    values = np.arange(3_000_000, dtype="<u4").reshape(1000, 3000)
    packed = deflate(b"header" + values.tobytes())
    member = Deflated(2, len(packed), 6 + values.nbytes)
    stored = StoredTensor("w", "U32", values.shape, 6, values.nbytes, member=0)
    columns = StoredTensor("t", "U32", values.shape[::-1], 6, values.nbytes, (1, 3000), member=0)
    file = opened(b"PK" + packed + b"end", stored, columns, deflated=(member,))
    assert (file.get_tensor("w") == values).all()
    assert (file.get_slice("w")[998:, :7] == values[998:, :7]).all()
    assert (file.get_slice("t")[2, 998:] == values.T[2, 998:]).all()


def test_damaged_and_lying_members() -> None:
    packed = deflate(bytes(range(256)) * 1000)
    reader = MemoryReader(packed)
    out = memoryview(bytearray(100))
    inflate_into(reader, Deflated(0, len(packed), 256_000), 256_000 - 100, out)
    assert out == bytes(range(256))[-100:]
    with pytest.raises(CorruptError, match="end after 256000"):
        inflate_into(reader, Deflated(0, len(packed), 256_000), 256_000 - 99, out)
    with pytest.raises(CorruptError, match="more than 1000"):
        inflate_into(reader, Deflated(0, len(packed), 1000), 2000, out)
    with pytest.raises(CorruptError, match="cannot hold"):
        inflate_into(reader, Deflated(0, len(packed), 1 << 60), 1 << 60, out)
    with pytest.raises(CorruptError, match="damaged"):
        inflate_into(MemoryReader(b"\xff" + packed), Deflated(0, len(packed), 256_000), 0, out)


def test_block_types_are_bytes_row_by_row(opened: Make) -> None:
    blocks = np.arange(3 * 4 * 36, dtype="u1")
    file = opened(blocks.tobytes(), StoredTensor("q", "Q8_0", (3, 4, 32), 0, blocks.nbytes))
    assert (file.tensors["q"].dtype, file.tensors["q"].shape, file.tensors["q"].size) == (
        "Q8_0",
        (3, 4, 32),
        432,
    )
    assert (file.get_tensor("q") == blocks.reshape(3, 4, 36)).all()
    assert (file.get_slice("q")[1, 2:] == blocks.reshape(3, 4, 36)[1, 2:]).all()


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (StoredTensor("w", "F32", (2, 1 << 60), 0, 16), "takes .* bytes, the file has 16"),
        (StoredTensor("w", "F32", (1 << 40,), 0, 16, (0,)), "expanded"),
        (StoredTensor("w", "F32", (3,), 0, 16, (2,)), "outside of its data"),
        (StoredTensor("w", "F32", (3,), 0, 16, (-1,)), "outside of its data"),
        (StoredTensor("w", "F32", (3, 1), 0, 16, (1,)), "outside of its data"),
        (StoredTensor("w", "F32", (1 << 62, 1 << 62), 0, 16, (1 << 62, 1)), "outside of its data"),
        (StoredTensor("w", "F6_E2M3", (4,), 0, 16, (2,)), "F6_E2M3"),
        (StoredTensor("w", "numpy:what", (4,), 0, 16), "what"),
    ],
)
def test_what_no_file_can_justify_is_refused_before_memory_is_asked_for(
    opened: Make, tensor: StoredTensor, words: str
) -> None:
    file = opened(bytes(16), tensor)
    assert file.keys() == ["w"]
    for read in (file.get_tensor, file.get_slice, file.get_bytes):
        if read == file.get_slice and "numpy" in tensor.dtype:
            continue
        if read == file.get_bytes and "numpy" in tensor.dtype:
            continue
        with pytest.raises(FormatError, match=words) as caught:
            read("w")
        assert "model.xyz: tensor 'w'" in str(caught.value)


def test_tensors_that_share_too_much_are_not_copied_all_at_once(opened: Make) -> None:
    data = bytes(1 << 20)
    few = [StoredTensor(f"t{i}", "U8", (1 << 20,), 0, 1 << 20) for i in range(4)]
    assert len(opened(data, *few).get_tensors()) == 4
    many = [StoredTensor(f"t{i}", "U8", ((1 << 20) - i,), i, (1 << 20) - i) for i in range(300)]
    file = opened(data, *many)
    with pytest.raises(FormatError, match="take them one by one"):
        file.get_tensors()
    assert file.get_tensor("t299").size == (1 << 20) - 299


def test_data_outside_of_the_file(opened: Make) -> None:
    for tensor in (
        StoredTensor("w", "U8", (8,), 100, 8),
        StoredTensor("w", "U8", (1 << 50,), 0, 1 << 50),
        StoredTensor("w", "U8", (4, 2), 100, 8, (1, 4)),
    ):
        with pytest.raises(CorruptError, match="truncated"):
            opened(bytes(16), tensor).get_tensor("w")


def test_files_without_a_reader(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"nothing known")
    with pytest.raises(FormatError, match="no tensors that can be found"):
        zipnn.open(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        zipnn.open(tmp_path / "b")
    (tmp_path / "c.safetensors").write_bytes(b"nothing known")
    with pytest.raises(FormatError, match="not a safetensors file"):
        zipnn.open(tmp_path / "c.safetensors")
    (tmp_path / "d").write_bytes(zipnn.compress(b"no tensor"))
    with pytest.raises(FormatError, match="decompress it"):
        zipnn.open(tmp_path / "d")


@pytest.mark.parametrize("compress", [False, True])
def test_safetensors_files(tmp_path: Path, compress: bool) -> None:
    tensors = {"b": WEIGHTS, "a": np.arange(100_000, dtype="i8"), "c": np.array(7, "f4")}
    path = tmp_path / "m.safetensors"
    zipnn.save_file(tensors, path, metadata={"format": "pt"}, compress=compress)
    with zipnn.open(path) as file:
        assert (file.format, file.compressed, file.metadata) == ("safetensors", compress, {"format": "pt"})
        assert sorted(file) == ["a", "b", "c"]
        for name, tensor in tensors.items():
            assert (file.get_tensor(name) == tensor).all()
            assert file.get_bytes(name) == np.asarray(tensor).tobytes()
            assert file.tensors[name].shape == np.shape(tensor)
        assert (file.get_slice("a")[99_990:] == tensors["a"][99_990:]).all()


def test_file_objects(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    zipnn.save_file({"w": WEIGHTS}, path)
    stream = io.BytesIO(path.read_bytes())
    with zipnn.open(stream) as file:
        assert (file.get_tensor("w") == WEIGHTS).all()
    assert not stream.closed
    with path.open("rb") as raw, zipnn.open(raw) as file:
        assert (file.get_slice("w")[1] == WEIGHTS[1]).all()
        assert str(path) in str(file.path)
    with pytest.raises(TypeError, match="int"):
        zipnn.open(1)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="gives str"):
        zipnn.open(io.StringIO("text"))  # type: ignore[arg-type]


def test_torch(opened: Make) -> None:
    torch = pytest.importorskip("torch")
    views = StoredTensor("v", "F32", (4, 5, 6), 0, WEIGHTS.nbytes, (1, 4, 20))
    plain = StoredTensor("w", "BF16", (240,), 0, WEIGHTS.nbytes)
    file = opened(WEIGHTS.tobytes(), views, plain, framework="pt")
    whole = torch.from_numpy(WEIGHTS.copy()).permute(2, 1, 0)
    assert torch.equal(file.get_tensor("v"), whole)
    for index in ((), 1, (slice(None), 2), (slice(3, 1),), (Ellipsis, None, 3), [0, 2], torch.tensor([3, 1])):
        assert torch.equal(file.get_slice("v")[index], whole[index])
    bits = torch.from_numpy(WEIGHTS.copy()).view(torch.int16).flatten()
    assert file.get_tensor("w").dtype == torch.bfloat16
    assert torch.equal(file.get_tensor("w").view(torch.int16), bits)
    assert math.prod(file.get_slice("w")[5:7].shape) == 2


def test_unknown_frameworks_and_devices(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    zipnn.save_file({"w": WEIGHTS}, path)
    with pytest.raises(ValueError, match="jax"):
        zipnn.open(path, "jax")
    with pytest.raises(ValueError, match="cuda"):
        zipnn.open(path, device="cuda")


def lied_about(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The archive with another index."""
    from zipnn import _core
    from zipnn.containers.archive.segments import FOOTER, INDEX_MAGIC
    from zipnn.frames import FrameReader, write_frame

    data = path.read_bytes()
    at, length, _, _ = FOOTER.unpack(data[-FOOTER.size :])
    frame = FrameReader(lambda offset, size: memoryview(data)[at + offset :][:size], length)
    index = json.loads(bytes(frame.decode_range(0, frame.head.data_size)))
    change(index)
    text = json.dumps(index).encode()
    coded = write_frame(text, dtype="U8", shape=(len(text),), align=8)
    place = struct.pack("<QQ", at, len(coded))
    path.write_bytes(data[:at] + coded + place + struct.pack("<Q", _core.xxh3_64(place)) + INDEX_MAGIC)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A checkpoint of views of all kinds, and what is in it."""
    torch = pytest.importorskip("torch")
    base = torch.randn(60, 50, generator=torch.Generator().manual_seed(0))
    tensors = {
        "whole": base,
        "tied": base,
        "transposed": base.T,
        "part": base[10:20, ::3],
        "expanded": base[0].expand(4, 50),
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "half": base.to(torch.bfloat16),
        "complex": torch.complex(base, base * 2),
        "bool": base > 0,
    }
    path = tmp_path / "model.pt"
    torch.save(tensors, path)
    return path, tensors


@pytest.mark.parametrize("compress", [False, True])
def test_torch_checkpoints(checkpoint: tuple[Path, dict[str, Any]], compress: bool) -> None:
    import torch

    path, tensors = checkpoint
    if compress:
        result = zipnn.compress_file(path)
        assert result.output is not None
        path = Path(f"{path}.znn")
    with zipnn.open(path, "pt") as file:
        assert (file.format, file.compressed) == ("torch", compress)
        assert file.keys() == list(tensors)
        for name, tensor in tensors.items():
            got = file.get_tensor(name)
            assert got.dtype == tensor.dtype
            assert torch.equal(got, tensor)
            assert file.tensors[name].shape == tuple(tensor.shape)
        assert torch.equal(file.get_slice("transposed")[3:5, 7], tensors["transposed"][3:5, 7])
        assert torch.equal(file.get_slice("part")[-1], tensors["part"][-1])
        assert all(torch.equal(got, tensors[name]) for name, got in file.get_tensors().items())


def test_archives_that_lie(checkpoint: tuple[Path, dict[str, Any]]) -> None:
    path, _ = checkpoint
    zipnn.compress_file(path)

    def stretch(index: dict[str, Any]) -> None:
        tensors = {tensor["name"]: tensor for tensor in index["tensors"]}
        tensors["whole"]["shape"] = [1 << 40, 50]
        tensors["expanded"]["shape"] = [1 << 40, 50]
        tensors["transposed"]["strides"] = [1 << 40, 1 << 40]

    file = zipnn.open(lied_about(Path(f"{path}.znn"), stretch))
    for name, words in (("whole", "takes"), ("expanded", "expanded"), ("transposed", "outside")):
        with pytest.raises(FormatError, match=words):
            file.get_tensor(name)
    assert file.get_tensor("scalar") == 7
