# SPDX-License-Identifier: MIT
"""Models and a cache as the old releases of zipnn left them, written by the releases themselves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.old_release import OLDER, RELEASE, python_of
from tests.plugins.conftest import save_tokenizer

ID = "royleibov/Phi-3.5-mini-instruct-ZipNN-Compressed"
INDEX = "model.safetensors.index.json"
FOLDERS = {RELEASE: "old", OLDER: "older"}
_written: dict[tuple[str, ...], dict[str, bytes]] = {}  # starting the old interpreter takes seconds
_TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"


def compress_as_before(
    folder: Path, kind: str, *, fix_index: bool, suffix: str = ".safetensors", release: str = RELEASE
) -> None:
    """Put what an old release writes in the place of each weight file.

    Args:
        folder: the model.
        kind: `whole` for NAME.safetensors.znn, `tensors` for NAME.znn.safetensors.
        fix_index: name the new files in the index, as a script or `sed` did.
        suffix: of the weight files.
        release: which one; for `tensors` it has to be 0.5.1 or later.
    """
    python = python_of(Path(sys.prefix) / FOLDERS[release])
    if not python.exists():
        if os.environ.get("CI"):
            pytest.fail(f"continuous integration has to have an environment with {release}")
        pytest.skip(f"no environment with {release}: make test makes one where pip can install it")
    files = sorted(folder.glob(f"*{suffix}"))
    assert files
    key = (release, kind, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))
    if key not in _written:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        writer = Path(__file__).parent / "old_weights.py"
        before = set(folder.iterdir())
        subprocess.run([python, writer, kind, *files], check=True, env=environment)
        _written[key] = {path.name: path.read_bytes() for path in set(folder.iterdir()) - before}
    for name, content in _written[key].items():
        (folder / name).write_bytes(content)
    for file in files:
        file.unlink()
    index = folder / INDEX
    if fix_index and index.exists():
        new = ".safetensors.znn" if kind == "whole" else ".znn.safetensors"
        index.write_text(index.read_text().replace(".safetensors", new))


def put_in_cache(folder: Path, repository: str, cache: Path) -> Path:
    """Lay a folder out as the cache of the Hub does, linked; gives the snapshot."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    root = cache / f"models--{repository.replace('/', '--')}"
    shutil.rmtree(root, ignore_errors=True)
    snapshot = root / "snapshots" / commit
    for part in (snapshot, root / "blobs", root / "refs"):
        part.mkdir(parents=True)
    (root / "refs" / "main").write_text(commit)
    for file in folder.iterdir():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        shutil.copy2(file, root / "blobs" / digest)
        (snapshot / file.name).symlink_to(Path("..", "..", "blobs", digest))
    return snapshot


def save_phi(folder: Path) -> Any:
    """A small Phi-3 in two files, with a tokenizer that chats; gives the model."""
    import torch
    import transformers

    torch.manual_seed(4)
    config = transformers.Phi3Config(
        vocab_size=64,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
    )
    model = transformers.Phi3ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="110KB")
    assert len(json.loads((folder / INDEX).read_text())["weight_map"]) > 2
    assert len(list(folder.glob("*.safetensors"))) == 2
    save_tokenizer(folder, chat_template=_TEMPLATE)
    return model
