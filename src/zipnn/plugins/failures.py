# SPDX-License-Identifier: MIT
"""Errors of loading, in classes that code written for safetensors catches, with what to do about them."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any

from ..errors import CorruptError, FormatError, UnsupportedVersionError, ZipnnError


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Raise a `FormatError` from inside again, as a `SafetensorError` too and with a remedy."""
    try:
        yield
    except FormatError as error:
        raise loading_error(_plain(type(error)), f"{error}. {_remedy(error)}") from error


def loading_error(kind: type[ZipnnError], message: str) -> ZipnnError:
    """An exception of `kind` that is a `SafetensorError` too, where safetensors is imported."""
    foreign = getattr(sys.modules.get("safetensors"), "SafetensorError", None)
    hashable: Any = kind
    return _joint_class(hashable, foreign)(message)


def _plain(kind: type[FormatError]) -> type[FormatError]:
    return next(
        known for known in (UnsupportedVersionError, CorruptError, FormatError) if issubclass(kind, known)
    )


def _remedy(error: FormatError) -> str:
    if isinstance(error, UnsupportedVersionError):
        return "To upgrade: pip install --upgrade zipnn"
    if isinstance(error, CorruptError):
        return "This copy is damaged: fetch or copy the file again"
    return "`zipnn decompress` gives the original file, which loads without zipnn"


@functools.cache
def _joint_class(kind: Any, foreign: Any) -> type[ZipnnError]:
    bases = (kind,) if foreign is None else (kind, foreign)
    members = {
        "__module__": __name__,
        "__doc__": loading_error.__doc__,
        # The class has no importable name, so a pickle calls `loading_error` again.
        "__reduce__": lambda self: (loading_error, (kind, str(self))),
    }
    return type(kind.__name__, bases, members)
