# SPDX-License-Identifier: MIT
"""Where everything lies in a safetensors file, plain or compressed: read and cross-checked once."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import CorruptError, error_place, other_version
from ..frames import FrameReader
from ..storage.filereader import BlockReader, FileReader
from . import legacy_tensors, restoration, safetensors_header, stored
from .legacy_tensors import Held
from .restoration import Restoration
from .safetensors_header import Header, TensorInfo

FRAME_MAGIC = b"\x9aZNF"
FORMAT_KEY = "zipnn.format"
README_KEY = "zipnn.readme"
KEY_PREFIX = "zipnn."
WITH_METADATA, BARE = "1", "1 bare"
_SMALL = 4096


@dataclass(frozen=True, slots=True)
class Layout:
    """A safetensors file's structure.

    Attributes:
        compressed: whether zipnn wrote the file.
        header: the original's.
        original: prefix, gaps and size of the original. The gaps are without their bytes, and the
            checksums empty, where the file is the original.
        places: where each tensor's bytes or frame lie in this file.
        checksums: of the granules of each tensor that a compressed file stores raw. A tensor of a
            compressed file that is not in here is a frame.
        legacy: how the tensors are held by a file that zipnn 0.5 wrote; None for others.
    """

    compressed: bool
    header: Header
    original: Restoration
    places: dict[str, TensorInfo]
    checksums: dict[str, tuple[int, ...]]
    legacy: dict[str, Held] | None = None

    def is_frame(self, name: str) -> bool:
        """Whether the tensor is stored as a frame."""
        return self.compressed and name not in self.checksums


def is_compressed(header: Header) -> bool:
    """Whether the metadata say that zipnn wrote the file.

    Raises:
        UnsupportedVersionError: a newer zipnn did.
        CorruptError: they say so and do not.
    """
    metadata = header.metadata or {}
    version = metadata.get(FORMAT_KEY)
    if version is None:
        if README_KEY in metadata:
            raise CorruptError(f"metadata have {README_KEY}, but not {FORMAT_KEY}")
        return False
    if version not in (WITH_METADATA, BARE):
        raise other_version(f"a file ({FORMAT_KEY})", version.partition(" ")[0])
    return True


def read_layout(reader: FileReader) -> Layout:
    """Raises `FormatError` and its subclasses; messages do not name the file."""
    prefix = safetensors_header.read_prefix(reader.read, reader.size)
    header = safetensors_header.parse(prefix, reader.size)
    if not is_compressed(header):
        if legacy_tensors.is_legacy(header, reader):
            original_header, held = legacy_tensors.read_original(header, reader)
            prefix = legacy_tensors.prefix_of(original_header)
            size = max((info.stop for info in original_header.tensors.values()), default=len(prefix))
            original = Restoration(size, prefix, (), ())
            return Layout(True, original_header, original, header.tensors, {}, held)
        gaps = tuple((offset, memoryview(b"")) for offset, _ in header.gaps(reader.size))
        return Layout(False, header, Restoration(reader.size, prefix, gaps, ()), header.tensors, {})
    original = _read_restoration(reader, header)
    with error_place("the original header"):
        original_header = safetensors_header.parse(original.prefix, original.size)
    _compare(header, original_header, original)
    raw = _raw_tensors(reader, header, original_header)
    return Layout(True, original_header, original, header.tensors, _share_out(original.checksums, raw))


def _can_be_frame(place: TensorInfo) -> bool:
    return place.dtype == "U8" and len(place.shape) == 1 and place.size >= len(FRAME_MAGIC)


def _read_restoration(reader: FileReader, header: Header) -> Restoration:
    if header.gaps(reader.size):
        raise CorruptError("bytes that belong to no tensor")
    host = header.host()
    if host is None or not _can_be_frame(host):
        raise CorruptError("the first tensor is not a frame with the record of the original file")
    with error_place(f"tensor {host.name!r}"):
        frame = FrameReader(lambda offset, size: reader.read(host.start + offset, size), host.size)
        return restoration.unpack(frame.head.attachment)


def _compare(header: Header, original_header: Header, original: Restoration) -> None:
    """The container's header and the original's must be about the same file."""
    odd = header.tensors.keys() ^ original_header.tensors.keys()
    if odd:
        raise CorruptError(f"tensor {min(odd)!r} is in one of the two headers only")
    if [info.name for info in _filled(header)] != [info.name for info in _filled(original_header)]:
        raise CorruptError("the two headers have the tensors in different orders")
    if [(offset, len(data)) for offset, data in original.gaps] != original_header.gaps(original.size):
        raise CorruptError("the record of the original file does not cover it")
    if (original_header.metadata is None) != ((header.metadata or {})[FORMAT_KEY] == BARE):
        raise CorruptError("the two headers differ about metadata")


def _filled(header: Header) -> list[TensorInfo]:
    return [info for info in header.in_data_order() if info.size]


def _raw_tensors(reader: FileReader, header: Header, original: Header) -> list[TensorInfo]:
    """The original's tensors that the container stores as they were, in data order."""
    small_read = BlockReader(reader.read, reader.size)
    raw = []
    for info in original.in_data_order():
        place = header.tensors[info.name]
        same = (place.dtype, place.shape, place.size) == (info.dtype, info.shape, info.size)
        if not same and not _can_be_frame(place):
            raise CorruptError(
                f"tensor {info.name!r}: neither a frame nor what it was, {info.dtype} {list(info.shape)}"
            )
        # Only where the header leaves it open do the bytes have to tell.
        read = small_read if place.size < _SMALL else reader.read
        if same and not (_can_be_frame(place) and read(place.start, len(FRAME_MAGIC)) == FRAME_MAGIC):
            raw.append(info)
    return raw


def _share_out(checksums: tuple[int, ...], raw: list[TensorInfo]) -> dict[str, tuple[int, ...]]:
    at = 0
    shares = {}
    for info in raw:
        count = stored.granules(info.size)
        shares[info.name] = checksums[at : at + count]
        at += count
    if at != len(checksums):
        raise CorruptError(f"{len(checksums)} checksums for the tensors stored as they were, {at} are needed")
    return shares
