# SPDX-License-Identifier: MIT
"""PyTorch's files, against what PyTorch itself loads from them."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.containers.readers.memory import MemorySource, found, tensor_bytes
from zipnn import dtypes
from zipnn.containers.contents import Contents
from zipnn.containers.readers import read_contents

torch = pytest.importorskip("torch")

DTYPES = [dtype.torch for dtype in dtypes.BY_TORCH.values() if dtype.bits % 8 == 0]
MODELS = (
    "chgnet-0.3.0-f32.pth.tar",
    "resemblyzer-f32.pt",
    "rxnfp-pretrained-f32.bin",
    "crepe-full-f32.pth",
    "astra-i3resnet152-bf16.pt",
)


def saved(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def nested(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(value, torch.Tensor):
        yield ".".join(path), value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from nested(child, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield from nested(child, (*path, str(index)))


def raw(tensor: Any) -> bytes:
    flat = tensor.detach().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).numpy()) if flat.numel() else b""


def check(data: bytes, root: Any = None, form: str = "torch") -> Contents:
    """Check that every tensor of the file, and no other, is found with its bytes."""
    root = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu") if root is None else root
    contents = read_contents(MemorySource(data))
    assert contents.format == form, contents.note
    expected = {name: (tuple(tensor.shape), raw(tensor)) for name, tensor in nested(root)}
    actual = {name: value[1:] for name, value in found(data, contents).items()}
    assert actual.keys() == expected.keys()
    assert actual == expected
    return contents


def everything() -> dict[str, Any]:
    """A checkpoint with one of everything that changes how tensors lie."""
    torch.manual_seed(0)
    base = torch.randn(6, 8)
    return {
        "state_dict": OrderedDict(
            weight=base,
            tied=base,
            same_storage=base.view(48),
            row=base[2],
            transposed=base.T,
            part=base[1:5:2, 1::3],
            expanded=torch.randn(3, 1).expand(3, 5),
            scalar=torch.tensor(2.5),
            empty=torch.zeros(0, 4),
            parameter=torch.nn.Parameter(torch.randn(3)),
        ),
        "optimizer": {"state": {0: {"exp_avg": torch.randn(4), "step": 3}}, "param_groups": [{"lr": 0.1}]},
        "list": [torch.arange(3), (torch.arange(2),)],
        "epoch": 7,
        "name": "a model",
    }


def sample() -> bytes:
    return saved(everything())


def sample_deflated() -> bytes:
    return rezipped(sample(), zipfile.ZIP_DEFLATED)


def sample_legacy() -> bytes:
    return saved(everything(), _use_new_zipfile_serialization=False)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_tensor_is_found(options: dict[str, Any], protocol: int) -> None:
    form = "torch-legacy" if options else "torch"
    data = saved(everything(), pickle_protocol=protocol, **options)
    contents = check(data, torch.load(io.BytesIO(data), weights_only=False), form)
    tensors = {tensor.name: tensor for tensor in contents.tensors}
    whole, tied = tensors["state_dict.weight"], tensors["state_dict.tied"]
    assert whole.offset == tied.offset
    assert whole.strides is None
    assert tensors["state_dict.transposed"].strides == (1, 8)
    assert tensors["state_dict.row"].offset == whole.offset + 2 * 8 * 4


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_is_found(name: str, options: dict[str, Any]) -> None:
    dtype = getattr(torch, name)
    if options and (name.startswith("float8") or name in ("uint16", "uint32", "uint64")):
        pytest.skip("PyTorch cannot write it in the old format")
    bits = torch.arange(64, dtype=torch.uint8) % 2
    data = saved({"x": bits.view(dtype), "y": bits.view(dtype)[:2]}, **options)
    contents = check(data, form="torch-legacy" if options else "torch")
    assert {tensor.dtype for tensor in contents.tensors} == {dtypes.BY_TORCH[name].name}


def test_a_tensor_alone_has_a_name() -> None:
    tensor = torch.arange(5)
    data = saved(tensor)
    assert found(data, read_contents(MemorySource(data))) == {"tensor": ("I64", (5,), raw(tensor))}


@pytest.mark.filterwarnings("ignore")  # they are going away
def test_quantized_tensors_are_integers() -> None:
    tensor = torch.quantize_per_tensor(torch.linspace(-1, 1, 12).view(3, 4), 0.1, 2, torch.qint8)
    data = saved({"q": tensor})
    expected = ("I8", (3, 4), bytes(tensor.int_repr().numpy()))
    assert found(data, read_contents(MemorySource(data))) == {"q": expected}


def test_tensors_inside_of_objects_are_found() -> None:
    class Weird(torch.nn.Linear):
        pass

    Weird.__qualname__ = "Weird"
    globals()["Weird"] = Weird
    module = torch.nn.Sequential(Weird(2, 3), torch.nn.BatchNorm1d(3))
    sparse = torch.eye(3).to_sparse()
    data = saved([module, sparse])
    tensors = {name: value[2] for name, value in found(data, read_contents(MemorySource(data))).items()}
    for name, tensor in module.state_dict().items():
        assert tensors.pop(f"0.{name}") == raw(tensor)
    assert sorted(tensors.values()) == sorted([raw(sparse._indices()), raw(sparse._values())])


def test_wrapped_tensors() -> None:
    """Tensors and parameters with attributes are rebuilt by functions that call others."""
    tensor, parameter = torch.randn(2, 3), torch.nn.Parameter(torch.randn(4))
    tensor.remark = "kept"
    parameter.remark = "kept"
    data = saved({"t": tensor, "p": parameter})
    assert b"_rebuild_from_type_v2" in data
    check(data, {"t": tensor, "p": parameter})


def test_views_of_storages_in_very_old_files() -> None:
    """Before 0.4 a persistent identifier could name a part of a storage: its key, start and size."""
    values = np.arange(10, dtype=np.float32)
    numbers = [pickle.dumps(number, 2)[2:-1] for number in (1, torch.Size([3]), (1,))]
    assert b"ctorch\nSize\n" in numbers[1]
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x0a"
    view = b"X\x01\0\0\x001K\x04K\x05\x87tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor\n(" + storage + view + b"".join(numbers) + b"tR"
    program = b"ccollections\nOrderedDict\n](]U\x06weighta" + tensor + b"ae\x85R"  # as Python 2 does it
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    keys = pickle.dumps(["0"], 2)
    data = b"".join([*head, b"\x80\x02", program, b".", keys, (10).to_bytes(8, "little"), values.tobytes()])
    contents = read_contents(MemorySource(data))
    assert found(data, contents) == {"weight": ("F32", (3,), values[5:8].tobytes())}


def test_zip64_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    data = rezipped(saved(everything()), zipfile.ZIP_STORED)
    assert data.count(b"\xff\xff\xff\xff") > 10
    check(data)


def test_names() -> None:
    tensor = torch.zeros(1)
    data = saved({"a": {"b": tensor}, "a.b": tensor, 3: tensor, (1, 2): tensor, "": tensor, "\u00e9": tensor})
    names = [each.name for each in read_contents(MemorySource(data)).tensors]
    assert names == ["a.b", "a.b#2", "3", "3#2", "tensor", "\u00e9"]


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_storages_that_no_tensor_names_are_typed() -> None:
    storage = torch.arange(6, dtype=torch.float32).storage()
    data = saved({"only_storage": storage})
    contents = read_contents(MemorySource(data))
    assert contents.tensors == ()
    (extent,) = contents.extents
    assert (extent.dtype, extent.size) == ("F32", 24)
    assert data[extent.offset : extent.offset + 24] == np.arange(6, dtype=np.float32).tobytes()


def test_big_endian_checkpoints() -> None:
    tensors = {"a": torch.randn(3, 4, dtype=torch.float64), "c": torch.randn(5, dtype=torch.complex64)}
    swapped = {"a": tensors["a"].numpy().byteswap(), "c": tensors["c"].numpy().byteswap()}
    data = saved({name: torch.from_numpy(array) for name, array in swapped.items()})
    data = rezipped(data, zipfile.ZIP_STORED, replaced={"byteorder": b"big"})
    contents = check(data, root=tensors)
    assert all(tensor.big_endian for tensor in contents.tensors)
    check(data)  # as PyTorch loads it


def rezipped(data: bytes, method: int, replaced: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", method) as new:
        for name in old.namelist():
            content = (replaced or {}).get(name.split("/", 1)[-1], old.read(name))
            new.writestr(name, content)
    return out.getvalue()


def test_deflated_checkpoints() -> None:
    data = rezipped(saved(everything()), zipfile.ZIP_DEFLATED)
    contents = check(data)
    for tensor in contents.tensors:
        assert tensor.member is not None or tensor.size == 0
        if tensor.member is not None:
            member = contents.deflated[tensor.member]
            assert [extent.dtype for extent in member.extents] in ([tensor.dtype], [])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_torchscript(tmp_path: Any) -> None:
    class Program(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 4)
            self.register_buffer("table", torch.arange(6).view(2, 3))

        def forward(self, x: Any) -> Any:
            return self.layer(x) + torch.tensor([1.0, 2.0, 3.0, 4.0])

    program = torch.jit.trace(Program(), torch.zeros(3))
    program.save(str(tmp_path / "m.jit"))
    data = (tmp_path / "m.jit").read_bytes()
    contents = read_contents(MemorySource(data))
    assert contents.format == "torchscript", contents.note
    tensors = {tensor.name: tensor_bytes(data, contents, tensor) for tensor in contents.tensors}
    for name, tensor in program.state_dict().items():
        assert tensors.pop(name) == raw(tensor)
    assert list(tensors) == ["constants.0"]
    assert tensors["constants.0"] == np.array([1, 2, 3, 4], np.float32).tobytes()


@pytest.mark.parametrize("name", MODELS)
def test_real_checkpoints(name: str, present_model: Any) -> None:
    data = present_model(name)
    if name.startswith("chgnet"):  # holds NumPy scalars, so it is not among weights only
        root = torch.load(io.BytesIO(data), weights_only=False, map_location="cpu")
        check(data, root)
    else:
        check(data, form="torch-legacy" if "f32.bin" in name or name.startswith("resem") else "torch")


def test_pickles_that_are_no_checkpoints_are_bytes() -> None:
    for protocol in range(6):
        assert read_contents(MemorySource(pickle.dumps({"a": 1}, protocol))).format == "bytes"
