# SPDX-License-Identifier: MIT
"""Sizes and speeds of differences to a base, beside XOR with Zstandard and beside lmzip.

    python -m benchmarks.deltas [quick]      from the project's root

Pairs are released models and their fine-tunes, and MiniLM with changes that are made up: a part of the
elements moved by one or two units in the last place, or all of them by noise of one size as Adam's steps
have. Every tensor is coded by itself, and what comes back is compared. Speeds are those of one thread in GB/s
of model, of all tensors of a case, best of several runs, in memory that is there already (a peer's: one run,
in new memory). `quick` leaves out the peers.

Needs `torch`, `ml_dtypes` and `safetensors`; `lmzip` (package `lmzip`, see peers.txt) where it is there.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import MINILM, load_model, numpy_dtype
from scripts.fetch_models import fetch
from zipnn import _core, differences, zstd
from zipnn.frames import write_frame

BASE, TUNED = "rxnfp-pretrained-f32.bin", "rxnfp-finetuned-f32.bin"
CHGNET, R2SCAN = "chgnet-0.3.0-f32.pth.tar", "chgnet-r2scan-f32.pth.tar"
NAMES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
RUNS = 5

Array = np.ndarray[Any, Any]


@dataclass
class Case:
    """Tensors as bytes with their bases, and the most that the difference may take in percent of them."""

    name: str
    dtype: str
    tensors: list[tuple[Array, Array]]
    bound: float | None = None

    @property
    def size(self) -> int:
        return sum(data.nbytes for data, _ in self.tensors)


def cases() -> Iterator[Case]:
    """What is measured."""
    models = fetch([BASE, TUNED, CHGNET, R2SCAN, MINILM])
    pair = _pairs(_torch_tensors(models[BASE]), _torch_tensors(models[TUNED]))
    for kind, bound in (("bfloat16", 48.2), ("float16", None), ("float32", 74.5)):
        yield _cast(f"rxnfp 10k fine-tune, {NAMES[kind].lower()}", pair, kind, bound)
    pair = _pairs(_torch_tensors(models[CHGNET]), _torch_tensors(models[R2SCAN]))
    yield _cast("chgnet 0.3.0 to r2scan, f32", pair, "float32", None)
    minilm = [
        array.astype(numpy_dtype("bfloat16")).reshape(-1).view(np.uint16)
        for array in load_model(models[MINILM]).values()
        if array.dtype == np.float32
    ]
    rng = np.random.default_rng(1)
    for part, bound in ((0.0, None), (0.01, 0.75), (0.03, 2.0)):
        tensors = [(_nudged(base, part, rng), base) for base in minilm]
        yield Case(f"MiniLM bf16, {part:.0%} changed", "BF16", _as_bytes(tensors), bound)
    for scale in (5e-5, 5e-4):
        tensors = [(_moved(base, scale, rng), base) for base in minilm]
        yield Case(f"MiniLM bf16, all moved by {scale:.0e}", "BF16", _as_bytes(tensors))


def _torch_tensors(path: Path) -> dict[str, Array]:
    """The different fp32 tensors of a checkpoint, those of nested dicts included."""
    import torch

    found: dict[str, Array] = {}
    places = set()

    def collect(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                collect(f"{prefix}.{key}", inner)
        elif (
            isinstance(value, torch.Tensor)
            and value.dtype == torch.float32
            and value.data_ptr() not in places
        ):
            places.add(value.data_ptr())
            found[prefix] = value.detach().contiguous().numpy().reshape(-1)

    collect("", torch.load(path, map_location="cpu", weights_only=True))
    return found


def _pairs(base: dict[str, Array], tuned: dict[str, Array]) -> list[tuple[Array, Array]]:
    return [
        (data, base[name]) for name, data in tuned.items() if name in base and base[name].size == data.size
    ]


def _cast(name: str, pair: list[tuple[Array, Array]], kind: str, bound: float | None) -> Case:
    tensors = [(data.astype(numpy_dtype(kind)), base.astype(numpy_dtype(kind))) for data, base in pair]
    return Case(name, NAMES[kind], _as_bytes(tensors), bound)


def _as_bytes(tensors: list[tuple[Array, Array]]) -> list[tuple[Array, Array]]:
    return [(data.view(np.uint8), base.view(np.uint8)) for data, base in tensors if data.size]


def _nudged(base: Array, part: float, rng: np.random.Generator) -> Array:
    """That part of the elements one or two units in the last place away."""
    changed = rng.random(base.size) < part
    data = base.copy()
    data[changed] += rng.choice(np.array([-2, -1, 1, 2], np.int16), changed.sum()).astype(np.uint16)
    return data


def _moved(base: Array, scale: float, rng: np.random.Generator) -> Array:
    values = base.view(numpy_dtype("bfloat16")).astype(np.float32)
    values += rng.standard_normal(base.size, np.float32) * np.float32(scale)
    return values.astype(numpy_dtype("bfloat16")).view(np.uint16)


def measure(case: Case) -> bool:
    """Print our size, that of the ordinary frames, and speeds; whether it is within the bound."""
    frames = [_encode(case, data, base) for data, base in case.tensors]
    alone = sum(
        len(write_frame(data, dtype=case.dtype, shape=_shape(case, data), align=8, threads=1))
        for data, _ in case.tensors
    )
    results = [base.copy() for _, base in case.tensors]
    for frame, (data, _), result in zip(frames, case.tensors, results, strict=True):
        differences.apply_in_place(frame, result.data, 1)
        if not np.array_equal(result, data):
            raise SystemExit(f"{case.name}: what came back is another tensor")
    apply_seconds = make_seconds = float("inf")
    for _ in range(RUNS):
        for (_, base), result in zip(case.tensors, results, strict=True):
            result[:] = base
        apply_seconds = min(apply_seconds, _seconds(lambda: _apply_all(frames, results)))
        make_seconds = min(make_seconds, _seconds(lambda: [_encode(case, *pair) for pair in case.tensors]))
    percent = 100 * sum(map(len, frames)) / case.size
    bound = "" if case.bound is None else f"at most {case.bound}"
    print(f"{case.name} ({bound or f'alone {100 * alone / case.size:.2f}'})")
    print(_line("zipnn", percent, case.size / make_seconds, case.size / apply_seconds), flush=True)
    return case.bound is None or percent <= case.bound


def _line(name: str, percent: float, make: float, apply: float) -> str:
    return f"    {name:16} {percent:6.2f} %   make {make / 1e9:5.2f}   apply {apply / 1e9:5.2f} GB/s"


def _shape(case: Case, data: Array) -> tuple[int, ...]:
    return (data.nbytes // (4 if case.dtype == "F32" else 2),)


def _encode(case: Case, data: Array, base: Array) -> bytes:
    return differences.encode(data, base, dtype=case.dtype, shape=_shape(case, data), threads=1)


def _apply_all(frames: list[bytes], results: list[Array]) -> None:
    for frame, result in zip(frames, results, strict=True):
        differences.apply_in_place(frame, result.data, 1)


def peers() -> dict[str, tuple[Callable[[Case, Array, Array], Any], Callable[[Case, Any, Array], Array]]]:
    """Name, and functions that make a delta and apply it; a delta's size is the sum of its parts'."""

    def xor_make(case: Case, data: Array, base: Array) -> list[bytes]:
        return [zstd.compress(data ^ base)]

    def xor_apply(case: Case, delta: list[bytes], base: Array) -> Array:
        return np.frombuffer(zstd.decompress(delta[0], base.nbytes), np.uint8) ^ base

    found: dict[str, Any] = {"XOR, zstd -3": (xor_make, xor_apply)}
    if importlib.util.find_spec("lmz"):
        from lmz import codec

        def lmz_make(case: Case, data: Array, base: Array) -> list[Any]:
            parts, flags, crc = codec.encode_delta(data.data, base.data, _width(case))
            return [b"".join(parts), flags.to_bytes(4, "little"), crc.to_bytes(4, "little")]

        def lmz_apply(case: Case, delta: list[Any], base: Array) -> Array:
            flags, crc = (int.from_bytes(field, "little") for field in delta[1:])
            done = codec.decode_delta(delta[0], _width(case), flags, base.nbytes, base.data, crc)
            return np.frombuffer(done, np.uint8)

        found["lmzip"] = (lmz_make, lmz_apply)
    return found


def _width(case: Case) -> int:
    return 4 if case.dtype == "F32" else 2


def measure_peer(case: Case, name: str) -> str:
    """A line: the size of what a peer makes of the same tensors, and its speeds."""
    make, apply = peers()[name]
    make_seconds = apply_seconds = 0.0
    total = 0
    for data, base in case.tensors:
        begin = time.perf_counter()
        delta = make(case, data, base)
        middle = time.perf_counter()
        result = apply(case, delta, base)
        apply_seconds += time.perf_counter() - middle
        make_seconds += middle - begin
        total += sum(map(len, delta))
        if not np.array_equal(result, data):
            raise SystemExit(f"{name}: what came back is another tensor")
    return _line(name, 100 * total / case.size, case.size / make_seconds, case.size / apply_seconds)


def _seconds(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main() -> int:
    """Print a line a case and peer. Returns the number of cases beyond their bound."""
    print(f"kernels: {_core.simd()}")
    beyond = 0
    for case in cases():
        beyond += not measure(case)
        for name in [] if sys.argv[1:] == ["quick"] else peers():
            print(measure_peer(case, name), flush=True)
    return beyond


if __name__ == "__main__":
    sys.exit(main())
