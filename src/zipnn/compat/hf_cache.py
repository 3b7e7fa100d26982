# SPDX-License-Identifier: MIT
"""`--hf_cache`: where the scripts meet the Hugging Face cache."""

from __future__ import annotations

from pathlib import Path

from ..conversion import FileResult


def compress_in_cache(file: Path, threads: int) -> FileResult:
    raise NotImplementedError


decompress_in_cache = compress_in_cache


def compress_model(model: str, branch: str, folder: Path, suffix: str, threads: int) -> list[FileResult]:
    raise NotImplementedError


def decompress_model(model: str, branch: str, folder: Path, threads: int) -> list[FileResult]:
    raise NotImplementedError
