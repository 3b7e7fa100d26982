# SPDX-License-Identifier: MIT
"""A small file of every format, as far as what writes it is installed, and ways to damage one."""

from __future__ import annotations

import contextlib
import importlib
import random

import pytest

_MODULES = ("gguf", "torch", "numpy_files", "onnx", "msgpack", "hdf5", "tflite", "coreml", "ctranslate2")
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)


def samples() -> dict[str, bytes]:
    """The files by the name of what makes them: all functions `sample*` of the tests of readers."""
    found = {}
    for name in _MODULES:
        with contextlib.suppress(pytest.skip.Exception):
            module = importlib.import_module(f"tests.containers.readers.test_{name}")
            makers = sorted(maker for maker in vars(module) if maker.startswith("sample"))
            found |= {f"{name} {maker}": getattr(module, maker)() for maker in makers}
    return found


def damaged(data: bytes, generator: random.Random) -> bytes:
    """The file with a few bytes changed, numbers overwritten, pieces moved, or its end missing."""
    changed = bytearray(data)
    for _ in range(generator.randint(1, 6)):
        place = _somewhere(generator, len(changed))
        kind = generator.randrange(6)
        if kind == 0 and place < len(changed):
            changed[place] ^= 1 << generator.randrange(8)
        elif kind == 1:
            changed[place : place + 1] = generator.randbytes(1)
        elif kind == 2:
            size = generator.choice((1, 2, 4, 8))
            number = generator.choice((*_NUMBERS, len(data), generator.getrandbits(16)))
            order = generator.choice(("little", "big"))
            changed[place : place + size] = (number & (1 << 8 * size) - 1).to_bytes(size, order)
        elif kind == 3:
            other = generator.randrange(len(changed) + 1)
            changed[place : place + 8] = changed[other : other + 8]
        elif kind == 4 and generator.random() < 0.2:
            del changed[place:]
        elif kind == 5 and generator.random() < 0.2:
            changed[place:place] = generator.randbytes(generator.randint(1, 4))
    return bytes(changed)


def _somewhere(generator: random.Random, size: int) -> int:
    """A place, often one near an end, where the structure of most files is."""
    place = generator.randrange(size + 1)
    if generator.random() < 0.5:
        return place
    place = min(place, generator.randrange(512))
    return place if generator.random() < 0.5 else size - place
