# SPDX-License-Identifier: MIT
"""The one check that every reader's answer goes through, so that others may rely on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ... import dtypes
from ...errors import CorruptError, FormatError
from ...limits import MAX_DTYPE_NAME
from ..contents import Contents, Extent, StoredTensor, is_text
from ..shapes import element_count, is_countable, is_shape, span


def checked(contents: Contents, file_size: int) -> Contents:
    """`contents` with names that are unique, once this holds:

    * tensors and extents lie in the file, those of members in what the member says it holds;
    * a tensor has as many bytes as its dtype (where it is known), shape and strides need;
    * extents do not overlap each other, deflated members overlap nothing;
    * names are text that UTF-8 can express, numbers are integers that are not negative.

    Raises:
        FormatError: something does not hold.
    """
    for tensor in contents.tensors:
        _check_tensor(tensor, _room(contents, tensor.member, file_size))
    _check_extents(contents.extents, file_size)
    for member in contents.deflated:
        _check_place("deflated member", member.offset, member.size, file_size)
        _check_extents(member.extents, member.inflated_size)
    _check_members_alone(contents)
    return replace(contents, tensors=_uniquely_named(contents.tensors))


def _room(contents: Contents, member: int | None, file_size: int) -> int:
    if member is None:
        return file_size
    if type(member) is not int or not 0 <= member < len(contents.deflated):
        raise FormatError(f"there is no member {member!r}")
    return contents.deflated[member].inflated_size


def _check_tensor(tensor: StoredTensor, room: int) -> None:
    what = f"tensor {tensor.name!r}"
    if not is_text(tensor.name):
        raise FormatError(f"{what}: the name is not text")
    if not is_text(tensor.dtype) or not 1 <= len(tensor.dtype.encode()) <= MAX_DTYPE_NAME:
        raise FormatError(f"{what}: dtype {tensor.dtype!r}")
    _check_place(what, tensor.offset, tensor.size, room)
    strides = tensor.strides
    if not is_shape(tensor.shape) or (strides is not None and not is_shape(strides)):
        raise FormatError(f"{what}: the shape {tensor.shape} or the strides {strides}")
    if strides is not None and len(strides) != len(tensor.shape):
        raise FormatError(f"{what}: {len(tensor.shape)} dimensions, {len(strides)} strides")
    if not is_countable(tensor.shape):
        raise FormatError(f"{what}: the shape {tensor.shape} has more elements than can be counted")
    known = dtypes.BY_NAME.get(tensor.dtype)
    if known is not None:
        count = element_count(tensor.shape) if strides is None else span(tensor.shape, strides)
        if known.size(count) != tensor.size:
            raise CorruptError(f"{what}: {tensor.dtype} {tensor.shape} in {tensor.size} bytes")


def _check_place(what: str, offset: object, size: object, room: int) -> None:
    if type(offset) is not int or type(size) is not int or offset < 0 or size < 0:
        raise FormatError(f"{what}: {size!r} bytes at {offset!r}")
    if offset + size > room:
        raise CorruptError(f"{what}: ends at byte {offset + size} of {room}; incomplete download?")


def _check_extents(extents: Iterable[Extent], room: int) -> None:
    for extent in extents:
        _check_place(f"bytes of type {extent.dtype}", extent.offset, extent.size, room)
    _check_apart((extent.offset, extent.size) for extent in extents)


def _check_members_alone(contents: Contents) -> None:
    """Check that deflated members overlap neither each other nor anything else."""
    members = sorted((member.offset, member.size) for member in contents.deflated)
    _check_apart(members)
    if not members:
        return
    others = [(tensor.offset, tensor.size) for tensor in contents.tensors if tensor.member is None]
    others += [(extent.offset, extent.size) for extent in contents.extents]
    _check_apart(members + _joined(others))


def _joined(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same bytes, as places that do not overlap."""
    joined: list[tuple[int, int]] = []
    for offset, size in sorted(places):
        if joined and offset < sum(joined[-1]):
            start, length = joined[-1]
            joined[-1] = (start, max(length, offset + size - start))
        elif size:
            joined.append((offset, size))
    return joined


def _check_apart(places: Iterable[tuple[int, int]]) -> None:
    end = 0
    for offset, size in sorted(places):
        if offset < end:
            raise FormatError(f"what lies at byte {offset} overlaps what ends at {end}")
        end = offset + size


def _uniquely_named(tensors: tuple[StoredTensor, ...]) -> tuple[StoredTensor, ...]:
    """The tensors; the second one of a name gets `#2` behind it, and so on."""
    names = {tensor.name for tensor in tensors}
    if len(names) == len(tensors):
        return tensors
    count: dict[str, int] = {}
    unique = []
    for tensor in tensors:
        number = count[tensor.name] = count.get(tensor.name, 0) + 1
        name = tensor.name
        while number > 1 and (name := f"{tensor.name}#{number}") in names:
            number += 1
        count[tensor.name] = number
        names.add(name)
        unique.append(replace(tensor, name=name))
    return tuple(unique)
