# SPDX-License-Identifier: MIT
"""Every exception that zipnn raises on purpose, and how a message gets its place.

`ZipnnError` is the root. The classes of wrong input are `ValueError`s as well, so that code that
knows nothing of zipnn treats them as such. Misuse of the API (a wrong argument type, an unknown
level) raises the built-in `TypeError` or `ValueError`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class ZipnnError(Exception):
    """Root of all zipnn errors. The message names the file, the tensor and the chunk where known."""


class FormatError(ZipnnError, ValueError):
    """The input is not of the kind that the operation needs."""


class CorruptError(FormatError):
    """The input is of the right kind but damaged: a checksum, a size or a code does not hold."""


class UnsupportedVersionError(FormatError):
    """The input was written by a newer zipnn (or uses a feature that this one does not know)."""


class OutputExistsError(ZipnnError, FileExistsError):
    """The output is there already and `force` was not given."""


class OutputInTheWayError(OutputExistsError):
    """What is there is nothing that an output replaces, with `force` or without."""


class MismatchError(ZipnnError):
    """Two things that should be equal are not: a restored file and its original, or two models."""


class BaseMismatchError(MismatchError):
    """The base at hand is not the one that a difference was made to."""


class AlreadyAppliedError(BaseMismatchError):
    """The tensors are at the version already that a patch leads to."""


class BaseRequiredError(ZipnnError):
    """The input is a difference, and what is asked of it cannot be had without its base."""


class MissingDependencyError(ZipnnError, ImportError):
    """An optional package is needed for this input. The message says what to install."""


def other_version(what: str, version: int | str) -> UnsupportedVersionError:
    """The error for `what` of a format version that is not 1: it says which zipnn reads that.

    Version N came with zipnn N.0: see the rules for change in docs/format.md.
    """
    number = int(version) if str(version).isdecimal() and len(str(version)) <= 3 else 0
    remedy = f"needs zipnn >= {number}.0" if number > 1 else "is not known"
    return UnsupportedVersionError(f"{what} of format version {version} {remedy}; this zipnn reads version 1")


@contextlib.contextmanager
def error_place(place: str) -> Iterator[None]:
    """Put `place` ("file x", "tensor y") in front of the message of a `ZipnnError` raised inside.

    The innermost place comes last: `file a.safetensors: tensor w: chunk 3: checksum differs`.
    """
    try:
        yield
    except ZipnnError as error:
        if isinstance(error, OSError):
            raise
        error.args = (f"{place}: {error}", *error.args[1:])
        if isinstance(error, ImportError):
            error.msg = error.args[0]  # what str() shows of these
        raise
