# SPDX-License-Identifier: MIT
"""Models whose linear layers stay compressed in memory, and decode their weights when they are used.

That takes a third (bf16) off what these weights take, for the time of decoding them in each forward
pass. Results are bit for bit those of the original.
"""

from __future__ import annotations

import importlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependencyError

if TYPE_CHECKING:
    from .zlinear import ZLinear

_SMALLEST = 1 << 16  # bytes of a weight that is worth it
_WORTH = 0.98  # of its size, at most, that a weight may keep


def compress_module(model: Any, level: str = "default") -> Any:
    """Put a `ZLinear` in the place of every linear layer of the model that it makes smaller.

    Left as they are: weights that others share (tied ones), layers of a class derived from
    `torch.nn.Linear` or with hooks (accelerate's), and small ones. The model is for inference then: the
    weights have no gradients.

    Args:
        model: a `torch.nn.Module`.
        level: fast, default or max; "fast" decodes in the least time.

    Returns:
        The model, changed in place.

    Raises:
        TypeError: it is a linear layer itself, which nothing can be put in the place of.
        MissingDependencyError: torch is not installed, or too old.
    """
    linear = _torch().nn.Linear
    if type(model) is linear:
        raise TypeError("a linear layer alone: give the module that it is in")
    shared = {place for place, count in Counter(map(_place, _parameters(model))).items() if count > 1}
    replaced: dict[Any, ZLinear | None] = {}
    for parent in list(model.modules()):
        for name, layer in parent._modules.items():
            if type(layer) is not linear or _place(layer.weight) in shared:
                continue
            if layer not in replaced:  # one layer may have several names
                replaced[layer] = _compressed(layer, level)
            parent._modules[name] = replaced[layer] or layer
    return model


def decompress_module(model: Any) -> Any:
    """The way back of `compress_module`: ordinary linear layers, whose weights can be trained and changed.

    Returns:
        The model, changed in place.
    """
    from .zlinear import ZLinear

    if isinstance(model, ZLinear):
        raise TypeError("a linear layer alone: give the module that it is in")
    replaced: dict[Any, Any] = {}
    for parent in list(model.modules()):
        for name, layer in parent._modules.items():
            if isinstance(layer, ZLinear):
                replaced[layer] = replaced.get(layer) or _plain(layer)
                parent._modules[name] = replaced[layer]
    return model


def _compressed(layer: Any, level: str) -> ZLinear | None:
    from .zlinear import ZLinear

    weight = layer.weight
    size = weight.numel() * weight.element_size()
    hooks = layer._forward_hooks or layer._forward_pre_hooks or hasattr(layer, "_hf_hook")
    hooks = hooks or "forward" in layer.__dict__  # one that somebody put in its place
    if size < _SMALLEST or hooks or weight.device.type == "meta" or not weight.is_floating_point():
        return None
    small = ZLinear(weight, layer.bias, level)
    if small.weight_znn.numel() > _WORTH * size:
        return None
    small.train(layer.training)
    return small


def _plain(layer: ZLinear) -> Any:
    torch = _torch()
    plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
    plain.weight = torch.nn.Parameter(layer.weight)
    plain.bias = layer.bias
    return plain.train(layer.training)


def _parameters(model: Any) -> Any:
    """Every parameter as often as it has names, but once for a module that has several."""
    return [
        parameter
        for module in model.modules()
        for parameter in module._parameters.values()
        if parameter is not None
    ]


def _place(parameter: Any) -> tuple[Any, ...]:
    """What parameters that share memory have in common."""
    pointer = parameter.untyped_storage().data_ptr() if parameter.device.type != "meta" else 0
    return (parameter.device, pointer) if pointer else (id(parameter),)


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "models are compressed in memory with torch: pip install torch"
        ) from error
