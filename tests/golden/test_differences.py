# SPDX-License-Identifier: MIT
"""Golden differences (docs/format.md, 2.8): what a release has written decodes for ever."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from scripts import golden_differences
from scripts.golden_differences import FORMS, Case
from tests.reference import BadFrameError, read_frame
from zipnn import differences, dtypes, errors

FOLDER = Path(__file__).parent / "differences"
MANIFEST: dict[str, dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text())
CASES = list(golden_differences.all_cases())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_difference(case: Case) -> None:
    entry, frame = MANIFEST[case.name], (FOLDER / f"{case.name}.frame").read_bytes()
    if "error" in entry:
        expected = getattr(errors, entry["error"])
        with pytest.raises(expected) as caught:
            differences.decode(frame, case.base)
        assert type(caught.value) is expected
        with pytest.raises(BadFrameError):
            read_frame(frame, case.base)
        return
    data = bytes(differences.decode(frame, case.base))
    assert len(data) == entry["size"]
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    assert data == read_frame(frame, case.base).data
    tensor = bytearray(case.base)
    differences.apply_in_place(frame, memoryview(tensor))
    assert tensor == data


def test_the_manifest_lists_every_file_and_they_are_small() -> None:
    sizes = {path.stem: path.stat().st_size for path in FOLDER.glob("*.frame")}
    assert set(sizes) == set(MANIFEST) == {case.name for case in CASES}
    assert max(sizes.values()) <= golden_differences.LARGEST
    assert sum(sizes.values()) < 250_000


def test_every_dtype_and_form_has_a_golden_file() -> None:
    for name in dtypes.BY_NAME:
        assert {MANIFEST[f"{name}-{form}"]["form"] for form in FORMS} == set(FORMS)
    assert "rans" in MANIFEST["BF16-by-base"]["codec"]


def test_the_script_adds_what_is_missing_and_rewrites_nothing(tmp_path: Path) -> None:
    golden_differences.main(tmp_path)
    (tmp_path / "BF16-dense.frame").write_bytes(b"older")
    golden_differences.main(tmp_path)
    assert (tmp_path / "BF16-dense.frame").read_bytes() == b"older"
    assert json.loads((tmp_path / "manifest.json").read_text()) == MANIFEST
