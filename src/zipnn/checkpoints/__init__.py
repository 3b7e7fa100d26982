# SPDX-License-Identifier: MIT
"""A series of checkpoints in one folder: each as what changed since the one before (docs/series.md)."""

from __future__ import annotations

from .manifest import Checkpoint
from .series import Checked, Series

__all__ = ["Checked", "Checkpoint", "Series"]
