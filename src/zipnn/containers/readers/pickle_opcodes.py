# SPDX-License-Identifier: MIT
"""Pickles read as what they are, programs of a stack machine, without running anything.

Every opcode does to a stack of placeholders what the pickle machine would do to a stack of objects.
Nothing is imported, called, copied or compared, so time and memory are those of reading the opcodes,
of which there may be only as many as the caller allows.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...errors import CorruptError, FormatError

Value: TypeAlias = Any
"""None, bool, int, float, str, bytes, tuple, or one of the classes below."""

_MAX_INT_BYTES = 16
_MAX_INT_DIGITS = 40


class EndOfDataError(CorruptError):
    """The pickle goes on beyond the bytes that were given."""


@dataclass(frozen=True, slots=True)
class Global:
    """Something that would be imported."""

    module: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Persistent:
    """What the program that reads the pickle would look up by `key`."""

    key: Value


@dataclass(slots=True, eq=False)
class Built:
    """An object that would be built, or a list, dict or set (`made_by` is None).

    Attributes:
        made_by: what would be called.
        arguments: what it would be called with.
        state: what the object would be given afterwards.
        elements: what would be appended to it.
        pairs: keys and values that would be set in it, one after the other.
    """

    made_by: Value = None
    arguments: Value = None
    state: Value = None
    elements: list[Value] | None = None
    pairs: list[Value] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """A value of no interest."""


OPAQUE = Opaque()


def interpret(data: bytes | memoryview, start: int, max_opcodes: int) -> tuple[Value, int]:
    """What the pickle at `data[start:]` would make, and where it ends.

    Raises:
        EndOfDataError: it does not end in `data`.
        FormatError: it is not a pickle, or takes more than `max_opcodes`.
    """
    machine = _Machine(data, start)
    operations = _OPERATIONS
    try:
        for _ in range(max_opcodes):
            code = machine.byte()
            if code == _STOP:
                return machine.pop(), machine.place
            operations[code](machine)
    except KeyError:
        raise FormatError(
            f"the pickle has an unknown opcode or a missing memo at byte {machine.place}"
        ) from None
    except (IndexError, TypeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise CorruptError(f"the pickle is damaged at byte {machine.place}") from None
    raise FormatError(f"the pickle has more than {max_opcodes} opcodes")


class _Machine:
    """The state of the stack machine. Its methods raise IndexError, KeyError and such on a bad program."""

    def __init__(self, data: bytes | memoryview, start: int) -> None:
        self.data = data
        self.place = start
        self.stack: list[Value] = []
        self.marks: list[int] = []
        self.memo: dict[int, Value] = {}

    def byte(self) -> int:
        place = self.place
        if place >= len(self.data):
            raise EndOfDataError("the pickle is truncated")
        self.place = place + 1
        return self.data[place]

    def take(self, size: int) -> bytes:
        start = self.place
        if size < 0:
            raise CorruptError(f"the pickle has a negative length at byte {start}")
        if size > len(self.data) - start:
            raise EndOfDataError("the pickle is truncated")
        self.place = start + size
        return bytes(self.data[start : self.place])

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def line(self) -> bytes:
        start, step = self.place, 256
        while True:
            piece = bytes(self.data[start : start + step])
            end = piece.find(b"\n")
            if end >= 0:
                self.place = start + end + 1
                return piece[:end]
            if start + step >= len(self.data):
                raise EndOfDataError("the pickle is truncated")
            step *= 2

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def pop(self) -> Value:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise IndexError
        return self.stack.pop()

    def top(self) -> Value:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise IndexError
        return self.stack[-1]

    def since_mark(self) -> list[Value]:
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values


Operation = Callable[[_Machine], None]


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


def _constant(value: Value) -> Operation:
    return lambda machine: machine.push(value)


def _integer(size: int) -> Operation:
    return lambda machine: machine.push(machine.number(size))


def _signed(machine: _Machine) -> None:
    machine.push(int.from_bytes(machine.take(4), "little", signed=True))


def _long(size: int) -> Operation:
    def operation(machine: _Machine) -> None:
        data = machine.take(machine.number(size))
        small = len(data) <= _MAX_INT_BYTES
        machine.push(int.from_bytes(data, "little", signed=True) if small else OPAQUE)

    return operation


def _decimal(machine: _Machine) -> None:
    text = machine.line()
    if text in (b"00", b"01"):
        machine.push(text == b"01")
    elif len(text) > _MAX_INT_DIGITS:
        machine.push(OPAQUE)
    else:
        machine.push(int(text.removesuffix(b"L")))


def _float_line(machine: _Machine) -> None:
    machine.line()
    machine.push(OPAQUE)


def _float(machine: _Machine) -> None:
    machine.push(struct.unpack(">d", machine.take(8))[0])


def _string(size: int) -> Operation:
    return lambda machine: machine.push(_text(machine.take(machine.number(size))))


def _bytes(size: int) -> Operation:
    def operation(machine: _Machine) -> None:
        length = machine.number(size)
        if length > len(machine.data) - machine.place:
            raise EndOfDataError("the pickle is truncated")
        machine.place += length
        machine.push(OPAQUE)

    return operation


def _string_line(machine: _Machine) -> None:
    machine.push(_text(machine.line()).strip("'\""))


def _unicode_line(machine: _Machine) -> None:
    machine.push(_text(machine.line()))


def _skip(size: int) -> Operation:
    def operation(machine: _Machine) -> None:
        machine.take(size)

    return operation


def _mark(machine: _Machine) -> None:
    machine.marks.append(len(machine.stack))


def _pop(machine: _Machine) -> None:
    if machine.marks and len(machine.stack) == machine.marks[-1]:
        machine.marks.pop()
    else:
        machine.stack.pop()


def _pop_mark(machine: _Machine) -> None:
    machine.since_mark()


def _duplicate(machine: _Machine) -> None:
    machine.push(machine.top())


def _tuple(size: int) -> Operation:
    def operation(machine: _Machine) -> None:
        values = [machine.pop() for _ in range(size)]
        machine.push(tuple(reversed(values)))

    return operation


def _tuple_since_mark(machine: _Machine) -> None:
    machine.push(tuple(machine.since_mark()))


def _empty(machine: _Machine) -> None:
    machine.push(Built())


def _list_since_mark(machine: _Machine) -> None:
    values = machine.since_mark()
    machine.push(Built(elements=values))


def _dict_since_mark(machine: _Machine) -> None:
    values = machine.since_mark()
    _check_pairs(values)
    machine.push(Built(pairs=values))


def _append(machine: _Machine) -> None:
    value = machine.pop()
    _extend(machine.top(), [value])


def _appends(machine: _Machine) -> None:
    values = machine.since_mark()
    _extend(machine.top(), values)


def _extend(target: Value, values: list[Value]) -> None:
    if isinstance(target, Built):
        target.elements = target.elements or []
        target.elements += values


def _set_item(machine: _Machine) -> None:
    value = machine.pop()
    _set_pairs(machine, [machine.pop(), value])


def _set_items(machine: _Machine) -> None:
    values = machine.since_mark()
    _check_pairs(values)
    _set_pairs(machine, values)


def _set_pairs(machine: _Machine, values: list[Value]) -> None:
    target = machine.top()
    if isinstance(target, Built):
        target.pairs = target.pairs or []
        target.pairs += values


def _check_pairs(values: list[Value]) -> None:
    if len(values) % 2:
        raise CorruptError("the pickle has a key without a value")


def _global_line(machine: _Machine) -> None:
    machine.push(Global(_text(machine.line()), _text(machine.line())))


def _global_from_stack(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    known = isinstance(name, str) and isinstance(module, str)
    machine.push(Global(module, name) if known else OPAQUE)


def _extension(size: int) -> Operation:
    def operation(machine: _Machine) -> None:
        machine.take(size)
        machine.push(OPAQUE)

    return operation


def _reduce(machine: _Machine) -> None:
    arguments = machine.pop()
    machine.push(Built(machine.pop(), arguments))


def _new_object_with_keywords(machine: _Machine) -> None:
    machine.pop()
    _reduce(machine)


def _build(machine: _Machine) -> None:
    state = machine.pop()
    target = machine.top()
    if isinstance(target, Built):
        target.state = state


def _instance(machine: _Machine) -> None:
    made_by = Global(_text(machine.line()), _text(machine.line()))
    machine.push(Built(made_by, tuple(machine.since_mark())))


def _object(machine: _Machine) -> None:
    made_by, *arguments = machine.since_mark()
    machine.push(Built(made_by, tuple(arguments)))


def _persistent(machine: _Machine) -> None:
    machine.push(Persistent(machine.pop()))


def _persistent_line(machine: _Machine) -> None:
    machine.push(Persistent(_text(machine.line())))


def _put(size: int) -> Operation:
    def operation(machine: _Machine) -> None:
        machine.memo[machine.number(size)] = machine.top()

    return operation


def _put_line(machine: _Machine) -> None:
    machine.memo[_index(machine)] = machine.top()


def _memoize(machine: _Machine) -> None:
    machine.memo[len(machine.memo)] = machine.top()


def _get(size: int) -> Operation:
    return lambda machine: machine.push(machine.memo[machine.number(size)])


def _get_line(machine: _Machine) -> None:
    machine.push(machine.memo[_index(machine)])


def _index(machine: _Machine) -> int:
    text = machine.line()
    if len(text) > _MAX_INT_DIGITS:
        raise CorruptError("the pickle has a memo of an absurd number")
    return int(text)


def _nothing(machine: _Machine) -> None:
    pass


_STOP = ord(".")

# By the names that pickletools gives the opcodes.
_OPERATIONS: dict[int, Operation] = {
    0x80: _skip(1),  # PROTO
    0x95: _skip(8),  # FRAME
    ord("("): _mark,
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord("2"): _duplicate,
    ord("N"): _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    ord("I"): _decimal,
    ord("L"): _decimal,
    ord("J"): _signed,  # BININT
    ord("K"): _integer(1),
    ord("M"): _integer(2),
    0x8A: _long(1),
    0x8B: _long(4),
    ord("F"): _float_line,
    ord("G"): _float,
    ord("S"): _string_line,
    ord("T"): _string(4),
    ord("U"): _string(1),
    ord("V"): _unicode_line,
    ord("X"): _string(4),
    0x8C: _string(1),
    0x8D: _string(8),
    ord("B"): _bytes(4),
    ord("C"): _bytes(1),
    0x8E: _bytes(8),
    0x96: _bytes(8),  # BYTEARRAY8
    0x97: _constant(OPAQUE),  # NEXT_BUFFER
    0x98: _nothing,  # READONLY_BUFFER
    ord("]"): _empty,
    ord("}"): _empty,
    0x8F: _empty,  # EMPTY_SET
    ord(")"): _constant(()),
    ord("l"): _list_since_mark,
    ord("d"): _dict_since_mark,
    ord("t"): _tuple_since_mark,
    0x91: _list_since_mark,  # FROZENSET
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("a"): _append,
    ord("e"): _appends,
    0x90: _appends,  # ADDITEMS
    ord("s"): _set_item,
    ord("u"): _set_items,
    ord("c"): _global_line,
    0x93: _global_from_stack,
    0x82: _extension(1),
    0x83: _extension(2),
    0x84: _extension(4),
    ord("R"): _reduce,
    0x81: _reduce,  # NEWOBJ
    0x92: _new_object_with_keywords,
    ord("b"): _build,
    ord("i"): _instance,
    ord("o"): _object,
    ord("Q"): _persistent,
    ord("P"): _persistent_line,
    ord("p"): _put_line,
    ord("q"): _put(1),
    ord("r"): _put(4),
    0x94: _memoize,
    ord("g"): _get_line,
    ord("h"): _get(1),
    ord("j"): _get(4),
}
