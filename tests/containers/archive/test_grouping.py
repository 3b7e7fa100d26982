# SPDX-License-Identifier: MIT
"""Parts without names share frames with those of their scale."""

from __future__ import annotations

import numpy as np
import pytest

from tests.containers.archive.test_segments import Bytes, archived
from zipnn.containers.archive import limits
from zipnn.containers.archive.grouping import groups
from zipnn.containers.contents import Extent

SCALES = [0.001, 1.0, 0.05] * 8


def content() -> tuple[bytes, tuple[Extent, ...]]:
    rng = np.random.default_rng(2)
    parts = [(rng.standard_normal(10_000) * scale).astype(np.float16).tobytes() for scale in SCALES]
    joined = b"".join(b"TAG!" + part for part in parts)
    return joined, tuple(Extent(at + 4, 20_000, "F16") for at in range(0, len(joined), 20_004))


def test_parts_of_one_scale_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GROUP", 160_000)
    data, extents = content()
    made = list(groups(extents, Bytes(data)))
    assert sorted(extent.offset for group in made for extent in group) == [e.offset for e in extents]
    for group in made:
        assert [extent.offset for extent in group] == sorted(extent.offset for extent in group)
        assert len({SCALES[(extent.offset - 4) // 20_004] for extent in group}) == 1


def test_windows_bound_what_is_needed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GROUPING_WINDOW", 100_000)
    data, extents = content()
    for group in groups(extents, Bytes(data)):
        assert group[-1].offset - group[0].offset < 110_000


def test_they_take_less_together_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GROUP", 160_000)
    data, extents = content()
    together = archived(data, extents=extents)
    assert {len(segment.pieces) for segment in together.segments} == {8, 24}
    monkeypatch.setattr(limits, "GROUPED", 0)
    assert together.size < archived(data, extents=extents).size


def test_what_is_no_whole_elements_stays_alone() -> None:
    content = bytes(range(256)) * 40
    archive = archived(content, extents=(Extent(0, 9001, "F32"), Extent(9002, 1001, "F16")))
    assert archive.original_size == len(content)
