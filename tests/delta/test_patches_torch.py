# SPDX-License-Identifier: MIT
"""Patches of torch's state dicts, and between torch and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zipnn
from zipnn.errors import AlreadyAppliedError

torch = pytest.importorskip("torch")

State = dict[str, Any]
DTYPES = (
    "bfloat16",
    "float16",
    "float32",
    "float8_e4m3fn",
    "float8_e5m2",
    "int8",
    "int64",
    "complex64",
    "bool",
)


def nudged(state: State, part: float = 0.05, seed: int = 0) -> State:
    """Clones with the lowest bits of some elements flipped."""
    rng = np.random.default_rng(seed)
    result = {}
    for name, tensor in state.items():
        clone = tensor.detach().clone(memory_format=torch.contiguous_format)
        if clone.numel():
            lowest = clone.view(-1).view(torch.uint8).numpy()[:: clone.element_size()]
            lowest[rng.random(lowest.size) < part] ^= 1
        result[name] = clone
    return result


def same(one: State, two: State) -> bool:
    def bits(tensor: Any) -> bytes:
        plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        return plain.view(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""

    return one.keys() == two.keys() and all(
        (one[name].dtype, one[name].shape, bits(one[name]))
        == (two[name].dtype, two[name].shape, bits(two[name]))
        for name in one
    )


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(40, 50), (), (0, 3), (1, 7)])
def test_every_dtype_and_shape(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    old = {"w": torch.randn(shape).to(getattr(torch, name))}
    new = nudged(old)
    tensors = {"w": old["w"].clone()}
    held = tensors["w"]
    patch = zipnn.patch(old, new)
    zipnn.apply_patch(tensors, patch)
    assert same(tensors, new)
    assert tensors["w"] is held


def test_a_module_is_changed_through_its_state_dict() -> None:
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(30, 20), torch.nn.LayerNorm(20), torch.nn.Linear(20, 30))
    model[2].weight = torch.nn.Parameter(model[0].weight.detach().T)  # a view, turned: tied weights
    old = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    new = nudged(old)
    new["2.weight"] = new["0.weight"].T
    zipnn.apply_patch(model.state_dict(), zipnn.patch(old, new), copy=True)
    assert same(model.state_dict(), old)
    del new["2.weight"], old["2.weight"]
    state = model.state_dict()
    del state["2.weight"]
    zipnn.apply_patch(state, zipnn.patch(old, new))
    assert same({"w": model[2].weight.T}, {"w": new["0.weight"]})
    assert model[0].weight.requires_grad


def test_tied_weights() -> None:
    weight = torch.randn(50, 20).bfloat16()
    old = {"embedding": weight, "head": weight, "flat": weight.view(-1)}
    changed = nudged({"w": weight})["w"]
    new = {"embedding": changed, "head": changed, "flat": changed.view(-1)}
    zipnn.apply_patch(old, zipnn.patch(old, new))
    assert same(old, new)
    assert old["head"].data_ptr() == old["embedding"].data_ptr()
    apart = {**new, "head": changed + 1}
    before = {name: tensor.clone() for name, tensor in old.items()}
    with pytest.raises(ValueError, match="share memory"):
        zipnn.apply_patch(old, zipnn.patch(old, apart))
    assert same(old, before)


def test_tensors_that_do_not_lie_like_their_bytes() -> None:
    whole = torch.randn(20, 30, dtype=torch.complex64)
    old = {
        "turned": torch.randn(20, 30).T,
        "every other": torch.randn(20, 30).bfloat16()[:, ::2],
        "fp8": torch.randn(20, 30).to(torch.float8_e4m3fn).T,
        "conjugate": whole.conj(),
        "negative": torch.randn(9, dtype=torch.complex64).conj().imag,
    }
    assert old["conjugate"].is_conj()
    assert old["negative"].is_neg()
    new = nudged({name: tensor.resolve_conj().resolve_neg() for name, tensor in old.items()})
    zipnn.apply_patch(old, zipnn.patch(old, new))
    assert same(old, new)
    assert same({"w": whole}, {"w": new["conjugate"].conj()})


def test_expanded_tensors_need_a_copy() -> None:
    old = {"w": torch.randn(1, 5).expand(4, 5)}
    new = nudged(old)
    patch = zipnn.patch(old, new)
    with pytest.raises(ValueError, match="same place"):
        zipnn.apply_patch(old, patch)
    assert same(dict(zipnn.apply_patch(old, patch, copy=True)), new)


def test_numpy_and_torch_patch_each_other() -> None:
    old = {"w": torch.randn(30, 40), "n": torch.arange(40)}
    new = {**nudged(old), "added": torch.ones(3).bfloat16()}
    arrays = {name: tensor.numpy().copy() for name, tensor in old.items()}
    zipnn.apply_patch(arrays, zipnn.patch(old, new))
    assert isinstance(arrays["added"], np.ndarray)  # what the others are
    assert np.array_equal(arrays["w"], new["w"].numpy())
    tensors = {name: tensor.clone() for name, tensor in old.items()}
    zipnn.apply_patch(tensors, zipnn.patch({name: t.numpy() for name, t in old.items()}, arrays))
    assert same(tensors, new)
    with pytest.raises(AlreadyAppliedError):
        zipnn.apply_patch(tensors, zipnn.patch(old, arrays))
    assert same(dict(zipnn.apply_patch({}, zipnn.patch({}, new))), new)


def test_what_is_no_plain_tensor() -> None:
    for wrong in (torch.empty(3, device="meta"), torch.eye(3).to_sparse()):
        with pytest.raises(TypeError, match="'w'"):
            zipnn.patch({}, {"w": wrong})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensors_on_a_device() -> None:
    old = {"w": torch.randn(300, 40).bfloat16().cuda(), "s": torch.tensor(3.0).cuda()}
    host = {name: tensor.cpu() for name, tensor in old.items()}
    new = {**nudged(host), "added": torch.ones(3)}
    patch = zipnn.patch(old, {name: tensor.cuda() for name, tensor in new.items()})
    assert patch == zipnn.patch(host, new)
    held = old["w"]
    zipnn.apply_patch(old, patch)
    assert same(old, new)
    assert old["w"] is held
    assert old["added"].is_cuda
