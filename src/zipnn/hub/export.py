# SPDX-License-Identifier: MIT
"""A model's folder as it is uploaded: compressed weights, everything else, and how to load it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..containers import kinds
from ..conversion import FileResult, Progress
from ..errors import FormatError
from ..storage.locations import local_path
from ..trees import compress_tree

StrPath = str | os.PathLike[str]

NAMES = ("ordinary", "znn")
_INDEX = "model.safetensors.index.json"
_HEADING = "## Compressed without loss"
_NOT_PUBLISHED = frozenset({".git", ".cache"})  # a clone's objects, and what downloads leave
_ATTRIBUTES = ("*.safetensors filter=lfs diff=lfs merge=lfs -text",)


def export_model(
    source: StrPath,
    output: StrPath,
    *,
    name: str = "ordinary",
    level: str = "default",
    threads: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> list[FileResult]:
    """Make a folder to upload out of a model's: smaller weights, everything else as it is, but for
    `.git` and `.cache`.

    The model card gets a section with the sizes and how to load it, `.gitattributes` the rule that
    keeps weights in large-file storage.

    Args:
        source: the model's folder.
        output: a folder outside it, new or empty.
        name: "ordinary" keeps the names of weights, so that every loader finds them and those without
            zipnn fail on the shapes. "znn" calls them `NAME.znn.safetensors` and tells transformers so
            (`transformers_weights` in config.json), so that nothing takes them for plain ones.
        level: fast, default or max.
        threads: 0 for the default number.
        force: write into an output that is not empty.
        progress: called with (bytes done, total) of all files.

    Returns:
        A result for each file. If one failed, names and model card are left as they were.

    Raises:
        ValueError: the name is not known.
        FormatError: config.json or the index is not what it should be.
        OutputExistsError, ZipnnError, OSError: as `compress_tree`.
    """
    if name not in NAMES:
        raise ValueError(f"name {name!r} is not known: choose from {', '.join(NAMES)}")
    results = compress_tree(
        source, output, level=level, threads=threads, force=force, skip=_NOT_PUBLISHED, progress=progress
    )
    if any(result.action == "failed" for result in results):
        return results
    root = Path(output)
    if name == "znn":
        results = _rename(root, results)
    compressed = [result for result in results if result.action == "compressed"]
    if compressed:
        _add_section(root / "README.md", compressed)
        _add_attributes(root / ".gitattributes")
    return results


def _rename(root: Path, results: list[FileResult]) -> list[FileResult]:
    """Give the compressed weights beside config.json their other name, and tell who looks for them."""
    renamed: dict[str, str] = {}
    kept: list[FileResult] = []
    for result in results:
        place = None if result.output is None else local_path(result.output)
        if result.action == "compressed" and place is not None and place.parent == root:
            target = place.with_name(place.name.removesuffix(kinds.SUFFIX) + kinds.COMPRESSED_SUFFIX)
            renamed[place.name] = target.name
            os.rename(place, target)
            place = target
        kept.append(dataclasses.replace(result, output=place))
    first = renamed.get(f"model{kinds.SUFFIX}")
    index = root / _INDEX
    if index.is_file():
        content = _read_object(index)
        weights = content.get("weight_map")
        if not isinstance(weights, dict):
            raise FormatError(f"file {index}: it has no weight_map")
        content["weight_map"] = {tensor: renamed.get(file, file) for tensor, file in weights.items()}
        first = index.name.replace(kinds.SUFFIX, kinds.COMPRESSED_SUFFIX, 1)
        index.unlink()
        _write_object(root / first, content)
    config = root / "config.json"
    if first is not None and config.is_file():
        _write_object(config, {**_read_object(config), "transformers_weights": first})
    return kept


def _add_section(card: Path, results: Iterable[FileResult]) -> None:
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if _HEADING in text:
        return
    before = sum(result.original_size for result in results)
    after = sum(result.compressed_size for result in results)
    section = f"""{_HEADING}

The weights are stored with zipnn: {after / 1e9:.2f} GB instead of {before / 1e9:.2f} GB
({100 * after / before:.1f} %), every bit as in the original.

```sh
pip install zipnn
```

```python
from zipnn import zipnn_hf

zipnn_hf()  # then load the model as ever: from_pretrained(...), pipeline(...)
```

`zipnn decompress . --in-place` gives the original files back, byte for byte.
"""
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    card.write_text(text + gap + section, encoding="utf-8")


def _add_attributes(path: Path) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    missing = [rule for rule in _ATTRIBUTES if rule not in text.splitlines()]
    if missing:
        gap = "" if not text or text.endswith("\n") else "\n"
        path.write_text(text + gap + "\n".join(missing) + "\n", encoding="utf-8")


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise FormatError(f"file {path}: not JSON: {error}") from None
    if not isinstance(content, dict):
        raise FormatError(f"file {path}: not a JSON object")
    return content


def _write_object(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
