# SPDX-License-Identifier: MIT
"""Which checkpoint of a series is meant: by number or name."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import SupportsIndex

from ..errors import ZipnnError
from .manifest import Checkpoint, Manifest

Which = SupportsIndex | str
"""A checkpoint: its number, or its name, of which the last one counts. As text a number is `#2`, or `2`
where no other checkpoint is called that."""

_SHOWN = 10


def find(manifest: Manifest, which: Which) -> Checkpoint:
    """The checkpoint that is meant.

    Raises:
        TypeError: `which` is neither a number nor text.
        ZipnnError: there is none, or the text is the name of one and the number of another.
    """
    if not isinstance(which, str):
        found = manifest.checkpoints.get(_number(which))
    else:
        numbered = re.fullmatch("(#?)([0-9]{1,18})", which)
        found = manifest.checkpoints.get(int(numbered[2])) if numbered else None
        if not (numbered and numbered[1]):
            found = _named(manifest, which, found)
    if found is None:
        raise ZipnnError(f"there is no checkpoint {which!r} in the series, but {_known(manifest)}")
    return found


def kept(manifest: Manifest, keep: SupportsIndex | Iterable[Which]) -> set[int]:
    """The numbers of those to keep: so many of the last, or these.

    Raises:
        TypeError: `keep` is none of both.
        ValueError: it is less than nothing.
        ZipnnError: see `find`.
    """
    if not isinstance(keep, SupportsIndex):
        if isinstance(keep, str) or not isinstance(keep, Iterable):
            raise TypeError("keep is a number, or a list of numbers and names")
        return {find(manifest, which).number for which in keep}
    count = operator.index(keep)
    if count < 0:
        raise ValueError(f"keep is {count}: give how many to keep, or a list of which")
    return set(list(manifest.checkpoints)[max(0, len(manifest.checkpoints) - count) :])


def _number(which: SupportsIndex) -> int:
    try:
        return operator.index(which)
    except TypeError:
        raise TypeError(f"a checkpoint is given by number or name, not by {type(which).__name__}") from None


def _named(manifest: Manifest, name: str, numbered: Checkpoint | None) -> Checkpoint | None:
    """The last of that name, else the one whose number that is."""
    known = [checkpoint for checkpoint in manifest.checkpoints.values() if checkpoint.name == name]
    if numbered and known and numbered != known[-1]:
        raise ZipnnError(
            f"{name!r} is the number of a checkpoint and the name of another one: "
            f"give '#{numbered.number}' for the first, '#{known[-1].number}' for the other"
        )
    return known[-1] if known else numbered


def _known(manifest: Manifest) -> str:
    last = list(manifest.checkpoints.values())[-_SHOWN:]
    more = "..., " if len(last) < len(manifest.checkpoints) else ""
    return more + ", ".join(f"{one.number} ({one.name!r})" for one in last) if last else "none"
