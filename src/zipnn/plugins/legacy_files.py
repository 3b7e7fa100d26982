# SPDX-License-Identifier: MIT
"""Checkpoints under the names that zipnn 0.5 gave them, in folders and in the cache of the Hub."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..containers import kinds

SUFFIX = ".znn"
_INFIX = kinds.COMPRESSED_SUFFIX
_SAFE, _TORCH = "model.safetensors", "pytorch_model.bin"
_INDEX = ".index.json"

Find = Callable[[str], "Path | None"]


@dataclass(frozen=True)
class Checkpoint:
    """One model's weight files.

    Attributes:
        name: the plain name of the single file, or of the first in an index.
        files: where each file is, by its plain name.
        index: the content of the index, naming plain names; None where there is no index.
        index_path: where the index is.
    """

    name: str
    files: dict[str, Path]
    index: dict[str, Any] | None = None
    index_path: Path | None = None


def plain_name(name: str) -> str:
    """The name of a file before it was compressed."""
    name = name.removesuffix(SUFFIX)
    return name.removesuffix(_INFIX) + ".safetensors" if name.endswith(_INFIX) else name


def find_checkpoint(model: str, options: dict[str, Any], use_safetensors: bool | None) -> Checkpoint | None:
    """The checkpoint of a folder or repository, if files of it have such names.

    Args:
        model: folder or id of a repository.
        options: what transformers knows of the download: `subfolder`, `revision`, `variant`, ...
        use_safetensors: None for either kind of weights.

    Raises:
        FileNotFoundError: an index names a file that is not there under any name.
    """
    find = _in_folder(model, options) if os.path.isdir(model) else _in_hub(model, options)
    kinds = [_SAFE] if use_safetensors is not False else []
    kinds += [_TORCH] if not use_safetensors else []
    for kind in kinds:
        name = _with_variant(kind, options.get("variant"))
        single = _compressed(name, find)
        if single is not None:
            return Checkpoint(name, {name: single})
        index = find(_with_variant(kind + _INDEX, options.get("variant")))
        if index is not None:
            return _sharded(index, find)
    return None


def twins(files: Iterable[str]) -> list[str]:
    """Compressed files beside plain ones of the same name, which nobody reads any more."""
    names = [twin for file in files for twin in _candidates(file) if twin != file]
    return [name for name in names if os.path.isfile(name)]


def _sharded(index_path: Path, find: Find) -> Checkpoint | None:
    index = json.loads(index_path.read_bytes())
    names = sorted(set(index["weight_map"].values()))
    files: dict[str, Path] = {}
    for listed in names:
        name = plain_name(listed)
        found = find(name) or _compressed(name, find)
        if found is None:
            raise FileNotFoundError(f"{index_path} names {listed}, which is not there, compressed or not")
        files[name] = found
    if all(path.name == name for name, path in files.items()):
        return None
    index["weight_map"] = {tensor: plain_name(name) for tensor, name in index["weight_map"].items()}
    return Checkpoint(min(files), files, index, index_path)


def _compressed(name: str, find: Find) -> Path | None:
    return next((found for candidate in _candidates(name) if (found := find(candidate)) is not None), None)


def _candidates(name: str) -> list[str]:
    if not name.endswith(".safetensors"):
        return [name + SUFFIX]
    infix = name if name.endswith(_INFIX) else name.removesuffix(".safetensors") + _INFIX
    return [name + SUFFIX, infix]


def _with_variant(name: str, variant: Any) -> str:
    if not variant:
        return name
    parts = name.split(".")
    place = len(parts) - (2 if name.endswith(_INDEX) else 1)
    return ".".join([*parts[:place], str(variant), *parts[place:]])


def _in_folder(model: str, options: dict[str, Any]) -> Find:
    folder = Path(model, options.get("subfolder") or "")

    def find(name: str) -> Path | None:
        path = folder / name
        return path if path.is_file() else None

    return find


def _in_hub(model: str, options: dict[str, Any]) -> Find:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    taken = ("cache_dir", "revision", "token", "local_files_only")
    chosen = {key: options[key] for key in taken if options.get(key) is not None}
    subfolder = options.get("subfolder") or None

    def find(name: str) -> Path | None:
        try:
            return Path(hf_hub_download(model, name, subfolder=subfolder, **chosen))
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError):
            return None

    return find
