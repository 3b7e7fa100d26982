# SPDX-License-Identifier: MIT
"""Deciding, before a byte is written, how each tensor of a safetensors file will be stored.

The host's attachment comes first in the file and holds the checksums of the tensors that stay raw.
So a sample of each tensor decides beforehand whether it goes into a frame.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .. import _core, dtypes
from ..errors import error_place
from ..frames import write_frame
from ..storage.comparing import first_difference
from ..storage.filereader import BlockReader, Source
from . import restoration, safetensors_header, stored
from .restoration import MAX_GAPS, Restoration
from .safetensors_header import Header, TensorInfo
from .safetensors_layout import FORMAT_KEY, FRAME_MAGIC, KEY_PREFIX

MIN_FRAME = 1024  # a smaller tensor stays as it is: the head of a frame would eat the gain
_PIECES = 16
_PIECE = 16 << 10
_COMPARE = 8 << 20
_MAX_TWINS = 8


class UnsuitableError(Exception):
    """The container cannot hold the file, or gains nothing; the message says why. Stays in the package."""


class Method(enum.Enum):
    """How a tensor is stored."""

    RAW = enum.auto()
    FRAME = enum.auto()
    REFERENCE = enum.auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One tensor's fate. `estimate` is the expected size in bytes; `frame` a reference's whole frame."""

    info: TensorInfo
    method: Method
    estimate: int
    frame: bytes = b""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file will be stored.

    Attributes:
        original_size: of the original file in bytes.
        header: the original's.
        steps: in data order.
        host: name of the tensor whose frame gets the attachment.
        attachment: see `restoration`.
    """

    original_size: int
    header: Header
    steps: list[Step]
    host: str
    attachment: bytes

    @property
    def worthwhile(self) -> bool:
        """Whether anything but the host, which has no choice, becomes smaller; or the file by estimate."""
        shrinks = any(step.estimate < step.info.size for step in self.steps if step.info.name != self.host)
        return shrinks or self.estimate() < self.original_size

    def estimate(self) -> int:
        """Expected size of the compressed file in bytes."""
        return self.header.data_start + len(self.attachment) + sum(step.estimate for step in self.steps)


def make_plan(source: Source, level: str, *, sample_only: bool = False) -> Plan:
    """Plan the compression of a plain safetensors file.

    Args:
        source: the file.
        level: see `frames`.
        sample_only: the plan is for its estimate only; leave out what needs reading whole tensors.

    Raises:
        FormatError: it is not a safetensors file.
        UnsuitableError: the container cannot hold it.
    """
    with error_place(f"file {source.path}"):
        prefix = safetensors_header.read_prefix(source.read, source.size)
        header = safetensors_header.parse(prefix, source.size)
        host = _check_suitable(header, source.size)
        steps = list(_Planner(source, level).steps(header.in_data_order(), host))
        raw = [step.info for step in steps if step.method is Method.RAW and not sample_only]
        gaps = tuple((offset, source.read(offset, size)) for offset, size in header.gaps(source.size))
        attachment = restoration.pack(Restoration(source.size, prefix, gaps, tuple(_checksums(source, raw))))
    return Plan(source.size, header, steps, host.name, attachment)


def _check_suitable(header: Header, file_size: int) -> TensorInfo:
    """The host, if the file can go into the container."""
    metadata = header.metadata or {}
    if FORMAT_KEY in metadata:
        raise UnsuitableError("already compressed")
    if any(key.startswith(KEY_PREFIX) for key in metadata):
        raise UnsuitableError(f"its metadata use keys that begin with {KEY_PREFIX!r}")
    if sum(size for _, size in header.gaps(file_size)) > MAX_GAPS:
        raise UnsuitableError(f"more than {MAX_GAPS} bytes belong to no tensor")
    host = header.host()
    if host is None:
        raise UnsuitableError("no tensor has data")
    if not _fits_frame(host):
        raise UnsuitableError(f"the dtype or shape of tensor {host.name!r} does not fit into a frame")
    return host


def _fits_frame(info: TensorInfo) -> bool:
    return 1 <= len(info.dtype.encode()) <= 32 and len(info.shape) <= 64


def _checksums(source: Source, raw: Iterable[TensorInfo]) -> Iterator[int]:
    read = BlockReader(source.read, source.size)
    for info in raw:
        for start in range(info.start, info.stop, stored.GRANULE):
            yield _core.xxh3_64(read(start, min(stored.GRANULE, info.stop - start)))


class _Planner:
    """Plans tensor by tensor, remembering those seen in order to find equal ones."""

    def __init__(self, source: Source, level: str) -> None:
        self._source = source
        self._read = BlockReader(source.read, source.size)
        self._level = level
        self._seen: dict[tuple[str, tuple[int, ...], int], list[TensorInfo]] = defaultdict(list)

    def steps(self, tensors: Iterable[TensorInfo], host: TensorInfo) -> Iterator[Step]:
        for info in tensors:
            with error_place(f"tensor {info.name!r}"):
                yield self._step(info, info is host or self._resembles_frame(info))

    def _step(self, info: TensorInfo, must_frame: bool) -> Step:
        if not must_frame and (info.size < MIN_FRAME or not _fits_frame(info)):
            return Step(info, Method.RAW, info.size)
        sample = self._sample(info)
        twin = self._twin(info, sample)
        if twin is not None:
            frame = _core.reference_head(info.dtype, info.shape, info.size, twin.name)
            if len(frame) < info.size:
                return Step(info, Method.REFERENCE, len(frame), frame)
        estimate = self._estimate(info, sample)
        if must_frame or estimate < info.size:
            return Step(info, Method.FRAME, estimate)
        return Step(info, Method.RAW, info.size)

    def _resembles_frame(self, info: TensorInfo) -> bool:
        """Whether a reader would take the tensor for a frame if it stayed as it is."""
        if info.dtype != "U8" or len(info.shape) != 1 or info.size < len(FRAME_MAGIC):
            return False
        return self._read(info.start, len(FRAME_MAGIC)) == FRAME_MAGIC

    def _sample(self, info: TensorInfo) -> memoryview | bytes:
        """All bytes of a small tensor, else pieces from all over it."""
        if info.size <= _PIECES * _PIECE:
            return self._read(info.start, info.size)
        stride = (info.size - _PIECE) // (_PIECES - 1) // 16 * 16  # whole elements of every dtype
        starts = (info.start + index * stride for index in range(_PIECES))
        return b"".join(self._source.read(start, _PIECE) for start in starts)

    def _estimate(self, info: TensorInfo, sample: memoryview | bytes) -> int:
        dtype = dtypes.named(info.dtype)
        if dtype.family == "bytes":  # the shape of a piece of a sub-byte tensor need not be whole
            dtype = dtypes.BY_NAME["U8"]
        shape = (len(sample) * 8 // dtype.bits,)
        size = len(write_frame(sample, dtype=dtype.name, shape=shape, level=self._level, align=8))
        return size * info.size // len(sample) + 8 * len(info.shape)

    def _twin(self, info: TensorInfo, sample: memoryview | bytes) -> TensorInfo | None:
        """An earlier tensor with the same dtype, shape and bytes."""
        seen = self._seen[info.dtype, info.shape, _core.xxh3_64(sample)]
        for other in seen:
            if len(other.name.encode()) < 1 << 16 and self._equal(info, other):
                return other
        if len(seen) < _MAX_TWINS:
            seen.append(info)
        return None

    def _equal(self, one: TensorInfo, other: TensorInfo) -> bool:
        if one.start == other.start:
            return True
        for done in range(0, one.size, _COMPARE):
            size = min(_COMPARE, one.size - done)
            read = self._source.read
            if first_difference(read(one.start + done, size), read(other.start + done, size)) is not None:
                return False
        return True
