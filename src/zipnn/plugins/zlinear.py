# SPDX-License-Identifier: MIT
"""A linear layer that holds its weight compressed: see `compress_module`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..arrays.tensors import compress, decompress
from ..errors import MissingDependencyError
from .budget import BUDGET

if not hasattr(torch.library, "custom_op"):
    raise MissingDependencyError("models compressed in memory need torch 2.4: pip install --upgrade torch")


def _decode(stream: Any, shape: Any, dtype: Any) -> Any:
    """The weight in `stream`, a frame as a tensor of bytes, on the stream's device."""
    size = dtype.itemsize
    for length in shape:
        size *= length
    with BUDGET.threads_for(size) as threads:
        weight = decompress(stream.cpu().numpy(), framework="pt", threads=threads)
    return weight.to(stream.device)


# An operator of torch, of which `torch.compile` knows what comes out without looking into it.
_operator = torch.library.custom_op(
    "zipnn::decode",
    _decode,
    mutates_args=(),
    schema="(Tensor stream, SymInt[] shape, ScalarType dtype) -> Tensor",
)
_operator.register_fake(lambda stream, shape, dtype: stream.new_empty(shape, dtype=dtype))


class ZLinear(torch.nn.Module):  # type: ignore[misc]
    """A linear layer that holds its weight as a frame.

    `weight` decodes it, into a new tensor each time: changing that changes nothing, and assigning to it is
    an error. `state_dict` and `load_state_dict` are those of `torch.nn.Linear`. The weight has no
    gradient. It is no `torch.nn.Linear`, so that what changes weights in place, such as LoRA, refuses it.

    Args:
        weight: what it holds.
        bias: a parameter, or None.
        level: fast, default or max.
    """

    def __init__(self, weight: Any, bias: Any, level: str = "default") -> None:
        super().__init__()
        self._level = level
        self.out_features, self.in_features = weight.shape
        self._hold(weight)
        self.register_parameter("bias", bias)

    @property
    def weight(self) -> Any:
        """The weight, decoded."""
        shape = [self.out_features, self.in_features]
        return torch.ops.zipnn.decode(self.weight_znn, shape, self.weight_dtype)

    def forward(self, input: Any) -> Any:  # noqa: A002 - torch's name
        """As `torch.nn.Linear`."""
        return torch.nn.functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """What `print(model)` shows."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}, {self.weight_dtype}"

    def _hold(self, weight: Any) -> None:
        """Take this weight."""
        self.weight_dtype = weight.dtype
        stream = torch.frombuffer(bytearray(compress(weight.detach(), level=self._level)), dtype=torch.uint8)
        # Not of the state: that has the weight itself.
        self.register_buffer("weight_znn", stream.to(weight.device), persistent=False)

    def _apply(self, fn: Callable[[Any], Any], *args: Any, **options: Any) -> Any:
        """What moves and converts modules: another dtype is one of the weight, not of its frame."""
        probe = torch.empty(0, dtype=self.weight_dtype, device=self.weight_znn.device)
        if fn(probe).dtype != self.weight_dtype:
            self._hold(fn(self.weight))
        return super()._apply(fn, *args, **options)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        destination[f"{prefix}weight"] = self.weight
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: Any,
        unexpected_keys: Any, error_msgs: Any,
    ) -> None:  # fmt: skip
        name = f"{prefix}weight"
        weight = state_dict.pop(name, None)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        if weight is None:
            missing_keys.append(name)
            return
        state_dict[name] = weight
        if weight.shape != (self.out_features, self.in_features):
            error_msgs.append(f"size mismatch for {name}: {tuple(weight.shape)} for {self.extra_repr()}")
        else:
            self._hold(weight.to(self.weight_znn.device, self.weight_dtype))
