# SPDX-License-Identifier: MIT
"""The peers, each as its own documents use it, with what suits weights best.

Each class imports its package when it is set up, so that one that is missing takes no other with it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np

from benchmarks.codecs.base import DIRECTIONS, Codec

WIDTH = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1}


class OldZipnn(Codec):
    """The library whose name zipnn carries, at its last version."""

    name = "zipnn 0.5.4"
    threaded = DIRECTIONS
    kinds: ClassVar = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F8_E4M3": "float8_e4m3fn"}

    def __init__(self, dtype: str, threads: int) -> None:
        super().__init__(dtype, threads)
        import zipnn_core  # noqa: F401 - its own: the product has a class of this name too

        from zipnn import ZipNN

        self.codec = ZipNN(input_format="byte", bytearray_dtype=self.kinds[dtype], threads=threads)

    def source(self, data: np.ndarray) -> Any:
        # It reorders the bits of its input in place, so each call gets a copy.
        return bytearray(data)

    def compress(self, source: Any) -> Any:
        return self.codec.compress(source)

    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        return self.codec.decompress(frame)


class OpenZL(Codec):
    """The graphs that take floats apart: the exponents coded, the rest stored."""

    coder: ClassVar[str]

    def __init__(self, dtype: str, threads: int) -> None:
        super().__init__(dtype, threads)
        import openzl.ext as zl

        self.zl = zl
        self.word = {1: np.uint8, 2: np.uint16, 4: np.uint32}[WIDTH[dtype]]
        self.compressor = zl.Compressor()
        self.compressor.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
        self.compressor.select_starting_graph(self._graph())
        self.context, self.decoder = zl.CCtx(), zl.DCtx()

    def _graph(self) -> Any:
        graphs, nodes, owner = self.zl.graphs, self.zl.nodes, self.compressor
        coder, store = getattr(graphs, self.coder)()(owner), graphs.Store()(owner)
        if self.dtype == "BF16":
            return nodes.BFloat16Deconstruct()(owner, store, coder)
        if self.dtype == "F32":
            return nodes.Float32Deconstruct()(owner, store, coder)
        if self.dtype == "F16":
            # Sign and fraction come as 11 bits in 16.
            packed = nodes.ConvertStructToNumLE()(owner, graphs.Bitpack()(owner))
            return nodes.Float16Deconstruct()(owner, packed, coder)
        return coder

    def source(self, data: np.ndarray) -> Any:
        kind = self.zl.Type.Numeric if self.word is not np.uint8 else self.zl.Type.Serial
        return self.zl.Input(kind, data.view(self.word))

    def compress(self, source: Any) -> Any:
        # A context forgets its compressor with every call.
        self.context.ref_compressor(self.compressor)
        return self.context.compress([source])

    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        return self.decoder.decompress(frame)

    def content(self, result: Any) -> np.ndarray:
        return result[0].content.as_nparray().view(np.uint8)


class OpenZLHuffman(OpenZL):
    name = "OpenZL, Huffman"
    coder = "Huffman"


class OpenZLFse(OpenZL):
    name = "OpenZL, FSE"
    coder = "Fse"


class Lmzip(Codec):
    """The chunks of its archive (8 MiB, checksums on) coded in memory, without writing the file."""

    name = "lmzip"
    threaded = DIRECTIONS
    chunk = 8 << 20

    def __init__(self, dtype: str, threads: int) -> None:
        super().__init__(dtype, threads)
        from lmz import codec, planner

        self.codec = codec
        self.kind = planner.KIND_BF16 if dtype == "BF16" else planner.KIND_BYTES
        self.pool = ThreadPoolExecutor(threads)

    def _map(self, call: Any, items: Any) -> list[Any]:
        return [call(item) for item in items] if self.threads == 1 else list(self.pool.map(call, items))

    def source(self, data: np.ndarray) -> Any:
        view = memoryview(data)
        return [view[first : first + self.chunk] for first in range(0, len(view), self.chunk)]

    def compress(self, source: Any) -> Any:
        return self._map(self._encode, source)

    def _encode(self, chunk: Any) -> Any:
        width = WIDTH[self.dtype]
        parts, codec, flags, crc = self.codec.encode_chunk(chunk, width, kind=self.kind)
        return b"".join(parts), codec, width, flags, len(chunk), crc

    def size(self, frame: Any) -> int:
        return sum(len(chunk[0]) for chunk in frame)

    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        room: list[Any] = [None] * len(frame)
        if out is not None:
            view = memoryview(out)
            room = [view[i * self.chunk : (i + 1) * self.chunk] for i in range(len(frame))]
        return self._map(
            lambda item: self.codec.decode_chunk(*item[0], out=item[1]), zip(frame, room, strict=True)
        )

    def content(self, result: Any) -> np.ndarray:
        return np.frombuffer(b"".join(result), np.uint8)


class Zstd(Codec):
    """Zstandard on the bytes as they lie. Only its encoder uses several threads."""

    threaded = ("compress",)
    level: ClassVar[int]

    def __init__(self, dtype: str, threads: int) -> None:
        super().__init__(dtype, threads)
        import zstandard

        self.encoder = zstandard.ZstdCompressor(level=self.level, threads=threads if threads > 1 else 0)
        self.decoder = zstandard.ZstdDecompressor()

    def compress(self, source: Any) -> Any:
        return self.encoder.compress(source)

    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        return self.decoder.decompress(frame)


class Zstd1(Zstd):
    name = "zstd -1"
    level = 1


class Zstd3(Zstd):
    name = "zstd -3"
    level = 3


class Blosc2(Codec):
    """Bytes shuffled into planes, then Zstandard at its quickest."""

    name = "blosc2, shuffle + zstd"
    threaded = DIRECTIONS

    def __init__(self, dtype: str, threads: int) -> None:
        super().__init__(dtype, threads)
        import blosc2

        self.blosc2 = blosc2
        self.settings = {
            "codec": blosc2.Codec.ZSTD,
            "clevel": 1,
            "typesize": WIDTH[dtype],
            "nthreads": threads,
            "filters": [blosc2.Filter.SHUFFLE],
            "filters_meta": [0],
        }

    def compress(self, source: Any) -> Any:
        return self.blosc2.compress2(source, **self.settings)

    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        if out is None:
            return self.blosc2.decompress2(frame, nthreads=self.threads)
        self.blosc2.decompress2(frame, dst=out, nthreads=self.threads)
        return out


class Pcodec(Codec):
    """At its own level. It takes bf16 as fp16, whose bits order the same way."""

    name = "pcodec"
    slice = 32 << 20

    def __init__(self, dtype: str, threads: int) -> None:
        super().__init__(dtype, threads)
        from pcodec import ChunkConfig, standalone

        self.standalone = standalone
        self.word = {1: np.uint8, 2: np.float16, 4: np.float32}[WIDTH[dtype]]
        self.settings = ChunkConfig(enable_8_bit=True)

    def source(self, data: np.ndarray) -> Any:
        return data.view(self.word)

    def compress(self, source: Any) -> Any:
        return self.standalone.simple_compress(source, self.settings)

    def decompress(self, frame: Any, out: np.ndarray | None) -> Any:
        if out is None:
            return self.standalone.simple_decompress(frame)
        self.standalone.simple_decompress_into(frame, out.view(self.word))
        return out

    def content(self, result: Any) -> np.ndarray:
        return result.view(np.uint8)


PACKAGES = ("zipnn", "openzl", "lmzip", "zstandard", "blosc2", "pcodec", "numpy", "torch")
MODULES = {"lmzip": "lmz"}


def codecs() -> list[type[Codec]]:
    """All peers, whether their packages are there or not."""
    return [OldZipnn, OpenZLHuffman, OpenZLFse, Lmzip, Zstd1, Zstd3, Blosc2, Pcodec]


def versions() -> dict[str, str]:
    """The versions of the packages that are there."""
    there = (package for package in PACKAGES if importlib.util.find_spec(MODULES.get(package, package)))
    return {package: importlib.metadata.version(package) for package in there}
