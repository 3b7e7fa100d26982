# SPDX-License-Identifier: MIT
"""Refusals of `safe_open` that code written for safetensors already knows how to catch.

safetensors raises its own `SafetensorError` for a name that is not there, an index out of range, a
closed file. Whoever catches that class has imported safetensors; so where it is imported, our
refusals are of that class too. They are always a `ZipnnError` and the fitting built-in class.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from ..errors import ZipnnError


def refusal(builtin: type[Exception], message: str) -> ZipnnError:
    """An exception that is a `ZipnnError`, a `builtin` and, where there is one, a `SafetensorError`."""
    foreign = getattr(sys.modules.get("safetensors"), "SafetensorError", None)
    kind: Any = builtin
    return _joint_class(kind, foreign)(message)


@functools.cache
def _joint_class(builtin: Any, foreign: Any) -> type[ZipnnError]:
    bases = (ZipnnError, builtin) if foreign is None else (ZipnnError, foreign, builtin)
    members = {
        "__module__": __name__,
        "__doc__": refusal.__doc__,
        # KeyError would show the repr of the message.
        "__str__": Exception.__str__,
        # The class has no importable name, so a pickle calls `refusal` again.
        "__reduce__": lambda self: (refusal, (builtin, str(self))),
    }
    return type(f"Refused{builtin.__name__}", bases, members)
