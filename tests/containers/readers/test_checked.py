# SPDX-License-Identifier: MIT
"""What no reader may say of a file."""

from __future__ import annotations

import pytest

from zipnn.containers.contents import Contents, Deflated, Extent, StoredTensor
from zipnn.containers.readers.checked import checked
from zipnn.errors import FormatError

SIZE = 100


def tensor(**changes: object) -> StoredTensor:
    fields = {"name": "t", "dtype": "F32", "shape": (2, 3), "offset": 8, "size": 24, **changes}
    return StoredTensor(**fields)  # type: ignore[arg-type]


MEMBER = Deflated(40, 20, 1000, (Extent(0, 400, "F32"),))

GOOD = {
    "nothing": Contents("x"),
    "a tensor": Contents("x", (tensor(),)),
    "at the end": Contents("x", (tensor(offset=SIZE - 24),)),
    "nothing at the end": Contents("x", (tensor(offset=SIZE, size=0, shape=(0,)),)),
    "shared": Contents("x", (tensor(), tensor(name="u", offset=12))),
    "strides": Contents("x", (tensor(strides=(1, 2)),)),
    "zero strides": Contents("x", (tensor(shape=(50, 3), strides=(0, 1), size=12),)),
    "holes": Contents("x", (tensor(strides=(6, 2), size=44),)),
    "in a member": Contents("x", (tensor(member=0, offset=976),), (), (MEMBER,)),
    "before a member": Contents("x", (tensor(offset=16),), (Extent(60, 40, "U8"),), (MEMBER,)),
    "an unknown dtype": Contents("x", (tensor(dtype="Q4_K", size=33),)),
    "extents": Contents("x", (), (Extent(4, 4, "F32"), Extent(0, 4, "U8"))),
}
BAD = {
    "behind the end": Contents("x", (tensor(offset=SIZE - 23),)),
    "before the beginning": Contents("x", (tensor(offset=-1),)),
    "negative size": Contents("x", (tensor(size=-24),)),
    "not an integer": Contents("x", (tensor(offset=8.0),)),
    "a boolean": Contents("x", (tensor(offset=True),)),
    "too small": Contents("x", (tensor(size=23),)),
    "too large": Contents("x", (tensor(size=28),)),
    "absurd": Contents("x", (tensor(shape=(1 << 62, 1 << 62)),)),
    "wrapped around": Contents("x", (tensor(shape=(1 << 32, 1 << 32), size=0),)),
    "negative shape": Contents("x", (tensor(shape=(-2, -3)),)),
    "a list as shape": Contents("x", (tensor(shape=[2, 3]),)),
    "dimensions": Contents("x", (tensor(shape=(1,) * 65, size=4),)),
    "strides that go beyond": Contents("x", (tensor(strides=(4, 1)),)),
    "strides of another shape": Contents("x", (tensor(strides=(1,)),)),
    "negative strides": Contents("x", (tensor(strides=(-3, 1)),)),
    "no dtype": Contents("x", (tensor(dtype=""),)),
    "a long dtype": Contents("x", (tensor(dtype="x" * 33),)),
    "more elements than there can be": Contents("x", (tensor(dtype="NEW", shape=(1 << 40, 1 << 40)),)),
    "half a surrogate pair": Contents("x", (tensor(name="\ud800"),)),
    "no text": Contents("x", (tensor(name=b"t"),)),
    "no such member": Contents("x", (tensor(member=1),), (), (MEMBER,)),
    "behind a member's end": Contents("x", (tensor(member=0, offset=977),), (), (MEMBER,)),
    "extents that overlap": Contents("x", (), (Extent(4, 4, "F32"), Extent(0, 5, "U8"))),
    "an extent behind the end": Contents("x", (), (Extent(99, 2, "U8"),)),
    "a member behind the end": Contents("x", (), (), (Deflated(90, 11, 50),)),
    "members that overlap": Contents("x", (), (), (MEMBER, Deflated(59, 2, 50))),
    "an extent behind a member's end": Contents("x", (), (), (Deflated(0, 9, 9, (Extent(9, 1, "U8"),)),)),
    "a tensor in a compressed member": Contents("x", (tensor(offset=20),), (), (MEMBER,)),
    "an extent in a compressed member": Contents("x", (), (Extent(59, 1, "U8"),), (MEMBER,)),
    "a member in a tensor": Contents("x", (tensor(offset=38, size=24),), (), (Deflated(40, 2, 2),)),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_holds_passes_as_it_is(name: str) -> None:
    assert checked(GOOD[name], SIZE) == GOOD[name]


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_hold_is_refused(name: str) -> None:
    with pytest.raises(FormatError):
        checked(BAD[name], SIZE)


def test_names_become_unique() -> None:
    contents = Contents("x", tuple(tensor(name=name) for name in ("a", "a", "a#2", "a", "b")))
    assert [each.name for each in checked(contents, SIZE).tensors] == ["a", "a#3", "a#2", "a#4", "b"]
