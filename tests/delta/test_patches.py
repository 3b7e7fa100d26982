# SPDX-License-Identifier: MIT
"""Patches of state dicts: what comes out is the new version to the bit, or nothing was touched."""

from __future__ import annotations

import io
import itertools
import os
import threading
from collections import UserDict
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zipnn
from tests.properties.contents import contents, dtypes
from zipnn import _core, differences
from zipnn.delta import patch_records, patches, states
from zipnn.errors import (
    AlreadyAppliedError,
    BaseMismatchError,
    CorruptError,
    FormatError,
    UnsupportedVersionError,
    ZipnnError,
)

Array = np.ndarray[Any, Any]
State = dict[str, Any]


def model(seed: int = 0) -> State:
    """A small model of many dtypes and shapes."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 0.02, (96, 64)).astype(np.float32)
    return {
        "bf16": weights.astype(ml_dtypes.bfloat16),
        "fp8": weights.astype(ml_dtypes.float8_e4m3fn),
        "f32": weights[:40].copy(),
        "f16": weights.astype(np.float16).reshape(-1),
        "i64": rng.integers(0, 99, 300),
        "bool": rng.random(77) < 0.5,
        "scalar": np.array(7, np.int64),
        "empty": np.empty((0, 5), np.float32),
    }


def copies(tensors: State) -> State:
    return {name: np.array(tensor) for name, tensor in tensors.items()}


def nudged(tensors: State, part: float = 0.01, seed: int = 1) -> State:
    """The tensors with some of their elements changed in their lowest bits."""
    rng = np.random.default_rng(seed)
    result = copies(tensors)
    for tensor in result.values():
        if tensor.dtype == bool:
            tensor[rng.random(tensor.shape) < part] ^= True
        elif tensor.size:
            lowest = tensor.reshape(-1).view(np.uint8)[:: tensor.itemsize]
            lowest[rng.random(lowest.size) < part] ^= 1
    return result


def bits(tensors: State) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in tensors.items()}


def test_brings_the_old_state_to_the_new_one_in_place() -> None:
    old, new = model(), nudged(model())
    patch = zipnn.patch(old, new)
    tensors = copies(old)
    places = {name: tensor.__array_interface__["data"] for name, tensor in tensors.items()}
    assert zipnn.apply_patch(tensors, patch) is tensors
    assert bits(tensors) == bits(new)
    assert {name: tensor.__array_interface__["data"] for name, tensor in tensors.items()} == places


def test_the_inputs_are_only_read() -> None:
    old, new = model(), nudged(model())
    for tensor in (*old.values(), *new.values()):
        tensor.setflags(write=False)
    before = bits(old)
    result = zipnn.apply_patch(old, zipnn.patch(old, new), copy=True)
    assert bits(dict(result)) == bits(new)
    assert bits(old) == before
    for tensor in old.values():
        assert not any(np.shares_memory(tensor, other) for other in result.values())


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_bytes_do_not_depend_on_the_threads(threads: int) -> None:
    old, new = model(), nudged(model())
    patch = zipnn.patch(old, new, threads=threads)
    assert patch == zipnn.patch(old, new)
    tensors = copies(old)
    zipnn.apply_patch(tensors, patch, threads=threads)
    assert bits(tensors) == bits(new)


def test_what_did_not_change_takes_no_room() -> None:
    old = model()
    patch = zipnn.patch(old, copies(old))
    assert len(patch) < 100
    zipnn.apply_patch(old, patch)
    zipnn.apply_patch(old, patch)  # nothing becomes nothing, however often
    with pytest.raises(BaseMismatchError):
        zipnn.apply_patch(model(1), patch)
    assert len(zipnn.patch({}, {})) < 100
    assert zipnn.apply_patch({}, zipnn.patch({}, {})) == {}


def test_few_changes_make_a_small_patch() -> None:
    rng = np.random.default_rng(0)
    old = {"w": rng.normal(0, 0.02, 1_000_000).astype(ml_dtypes.bfloat16)}
    new = nudged(old)
    assert len(zipnn.patch(old, new)) < 0.0075 * old["w"].nbytes


def test_tensors_are_added_removed_reshaped_and_retyped() -> None:
    old = model()
    new = nudged(old)
    del new["i64"], new["empty"]
    new["added"] = np.arange(1000, dtype=np.float32)
    new["added too"] = np.arange(1000, dtype=np.float32)
    new["added, empty"] = np.empty((3, 0), np.uint8)
    new["added, big"] = np.arange(99, dtype=">i4")
    new["bf16"] = new["bf16"].reshape(64, 96)
    new["f32"] = new["f32"].astype(np.float64)
    new["scalar"] = new["scalar"].reshape(1)
    tensors = copies(old)
    held = tensors["bf16"], tensors["bf16"].copy()
    zipnn.apply_patch(tensors, zipnn.patch(old, new))
    assert bits(tensors) == bits(new)
    assert np.array_equal(held[0].view("u2"), held[1].view("u2"))  # replaced, not overwritten
    assert not np.shares_memory(tensors["added"], tensors["added too"])
    assert tensors["added, big"].dtype.byteorder == ">"
    copied = zipnn.apply_patch(copies(old), zipnn.patch(old, new), copy=True)
    assert bits(dict(copied)) == bits(new)


def test_another_version_is_refused_before_anything_is_written() -> None:
    old, new = model(), nudged(model())
    patch = zipnn.patch(old, new)
    others: dict[str, Callable[[State], object]] = {
        "a changed tensor": lambda state: state["bf16"].view("u2").__setitem__((0, 0), 1),
        "the last one": lambda state: state["bool"].__setitem__(0, ~state["bool"][0]),
        "one that does not change": lambda state: state["scalar"].__setitem__((), 8),
        "a tensor more": lambda state: state.update(more=np.zeros(3)),
        "a tensor less": lambda state: state.pop("empty"),
        "one of another shape": lambda state: state.update(bf16=state["bf16"].reshape(-1)),
        "one of another dtype": lambda state: state.update(f16=state["f16"].view(np.int16)),
        "one of another name": lambda state: state.update(other=state.pop("f32")),
        "nothing at all": lambda state: state.clear(),
    }
    new["scalar"] = old["scalar"]
    patch = zipnn.patch(old, new)
    for name, change in others.items():
        tensors = copies(old)
        change(tensors)
        before = bits(tensors)
        with pytest.raises(BaseMismatchError) as caught:
            zipnn.apply_patch(tensors, patch)
        assert type(caught.value) is BaseMismatchError, name
        assert bits(tensors) == before, name


def test_a_second_time_is_noticed() -> None:
    old, new = model(), nudged(model())
    new["added"] = np.ones(3)
    patch = zipnn.patch(old, new)
    tensors = copies(old)
    zipnn.apply_patch(tensors, patch)
    with pytest.raises(AlreadyAppliedError):
        zipnn.apply_patch(tensors, patch)
    assert bits(tensors) == bits(new)


def test_there_and_back_and_one_after_the_other() -> None:
    versions = [model()]
    for step in range(4):
        versions.append(nudged(versions[-1], 0.1, step))
    ahead = [zipnn.patch(one, two) for one, two in itertools.pairwise(versions)]
    back = [zipnn.patch(two, one) for one, two in itertools.pairwise(versions)]
    tensors = copies(versions[0])
    for patch in [*ahead, *reversed(back)]:
        zipnn.apply_patch(tensors, patch)
    assert bits(tensors) == bits(versions[0])
    with pytest.raises(BaseMismatchError):
        zipnn.apply_patch(tensors, ahead[1])


def test_a_call_that_was_interrupted_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = model(), nudged(model(), 0.3)
    new["added"] = np.ones(3)
    del new["i64"]
    patch = zipnn.patch(old, new)
    tensors = copies(old)
    apply, calls = differences.apply_in_place, []

    def interrupted(*arguments: Any, **options: Any) -> None:
        calls.append(arguments)
        if len(calls) % 3 == 0:
            raise KeyboardInterrupt
        apply(*arguments, **options)

    monkeypatch.setattr(differences, "apply_in_place", interrupted)
    interruptions = 0
    while True:
        try:
            zipnn.apply_patch(tensors, patch)
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions >= 2
    assert bits(tensors) == bits(new)


class Interrupted(UserDict):  # type: ignore[type-arg]
    """A state dict whose changes are interrupted after so many of them."""

    left = 0

    def __setitem__(self, name: str, tensor: Any) -> None:
        self._count()
        super().__setitem__(name, tensor)

    def __delitem__(self, name: str) -> None:
        self._count()
        super().__delitem__(name)

    def _count(self) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1


@pytest.mark.parametrize("left", range(5))
@pytest.mark.parametrize("changes", [True, False])
def test_one_that_was_interrupted_while_names_changed(left: int, changes: bool) -> None:
    old = model()
    new = nudged(old, 0.3) if changes else dict(old)
    new |= {"added": np.ones(3), "bool": np.arange(4)}
    for name in ("i64", "f16", "f32"):
        del new[name]
    patch = zipnn.patch(old, new)
    tensors = Interrupted()
    tensors.data.update(copies(old))
    tensors.left = left
    with pytest.raises(KeyboardInterrupt):
        zipnn.apply_patch(tensors, patch)
    spoilt = copies(tensors.data)
    spoilt["scalar"] = np.array(99)
    with pytest.raises(BaseMismatchError):
        zipnn.apply_patch(spoilt, patch)
    tensors.left = -1
    zipnn.apply_patch(tensors, patch)
    assert bits(tensors.data) == bits(new)
    with pytest.raises(AlreadyAppliedError):
        zipnn.apply_patch(tensors, patch)


def test_another_state_does_not_pass_for_an_interrupted_one() -> None:
    old, new = model(), nudged(model())
    new |= {"added": np.ones(3)}
    del new["i64"]
    patch = zipnn.patch(old, new)
    for done in (old, new):
        tensors = copies(done)
        tensors["i64"] = np.ones(2)  # another one than the patch removes, and nothing is added or removed yet
        tensors["added"] = np.zeros(3)
        before = bits(tensors)
        with pytest.raises(BaseMismatchError):
            zipnn.apply_patch(tensors, patch)
        assert bits(tensors) == before


def test_every_damage_is_noticed_before_anything_is_written() -> None:
    old = {"w": model()["bf16"][:8].copy(), "v": np.arange(50.0)}
    new = nudged(old, 0.3)
    new["added"] = np.arange(30.0)
    patch = zipnn.patch(old, new)
    before = bits(old)
    for place in range(len(patch)):
        damaged = bytearray(patch)
        damaged[place] ^= 1 << place % 8
        for given_as in (bytes(damaged), io.BytesIO(damaged)):
            with pytest.raises((FormatError, BaseMismatchError)):
                zipnn.apply_patch(old, given_as)
    for size in range(len(patch)):
        with pytest.raises(FormatError):
            zipnn.apply_patch(old, patch[:size])
    with pytest.raises(FormatError, match="stray"):
        zipnn.apply_patch(old, patch + b"\0")
    assert bits(old) == before


def test_a_newer_version_is_refused() -> None:
    patch = bytearray(zipnn.patch(model(), nudged(model())))
    patch[4] = 2
    with pytest.raises(UnsupportedVersionError):
        zipnn.apply_patch(model(), bytes(patch))
    for wrong in (b"", b"x", b"not a patch at all", zipnn.compress(b"frame")):
        with pytest.raises(FormatError):
            zipnn.apply_patch(model(), wrong)


@pytest.mark.parametrize("size", [1 << 40, (1 << 64) - 1])
def test_a_size_that_is_not_there_is_not_believed(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_records, "PIECE", 1 << 60)  # few pieces, so that the record itself is sound
    room = io.BytesIO()
    tensor = states.Described("numpy:|S1", (size,), size, (1,) * (-(-size // (1 << 60))))
    writer = patch_records.PatchWriter(room, states.fingerprint({}), states.fingerprint({"w": tensor}))
    writer.add(
        patch_records.Record(patch_records.What.SET, "w", tensor, kind=1),
        [zipnn.compress(b"1")] * len(tensor.hashes),
    )
    writer.finish()
    monkeypatch.undo()
    with pytest.raises(CorruptError):
        zipnn.apply_patch({}, room.getvalue())


class Pipe(io.RawIOBase):
    """What can be read only once, a few bytes at a time."""

    def __init__(self, data: bytes, most: int = 1000) -> None:
        self._file, self._most = io.BytesIO(data), most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, self._most) if size >= 0 else size)


def test_streams() -> None:
    old, new, newest = model(), nudged(model()), nudged(model(), 0.2)
    stream = io.BytesIO()
    stream.write(b"before")
    sizes = [zipnn.write_patch(old, new, stream), zipnn.write_patch(new, newest, stream)]
    stream.write(b"after")
    assert stream.getvalue() == b"before" + zipnn.patch(old, new) + zipnn.patch(new, newest) + b"after"
    assert len(stream.getvalue()) == 11 + sum(sizes)
    for file in (io.BytesIO(stream.getvalue()), Pipe(stream.getvalue())):
        file.read(6)
        tensors = copies(old)
        zipnn.apply_patch(tensors, file)
        assert bits(tensors) == bits(new)
        zipnn.apply_patch(tensors, file)
        assert bits(tensors) == bits(newest)
        assert file.read(9) == b"after"
        with pytest.raises(EOFError, match="no patch follows"):
            zipnn.apply_patch(tensors, file)
        assert bits(tensors) == bits(newest)


def test_a_pipe_of_the_system() -> None:
    old, new = model(), nudged(model(), 0.5)
    receiving, sending = os.pipe()

    def send() -> None:
        with open(sending, "wb") as file:
            zipnn.write_patch(old, new, file)

    thread = threading.Thread(target=send)
    thread.start()
    tensors = copies(old)
    with open(receiving, "rb") as file:
        zipnn.apply_patch(tensors, file)
    thread.join()
    assert bits(tensors) == bits(new)


def test_a_stream_that_ends_early() -> None:
    old, new = model(), nudged(model())
    patch = zipnn.patch(old, new)
    before = bits(old)
    for size in (1, 3, 4, 5, len(patch) - 1):
        for file in (Pipe(patch[:size]), io.BytesIO(patch[:size]), patch[:size]):
            with pytest.raises(CorruptError, match="cut off"):
                zipnn.apply_patch(old, file)
    with pytest.raises(CorruptError, match="cut off"):
        zipnn.apply_patch(old, b"")
    assert bits(old) == before


def test_arrays_that_do_not_lie_like_their_bytes() -> None:
    def laid_out(state: State) -> State:
        rows = np.zeros((96, 128), ml_dtypes.bfloat16)
        rows[:, ::2] = state["bf16"]
        return {
            "columns": rows[:, ::2],
            "turned": np.asfortranarray(state["f32"]),
            "backwards": state["f16"][::-1].copy()[::-1],
            "big": state["i64"].astype(">i8"),
            "big columns": np.asfortranarray(state["f32"].astype(">f4")),
        }

    old, new = laid_out(model()), laid_out(nudged(model(), 0.2))
    patch = zipnn.patch(old, new)
    assert patch == zipnn.patch({n: np.array(a, order="C") for n, a in old.items()}, new)
    held = dict(old)
    zipnn.apply_patch(old, patch)
    assert bits(old) == bits(new)
    assert all(old[name] is held[name] for name in old)


def test_tied_tensors() -> None:
    shared = model()["f32"]
    old = {"a": shared, "b": shared, "c": shared.reshape(-1)}
    changed = nudged(old, 0.2)["a"]
    new = {"a": changed, "b": changed, "c": changed.reshape(-1)}
    patch = zipnn.patch(old, new)
    assert len(patch) < 1.9 * len(zipnn.patch({"a": shared}, {"a": changed})) + 400
    apart = copies(old)
    zipnn.apply_patch(apart, patch)
    assert bits(apart) == bits(new)
    zipnn.apply_patch(old, patch)
    assert bits(old) == bits(new)
    assert np.shares_memory(old["a"], old["b"])


@pytest.mark.parametrize("case", ["untied", "part", "view of other dtype"])
def test_tensors_that_share_memory_and_do_not_change_together(case: str) -> None:
    shared = model()["f32"]
    other = {"untied": shared, "part": shared[3:5], "view of other dtype": shared.view(np.int32)}[case]
    old = {"a": shared, "b": other}
    new = copies(old)
    new["a"][4, 4] += 1
    patch = zipnn.patch(old, new)
    before = bits(old)
    with pytest.raises(ValueError, match=r"'[ab]' and '[ab]' share memory.*copy=True"):
        zipnn.apply_patch(old, patch)
    assert bits(old) == before
    assert bits(dict(zipnn.apply_patch(old, patch, copy=True))) == bits(new)


def test_parts_of_one_buffer_that_do_not_overlap() -> None:
    buffer = np.arange(600, dtype=np.float32).reshape(20, 30)
    old = {"q": buffer[:, :10], "k": buffer[:, 10:20], "v": buffer[:, 20:], "even": np.arange(9)[::2]}
    new = nudged(old, 0.5)
    zipnn.apply_patch(old, zipnn.patch(old, new))
    assert bits(old) == bits(new)
    assert old["q"].base is not None


def test_what_cannot_be_written_in_place() -> None:
    old = {"a": np.arange(9.0), "b": np.arange(9.0) + 1}
    new = {"a": old["a"] + 1, "b": old["b"] * 2}
    patch = zipnn.patch(old, new)
    old["b"].setflags(write=False)
    with pytest.raises(ValueError, match=r"'b'.*read-only.*copy=True"):
        zipnn.apply_patch(old, patch)
    assert np.array_equal(old["a"], np.arange(9.0))
    folded = np.lib.stride_tricks.as_strided(np.arange(4.0), (3, 2), (8, 8))
    patch = zipnn.patch({"w": folded}, {"w": np.ones((3, 2))})
    with pytest.raises(ValueError, match=r"'w'.*same place"):
        zipnn.apply_patch({"w": folded}, patch)
    assert zipnn.apply_patch({"w": folded}, patch, copy=True)["w"].tolist() == np.ones((3, 2)).tolist()


def test_what_is_no_state_dict() -> None:
    for wrong in ({"a": 1}, {"a": [1.0]}, {1: np.ones(2)}, {"a": np.array([None])}, {"a": np.float32(1)}):
        for old, new in ((wrong, {}), ({}, wrong), (wrong, wrong)):
            with pytest.raises(TypeError):
                zipnn.patch(old, new)  # type: ignore[arg-type]
    for name in ("\ud800", "n" * 70_000):
        with pytest.raises(ValueError, match="tensor"):
            zipnn.patch({}, {name: np.ones(2)})
    with pytest.raises(ValueError, match="level"):
        zipnn.patch({}, {}, level="best")
    with pytest.raises(ValueError, match="threads"):
        zipnn.patch({}, {}, threads=-1)


def test_what_is_no_patch_and_no_file(tmp_path: Path) -> None:
    old, new = model(), nudged(model())
    patch = zipnn.patch(old, new)
    path = tmp_path / "u.znp"
    path.write_bytes(patch)

    class Text:
        def read(self, size: int) -> str:
            return "text"[:size]

    before = bits(old)
    for wrong, message in (
        (str(path), "not a path: give open"),
        (path, "not a path: give open"),
        (io.StringIO("text"), "mode 'rb'"),
        (Text(), "mode 'rb'"),
        (None, "not NoneType"),
        (5, "not int"),
    ):
        with pytest.raises(TypeError, match=message):
            zipnn.apply_patch(old, wrong)
    for sink in (str(path), path, io.StringIO(), None):
        with pytest.raises(TypeError, match="binary file"):
            zipnn.write_patch(old, new, sink)  # type: ignore[arg-type]
    assert path.read_bytes() == patch
    for state in ([1], None, "text"):
        for pair in ((state, new), (old, state)):
            with pytest.raises(TypeError, match="not a mapping"):
                zipnn.patch(*pair)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="not a mapping"):
            zipnn.apply_patch(state, patch)  # type: ignore[arg-type]
    fixed = MappingProxyType(old)
    with pytest.raises(TypeError, match="cannot be changed; use copy=True"):
        zipnn.apply_patch(fixed, patch)  # type: ignore[arg-type]
    assert bits(old) == before
    assert bits(dict(zipnn.apply_patch(fixed, patch, copy=True))) == bits(new)  # type: ignore[arg-type]


def test_hashes_that_collide_do_not_hide_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_hash", lambda data: 1)
    old, new = model(), nudged(model(), 0.5)
    del new["i64"]
    tensors = copies(old)
    zipnn.apply_patch(tensors, zipnn.patch(old, new))
    assert bits(tensors) == bits(new)


def test_a_tensor_that_changes_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = model(), nudged(model(), 0.5)
    encode = differences.encode

    def meanwhile(*arguments: Any, **options: Any) -> bytes:
        new["f32"][0, 0] += 1
        return encode(*arguments, **options)

    monkeypatch.setattr(differences, "encode", meanwhile)
    with pytest.raises(ZipnnError, match="tensor 'f32': it changed while"):
        zipnn.patch(old, new)


def test_large_tensors_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (states, patch_records):
        monkeypatch.setattr(module, "PIECE", 1024)
    old, new = model(), nudged(model(), 0.05)
    old["text"] = new["text"] = np.array(["ab", "c"] * 200)
    new["text"] = np.array(["ab", "c"] * 199 + ["d", "e"])
    new["added"] = np.arange(1000.0)
    new["i64"] = old["i64"].copy()
    new["i64"][5] += 1  # the other pieces stay
    patch = zipnn.patch(old, new)
    tensors = copies(old)
    zipnn.apply_patch(tensors, patch)
    assert bits(tensors) == bits(new)
    tensors = copies(old)
    tensors["i64"][-1] += 1
    with pytest.raises(BaseMismatchError):
        zipnn.apply_patch(tensors, patch)


def test_the_fingerprint_is_what_the_format_says() -> None:
    tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.empty(0, np.int8)}
    entry = b"\x01\x00\x02\x01" + b"aI8" + bytes(8) + bytes(8)
    entry += b"\x01\x00\x03\x02" + b"bF32" + b"".join(n.to_bytes(8, "little") for n in (2, 3, 24))
    entry += _core.xxh3_64(tensors["b"]).to_bytes(8, "little")
    assert states.fingerprint(states.describe(tensors)) == _core.xxh3_64(entry)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_two_states(data: st.DataObject) -> None:
    names = st.text("abü./", max_size=3)
    old: State = {}
    for name in data.draw(st.sets(names, max_size=5)):
        dtype = data.draw(dtypes)
        old[name] = data.draw(contents(dtype, data.draw(st.integers(0, 600))))
    new = nudged(old, data.draw(st.sampled_from([0, 0.01, 0.5])))
    for name in data.draw(st.sets(st.sampled_from(sorted(old) or [""]))):
        new.pop(name, None)
    for name in data.draw(st.sets(names, max_size=3)):
        new[name] = data.draw(contents(data.draw(dtypes), data.draw(st.integers(0, 600))))
    patch = zipnn.patch(old, new, level=data.draw(st.sampled_from(["fast", "default", "max"])))
    tensors = copies(old)
    zipnn.apply_patch(tensors, io.BytesIO(patch) if data.draw(st.booleans()) else patch)
    assert bits(tensors) == bits(new)


def test_a_base_that_is_known_is_not_hashed_again() -> None:
    base, data = (state["f32"].tobytes() for state in (model(), nudged(model())))
    frame = differences.encode(data, base, dtype="F32", shape=(len(data) // 4,))
    assert differences.needs_base(frame)
    tensor = bytearray(base)
    differences.apply_in_place(frame, memoryview(tensor), base_known=True)
    assert tensor == data
    tensor = bytearray(base)
    tensor[-1] ^= 1
    with pytest.raises(BaseMismatchError):
        differences.apply_in_place(frame, memoryview(tensor))
    with pytest.raises(CorruptError):  # the result is checked all the same
        differences.apply_in_place(frame, memoryview(tensor), base_known=True)


def test_everything_public_has_a_name() -> None:
    assert zipnn.patch is patches.patch
    assert {"patch", "apply_patch", "write_patch"} <= set(zipnn.__all__)
