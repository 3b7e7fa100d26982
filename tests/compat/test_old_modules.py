# SPDX-License-Identifier: MIT
"""The modules that programs for zipnn 0.5 import, where `test_same_program` does not reach."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zipnn
import zipnn.zipnn
from zipnn import util_patch
from zipnn.compat.description import pack_shape, unpack_shape

NAMES = {
    "zipnn": [
        "ZipNN",
        "SafeOpen",
        "decompress_safetensors_tensor",
        "replace_in_file",
        "zipnn_hf",
        "zipnn_safetensors",
    ],
    "util_header": ["EnumMethod", "EnumFormat", "EnumLossy", "bools_to_bitmask"],
    "util_patch": ["multi_process_patcher", "TargetWrapper", "patches_applied"],
}
OF_TORCH = {
    "util_torch": [
        "ZipNNDtypeEnum",
        "zipnn_pack_shape",
        "zipnn_unpack_shape",
        "zipnn_is_floating_point",
        "zipnn_get_dtype_bits",
        "zipnn_multiply_if_max_below",
        "zipnn_divide_int",
    ],
    "util_safetensors": [
        "METADATA_KEY",
        "COMPRESSION_METHOD",
        "COMPRESSED_DTYPE",
        "CompressedTensorInfo",
        "build_compressed_tensor_info",
        "set_compressed_tensors_metadata",
        "get_compressed_tensors_metadata",
    ],
}


@pytest.mark.parametrize("module", [*NAMES, *OF_TORCH])
def test_names_can_be_imported_first_thing(module: str) -> None:
    if module in OF_TORCH:
        pytest.importorskip("torch")
    names = ", ".join({**NAMES, **OF_TORCH}[module])
    program = f"from zipnn.{module} import {names}; import zipnn; zipnn.compress(b'')"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_the_submodule_does_not_hide_the_package() -> None:
    assert zipnn.zipnn.ZipNN is zipnn.ZipNN
    with pytest.raises(AttributeError, match="no_such"):
        _ = zipnn.zipnn.no_such


@pytest.mark.parametrize("shape", [(), (0,), (255, 256), (65535, 65536, 1), (1 << 32, 3)])
def test_shapes_of_any_size(shape: tuple[int, ...]) -> None:
    packed = pack_shape(shape)
    assert unpack_shape(packed + b"more") == (shape, len(packed))
    for size in range(1, len(packed)):
        with pytest.raises(ValueError, match="damaged or cut off"):
            unpack_shape(packed[:size])


def test_safe_open_takes_what_it_took(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    zipnn.save_file({"w": np.arange(6.0)}, path)
    with zipnn.zipnn.SafeOpen(path, "np", "cpu") as file:
        assert file.get_tensor("w").tolist() == list(range(6))


def _mark() -> None:
    os.environ["ZIPNN_TEST_MARK"] = "marked"


class _WithoutTarget(multiprocessing.Process):
    def run(self) -> None:
        pass


def test_a_patch_reaches_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", multiprocessing.Process.start)
    monkeypatch.setenv("ZIPNN_TEST_MARK", "")
    util_patch.multi_process_patcher(_mark)
    util_patch.multi_process_patcher(_mark)
    assert os.environ["ZIPNN_TEST_MARK"] == "marked"
    assert _mark in util_patch.patches_applied
    util_patch.patches_applied.discard(_mark)
    os.environ["ZIPNN_TEST_MARK"] = ""
    wrapped = util_patch.TargetWrapper(os.getenv, _mark)
    assert wrapped("ZIPNN_TEST_MARK") == "marked"
    for kind in (multiprocessing.Process, _WithoutTarget):
        process = kind()
        process.start()
        process.join()
        assert process.exitcode == 0
