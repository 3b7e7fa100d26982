# SPDX-License-Identifier: MIT
"""One object put in the place of another wherever modules hold it."""

from __future__ import annotations

import sys
from types import ModuleType


def rebind(old: object, new: object) -> None:
    """Replace `old` by `new` in the namespaces of all modules."""
    for module in list(sys.modules.values()):
        if not isinstance(module, ModuleType):
            continue
        # The namespace, not getattr: asking lazy modules would import what they stand for.
        space = module.__dict__
        for name in [name for name, value in list(space.items()) if value is old]:
            space[name] = new
