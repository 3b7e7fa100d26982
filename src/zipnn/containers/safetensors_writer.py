# SPDX-License-Identifier: MIT
"""Writing compressed safetensors (docs/format.md, 3), tensor by tensor, in memory of a fixed size."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import error_place
from ..frames import write_frame, write_frame_stream
from ..storage.atomic import OutputFile
from ..storage.filereader import BlockReader, Source
from . import safetensors_header
from .safetensors_header import MAX_HEADER, TensorInfo
from .safetensors_layout import BARE, FORMAT_KEY, README_KEY, WITH_METADATA
from .safetensors_plan import Method, Plan, Step, UnsuitableError

README = (
    "Tensors of type U8 in this file are compressed without loss by zipnn (pip install zipnn). "
    '"zipnn decompress" gives the original file back.'
)
_SMALL = 1 << 20
_COPY = 8 << 20


def write_compressed(
    source: Source,
    plan: Plan,
    output: OutputFile,
    *,
    level: str,
    threads: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Write the compressed form of `source` into the empty `output`.

    Args:
        source: a plain safetensors file.
        plan: of `make_plan` for it.
        output: gets the container, from offset 0.
        level: see `frames`.
        threads: see `_core`.
        progress: called with the bytes of the original that are done.

    Raises:
        UnsuitableError: the header would be larger than readers of safetensors accept.
        CorruptError, OSError: the source cannot be read, or the output not be written.
    """
    reserved = len(_header(plan, *_bounds(plan)))
    if reserved - 8 > MAX_HEADER:
        raise UnsuitableError(f"the header would be larger than {MAX_HEADER} bytes")
    output.write(bytes(reserved))
    writer = _TensorWriter(source, output, level, threads)
    starts, stops = [], []
    for step in plan.steps:
        starts.append(output.position - reserved)
        with error_place(f"file {source.path}: tensor {step.info.name!r}"):
            writer.write(step, plan.attachment if step.info.name == plan.host else b"", progress)
        stops.append(output.position - reserved)
    output.write_at(0, _header(plan, starts, stops, reserved))


def _bounds(plan: Plan) -> tuple[list[int], list[int]]:
    """Offsets that no tensor of the container can exceed."""
    starts, stops = [], []
    end = 0
    for step in plan.steps:
        starts.append(end)
        size = step.info.size
        if step.method is Method.REFERENCE:
            end += len(step.frame)
        elif step.method is Method.FRAME:
            end += (
                size + size // 64 + (64 << 10)
            )  # stored chunks cost 12 bytes in 4096 at worst, tables 16 KiB
            end += len(plan.attachment) if step.info.name == plan.host else 0
        else:
            end += size
        stops.append(end)
    return starts, stops


def _header(plan: Plan, starts: list[int], stops: list[int], size: int = 0) -> bytes:
    """The container's header, its tensors in the order of the original's header."""
    places = {}
    for step, start, stop in zip(plan.steps, starts, stops, strict=True):
        info = step.info
        raw = step.method is Method.RAW
        dtype, shape = (info.dtype, info.shape) if raw else ("U8", (stop - start,))
        places[info.name] = TensorInfo(info.name, dtype, shape, start, stop)
    original = plan.header.metadata
    flags = {FORMAT_KEY: BARE if original is None else WITH_METADATA, README_KEY: README}
    ordered = (places[name] for name in plan.header.tensors)
    return safetensors_header.render({**(original or {}), **flags}, ordered, size)


class _TensorWriter:
    """Appends tensors to `output`."""

    def __init__(self, source: Source, output: OutputFile, level: str, threads: int) -> None:
        self._source = source
        self._read = BlockReader(source.read, source.size)
        self._output = output
        self._level = level
        self._threads = threads

    def write(self, step: Step, attachment: bytes, progress: Callable[[int], None]) -> None:
        info = step.info
        if step.method is Method.REFERENCE:
            self._output.write(step.frame)
        elif step.method is Method.RAW:
            for start in range(info.start, info.stop, _COPY):
                self._output.write(self._read(start, min(_COPY, info.stop - start)))
                progress(start)
        elif info.size <= _SMALL:
            data = self._read(info.start, info.size)
            frame = write_frame(
                data,
                dtype=info.dtype,
                shape=info.shape,
                level=self._level,
                threads=self._threads,
                attachment=attachment,
                align=8,
            )
            self._output.write(frame)
        else:
            self._stream(info, attachment, progress)
        progress(info.stop)

    def _stream(self, info: TensorInfo, attachment: bytes, progress: Callable[[int], None]) -> None:
        start = self._output.position
        done = 0

        def read(offset: int, size: int) -> memoryview:
            nonlocal done
            done = min(done + size, info.size)
            progress(info.start + done)
            return self._source.read(info.start + offset, size)

        size = write_frame_stream(
            read, info.size, lambda offset, data: self._output.write_at(start + offset, data),
            dtype=info.dtype, shape=info.shape, level=self._level, threads=self._threads,
            attachment=attachment, align=8,
        )  # fmt: skip
        if self._output.position != start + size:
            raise AssertionError(f"a frame of {size} bytes took {self._output.position - start}")
