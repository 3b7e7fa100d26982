# SPDX-License-Identifier: MIT
"""Where zipnn 0.5 had these; see `compat`."""

from .compat.old_helpers import TargetWrapper, multi_process_patcher, patches_applied

__all__ = ["TargetWrapper", "multi_process_patcher", "patches_applied"]
