# SPDX-License-Identifier: MIT
"""Lossless compression of AI model files that loads as if nothing had happened.

The names below are the public interface. Each is imported from its module when it is first used, so
that `import zipnn` stays cheap.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zipnn import dcp, hf, torch
    from zipnn.access.loading import load_file, safe_open
    from zipnn.access.opening import ModelFile, open  # noqa: A004
    from zipnn.access.saving import save_file
    from zipnn.access.writing import open_writer
    from zipnn.arrays.tensors import compress, decompress
    from zipnn.compat.classic import ZipNN
    from zipnn.delta.files import apply_delta, make_delta
    from zipnn.delta.patches import apply_patch, patch, write_patch
    from zipnn.errors import (
        AlreadyAppliedError,
        BaseMismatchError,
        BaseRequiredError,
        CorruptError,
        FormatError,
        MismatchError,
        MissingDependencyError,
        OutputExistsError,
        UnsupportedVersionError,
        ZipnnError,
    )
    from zipnn.files import FileResult, VerifyResult, compress_file, decompress_file, verify_file
    from zipnn.folders import archive_folder, restore_folder
    from zipnn.plugins.hooks import zipnn_hf, zipnn_safetensors, zipnn_unhook
    from zipnn.plugins.modules import compress_module, decompress_module
    from zipnn.plugins.saving import compress_on_save
    from zipnn.report.inspection import FileReport, TensorReport, inspect
    from zipnn.trees import compress_tree, decompress_tree, verify_tree

    __version__: str

__all__ = [
    "AlreadyAppliedError",
    "BaseMismatchError",
    "BaseRequiredError",
    "CorruptError",
    "FileReport",
    "FileResult",
    "FormatError",
    "MismatchError",
    "MissingDependencyError",
    "ModelFile",
    "OutputExistsError",
    "TensorReport",
    "UnsupportedVersionError",
    "VerifyResult",
    "ZipNN",
    "ZipnnError",
    "__version__",
    "apply_delta",
    "apply_patch",
    "archive_folder",
    "compress",
    "compress_file",
    "compress_module",
    "compress_on_save",
    "compress_tree",
    "dcp",
    "decompress",
    "decompress_file",
    "decompress_module",
    "decompress_tree",
    "hf",
    "inspect",
    "load_file",
    "make_delta",
    "open",
    "open_writer",
    "patch",
    "restore_folder",
    "safe_open",
    "save_file",
    "torch",
    "verify_file",
    "verify_tree",
    "write_patch",
    "zipnn_hf",
    "zipnn_safetensors",
    "zipnn_unhook",
]

_MODULES = {
    "zipnn.delta.patches": ("apply_patch", "patch", "write_patch"),
    "zipnn.errors": (
        "AlreadyAppliedError",
        "BaseMismatchError",
        "BaseRequiredError",
        "CorruptError",
        "FormatError",
        "MismatchError",
        "MissingDependencyError",
        "OutputExistsError",
        "UnsupportedVersionError",
        "ZipnnError",
    ),
    "zipnn.delta.files": ("apply_delta", "make_delta"),
    "zipnn.folders": ("archive_folder", "restore_folder"),
    "zipnn.files": ("FileResult", "VerifyResult", "compress_file", "decompress_file", "verify_file"),
    "zipnn.access.loading": ("load_file", "safe_open"),
    "zipnn.report.inspection": ("FileReport", "TensorReport", "inspect"),
    "zipnn.access.opening": ("ModelFile", "open"),
    "zipnn.access.saving": ("save_file",),
    "zipnn.access.writing": ("open_writer",),
    "zipnn.arrays.tensors": ("compress", "decompress"),
    "zipnn.compat.classic": ("ZipNN",),
    "zipnn.plugins.hooks": ("zipnn_hf", "zipnn_safetensors", "zipnn_unhook"),
    "zipnn.plugins.modules": ("compress_module", "decompress_module"),
    "zipnn.plugins.saving": ("compress_on_save",),
    "zipnn.trees": ("compress_tree", "decompress_tree", "verify_tree"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

logging.getLogger("zipnn").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.import_module("importlib.metadata").version("zipnn")
    elif name in ("dcp", "hf", "torch"):
        value = importlib.import_module(f"zipnn.{name}")
    elif name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'zipnn' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
