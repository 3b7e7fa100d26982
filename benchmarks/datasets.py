# SPDX-License-Identifier: MIT
"""What is compressed: tensors of released models, casts of them, and one synthetic tensor.

A data set is the bytes of all tensors of one dtype, one behind the other in the order of the file. It is
kept as a file without a header, which every process maps, so that all codecs are fed the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Tensors = dict[str, np.ndarray]

MINILM = "minilm-l6-f32.safetensors"
ASTRA = "astra-i3resnet152-bf16.pt"

NEEDS = "pip install torch==2.13.0 ml_dtypes safetensors"
"""What to say where an import fails."""


class DatasetError(Exception):
    """A data set cannot be made here; the message says what to install."""


def load_model(model: Path) -> Tensors:
    """The tensors of a safetensors file."""
    from safetensors.numpy import load_file

    return dict(load_file(model))


def cast(*dtypes: str) -> Callable[[Path], Tensors]:
    """Reads a model and casts its fp32 tensors, to one dtype after the other (by name)."""

    def make(model: Path) -> Tensors:
        tensors = load_model(model)
        for name, array in tensors.items():
            if array.dtype == np.float32:
                for dtype in dtypes:
                    tensors[name] = tensors[name].astype(numpy_dtype(dtype))
        return tensors

    return make


def cast_e4m3(model: Path) -> Tensors:
    """Reads a model and casts its fp32 tensors to fp8, scaled so that each uses the whole range."""
    tensors = load_model(model)
    for name, array in tensors.items():
        if array.dtype == np.float32:
            scale = np.abs(array).max(initial=0) / 448 or 1
            tensors[name] = (array / scale).astype(numpy_dtype("float8_e4m3fn"))
    return tensors


def read_torch(model: Path) -> Tensors:
    """The tensors of a PyTorch checkpoint of bf16 and integer tensors."""
    import torch

    state = torch.load(model, weights_only=True, mmap=True)["state_dict"]
    tensors = {}
    for name, tensor in state.items():
        if tensor.dtype == torch.bfloat16:
            tensors[name] = tensor.contiguous().view(torch.int16).numpy().view(numpy_dtype("bfloat16"))
        else:
            tensors[name] = tensor.contiguous().numpy()
    return tensors


def numpy_dtype(name: str) -> np.dtype:
    """The NumPy dtype of a name, those of `ml_dtypes` included."""
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, name, name))


def llm_like(_: Path | None = None, rows: int = 16384, columns: int = 8192) -> Tensors:
    """One large bf16 matrix as in a language model: normal weights, each row and column of its own scale.

    The scales are lognormal (sigma 0.3) about 0.02. The seed is fixed.
    """
    generator = np.random.Generator(np.random.PCG64(20240501))
    row = generator.lognormal(np.log(0.02), 0.3, size=(rows, 1)).astype(np.float32)
    column = generator.lognormal(0, 0.3, size=(1, columns)).astype(np.float32)
    tensor = np.empty((rows, columns), numpy_dtype("bfloat16"))
    step = 1024  # the fp32 values of so many rows at once
    for first in range(0, rows, step):
        part = slice(first, first + step)
        tensor[part] = generator.standard_normal((len(row[part]), columns), np.float32) * row[part] * column
    return {"weight": tensor}


@dataclass(frozen=True)
class Dataset:
    """A buffer to compress.

    Attributes:
        name: as in the tables.
        dtype: of the elements, by its name in safetensors.
        kind: the same, by NumPy's and ml_dtypes' name.
        model: the released model that it is made of, or None.
        make: gives the tensors, from the model's path.
        what: in words.
    """

    name: str
    dtype: str
    kind: str
    model: str | None
    make: Callable[[Path], Tensors]
    what: str

    def bytes(self, model: Path | None) -> np.ndarray:
        """The buffer, as uint8. Raises DatasetError."""
        try:
            tensors = self.make(model or Path())
        except ImportError as error:
            raise DatasetError(f"{self.name} needs the package {error.name}: {NEEDS}") from error
        wanted = numpy_dtype(self.kind)
        arrays = [array for array in tensors.values() if array.dtype == wanted]
        return np.concatenate([np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays])

    def write(self, model: Path | None, folder: Path) -> Path:
        """Write the buffer to a file in `folder` and return its path. Raises DatasetError."""
        path = folder / f"{self.name.lower().replace(' ', '-')}.bin"
        self.bytes(model).tofile(path)
        return path


DATASETS = (
    Dataset("MiniLM bf16", "BF16", "bfloat16", MINILM, cast("bfloat16"), "fp32 as released, cast"),
    Dataset("MiniLM fp16", "F16", "float16", MINILM, cast("float16"), "fp32 as released, cast"),
    Dataset("MiniLM fp32", "F32", "float32", MINILM, load_model, "as released"),
    Dataset("MiniLM e4m3", "F8_E4M3", "float8_e4m3fn", MINILM, cast_e4m3, "cast, one scale a tensor"),
    Dataset("ASTRA bf16", "BF16", "bfloat16", ASTRA, read_torch, "ResNet-152, as released"),
    Dataset("LLM-like bf16", "BF16", "bfloat16", None, llm_like, "synthetic, 16384 x 8192"),
)
