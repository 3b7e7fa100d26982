# SPDX-License-Identifier: MIT
"""Damaged files are read as what is left of them, or as bytes; no place is outside of the file."""

from __future__ import annotations

import random

import pytest

from tests.containers.readers.memory import MemorySource
from tests.containers.readers.samples import damaged, samples
from zipnn.containers.contents import Contents
from zipnn.containers.readers import read_contents

SAMPLES = [pytest.param(data, id=name) for name, data in samples().items()]
CUTS = 150
DAMAGES = 400


def read(data: bytes) -> Contents:
    source = MemorySource(data)
    contents = read_contents(source)
    assert source.bytes_read <= 100 * len(data) + (1 << 20)
    for place in (*contents.tensors, *contents.extents, *contents.deflated):
        whole = len(data)
        if getattr(place, "member", None) is not None:
            whole = contents.deflated[place.member].inflated_size
        assert 0 <= place.offset <= place.offset + place.size <= whole
    return contents


@pytest.mark.parametrize("data", SAMPLES)
def test_the_whole_file_is_read(data: bytes) -> None:
    contents = read(data)
    assert contents.format != "bytes"
    assert contents.tensors


@pytest.mark.parametrize("data", SAMPLES)
def test_truncated_files(data: bytes) -> None:
    for size in range(0, len(data), max(1, len(data) // CUTS)):
        read(data[:size])


@pytest.mark.parametrize("data", SAMPLES)
def test_damaged_files(data: bytes) -> None:
    generator = random.Random(6)
    for _ in range(DAMAGES):
        read(damaged(data, generator))
