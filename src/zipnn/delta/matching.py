# SPDX-License-Identifier: MIT
"""Which tensor of the base a tensor of the model is compared with.

A wrong guess costs time, never bytes: what is stored is the smaller of the difference and the tensor.
"""

from __future__ import annotations

import bisect
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from .. import _core
from ..containers.archive.differences import BaseTensor
from ..containers.archive.differing import Match
from ..containers.archive.index import Member
from ..containers.contents import StoredTensor
from ..errors import ZipnnError
from ..storage.filereader import Read, Source
from .base import BaseTensors

_PREFIXES = 3
"""So many leading parts of a name (`base_model.model.`) may have been added or dropped."""
_SAMPLE = 16 << 10
_TELLING = 64
"""Fewer bytes say little about which tensor they are of."""


def match(
    source: Source,
    tensors: Iterable[StoredTensor],
    members: Sequence[Member],
    base: BaseTensors,
    rename: Mapping[str, str] | None = None,
) -> list[Match]:
    """What of a model is compared with what of its base.

    Tried in turn, among tensors of the same dtype: what `rename` says, the same name in the same folder, the
    same name, the name with its first parts dropped or others before it, and last a tensor that has the same
    bytes at three places. The shapes are the same, or differ in the first dimension only.

    Args:
        source: the model.
        tensors: of the model.
        members: the files of a model that is a folder; then the tensors are called `FILE:NAME`.
        base: the base.
        rename: names of tensors of the base, and what these are called in the model.

    Raises:
        ZipnnError: `rename` has names that there are not.
    """
    tensors, rename = list(tensors), rename or {}
    names = _Names(base, rename)
    key_of = _key_in(members)
    _check_names(rename, base, map(key_of, tensors))
    matches: list[Match] = []
    left: list[StoredTensor] = []
    for tensor in tensors:
        if tensor.member is not None or tensor.strides is not None or tensor.big_endian or not tensor.size:
            continue
        found = next((own for own in names.candidates(*key_of(tensor)) if _fits(tensor, own)), None)
        if found is None:
            left.append(tensor)
        else:
            matches.append(Match(tensor.offset, min(tensor.size, base.size(found)), found))
    return matches + list(_by_content(source, left, base))


def _key_in(members: Sequence[Member]) -> Callable[[StoredTensor], tuple[str, str]]:
    """A function that gives folder and name of a tensor."""
    filled = [member for member in members if member.size]
    offsets = [member.offset for member in filled]

    def key(tensor: StoredTensor) -> tuple[str, str]:
        if not filled:
            return "", tensor.name
        if tensor.member is not None:  # its offset is one in what the file holds compressed
            return "", tensor.name.partition(":")[2]
        file = filled[bisect.bisect_right(offsets, tensor.offset) - 1].name
        return posixpath.dirname(file), tensor.name[len(file) + 1 :]

    return key


def _check_names(rename: Mapping[str, str], base: BaseTensors, keys: Iterable[tuple[str, str]]) -> None:
    """Raise `ZipnnError` if base or model have no tensor of a name, with or without its folder."""
    if not rename:
        return
    old, new = set(base.tensors), set[str]()
    old.update(key[len(folder) + 1 :] for key, folder in base.folders.items() if folder)
    for folder, name in keys:
        new.update((name, f"{folder}:{name}" if folder else name))
    for names, known, where in ((rename.keys(), old, "base"), (rename.values(), new, "model")):
        missing = [name for name in names if name not in known]
        if missing:
            raise ZipnnError(
                f"rename: the {where} has no {', '.join(map(repr, missing))}; zipnn ls lists names"
            )


class _Names:
    """The tensors of a base, by all that they may be called."""

    def __init__(self, base: BaseTensors, rename: Mapping[str, str]) -> None:
        self._tensors = base.tensors
        self._rename = {new: old for old, new in rename.items()}
        folders = set(base.folders.values())
        self._only_folder = folders if len(folders) == 1 else set()
        self._tails: dict[str, list[str]] = defaultdict(list)
        for key, folder in base.folders.items():
            for tail in _tails(key[len(folder) + 1 :] if folder else key):
                self._tails[f"{folder}:{tail}"].append(key)

    def candidates(self, folder: str, name: str) -> Iterator[BaseTensor]:
        """The tensors that one of that folder and name may have been, the likeliest first."""
        for wanted in (f"{folder}:{name}" if folder else name, name):
            if wanted in self._rename:
                yield from self._named(self._rename[wanted])
        name = self._rename.get(name, name)
        for place in dict.fromkeys((folder, "", *self._only_folder)):
            yield from self._named(f"{place}:{name}" if place else name)
            for tail in _tails(name):
                keys = self._tails.get(f"{place}:{tail}", [])
                if len(keys) == 1:
                    yield self._tensors[keys[0]]

    def _named(self, key: str) -> Iterator[BaseTensor]:
        if key in self._tensors:
            yield self._tensors[key]


def _tails(name: str) -> list[str]:
    """The name, and the name without its first parts."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(min(len(parts), _PREFIXES + 1))]


def _fits(tensor: StoredTensor, own: BaseTensor) -> bool:
    if tensor.dtype != own.dtype or len(tensor.shape) != len(own.shape):
        return False
    return tensor.shape == own.shape or (bool(own.shape) and tensor.shape[1:] == own.shape[1:])


def _by_content(source: Source, tensors: Sequence[StoredTensor], base: BaseTensors) -> Iterator[Match]:
    left = [tensor for tensor in tensors if tensor.size >= _TELLING]
    wanted = {(tensor.dtype, tensor.shape) for tensor in left}
    known: dict[tuple[BaseTensor, int], BaseTensor] = {}
    for own in base.tensors.values():
        if (own.dtype, own.shape) in wanted:
            signature = _signature(partial(base.read, own), base.size(own))
            known.setdefault((replace(own, name=""), signature), own)
    for tensor in left:
        read = partial(_read_from, source, tensor.offset)
        found = known.get((BaseTensor("", tensor.dtype, tensor.shape), _signature(read, tensor.size)))
        if found is not None:
            yield Match(tensor.offset, tensor.size, found)


def _read_from(source: Source, start: int, offset: int, size: int) -> memoryview:
    return source.read(start + offset, size)


def _signature(read: Read, size: int) -> int:
    """A hash of the first, middle and last bytes, from whole elements on."""
    piece = min(size, _SAMPLE)
    places = sorted({0, (size - piece) // 2 // 16 * 16, (size - piece) // 16 * 16})
    return _core.xxh3_64(b"".join(bytes(read(place, piece)) for place in places))
