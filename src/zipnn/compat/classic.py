# SPDX-License-Identifier: MIT
"""The class `ZipNN`, as programs written for zipnn 0.5 know it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import zipnn

from .. import _core, dtypes, legacy
from ..arrays import buffers, dtype_names, legacy_results, tensors
from ..containers import frame_stream
from ..containers.frame_stream import FrameStream, MemoryBase
from ..errors import FormatError
from ..frames import KIND_BYTES, family_of_sparse, write_frame
from . import description, parameters
from .description import Description
from .names import EnumFormat, EnumMethod
from .parameters import warn

_BYTE, _TORCH, _NUMPY, _FILE = (member.value for member in EnumFormat)
_DELTA_LENGTHS = "Length of delta file has to match the length of the original file"


class ZipNN:
    """Compresses and decompresses bytes, torch tensors, NumPy arrays and the contents of files.

    New code is better served by `zipnn.compress` and `zipnn.decompress`, or by `zipnn.compress_file`.
    What is compressed is in the format of zipnn 1; what any version wrote is decompressed. Inputs are only
    read. A parameter that says "no effect" is taken as long as it is one that zipnn 0.5 took, with a
    `DeprecationWarning` if it is not at its default.

    Args:
        method: no effect; a name (any case) or number of `EnumMethod`.
        input_format: "byte", "torch", "numpy" or "file" (then `compress` takes a path).
        bytearray_dtype: what the elements of bytes and files are: any dtype of NumPy or torch by name.
        is_monotonic: no effect.
        threads: for both directions; 0 for the default (`ZIPNN_NUM_THREADS`, else all cores).
        compression_threshold, check_th_after_percent, byte_reorder, reorder_signbit: no effect.
        delta_compressed_type: "byte" or "file" to compress the difference to a base, 0 not to.
        lossy_compressed_type, lossy_compressed_factor: no effect: nothing is lost.
        compression_chunk: no effect; a power of 2.
        is_streaming: give `compress` bytes or a file, get one frame for each `streaming_chunk` of them.
        streaming_chunk: bytes, a power of 2. (`streaming_chunk_kb` is its name in zipnn 0.4.)
        input_file: what `compress(None)` reads if `input_format` is "file".
        compressed_file: what `decompress_read_file(None)` reads.
        decompressed_file: what `write_bin` writes.
        zstd_level, lz4_compression_level: no effect.
        older: parameters of zipnn 0.1.1.

    Raises:
        ValueError: a value is not one of those.
        TypeError: it is of a wrong type, or the parameter has never been one.

    Attributes:
        method, input_format: as numbers.
        threads: that are used.
        dtype, original_len, shape_bytes, version_major, version_minor, version_tiny: of the data that were
            decompressed last; there are none before. `dtype` is a number (`util_torch.ZipNNDtypeEnum`).
        header_length: bytes of a header of zipnn 0.5.
        All other parameters are attributes too. Decompressing changes none of them.
    """

    def __init__(
        self,
        method: Any = "AUTO",
        input_format: Any = "byte",
        bytearray_dtype: Any = "bfloat16",
        is_monotonic: Any = 0,
        threads: int | None = 0,
        compression_threshold: float = 0.95,
        check_th_after_percent: int = 10,
        byte_reorder: int = 0,
        reorder_signbit: int = 0,
        delta_compressed_type: Any = 0,
        lossy_compressed_type: Any = 0,
        lossy_compressed_factor: int = 27,
        compression_chunk: int = 256 * 1024,
        is_streaming: Any = False,
        streaming_chunk: int = 1024 * 1024,
        input_file: str | os.PathLike[str] | None = None,
        compressed_file: str | os.PathLike[str] | None = None,
        decompressed_file: str | os.PathLike[str] | None = None,
        zstd_level: int = 3,
        lz4_compression_level: int = 0,
        **older: Any,
    ) -> None:
        given = dict(locals())
        taken = parameters.take_older(older, 2)
        self.method = parameters.method_of(method)
        self.input_format = parameters.format_of(taken.get("input_format", input_format))
        self.bytearray_dtype = bytearray_dtype
        self.is_monotonic = is_monotonic
        self._threads = parameters.threads_of(threads)
        self.threads = self._threads or _core.default_threads()
        self.compression_threshold = compression_threshold
        self.check_th_after_percent = check_th_after_percent
        self.byte_reorder = byte_reorder
        self.reorder_signbit = reorder_signbit
        self.delta_compressed_type = parameters.delta_of(delta_compressed_type)
        self.lossy_compressed_type = parameters.lossy_of(lossy_compressed_type, self.input_format)
        self.lossy_compressed_factor = lossy_compressed_factor
        self.compression_chunk = parameters.power_of_two("compression_chunk", compression_chunk)
        self.is_streaming = is_streaming
        self.streaming_chunk = parameters.power_of_two(
            "streaming_chunk", taken.get("streaming_chunk", streaming_chunk)
        )
        self.input_file = input_file
        self.compressed_file = compressed_file
        self.decompressed_file = decompressed_file
        self.lz4_compression_level = lz4_compression_level
        self.header_length = 32
        self._version_major, self._version_minor, self._version_tiny = _version()
        tensors_come = self.input_format in (_TORCH, _NUMPY)
        if is_streaming and tensors_come:
            raise ValueError("is_streaming is for bytes and files: it needs input_format='byte' or 'file'")
        if self.delta_compressed_type and tensors_come:
            raise ValueError(
                "delta_compressed_type is for bytes and files: it needs input_format='byte' or 'file'"
            )
        parameters.warn_superseded(given, 2)

    def compress(
        self,
        data: Any,
        compress_cpu_gpu: Any = "cpu",
        delta_second_data: Any = None,
        lossy_compressed_type: Any = None,
        lossy_compressed_factor: Any = None,
    ) -> bytes | bytearray:
        """Compress what `input_format` says `data` is.

        Args:
            data: a buffer (of elements of any size), a tensor (of any dtype, on any device; gradients are
                not part of it), an array or a path. It is only read.
            compress_cpu_gpu: no effect.
            delta_second_data: the base, of the same size: a buffer if `delta_compressed_type` is "byte",
                the path of a file if it is "file".
            lossy_compressed_type, lossy_compressed_factor: no effect.

        Returns:
            Bytes, or a bytearray if `is_streaming`.

        Raises:
            ValueError: the base is missing, too much or of another size; `bytearray_dtype` is not known.
            FileNotFoundError: the base or the file cannot be read.
            TypeError: `data` is not what `input_format` says.
        """
        if compress_cpu_gpu not in ("cpu", None):
            warn("compress_cpu_gpu", "compression runs on the CPU", 2)
        if lossy_compressed_type not in (None, 0) or lossy_compressed_factor is not None:
            warn("lossy_compressed_type", parameters.SUPERSEDED["lossy_compressed_type"][1], 2)
        self._check_kind(data)
        if self.input_format in (_TORCH, _NUMPY):
            if delta_second_data is not None:
                raise ValueError("delta_second_data was given, but delta_compressed_type is 0")
            return tensors.compress(data, threads=self._threads)
        if self.input_format == _FILE:
            data = _read(self.input_file if data is None else data)
        view = buffers.flat_bytes(data)
        base = self._base(delta_second_data)
        if base is not None:
            if len(base) != len(view):
                raise ValueError(f"{_DELTA_LENGTHS}: {len(base)} and {len(view)} bytes")
            view = frame_stream.difference(view, base) if len(view) else view
        if not self.is_streaming and base is None:
            return self._frame(view, self._family())
        family = self._family()
        if base is not None:
            family = family_of_sparse(lambda offset, size: view[offset : offset + size], len(view), family)
        step = self.streaming_chunk if self.is_streaming else max(len(view), 1)
        frames = [self._frame(view[at : at + step], family) for at in range(0, max(len(view), 1), step)]
        mark = None if base is None else frame_stream.fingerprint(MemoryBase(base))
        head = frame_stream.stream_head(sum(map(len, frames)), len(view), mark, bool(self.is_streaming))
        return (bytearray() if self.is_streaming else b"").join([head, *frames])

    def decompress(self, data: Any, decompress_cpu_gpu: Any = "cpu", delta_second_data: Any = None) -> Any:
        """Give back what was compressed, by this or any earlier version.

        Args:
            data: what `compress` gave, or several such one behind the other.
            decompress_cpu_gpu: no effect.
            delta_second_data: see `compress`; for data that are a difference.

        Returns:
            A bytearray (bytes, if they were a difference and not written as a stream), a torch tensor or a
            NumPy array, as the data say; in memory of its own.

        Raises:
            ValueError: (of its class `FormatError`, `CorruptError`, `UnsupportedVersionError`) the data are
                damaged or none of zipnn's; (others) the base is missing, too much or of another size.
            MismatchError: the base is another one.
            FileNotFoundError: the base cannot be read.
            MissingDependencyError: the result needs torch.
        """
        if decompress_cpu_gpu not in ("cpu", None):
            warn("decompress_cpu_gpu", "decompression runs on the CPU", 2)
        base = self._base(delta_second_data)
        view = buffers.flat_bytes(data)
        if not len(view) and base is None and self.is_streaming:
            return bytearray()  # what zipnn 0.5 made of no bytes
        if legacy.is_legacy(view):
            return self._decompress_legacy(view, base)
        return self._decompress_stream(view, base)

    def decompress_read_file(self, data: Any) -> Any:
        """Decompress the file at the path `data`, or `compressed_file` if that is None.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: as `decompress`; or there is no path.
        """
        path = self.compressed_file if data is None else data
        if path is None:
            raise ValueError("no path: give one, or compressed_file when the object is made")
        if not os.path.exists(path):
            raise FileNotFoundError(f"The file at {path} was not found.")
        return self.decompress_bin(_read(path))

    def decompress_bin(self, ba_compress: Any) -> Any:
        """`decompress` without a base."""
        view = buffers.flat_bytes(ba_compress)
        if legacy.is_legacy(view):
            return self._decompress_legacy(view, None)
        return self._decompress_stream(view, None)

    def write_bin(self, ba_decom: Any) -> int:
        """Write bytes to `decompressed_file`; gives 0.

        Raises:
            ValueError: there is no `decompressed_file`.
            OSError: it cannot be written.
        """
        if self.decompressed_file is None:
            raise ValueError("no path: give decompressed_file when the object is made")
        with open(self.decompressed_file, "wb") as file:
            file.write(ba_decom)
        return 0

    def metadata(self, file: Any, version: Any = False) -> dict[str, Any] | None:
        """Print and return what compressed data say of themselves.

        Args:
            file: the data, or the path of their file.
            version: print only the version that wrote them, and return nothing.

        Raises:
            ValueError: (of its class `FormatError`) these are no data of zipnn.
        """
        named = isinstance(file, (str, os.PathLike))
        view = buffers.flat_bytes(_read(file) if named else file)
        found = description.describe(view)
        if version:
            print(f"ZipNN version: {found.version}")
            return None
        values = description.as_metadata(found, self.compression_chunk)
        if legacy.is_legacy(view) and not found.version.startswith("0.1."):
            values |= _of_old_header(bytes(view[:16]))
        print(values)
        return values

    def __metadata__(self) -> dict[str, Any]:
        """Print and return the object's settings."""
        values = {
            "ZipNN version": _version_text(),
            "Byte reorder": self.byte_reorder,
            "Bit reorder": self.reorder_signbit,
            "Method": self.method,
            "Input format": self.input_format,
            "Data type": self.bytearray_dtype,
            "Is monotonic": self.is_monotonic,
            "Threads": self.threads,
            "Compression threshold": self.compression_threshold,
            "Check threshold after percent": self.check_th_after_percent,
            "Delta compressed type": self.delta_compressed_type,
            "Lossy compressed type": self.lossy_compressed_type,
            "Lossy compressed factor": self.lossy_compressed_factor,
            "Compression chunk": self.compression_chunk,
            "Is streaming": self.is_streaming,
            "Streaming chunk": self.streaming_chunk,
            "Input file path": self.input_file,
            "Compressedfile path": self.compressed_file,
            "Decompressed file path": self.decompressed_file,
        }
        print(values)
        return values

    def __version__(self) -> None:
        """Print the version."""
        print(f"ZipNN version: {_version_text()}")

    def use_var(self, data: Any, class_var: Any) -> Any:
        """`data`, or `class_var` if that is None."""
        return class_var if data is None else data

    @property
    def _header(self) -> bytearray:
        """The settings as the header of zipnn 0.5 would have them."""
        header = bytearray(self.header_length)
        header[:5] = b"ZN" + bytes(_version())
        header[7], header[8] = self.method, self.input_format
        header[9] = (0, "byte", "file").index(self.delta_compressed_type)
        header[13] = 127 + self.streaming_chunk.bit_length() if self.is_streaming else 0
        header[14] = self.compression_chunk.bit_length() - 1
        return header

    def _check_kind(self, data: Any) -> None:
        """Raise `TypeError` if data are not what the object was made for."""
        torch = buffers.is_torch(data)
        array = isinstance(data, (np.ndarray, np.generic))
        wrong = {_BYTE: torch, _TORCH: not torch, _NUMPY: not array, _FILE: False}[self.input_format]
        if wrong:
            name = EnumFormat(self.input_format).name.lower()
            kind = "torch" if torch else "numpy" if array else "byte"
            raise TypeError(
                f"cannot compress {type(data).__name__} with input_format={name!r}: make the object with "
                f"input_format={kind!r}"
            )

    def _base(self, second: Any) -> memoryview | None:
        """The bytes of the base, None where the object is not for differences."""
        kind = self.delta_compressed_type
        if not kind and second is not None:
            raise ValueError(
                "ZipNN isn't set for delta compression, but delta_second_data is not null: "
                "make the object with delta_compressed_type='byte' or 'file'"
            )
        if not kind:
            return None
        if second is None:
            raise ValueError(f"delta_second_data is missing: delta_compressed_type is {kind!r}")
        if kind == "byte":
            return buffers.flat_bytes(second)
        try:
            return memoryview(_read(second))
        except (OSError, TypeError) as error:
            raise FileNotFoundError(f"Encountered an error when reading the delta file: {error}") from error

    def _dtype(self) -> str:
        """Name of the dtype of bytes. Raises `ValueError`."""
        try:
            return dtype_names.of_any(self.bytearray_dtype)
        except TypeError as error:
            raise ValueError(
                f"bytearray_dtype {self.bytearray_dtype!r} is not known: give a name such as 'bfloat16'"
            ) from error

    def _family(self) -> str:
        return dtypes.named(self._dtype()).family

    def _frame(self, view: memoryview, family: str) -> bytes:
        name = self._dtype()
        known = dtypes.named(name)
        bits = known.bits or 8
        count = len(view) * 8 // bits
        # Bytes that are no whole number of elements are bytes, coded as such elements all the same.
        whole = known.bits and known.size(count) == len(view)
        return write_frame(
            view,
            dtype=name if whole else "U8",
            shape=(count if whole else len(view),),
            kind=KIND_BYTES,
            threads=self._threads,
            family=family,
        )

    def _decompress_stream(self, view: memoryview, base: memoryview | None) -> Any:
        stream = FrameStream(lambda offset, size: view[offset : offset + size], len(view))
        found = description.of_stream(stream)
        self._note(found)
        if found.input_format != "BYTE":
            if base is not None:
                raise ValueError(_no_delta(found))
            return tensors.decompress(view, threads=self._threads)
        _check_delta(found, base)
        out = bytearray(stream.original_size)
        if base is not None:
            if len(base) != len(out):
                raise ValueError(f"{_DELTA_LENGTHS}: {len(base)} and {len(out)} bytes")
            stream.check_base(MemoryBase(base))
        memory = memoryview(out)
        for part in stream.parts:
            frame = part.frame
            frame.decode_into(memory[part.offset : part.offset + frame.head.data_size], self._threads)
        if base is None:
            return out
        whole = frame_stream.difference(memory, base) if out else b""
        return bytearray(whole) if found.streaming else bytes(whole)

    def _decompress_legacy(self, view: memoryview, base: memoryview | None) -> Any:
        found = description.of_legacy(legacy.describe(view))
        _check_delta(found, base)
        if found.input_format != "BYTE":
            result = legacy_results.decompress(view, None, None, self._threads)
            self._note(found, tuple(result.shape))
            return result
        out = legacy.decode(view, threads=self._threads, base=base)
        self._note(found)
        return out if base is None or found.streaming else bytes(out)

    def _note(self, found: Description, shape: tuple[int, ...] | None = None) -> None:
        self.version_major, self.version_minor, self.version_tiny = map(int, found.version.split(".")[:3])
        self.dtype = found.dtype_code
        self.original_len = found.original_size
        if found.shape is not None or shape is not None:
            self.shape_bytes = found.shape if shape is None else shape


def _check_delta(found: Description, base: memoryview | None) -> None:
    if found.delta and base is None:
        raise FormatError(
            "The data was compressed using delta compression and you're trying to decompress it normally: "
            "make the object with delta_compressed_type and give delta_second_data"
        )
    if base is not None and not found.delta:
        raise FormatError(_no_delta(found))


def _no_delta(found: Description) -> str:
    return (
        "The data wasn't compressed using delta compression and you're trying to delta-decompress it: "
        "make the object without delta_compressed_type"
    )


def _of_old_header(header: bytes) -> dict[str, Any]:
    return {
        "byte_reorder": header[5],
        "bit_reorder": header[6],
        "method": _name_of_method(header[7]),
        "delta_compressed_type": {1: "byte", 2: "file"}.get(header[9], 0),
        "lossy_compressed_factor": header[11],
        "lossy_is_int": header[12],
        "is_streaming": header[13] > 127,
        "compression_chunk": f"{1 << min(header[14], 63)} Bytes",
    }


def _name_of_method(number: int) -> str:
    return EnumMethod(number).name if number in (member.value for member in EnumMethod) else "UNKNOWN"


def _read(path: Any) -> bytes:
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"{type(path).__name__} is not a path")
    with open(path, "rb") as file:
        return file.read()


def _version_text() -> str:
    return ".".join(map(str, _version()))


def _version() -> tuple[int, int, int]:
    major, minor, tiny = [*zipnn.__version__.split("."), "0", "0"][:3]
    return int(major), int(minor), int("".join(c for c in tiny if c.isdigit()) or 0)
