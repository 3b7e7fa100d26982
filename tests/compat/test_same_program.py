# SPDX-License-Identifier: MIT
"""One program text under zipnn 0.5.4 and under this zipnn: the same types, values and errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.old_release import RELEASE, python_of

PROGRAM = Path(__file__).parent / "program.py"
FOLDER = Path(os.environ.get("ZIPNN_OLD_RELEASE", Path(sys.prefix) / "old"))

pytest.importorskip("torch")


def test_a_program_for_the_old_release_sees_no_difference(tmp_path: Path) -> None:
    python = python_of(FOLDER)
    if not python.exists():
        pytest.skip(f"no environment with {RELEASE}: make test makes one where pip can install it")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    seen = []
    for interpreter in (str(python), sys.executable):
        answers = tmp_path / f"{len(seen)}.json"
        subprocess.run(
            [interpreter, "-W", "ignore", PROGRAM, answers], check=True, env=environment, capture_output=True
        )
        seen.append(json.loads(answers.read_text()))
    old, new = seen
    assert len(old) > 100
    assert {name: (old[name], new.get(name)) for name in old if old[name] != new.get(name)} == {}
    assert old.keys() == new.keys()
