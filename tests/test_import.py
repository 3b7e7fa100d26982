# SPDX-License-Identifier: MIT
"""What `import zipnn` brings, and what it leaves alone."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import zipnn

OPTIONAL = {"torch", "ml_dtypes", "safetensors", "transformers", "huggingface_hub", "xxhash"}
PUBLIC = {
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
}


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    probe = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    return set(result.stdout.split())


def added_by(statement: str) -> set[str]:
    """The top-level modules that a statement brings into a fresh interpreter."""
    return modules_after(statement) - modules_after("pass")


def test_import_brings_no_other_package_than_numpy() -> None:
    added = added_by("import zipnn")
    assert "zipnn" in added
    assert added & (OPTIONAL | {"backports"}) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "import zipnn.cli.main",
        "from zipnn import ZipNN; z = ZipNN(); z.decompress(z.compress(bytes(5000)))",
        "import zipnn.zipnn, zipnn.util_header, zipnn.util_patch",
        "import numpy, zipnn; zipnn.decompress(zipnn.compress(numpy.arange(5000, dtype='f4')))",
    ],
)
def test_work_without_a_framework_imports_none(statement: str) -> None:
    assert added_by(statement) & OPTIONAL == set()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_name_is_there(name: str) -> None:
    assert getattr(zipnn, name) is not None
    assert name in dir(zipnn)


def test_public_names_are_all_that_is_exported() -> None:
    assert set(zipnn.__all__) == PUBLIC


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = zipnn.no_such_name


def test_version_is_that_of_the_package() -> None:
    assert zipnn.__version__ == importlib.metadata.version("zipnn")


@pytest.mark.parametrize("name", sorted(name for name in PUBLIC if name.endswith("Error")))
def test_every_error_is_a_zipnn_error(name: str) -> None:
    assert issubclass(getattr(zipnn, name), zipnn.ZipnnError)
