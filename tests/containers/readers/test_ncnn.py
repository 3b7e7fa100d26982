# SPDX-License-Identifier: MIT
"""ncnn's weights: where half precision ends and biases begin, which the file does not say."""

from __future__ import annotations

import numpy as np
import pytest

from tests.containers.archive.test_segments import Bytes
from zipnn.containers.archive.reading import Archive
from zipnn.containers.archive.writing import write_archive
from zipnn.containers.contents import Contents
from zipnn.containers.readers import read_contents

TAG = (0x01306B47).to_bytes(4, "little")
RNG = np.random.default_rng(6)


def layer(channels: int, inputs: int, scale: float = 0.05, biases: bool = True) -> bytes:
    """A convolution's weights and biases, as ncnn writes them."""
    weights = (RNG.standard_normal(channels * inputs) * scale).astype(np.float16).tobytes()
    bias = (RNG.standard_normal(channels) * 0.01).astype(np.float32).tobytes() if biases else b""
    return TAG + weights + bytes(-len(weights) % 4) + bias


def found(content: bytes) -> list[tuple[int, int, str]]:
    contents = read_contents(Bytes(content))
    assert contents.format == "ncnn"
    return [(extent.offset, extent.size, extent.dtype) for extent in contents.extents]


def test_weights_and_biases_are_told_apart() -> None:
    sizes = [(64, 27), (32, 576), (32, 864), (48, 432), (256, 2304)]
    layers = [layer(*size) for size in sizes]
    expected, at = [], 0
    for (channels, inputs), data in zip(sizes, layers, strict=True):
        expected.append((at + 4, channels * inputs * 2, "F16"))
        expected.append((at + len(data) - 4 * channels, 4 * channels, "F32"))
        at += len(data)
    assert found(b"".join(layers)) == expected


def test_layers_without_biases() -> None:
    content = layer(64, 100, biases=False) + layer(64, 100, biases=False)
    assert found(content) == [(4, 12_800, "F16"), (12_808, 12_800, "F16")]


@pytest.mark.parametrize("cut", [4, 5, 6, 7, 8, 9, 100, 3461])
def test_what_is_cut_off_still_comes_back(cut: int) -> None:
    content = (layer(64, 27) + layer(32, 576))[:cut]
    sink = Bytes()
    write_archive(Bytes(content), sink, level="default")
    assert b"".join(piece for _, piece in Archive(sink).original_pieces()) == content


def test_other_files_are_not_taken_for_it() -> None:
    assert read_contents(Bytes(b"G0\1" + bytes(2000))) == Contents("bytes")
    assert read_contents(Bytes(TAG)).format == "bytes"


def test_noise_behind_the_tag_is_harmless() -> None:
    for seed in range(20):
        noise = np.random.default_rng(seed).bytes(30_000)
        content = TAG + b"".join(noise[at : at + 1500] + TAG for at in range(0, len(noise), 1500))
        at = 0
        for offset, size, _ in found(content):
            assert at <= offset < offset + size <= len(content)
            at = offset + size
