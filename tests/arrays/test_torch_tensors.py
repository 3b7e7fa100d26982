# SPDX-License-Identifier: MIT
"""`compress` and `decompress` of torch tensors, however they lie in memory."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import zipnn
from tests.reference import read_frame
from zipnn.errors import FormatError

torch = pytest.importorskip("torch", reason="torch is optional")


def raw_bytes(tensor: Any) -> bytes:
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    flat = plain.as_strided((plain.numel(),), (1,))
    return bytes(flat.view(torch.uint8).numpy().tobytes())


VALUES = np.random.default_rng(0).standard_normal(5000).astype(np.float32)


def tensors() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    floats = torch.randn(60, 100, generator=generator)
    pairs = torch.randn(500, dtype=torch.complex64, generator=generator)
    octets = torch.arange(240, dtype=torch.uint8).reshape(4, 60)
    return {
        "float32": floats,
        "transposed": floats.t(),
        "strided": floats[::2, 1::3],
        "one element, strided": floats[:1, ::100][:, :1],
        "no element, strided": floats[0, ::2][:0],
        "expanded": floats[:1].expand(7, 100),
        "channels last": floats.reshape(2, 3, 10, 100).contiguous(memory_format=torch.channels_last),
        "0-d": torch.tensor(3),
        "empty": torch.zeros(0, 3, dtype=torch.bfloat16),
        "bfloat16": floats.bfloat16(),
        "float16": floats.half(),
        "float8": floats.to(torch.float8_e4m3fn),
        "float8 e5m2": floats.to(torch.float8_e5m2),
        "e8m0": octets.view(torch.float8_e8m0fnu),
        "float4": octets.view(torch.float4_e2m1fn_x2),
        "float4, 0-d": octets[0, 3].view(torch.float4_e2m1fn_x2),
        "bool": floats > 0,
        "uint16": octets.to(torch.uint16),
        "int64": octets.to(torch.int64),
        "bits": octets.view(torch.bits8),
        "requires grad": floats.clone().requires_grad_(),
        "parameter": torch.nn.Parameter(floats.clone()),
        "conjugate": pairs.conj(),
        "negative": pairs.conj().imag,
        "complex32": floats.to(torch.complex32),
    }


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_tensors_come_back_as_they_were() -> None:
    for name, given in tensors().items():
        before = raw_bytes(given)
        frame = zipnn.compress(given)
        result = zipnn.decompress(frame)
        assert type(result) is torch.Tensor, name
        assert (result.dtype, result.shape) == (given.dtype, given.shape), name
        assert raw_bytes(result) == raw_bytes(given) == before, name
        assert result.is_contiguous(), name
        assert not result.requires_grad, name
        assert result.numel() == 0 or result.data_ptr() % 64 == 0, name
        assert read_frame(frame).data == zipnn.decompress(frame, framework="bytes") == before, name


def test_frameworks_can_be_exchanged() -> None:
    for dtype in (torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.bool):
        given = torch.arange(1000).reshape(10, 100).to(dtype)
        array_of_it = zipnn.decompress(zipnn.compress(given), framework="np")
        assert array_of_it.tobytes() == raw_bytes(given)
        back = zipnn.decompress(zipnn.compress(array_of_it), framework="pt")
        assert back.dtype == dtype
        assert raw_bytes(back) == raw_bytes(given)
    swapped = zipnn.decompress(zipnn.compress(VALUES.astype(">f4")), framework="pt")
    np.testing.assert_array_equal(swapped.numpy(), VALUES)


def test_the_shape_of_pairs_is_that_of_safetensors() -> None:
    pairs = torch.zeros(3, 5, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    frame = read_frame(zipnn.compress(pairs))
    assert (frame.dtype, frame.shape) == ("F4", (3, 10))


def test_what_is_more_than_elements_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)

    class Wrapper(torch.Tensor):  # type: ignore[misc, name-defined]
        @classmethod
        def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise AssertionError("nothing may be asked of it")

    wrapper = torch.Tensor._make_wrapper_subclass(Wrapper, (3,), dtype=torch.float32)
    for given, advice in [
        (torch.eye(3).to_sparse(), "to_dense"),
        (torch.empty(3, device="meta"), "no data"),
        (quantized, "int_repr"),
        (wrapper, "Wrapper wraps"),
    ]:
        with pytest.raises(TypeError, match=advice):
            zipnn.compress(given)


def test_what_the_other_framework_lacks_is_said() -> None:
    with pytest.raises(FormatError, match='use framework="np"'):
        zipnn.decompress(zipnn.compress(np.arange(3).astype("M8[s]")), framework="pt")
    pairs = torch.zeros(4, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    with pytest.raises(FormatError, match='use framework="pt"'):
        zipnn.decompress(zipnn.compress(pairs), framework="np")


def test_torch_memory_is_filled() -> None:
    for given in (VALUES, torch.from_numpy(VALUES)):
        for out in (torch.zeros(5000), torch.zeros(20_000, dtype=torch.uint8), torch.zeros(50, 100)):
            assert zipnn.decompress(zipnn.compress(given), out=out) is out
            assert out.numpy().tobytes() == VALUES.tobytes()
    learned = torch.zeros(5000, requires_grad=True)
    zipnn.decompress(zipnn.compress(VALUES), out=learned)
    assert learned.detach().numpy().tobytes() == VALUES.tobytes()
    for out in (torch.zeros(5000, 2)[:, 0], torch.zeros(2500, dtype=torch.complex64).conj()):
        with pytest.raises(ValueError, match="contiguous"):
            zipnn.decompress(zipnn.compress(VALUES), out=out)
    with pytest.raises(ValueError, match="dtype I32"):
        zipnn.decompress(zipnn.compress(VALUES), out=torch.zeros(5000, dtype=torch.int32))


def test_torch_dtypes_are_known() -> None:
    frame = zipnn.compress(bytes(100), dtype=torch.float16)
    assert read_frame(frame).dtype == "F16"
