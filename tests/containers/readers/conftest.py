# SPDX-License-Identifier: MIT
"""Real models, as far as they are there already: these tests read many, and download none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.fetch_models import models_folder


@pytest.fixture
def present_model() -> Callable[[str], bytes]:
    """Gives the content of a real model by its name in `scripts/fetch_models.py`; skips where it is not."""

    def content_of(name: str) -> bytes:
        path: Path = models_folder() / name
        if not path.exists():
            pytest.skip(f"{name} is not there: scripts/fetch_models.py fetches it")
        return path.read_bytes()

    return content_of
