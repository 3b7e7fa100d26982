# SPDX-License-Identifier: MIT
"""Small models of several kinds, plain and compressed, without a network; the hooks on and off again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="zipnn-hf-")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest

import zipnn

Compressed = Callable[[Path], Path]


def compress_weights(folder: Path) -> None:
    """Put a compressed file in the place of every safetensors file of the folder."""
    files = sorted(folder.rglob("*.safetensors"))
    assert files
    for file in files:
        zipnn.compress_file(file, in_place=True)
        with zipnn.safe_open(file) as opened:
            assert opened._file().compressed


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    yield
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Compressed:
    """Gives a copy of a folder with its weights compressed; the same for the same folder."""
    made: dict[Path, Path] = {}

    def copy(folder: Path) -> Path:
        if folder not in made:
            target = tmp_path_factory.mktemp("compressed") / folder.name
            shutil.copytree(folder, target)
            compress_weights(target)
            made[folder] = target
        return made[folder]

    return copy


@pytest.fixture
def hooked() -> Iterator[None]:
    """The hooks are installed during the test."""
    zipnn.zipnn_hf()
    yield
    zipnn.zipnn_unhook()


@pytest.fixture(scope="session")
def torch() -> Any:
    """torch, or the test is skipped."""
    return pytest.importorskip("torch")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of two layers in bf16, with a tokenizer."""
    return save_llama(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="session")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model in several files."""
    return save_llama(tmp_path_factory.mktemp("sharded") / "tiny-sh", max_shard_size="50KB")


def save_llama(folder: Path, **options: Any) -> Path:
    """Save a small Llama there."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=False,
    )
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder, **options)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder: Path, **options: Any) -> None:
    """Save a tokenizer of the words w0 to w60 there."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, **{f"w{i}": i + 3 for i in range(61)}}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", **options
    )
    fast.save_pretrained(folder)


@pytest.fixture(scope="session")
def same() -> Callable[[Any, Any], bool]:
    """Whether two dictionaries of tensors (or models) have the same names, dtypes, shapes and bits."""

    def bits(tensor: Any) -> tuple[Any, ...]:
        tensor = tensor.detach().contiguous()
        data = tensor.view(-1).view(pytest.importorskip("torch").uint8) if tensor.numel() else tensor
        return (tensor.dtype, tuple(tensor.shape), data.numpy().tobytes())

    def compare(left: Any, right: Any) -> bool:
        left, right = (getattr(side, "state_dict", lambda side=side: side)() for side in (left, right))
        return left.keys() == right.keys() and all(bits(left[name]) == bits(right[name]) for name in left)

    return compare
