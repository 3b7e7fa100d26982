# SPDX-License-Identifier: MIT
"""`save_file`: tensors to a compressed safetensors file, with the call of safetensors' own.

The plain file that safetensors would write is laid out in memory (header and places, not data) and
goes through the same steps as a file that is compressed; so decompressing gives that file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..containers.safetensors import TensorFile
from ..containers.safetensors_plan import UnsuitableError, make_plan
from ..containers.safetensors_writer import write_compressed
from ..errors import MismatchError
from ..storage.atomic import OutputFile, check_replaceable, output_file
from ..storage.comparing import difference_from
from ..storage.filereader import BlockReader, FileReader, Source
from .plain_layout import PlainLayout

_COPY = 8 << 20


def save_file(
    tensors: Mapping[str, Any],
    filename: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
    *,
    level: str = "default",
    threads: int | None = None,
    compress: bool = True,
) -> None:
    """Save tensors to a compressed safetensors file, replacing a file of that name.

    Decompressing it gives the very file that safetensors' own `save_file` writes. Tensors with the same
    bytes are stored once. The file appears under its name when it is complete, synced and compared with
    the tensors. What would not become smaller is saved as a plain safetensors file.

    Args:
        tensors: NumPy arrays and torch tensors by name; any strides, byte order and device.
        filename: where to write.
        metadata: strings by name, for `__metadata__`.
        level: fast, default or max.
        threads: threads that encode; None for `ZIPNN_NUM_THREADS`, else all cores.
        compress: False for a plain safetensors file.

    Raises:
        TypeError: a name, a tensor or an entry of the metadata is of the wrong type.
        ValueError: a tensor has no data of its own (sparse, meta) or a dtype that safetensors lacks,
            or `level` is not known.
        OutputExistsError: `filename` is a folder, a device or a pipe.
        MismatchError: what was written did not decode to the tensors; were they changed meanwhile?
        OSError: writing failed; a file of that name is as it was.
    """
    target = Path(filename)
    layout = PlainLayout(tensors, metadata, target)
    if compress:
        with contextlib.suppress(UnsuitableError):
            _save_compressed(layout, target, level, threads or 0)
            return
    _save(layout, target, lambda output: _write_plain(layout, output), _pieces)


def _save_compressed(layout: PlainLayout, target: Path, level: str, threads: int) -> None:
    plan = make_plan(layout, level)
    if not plan.worthwhile:
        raise UnsuitableError("it would not become smaller")

    def write(output: OutputFile) -> None:
        write_compressed(layout, plan, output, level=level, threads=threads)
        if output.position >= layout.size:
            raise UnsuitableError("it would not become smaller")

    _save(layout, target, write, lambda written: TensorFile(written).original_pieces(threads))


def _save(
    layout: PlainLayout,
    target: Path,
    write: Callable[[OutputFile], None],
    pieces: Callable[[FileReader], Iterator[tuple[int, memoryview]]],
) -> None:
    """Write `target`, compare what it decodes to (`pieces`) with the layout, and give it its name."""
    check_replaceable(target)
    with output_file(target) as output:
        write(output)
        output.sync()
        with FileReader(output.path) as written:
            difference = difference_from(pieces(written), BlockReader(layout.read, layout.size))
        if difference is not None:
            raise MismatchError(
                f"file {target}: what was written differs from the tensors at byte {difference}; "
                "nothing was kept. Were the tensors changed while they were saved?"
            )
        output.publish(_permissions_like(target), overwrite=True)


def _write_plain(layout: PlainLayout, output: OutputFile) -> None:
    for _, piece in _pieces(layout):
        output.write(piece)


def _pieces(source: Source) -> Iterator[tuple[int, memoryview]]:
    for start in range(0, source.size, _COPY):
        yield start, source.read(start, min(_COPY, source.size - start))


def _permissions_like(target: Path) -> os.stat_result | None:
    """The file that will be replaced; None for a new one."""
    try:
        return os.stat(target)
    except FileNotFoundError:
        return None
