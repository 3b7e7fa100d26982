# SPDX-License-Identifier: MIT
"""What all tests share: the settings of Hypothesis and the real models."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from scripts.fetch_models import DownloadError, fetch

# Times depend on the machine, so they decide nothing here. The rest is Hypothesis's own choice
# (in continuous integration: the same examples in every run).
settings.register_profile("zipnn", settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("zipnn")


@pytest.fixture(scope="session")
def real_model() -> Callable[[str], Path]:
    """Gives the path of a real model by its name in `scripts/fetch_models.py`.

    A model that is not there is fetched. Where that is impossible the test is skipped, but in
    continuous integration (`CI` is set) it fails.
    """

    @functools.cache
    def path_of(name: str) -> Path:
        try:
            return fetch([name])[name]
        except DownloadError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"{name} is not there and cannot be fetched: {error}")

    return path_of
