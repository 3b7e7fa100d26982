# SPDX-License-Identifier: MIT
"""Real models: how small they get, and that they come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import zipnn
from benchmarks import archives
from benchmarks.sizes import ASTRA, CASES, MINILM, Case, measure
from scripts.fetch_models import sha256_of

BOUNDS = [
    pytest.param(case, level, bound, id=f"{case.name}, {level}")
    for case in CASES
    for level, bound in case.bounds.items()
]
SMALL = ("silero-vad-16k-f32.safetensors", "fracast-f32.safetensors", "fracast-int8.safetensors")

RealModel = Callable[[str], Path]


@pytest.mark.parametrize(("case", "level", "bound"), BOUNDS)
def test_size_is_within_its_bound(
    case: Case, level: str, bound: float, real_model: RealModel, tmp_path: Path
) -> None:
    if case.model == ASTRA:
        pytest.importorskip("torch", reason="torch reads this model")
    size, small = measure(case, real_model(case.model), tmp_path, [level])[level]
    assert 100 * small / size <= bound


@pytest.mark.parametrize("case", archives.CASES, ids=lambda case: case.name)
def test_an_archive_is_within_its_bound(case: archives.Case, real_model: RealModel, tmp_path: Path) -> None:
    if case.model.endswith(".h5"):
        pytest.importorskip("h5py")
    original = real_model(case.model)
    result = zipnn.compress_file(original, tmp_path / "small")  # which compares it with the original
    assert result.action == "compressed"
    assert 100 * result.compressed_size / result.original_size <= case.bound


@pytest.mark.parametrize("level", ["fast", "default", "max"])
@pytest.mark.parametrize("name", SMALL)
def test_a_small_model_gets_smaller_and_comes_back(
    name: str, level: str, real_model: RealModel, tmp_path: Path
) -> None:
    original, compressed, restored = real_model(name), tmp_path / "small", tmp_path / "restored"
    zipnn.compress_file(original, compressed, level=level)
    zipnn.decompress_file(compressed, restored)
    assert sha256_of(restored) == sha256_of(original)
    assert compressed.stat().st_size < original.stat().st_size


def test_a_compressed_model_loads_as_the_plain_one(real_model: RealModel, tmp_path: Path) -> None:
    original, compressed = real_model(MINILM), tmp_path / "small.safetensors"
    zipnn.compress_file(original, compressed)
    expected, actual = safetensors.numpy.load_file(original), zipnn.load_file(compressed)
    assert expected.keys() == actual.keys()
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype
        np.testing.assert_array_equal(actual[name], array, strict=True)
