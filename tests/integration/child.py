# SPDX-License-Identifier: MIT
"""Running a piece of Python in a process of its own, with the zipnn of this test run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def start(code: str, *arguments: Path | str) -> subprocess.Popen[str]:
    """Start it; `arguments` are its `sys.argv[1:]`. Both outputs come together."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(code: str, *arguments: Path | str) -> str:
    """Its output, when it has ended well."""
    with start(code, *arguments) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    return output
