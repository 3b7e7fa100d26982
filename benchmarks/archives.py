# SPDX-License-Identifier: MIT
"""Files of other formats as archives: sizes in percent of the file, and speeds, beside the peers.

zipnn makes the archive of the file, the peers code its bytes as one buffer of the type that most of it is of.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import memory
from benchmarks.processes import Process
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


def measure(case: Case, path: Path, peers: Process, runs: int) -> dict[str, Any]:
    """Sizes and times of one file.

    Args:
        case: which file.
        path: where it is.
        peers: the process that has them.
        runs: timed calls for each figure, all coders in turn.

    Returns:
        `file`, `bytes`, and `codecs`: for each `size` and summaries of the seconds to `compress` and
        `decompress`, in one thread and in memory used before; or `missing`, why there are none.
    """
    sizes: dict[str, dict[str, Any]] = {"zipnn": {}}
    for name in PEERS:
        sizes[name] = peers.ask("open", codec=name, path=str(path), dtype=case.dtype, threads=1, whole=True)
    times: dict[str, list[dict[str, float]]] = {name: [] for name in sizes}
    with FileReader(path) as reader:
        made, out = _Memory(reader.size), bytearray(reader.size)
        memory.settle(memory.WARM)
        for _ in range(runs + 1):
            times["zipnn"].append(_ours(reader, made, out))
            for name in PEERS:
                if "missing" not in sizes[name]:
                    times[name].append(_theirs(peers, sizes[name]["case"]))
        memory.settle(memory.FRESH)
        sizes["zipnn"]["size"] = made.size
    peers.ask("close")
    codecs = {
        name: {"missing": answer["missing"]} if "missing" in answer else {"size": answer["size"]}
        for name, answer in sizes.items()
    }
    for name, taken in times.items():
        for way in WAYS if taken else ():
            codecs[name][way] = summary([seconds[way] for seconds in taken[1:]])  # the first warms memory
    return {"file": case.name, "bytes": path.stat().st_size, "bound": case.bound, "codecs": codecs}


def _theirs(peers: Process, case: int) -> dict[str, float]:
    """Seconds that a peer takes."""
    return {
        way: peers.ask("time", case=case, direction=way, memory_kind=memory.WARM)["seconds"] for way in WAYS
    }


def _ours(reader: FileReader, made: _Memory, out: bytearray) -> dict[str, float]:
    """Seconds to make the archive and to restore the file from it, which is checked."""
    made.clear()
    compress, _ = timed(lambda: write_archive(reader, made, level="default", threads=1))
    archive = Archive(_InMemory(made.bytes()))

    def restore() -> None:
        for offset, piece in archive.original_pieces(threads=1):
            out[offset : offset + len(piece)] = piece

    decompress, _ = timed(restore)
    if out != reader.read(0, reader.size):
        raise AssertionError(f"{reader.path} does not come back")
    return {"compress": compress, "decompress": decompress}


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
