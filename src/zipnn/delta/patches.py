# SPDX-License-Identifier: MIT
"""Updates of state dicts: what changed from one version to the next, applied where the tensors lie."""

from __future__ import annotations

import io
from collections.abc import MutableMapping
from typing import Any

from .. import _core, differences
from ..arrays.buffers import Source
from ..errors import AlreadyAppliedError, BaseMismatchError, CorruptError, ZipnnError, error_place
from ..frames import LEVELS
from ..storage.comparing import first_difference
from .patch_records import Patch, PatchWriter, Record, Sink, What, read_patch
from .patch_sources import PatchSource, patch_source
from .states import (
    Described,
    State,
    check_mapping,
    describe,
    described,
    encoded,
    fingerprint,
    pieces,
    source_of,
)
from .tensor_memory import Region, check_writable, cloned, created, editing, overlapping, region_of


def patch(old: State, new: State, *, level: str = "default", threads: int = 0) -> bytes:
    """What turns the state dict `old` into `new`, for `apply_patch`.

    Args:
        old, new: names and NumPy arrays or torch tensors, on whatever device. They are only read.
        level: fast, default or max.
        threads: 0 for the default number. The result does not depend on it.

    Returns:
        The patch. It names the tensors that changed; those that did not take no room.

    Raises:
        TypeError: a state is no mapping, a name is not a string, or what it names is neither an array nor
            a tensor of plain data.
        ValueError: the level is not known, or a name cannot be kept.
        ZipnnError: a tensor changed while it was read.
    """
    room = io.BytesIO()
    write_patch(old, new, room, level=level, threads=threads)
    return room.getvalue()


def write_patch(old: State, new: State, file: Sink, *, level: str = "default", threads: int = 0) -> int:
    """Write what `patch` gives to `file`, holding one tensor at a time; returns its size in bytes.

    All tensors are read twice. `file` needs no more than a method `write` that takes all it is given.
    For the arguments and errors see `patch`.
    """
    check_mapping(old, "old")
    check_mapping(new, "new")
    if isinstance(file, io.TextIOBase) or not callable(getattr(file, "write", None)):
        raise TypeError(
            f"a patch is written to a binary file, not {type(file).__name__}: use open(..., 'wb')"
        )
    if level not in LEVELS:
        raise ValueError(f"level {level!r} is not known: choose from {', '.join(LEVELS)}")
    if threads < 0:
        raise ValueError(f"threads is {threads}: give a number of threads, or 0 for the default")
    maker = _Maker(old, new, level, threads)
    writer = PatchWriter(file, fingerprint(maker.before), fingerprint(maker.after))
    for name in new:
        with error_place(f"tensor {name!r}"):
            maker.add_to(writer, name)
    for name in old:
        if name not in maker.after:
            writer.add(Record(What.REMOVED, name))
    return writer.finish()


def apply_patch(
    tensors: MutableMapping[str, Any], patch: Any, *, threads: int = 0, copy: bool = False
) -> MutableMapping[str, Any]:
    """Bring a state dict to the version that a patch leads to.

    Everything is checked before the first byte is written: the whole patch against its checksums, and
    all tensors against the version that it was made to. Then changed tensors are written where they
    lie, added ones (and those of another dtype or shape) are put into the dict, removed ones are taken
    out of it. A call that is interrupted while it writes can be made again: it does what is left.

    Args:
        tensors: names and NumPy arrays or torch tensors, on whatever device.
        patch: what `patch` gave, or a binary file object that is read from where it stands to the end
            of the patch, and that need not be able to go back.
        threads: 0 for the default number.
        copy: leave `tensors` and all that it holds as it is, and give a dict of new tensors.

    Returns:
        `tensors`, or the new dict.

    Raises:
        EOFError: the file object is at its end: no patch follows.
        AlreadyAppliedError: the tensors are at that version; nothing is to be done.
        BaseMismatchError: they are not those that the patch was made to.
        FormatError, CorruptError, UnsupportedVersionError: `patch` is not a patch, is damaged or cut off,
            or a newer zipnn wrote it.
        ValueError: a tensor that changes cannot be written to, or lies where another one lies that does
            not change with it. `copy=True` is the way round both.
        TypeError: see `patch`.
        MissingDependencyError: a tensor that is added needs torch or ml_dtypes.
    """
    check_mapping(tensors, "tensors")
    if not copy and not isinstance(tensors, MutableMapping):
        raise TypeError(f"tensors is a {type(tensors).__name__}, which cannot be changed; use copy=True")
    with patch_source(patch) as source:
        content = read_patch(source)
        source.finish()
        state = describe(tensors)
        _check_versions(state, content)
        for record in content.records:
            _check_frames(record, source)
        tied = frozenset() if copy else _check_memory(tensors, content)
        added = {
            record.name: _create(tensors, record, source, threads)
            for record in content.records
            if record.new and not record.old
        }
        removed = {record.name for record in content.records if not record.new}
        target = _copies(tensors, removed | added.keys()) if copy else tensors
        for record in content.records:
            if record.new and record.old and record.name not in tied:
                with error_place(f"tensor {record.name!r}"):
                    _change(target[record.name], record, state[record.name], source, threads)
    target.update(added)
    for name in removed & target.keys():
        del target[name]
    return target


class _Maker:
    """Finds out what changed, and codes it."""

    def __init__(self, old: State, new: State, level: str, threads: int) -> None:
        self._old, self._new = old, new
        self._level, self._threads = level, threads
        self._first: dict[tuple[object, ...], str] = {}
        self._collided: set[str] = set()
        self.before: dict[str, Described] = {}
        self.after: dict[str, Described] = {}
        for name in new:
            with error_place(f"tensor {name!r}"):
                self._look_at(name)
        self.before |= describe({name: old[name] for name in old if name not in new})
        for name in self.before.keys() | self.after.keys():
            encoded(name)

    def add_to(self, writer: PatchWriter, name: str) -> None:
        """Write the record of a tensor of the new state, if there is anything to be said."""
        old, new = self.before.get(name), self.after[name]
        if old == new and name not in self._collided:
            return
        base = None
        if old is not None and old.form == new.form and name not in self._collided:
            base = source_of(name, self._old[name])
        else:
            old = None
        source = source_of(name, self._new[name])
        key = (new, old, source.kind, source.flags)
        first = self._first.setdefault(key, name)
        if first != name and self._is_like(name, first, old is not None):
            writer.add(Record(What.LIKE, name, like=first))
            return
        frames = [self._frame(source, base, old, new, *piece) for piece in enumerate(pieces(new.size))]
        if described(source) != new or (base is not None and described(base) != old):
            raise ZipnnError("it changed while it was read")
        if base is not None:
            writer.add(Record(What.CHANGED, name, new, old), frames)
        else:
            writer.add(Record(What.SET, name, new, kind=source.kind, flags=source.flags), frames)

    def _look_at(self, name: str) -> None:
        source = source_of(name, self._new[name])
        after = self.after[name] = described(source)
        if name not in self._old:
            return
        if self._old[name] is self._new[name]:
            self.before[name] = after
            return
        base = source_of(name, self._old[name])
        before = self.before[name] = described(base)
        if before.form == after.form:
            for number, (start, stop) in enumerate(pieces(after.size)):
                same = before.hashes[number] == after.hashes[number]
                if same and not _equal(base.data[start:stop], source.data[start:stop]):
                    self._collided.add(name)  # whoever applies the patch could not tell the two apart

    def _is_like(self, name: str, first: str, both: bool) -> bool:
        """Whether two tensors are the same to the byte, and were so if `both`."""
        states = [self._new, self._old] if both else [self._new]
        return all(
            _equal(source_of(name, state[name]).data, source_of(first, state[first]).data) for state in states
        )

    def _frame(
        self, source: Source, base: Source | None, old: Described | None, new: Described, number: int,
        piece: tuple[int, int],
    ) -> bytes:  # fmt: skip
        """The frame of a piece; empty if the piece is the same in both."""
        if old is not None and old.hashes[number] == new.hashes[number]:
            return b""
        start, stop = piece
        dtype, shape = new.piece_form(stop - start)
        return differences.encode(
            source.data[start:stop],
            None if base is None else base.data[start:stop],
            dtype=dtype,
            shape=shape,
            level=self._level,
            threads=self._threads,
            align=1,
        )


def _equal(one: memoryview, other: memoryview) -> bool:
    return len(one) == len(other) and first_difference(one, other) is None


def _check_versions(state: dict[str, Described], patch: Patch) -> None:
    """Raise `BaseMismatchError` unless the patch was made to this state, be it half applied."""
    found = fingerprint(state)
    if found == patch.new != patch.old:
        raise AlreadyAppliedError("the tensors are at the version that the patch leads to")
    before = dict(state)
    for record in patch.records:
        if record.new and record.old:
            _check_version(state.get(record.name), record.name, record.old, record.new)
            before[record.name] = record.old
    if found != patch.old and fingerprint(before) != patch.old:
        if _is_nearly_done(state, patch):
            return
        raise BaseMismatchError(
            "the tensors are not those that the patch was made to: among those that it does not change "
            "some are missing, different or too many"
        )
    if fingerprint(_after(before, patch)) != patch.new:
        raise CorruptError("the patch does not lead where it says")


def _is_nearly_done(state: dict[str, Described], patch: Patch) -> bool:
    """Whether all is written and some names were added or removed: what an interrupted call leaves.

    What the names that are left bear is not known to the patch. They are set or removed, so that the state
    is the right one afterwards whatever it is.
    """
    after, begun = dict(state), False
    for record in patch.records:
        there = after.pop(record.name, None)
        if record.new and record.old and there != record.new:
            return False
        begun = begun or (there == record.new and not record.old)
        if record.new:
            after[record.name] = record.new
    return begun and fingerprint(after) == patch.new


def _check_version(there: Described | None, name: str, old: Described, new: Described) -> None:
    if there is None or there.form != old.form:
        had = "missing" if there is None else f"{there.dtype} {list(there.shape)}"
        raise BaseMismatchError(
            f"tensor {name!r}: {had}, but the patch was made to one that is {old.dtype} {list(old.shape)}"
        )
    if there.hashes != old.hashes:
        known = zip(there.hashes, old.hashes, new.hashes, strict=True)
        if any(found not in wanted for found, *wanted in known):
            raise BaseMismatchError(
                f"tensor {name!r}: has other content than the one that the patch was made to"
            )


def _after(state: dict[str, Described], patch: Patch) -> dict[str, Described]:
    after = dict(state)
    for record in patch.records:
        if record.new is not None:
            after[record.name] = record.new
        elif after.pop(record.name, None) is None:
            raise CorruptError(f"tensor {record.name!r}: is to be removed and is not there")
    return after


def _check_frames(record: Record, source: PatchSource) -> None:
    """Raise `CorruptError` unless the frames hold as much as they should."""
    if record.new is None or record.like:  # the frames of the one that it is like have been looked at
        return
    for (at, size), (start, stop) in zip(record.frames, pieces(record.new.size), strict=True):
        if not size:
            continue
        frame = source.at(at, size)
        head = _core.parse_head(frame, size)
        if head.data_size != stop - start or head.frame_size != size or head.reference is not None:
            raise CorruptError(f"tensor {record.name!r}: a frame does not hold {stop - start} bytes")
        if record.old is None and differences.needs_base(frame):
            raise CorruptError(f"tensor {record.name!r}: new, but given as a difference")


def _check_memory(tensors: State, patch: Patch) -> frozenset[str]:
    """Check that the changes can be made in place.

    Returns:
        The names of tensors that change with others, since they lie in the same memory.

    Raises:
        ValueError: one cannot be written to, or shares memory with one that does not change with it.
    """
    changed = {record.name: record for record in patch.records if record.new and record.old}
    leaving = {record.name for record in patch.records} - changed.keys()
    regions: dict[str, Region] = {}
    for name, tensor in tensors.items():
        region = None if name in leaving else region_of(tensor)
        if region is not None:
            regions[name] = region
        if name in changed:
            check_writable(name, tensor, region)
    order = {name: place for place, name in enumerate(changed)}
    tied = set()
    for one, other in overlapping(regions):
        if one not in changed and other not in changed:
            continue
        if regions[one] != regions[other] or _hashes(changed, one) != _hashes(changed, other):
            raise ValueError(
                f"tensors {one!r} and {other!r} share memory, and do not change together: "
                "copy=True gives new ones, or give each its own"
            )
        tied.add(max(one, other, key=order.__getitem__))
    return frozenset(tied)


def _hashes(changed: dict[str, Record], name: str) -> object:
    record = changed.get(name)
    return None if record is None or record.new is None else record.new.hashes


def _create(tensors: State, record: Record, source: PatchSource, threads: int) -> Any:
    """The tensor of a record that says all of it, beside what is there."""
    assert record.new is not None
    with error_place(f"tensor {record.name!r}"):
        like = tensors.get(record.name)
        if like is None:
            like = next(iter(tensors.values()), None)
        tensor = created(record.new, record.kind, record.flags, like)
        with editing(tensor) as memory:
            for place, (start, stop) in zip(record.frames, pieces(len(memory)), strict=True):
                differences.decode_into(source.at(*place), None, memory[start:stop], threads)
    return tensor


def _change(tensor: Any, record: Record, there: Described, source: PatchSource, threads: int) -> None:
    """Write what changes in a tensor, but for the pieces that a call before has written."""
    assert record.new is not None
    with editing(tensor) as memory:
        for number, (start, stop) in enumerate(pieces(len(memory))):
            at, size = record.frames[number]
            if there.hashes[number] != record.new.hashes[number]:
                differences.apply_in_place(source.at(at, size), memory[start:stop], threads, base_known=True)


def _copies(tensors: State, without: set[str]) -> dict[str, Any]:
    return {name: cloned(tensor) for name, tensor in tensors.items() if name not in without}


__all__ = ["apply_patch", "patch", "write_patch"]
