# SPDX-License-Identifier: MIT
"""Files of other formats as archives: sizes in percent of the file, and speeds, beside the peers.

zipnn makes the archive of the file, the peers code its bytes as one buffer of the type that most of it is of.
"""

from __future__ import annotations

import abc
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import memory
from benchmarks.processes import Process, WorkerError
from benchmarks.timing import summary, timed
from zipnn.containers.archive.reading import Archive
from zipnn.containers.archive.writing import write_archive
from zipnn.storage.filereader import FileReader, fresh_buffer

PEERS = ("zstd -3", "zipnn 0.5.4", "lmzip")
WAYS = ("compress", "decompress")


@dataclass(frozen=True)
class Case:
    """A file and what is expected of its archive.

    Attributes:
        name: what it is.
        model: see `scripts/fetch_models.py`.
        dtype: of most of its bytes, by the name that the peers' adapters know.
        bound: the most that the archive may take, in percent, at the default level.
    """

    name: str
    model: str
    dtype: str
    bound: float


CASES = (
    Case("ASTRA, PyTorch, bf16", "astra-i3resnet152-bf16.pt", "BF16", 67.0),
    Case("CHGNet, PyTorch with Adam moments", "chgnet-0.3.0-f32.pth.tar", "F32", 84.5),
    Case("Resemblyzer, PyTorch before 1.6", "resemblyzer-f32.pt", "F32", 84.6),
    Case("SmolLM2, GGUF Q4_1", "smollm2-135m-q4_1.gguf", "F8_E4M3", 89.5),
    Case("Whisper tiny.en, CTranslate2, fp16", "whisper-tiny-en-f16.ct2.bin", "F16", 85.2),
    Case("RealESRGAN, ncnn, fp16", "realesrgan-x4plus-f16.ncnn.bin", "F16", 85.2),
    Case("CREPE, PyTorch, seven dead bits", "crepe-full-f32.pth", "F32", 62.8),
    Case("MiniLM, ONNX, int8", "minilm-l6-int8.onnx", "F8_E4M3", 91.0),
    Case("Silero VAD, TorchScript", "silero-vad-f32.jit", "F32", 80.2),
    Case("Silero VAD, ONNX", "silero-vad-f32.onnx", "F32", 80.2),
    Case("HED, Keras HDF5", "hed-bsds500-f32.weights.h5", "F32", 83.5),
    Case("g2p, NumPy npz", "g2p-en-f32.npz", "F32", 83.5),
    Case("DnCNN, Flax msgpack", "dncnn17m-f32.mpk", "F32", 82.5),
    Case("Basic Pitch, Core ML", "basic-pitch-f32.coreml.bin", "F32", 72.0),
)


class _Memory:
    """An archive in memory that was used before, so that no new pages are counted."""

    def __init__(self, size: int) -> None:
        self._room = fresh_buffer(size + (1 << 16))
        self._room[:] = bytes(len(self._room))
        self.size = 0

    def clear(self) -> None:
        self.size = 0

    def write(self, data: Any) -> None:
        view = memoryview(data).cast("B")
        self._room[self.size : self.size + len(view)] = view
        self.size += len(view)

    def bytes(self) -> bytes:
        return bytes(self._room[: self.size])


def measure(case: Case, path: Path, python: Path, runs: int) -> dict[str, Any]:
    """Sizes and times of one file.

    Args:
        case: which file.
        path: where it is.
        python: of the environment that has the peers.
        runs: timed calls for each figure, all coders in turn.

    Returns:
        `file`, `bytes`, and `codecs`: for each `size` and summaries of the seconds to `compress` and
        `decompress`, in one thread and in memory used before; or `missing`, why there are none.
    """
    with contextlib.ExitStack() as stack, FileReader(path) as reader:
        coders: dict[str, _Coder] = {"zipnn": _Ours(reader)}
        for name in PEERS:
            coders[name] = stack.enter_context(_Peer(name, case, path, python))
        memory.settle(memory.WARM)
        for _ in range(runs + 1):
            for coder in coders.values():
                coder.run()
        memory.settle(memory.FRESH)
        codecs = {name: coder.row() for name, coder in coders.items()}
    return {"file": case.name, "bytes": path.stat().st_size, "bound": case.bound, "codecs": codecs}


class _Coder(abc.ABC):
    """What is measured."""

    def __init__(self) -> None:
        self.size = 0
        self.missing = ""
        self.times: dict[str, list[float]] = {way: [] for way in WAYS}

    @abc.abstractmethod
    def run(self) -> None:
        """Once there and back."""

    def row(self) -> dict[str, Any]:
        """What came of it. The first run is left out: it makes memory warm."""
        if self.missing:
            return {"missing": self.missing}
        return {"size": self.size, **{way: summary(taken[1:]) for way, taken in self.times.items()}}


class _Peer(_Coder):
    """A peer in a process of its own: one that crashes takes no other with it."""

    def __init__(self, name: str, case: Case, path: Path, python: Path) -> None:
        super().__init__()
        self._process = Process("peers", python)
        try:
            answer = self._process.ask(
                "open", codec=name, path=str(path), dtype=case.dtype, threads=1, whole=True
            )
        except WorkerError:
            answer = {"missing": "it crashed"}
        self.missing = answer.get("missing", "")
        self.size, self._case = answer.get("size", 0), answer.get("case", 0)

    def __enter__(self) -> _Peer:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(WorkerError):
            self._process.__exit__(None, None, None)

    def run(self) -> None:
        for way in () if self.missing else WAYS:
            answer = self._process.ask("time", case=self._case, direction=way, memory_kind=memory.WARM)
            self.times[way].append(answer["seconds"])


class _Ours(_Coder):
    """The archive, whose file is checked each time it comes back."""

    def __init__(self, reader: FileReader) -> None:
        super().__init__()
        self._reader = reader
        self._made = _Memory(reader.size)
        self._out = bytearray(reader.size)

    def run(self) -> None:
        made, out = self._made, self._out
        made.clear()
        compress, _ = timed(lambda: write_archive(self._reader, made, level="default", threads=1))
        archive = Archive(_InMemory(made.bytes()))

        def restore() -> None:
            for offset, piece in archive.original_pieces(threads=1):
                out[offset : offset + len(piece)] = piece

        decompress, _ = timed(restore)
        if out != self._reader.read(0, self._reader.size):
            raise AssertionError(f"{self._reader.path} does not come back")
        self.size = made.size
        self.times["compress"].append(compress)
        self.times["decompress"].append(decompress)


class _InMemory:
    """What an archive is read from."""

    path = Path("memory")

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self.size = len(content)

    def read(self, offset: int, size: int) -> memoryview:
        return self._content[offset : offset + size]

    def close(self) -> None:
        pass
