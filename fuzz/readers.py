# SPDX-License-Identifier: MIT
"""Fuzz targets for every reader of a file format.

    python -m fuzz.readers --seconds 60 [--seed 1] [--reader onnx]

It begins with a file of every format (`tests/containers/readers/samples.py`). With atheris installed (`pip
install atheris`) coverage guides what becomes of them, kept in `--corpus`, and options of libFuzzer may
follow; else they are damaged at random, and an input that fails is kept as `fuzz-failure-<hash>`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FunctionType

from tests.containers.readers.memory import MemorySource
from tests.containers.readers.samples import damaged, samples
from zipnn.containers.contents import Contents
from zipnn.containers.readers import _READERS
from zipnn.containers.readers.checked import checked
from zipnn.containers.readers.onnx import external_data
from zipnn.errors import FormatError

READERS = {read.__module__.rpartition(".")[2]: read for read in _READERS}
SLOW = 5.0
"""Seconds that an input of a few kilobytes must not take."""


class SlowError(Exception):
    """An input took too long."""


def one_input(data: bytes, only: str | None = None) -> Contents | None:
    """Give `data` to every reader, or to `only` one. What they must not do is an error here."""
    known = None
    for name, read in READERS.items():
        if only not in (None, name):
            continue
        with contextlib.suppress(FormatError):
            contents = read(MemorySource(data))
            if contents is not None:
                known = checked(contents, len(data))
    with contextlib.suppress(FormatError):
        external_data(MemorySource(data))
    return known


def mutate(seconds: float, seed: int, only: str | None) -> int:
    """Damage files at random for so long. Gives how many inputs that were."""
    generator = random.Random(seed)
    files = list(samples().values())
    stop = time.monotonic() + seconds
    count = 0
    while time.monotonic() < stop:
        data = damaged(generator.choice(files), generator)
        start = time.monotonic()
        try:
            one_input(data, only)
            if time.monotonic() - start > SLOW:
                raise SlowError(f"{time.monotonic() - start:.1f} s")
        except Exception:
            path = Path(f"fuzz-failure-{hashlib.sha256(data).hexdigest()[:12]}")
            path.write_bytes(data)
            print(f"input {count} of seed {seed}: {path}", file=sys.stderr)
            raise
        count += 1
    return count


def functions() -> Iterator[FunctionType]:
    """The functions and methods of all readers, for coverage."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("zipnn.containers.readers"):
            continue
        own = [value for value in vars(module).values() if getattr(value, "__module__", None) == name]
        members = [member for value in own if isinstance(value, type) for member in vars(value).values()]
        yield from (value for value in own + members if isinstance(value, FunctionType))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="fuzz.readers", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=READERS)
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz/readers"))
    options, rest = parser.parse_known_args(arguments)
    try:
        import atheris
    except ImportError:
        print(f"{mutate(options.seconds, options.seed, options.reader)} inputs, all well")
        return
    options.corpus.mkdir(parents=True, exist_ok=True)
    for name, data in samples().items():
        (options.corpus / name.replace(" ", "-")).write_bytes(data)
    for function in functions():
        atheris.instrument_func(function)
    limits = [f"-max_total_time={int(options.seconds)}", f"-seed={options.seed}", f"-timeout={int(SLOW)}"]
    arguments = [sys.argv[0], *limits, *rest, str(options.corpus)]
    atheris.Setup(arguments, lambda data: one_input(data, options.reader))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
