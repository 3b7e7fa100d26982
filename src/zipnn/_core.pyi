# SPDX-License-Identifier: MIT
"""The compiled codec: bytes in, bytes out. It knows neither files nor arrays.

`Buffer` is any C-contiguous object with the buffer protocol; `threads` is 0 for the default
(`ZIPNN_NUM_THREADS`, else the cores that the process may use) or a number of threads.
All functions release the GIL while they compute and may be called from several threads.
"""

from typing import Any

Buffer = Any

class Head:
    """A parsed and verified frame head (docs/format.md, 2.1)."""

    layout: int
    kind: int
    flags: int
    head_size: int
    frame_size: int
    data_size: int
    dtype: str
    shape: tuple[int, ...]
    chunk_bytes: int
    chunk_count: int
    attachment: bytes
    reference: str | None
    base_hash: int | None  # of a difference to a base
    codec: str

    def chunk_extent(self, index: int) -> tuple[int, int]:
        """Offset in the frame and size of the payload of chunk `index` (payloads are contiguous)."""

    def checksum(self, index: int) -> int:
        """XXH3-64 of the decoded bytes of chunk `index`."""

def head_size(prefix: Buffer) -> int:
    """Size of the head of the frame that begins with `prefix` (at least 12 bytes of it).

    Raises FormatError (not a frame), UnsupportedVersionError, CorruptError.
    """

def parse_head(head: Buffer, available: int) -> Head:
    """Parse a frame head; `head` holds at least the head's bytes, `available` is the room that the frame has.

    Raises FormatError, UnsupportedVersionError, CorruptError.
    """

def check_padding(head: Head, tail: Buffer) -> None:
    """Check the bytes after the last payload up to the frame's size. Raises CorruptError."""

def decode_chunks(head: Head, payload: Buffer, first: int, count: int, out: Buffer, threads: int = 0) -> None:
    """Decode the chunks `first` .. `first+count-1`, whose payloads `payload` holds, into `out` (exact size).

    Raises CorruptError naming the chunk. Not for layout 13 (zstd).
    """

def decode_frame(frame: Buffer, out: Buffer, threads: int = 0) -> Head:
    """Decode a whole frame that is not a reference and not zstd into `out` of exactly its data size."""

class Encoder:
    """Codes one tensor, window by window.

    Order of calls: `sample_ranges`, `train` with those bytes joined, `encode` for each window of whole
    chunks in order, `head`. Every step is deterministic.

    family: bytes, int16, int32, int64, uint16, uint32, uint64, float16, bfloat16, float32, float64
        (see `dtypes`) or `stored`.
    level: fast, default, max.
    shape: of the tensor, in whose rows and columns level max finds likenesses.
    """

    chunk_bytes: int
    def __init__(
        self, family: str, data_size: int, level: str, threads: int = 0, shape: tuple[int, ...] = ()
    ) -> None: ...
    def sample_ranges(self) -> list[tuple[int, int]]:
        """Byte ranges (offset, size) of the data that `train` wants, in order."""
    def train(self, sample: Buffer) -> float:
        """Choose layout and tables from the sample; returns the expected ratio (coded/original)."""
    def head_size(self, dtype: str, shape: tuple[int, ...], attachment: int = 0) -> int:
        """Size of the head that `head` will give: payload goes behind it."""
    def set_stored(self) -> None:
        """Store every chunk (layout 0), in place of `train`."""
    def encode(self, window: Buffer) -> bytes:
        """Payloads of the window's chunks, joined. All windows but the last hold whole chunks."""
    def encode_zstd(self, payload: Buffer, original: Buffer) -> None:
        """Note a chunk that was coded elsewhere (layout 13; `set_zstd` before)."""
    def set_zstd(self, chunk_log2: int) -> None:
        """Switch to layout 13 with chunks of 2**chunk_log2 bytes, in place of `train`."""
    def payload_size(self) -> int:
        """Sum of the payloads so far."""
    def head(
        self, dtype: str, shape: tuple[int, ...], kind: int, flags: int, attachment: Buffer, frame_size: int
    ) -> bytes:
        """The head, when all windows are coded; `frame_size` includes head, payloads and padding."""

class DifferenceEncoder:
    """Makes the frame of a tensor that is a difference to a base (docs/format.md, 2.8).

    `data` and `base` are whole elements of the family, of the same size, at least one. They are looked at
    until the frame is made.
    """

    def __init__(self, data: Buffer, base: Buffer, family: str, level: str, threads: int = 0) -> None: ...
    @property
    def ratio(self) -> float:
        """Expected ratio of coded to original size."""
    def frame(self, dtype: str, shape: tuple[int, ...], kind: int, flags: int, align: int) -> bytes | None:
        """The frame, padded to a multiple of `align` (1 to 8); None if it is larger than a stored one."""

def decode_difference(
    head: Head,
    payload: Buffer,
    base: Buffer,
    first: int,
    count: int,
    out: Buffer,
    threads: int = 0,
    base_known: bool = False,
) -> None:
    """As `decode_chunks`, from these chunks' part of the base, which may be `out` itself.

    A difference of no chunks, an identical tensor, is decoded as a whole. Hashes of base and payloads are
    checked before `out` is written to; those of the base are not, if the caller says that it is `base_known`.
    Raises BaseMismatchError, CorruptError.
    """

def reference_head(dtype: str, shape: tuple[int, ...], data_size: int, target: str) -> bytes:
    """A whole reference frame (docs/format.md, 2.7), padded to 8 bytes."""

def compress(
    data: Buffer,
    family: str,
    dtype: str,
    shape: tuple[int, ...],
    kind: int,
    flags: int,
    level: str,
    attachment: Buffer,
    align: int,
    threads: int = 0,
) -> bytes:
    """One-shot: the frame of a buffer, padded to a multiple of `align` (1 or 8)."""

def estimate(data: Buffer, family: str, level: str, shape: tuple[int, ...] = ()) -> float:
    """Expected ratio of coded to original size, from a sample."""

def order0(data: Buffer, family: str) -> float:
    """Order-0 entropy of the data's fields (exponent, mantissa planes, sign apart) in bits per byte."""

def block_types() -> list[tuple[str, int, int, tuple[tuple[str, int], ...]]]:
    """GGML's block types: name, elements and bytes of a block, and dtype and bytes of each of its fields."""

def split_blocks(data: Buffer, name: str, fields: list[Buffer]) -> None:
    """Take blocks apart into `fields`, which have the exact sizes. Raises `ValueError`."""

def take_field(data: Buffer, name: str, field: int, out: Buffer) -> None:
    """As `split_blocks`, one field only."""

def join_blocks(fields: list[Buffer], name: str, out: Buffer) -> None:
    """The inverse of `split_blocks`."""

def repeated_share(data: Buffer) -> float:
    """About what share of the data's 8-byte words occurs more than once, from a sample; 0 for small data."""

def count_lanes(data: Buffer, first: int, step: int, size: int, counts: Buffer) -> None:
    """Histograms of samples of `size` bytes, `step` apart from `first` on, by place modulo 8.

    counts: 16-bit integers [samples, 2, 8, 256], for bytes and for bytes with the sign shifted out and the
    upper bit of the byte before shifted in. Raises `ValueError`.
    """

class LegacyFrame:
    """A frame of zipnn 0.1 to 0.5 whose header and tables are read (docs/legacy.md)."""

    version: tuple[int, int, int]
    method: str
    input: int  # 1 bytes, 2 torch, 3 numpy
    dtype: str
    shape: tuple[int, ...] | None
    delta: bool
    streaming: bool
    frame_size: int
    data_size: int | None  # None where only decoding tells
    chunked: bool
    chunk_count: int
    @property
    def chunk_bytes(self) -> int:
        """Decoded size of a whole chunk. Raises `ValueError` for frames without chunks."""
    def extents(self, first: int, count: int) -> list[tuple[int, int]]:
        """Offset and size in the frame of what each plane has of these chunks."""

def legacy_is(head: Buffer) -> bool:
    """Whether data that begin so are such a frame, of whatever version."""

def legacy_parse(prefix: Buffer, available: int) -> LegacyFrame | int:
    """The frame that begins so, or how many of the `available` bytes have to be given to tell."""

def legacy_decode_chunks(
    frame: LegacyFrame, pieces: list[Buffer], first: int, count: int, out: Buffer, threads: int = 0
) -> None:
    """Decode chunks from what `extents` says of each plane. `out` has the exact size."""

def legacy_decode_parts(frame: LegacyFrame, data: Buffer, threads: int = 0) -> bytearray:
    """Decode a frame that has no chunks, of which all bytes are given."""

def legacy_room(size: int) -> bytearray:
    """A bytearray whose content is undefined (it is not cleared first)."""

def legacy_undo_move(data: Buffer, dtype: str) -> None:
    """Put sign bits that lie below the exponent of BF16 or F32 elements back in their place."""

class Deflater:
    """Makes the raw DEFLATE stream that zlib makes (1.2.x, 1.3; `zlib.compressobj(level, wbits=-15,
    memLevel=mem_level)`), whatever the zlib of this machine.

    level: 1 to 9; mem_level: 8 or 9; `ValueError` for others.
    """

    def __init__(self, level: int, mem_level: int) -> None: ...
    def compress(self, data: Buffer) -> bytes:
        """Take the next bytes, cut anyhow; gives what there is of the stream by now."""
    def finish(self) -> bytes:
        """The rest of the stream. Both raise `ValueError` from then on."""

def xxh3_64(data: Buffer, seed: int = 0) -> int:
    """XXH3-64 of a buffer."""

def default_threads() -> int:
    """Threads that `threads=0` stands for."""

def simd() -> str:
    """Name of the kernels in use: scalar, 128, avx2 or avx512."""
