# SPDX-License-Identifier: MIT
"""`from_pretrained(..., quantization_config=ZipnnConfig())`: linear layers stay compressed in memory.

What transformers has for quantised models serves a lossless method as well: nothing is quantised here. The
saved model is the original, and its configuration says nothing of zipnn.
"""

from __future__ import annotations

import contextlib
from typing import Any

from transformers.quantizers.auto import (
    AUTO_QUANTIZATION_CONFIG_MAPPING,
    AUTO_QUANTIZER_MAPPING,
    register_quantization_config,
    register_quantizer,
)
from transformers.quantizers.base import HfQuantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from .modules import compress_module

_NAME = "zipnn"
_MARKS = ("hf_quantizer", "quantization_method")  # of the model
_CONFIG_MARKS = ("quantization_config", "_pre_quantization_dtype")  # of its configuration; the latter to 4.57


class ZipnnConfig(QuantizationConfigMixin):  # type: ignore[misc]
    """Hold linear layers compressed in memory: see `compress_module`.

    Args:
        level: fast, default or max.
        options: what transformers adds.
    """

    def __init__(self, level: str = "default", **options: Any) -> None:
        self.quant_method = _NAME
        self.level = level


class ZipnnQuantizer(HfQuantizer):  # type: ignore[misc]
    """Compresses the layers once they are loaded, and leaves no trace of itself."""

    requires_calibration = False

    def _process_model_before_weight_loading(self, model: Any, **options: Any) -> Any:
        return model

    def _process_model_after_weight_loading(self, model: Any, **options: Any) -> Any:
        compress_module(model, self.quantization_config.level)
        # Programs without zipnn would refuse the model for it, once it is saved.
        for owner, marks in ((model, _MARKS), (model.config, _CONFIG_MARKS)):
            for mark in marks:
                with contextlib.suppress(AttributeError):
                    delattr(owner, mark)
        model.is_quantized = False
        return model

    def is_serializable(self, *args: Any, **options: Any) -> bool:
        """Whether it can be saved."""
        return True

    @property
    def is_trainable(self) -> bool:
        """Whether its weights can be trained."""
        return False


def _register() -> None:
    """Make the method known; those of an earlier import of this module make way."""
    AUTO_QUANTIZATION_CONFIG_MAPPING.pop(_NAME, None)
    AUTO_QUANTIZER_MAPPING.pop(_NAME, None)
    register_quantization_config(_NAME)(ZipnnConfig)
    register_quantizer(_NAME)(ZipnnQuantizer)


_register()
