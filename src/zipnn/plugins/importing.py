# SPDX-License-Identifier: MIT
"""Something to do once a module is imported, be that long ago or yet to come."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Action = Callable[[ModuleType], None]


def when_imported(name: str, action: Action) -> None:
    """Call `action` with the module `name`: now if it is imported, else as soon as it is.

    What `action` raises is logged: other libraries' imports do not fail for it.
    """
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        _try(action, module)
        return
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.actions.setdefault(name, []).append(action)


def forget(action: Action) -> None:
    """Let what is yet to come do without `action`."""
    for name, actions in list(_FINDER.actions.items()):
        _FINDER.actions[name] = [other for other in actions if other is not action]


def _try(action: Action, module: ModuleType) -> None:
    try:
        action(module)
    except Exception:  # whatever the other library changed
        message = "cannot hook into %s %s; compressed models load without what this would add"
        version = getattr(sys.modules[module.__name__.partition(".")[0]], "__version__", "")
        logging.getLogger("zipnn").warning(message, module.__name__, version, exc_info=True)


class _Finder(MetaPathFinder):
    """Finds what the others find, and gives it a loader that acts afterwards."""

    def __init__(self) -> None:
        self.actions: dict[str, list[Action]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self.actions.get(fullname):
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None
            if find is not None and finder is not self:
                spec = find(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _ActingLoader(spec.loader, self.actions)
                return spec
        return None


class _ActingLoader(Loader):
    """Loads as another loader does, gives way to it, and acts."""

    def __init__(self, loader: Loader, actions: dict[str, list[Action]]) -> None:
        self._loader = loader
        self._actions = actions

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for action in self._actions.pop(module.__name__, []):
            _try(action, module)


_FINDER = _Finder()
