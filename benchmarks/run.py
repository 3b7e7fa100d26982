# SPDX-License-Identifier: MIT
"""One run of everything: `make bench`.

    python -m benchmarks.run --peers FOLDER [--quick]

Writes `docs/benchmarks.json`, the tables in `docs/benchmarks.md` and the chart `docs/benchmarks.svg`; with
`--quick` (one buffer, three runs) they go to `.bench/quick` instead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import archives, chart, environment, loading, machine, matrix, memory, report, sizes
from benchmarks.datasets import DATASETS, NEEDS, Dataset, DatasetError
from benchmarks.processes import ROOT, Process, WorkerError
from benchmarks.timing import RUNS
from scripts.fetch_models import DownloadError, fetch
from zipnn.frames import LEVELS

WORK = ROOT / ".bench"
DOCS = ROOT / "docs"
QUICK_RUNS = 3
TINY = 1024
TINY_LOOPS = 500
LOADED = ("MiniLM, fp32 as released", "MiniLM, cast to bf16", "ASTRA ResNet-152, bf16 as released")

Results = dict[str, Any]


def models_for(names: Sequence[str | None]) -> dict[str, Path]:
    """The paths of the models that are there or could be fetched."""
    paths: dict[str, Path] = {}
    for name in sorted({name for name in names if name}):
        with _reported():
            paths |= fetch([name])
    return paths


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """A model that cannot be fetched is left out, and the tables say so."""
    try:
        yield
    except DownloadError as error:
        print(f"left out: {error}", file=sys.stderr)


def buffers(
    processes: Sequence[Process], datasets: Sequence[Dataset], models: dict[str, Path], runs: int
) -> list[Results]:
    """All codecs on all buffers."""
    results = []
    threads = sorted({1, machine.cores()})
    for dataset in datasets:
        _say(dataset.name)
        result: Results = {"name": dataset.name, "dtype": dataset.dtype, "what": dataset.what}
        results.append(result)
        with _missing(result), tempfile.TemporaryDirectory(dir=WORK) as folder:
            path = _write(dataset, models, folder)
            result["bytes"] = path.stat().st_size
            result["rows"] = matrix.measure(processes, path, dataset.dtype, runs=runs, threads=threads)
    return results


def tiny(processes: Sequence[Process], models: dict[str, Path], runs: int) -> Results:
    """All codecs on the last kilobyte of the first buffer."""
    dataset = DATASETS[0]
    result: Results = {"bytes": TINY, "calls": TINY_LOOPS, "rows": []}
    _say(f"{TINY} bytes")
    with _missing(result), tempfile.TemporaryDirectory(dir=WORK) as folder:
        path = _write(dataset, models, folder)
        path.write_bytes(path.read_bytes()[-TINY:])
        result["rows"] = matrix.measure(
            processes,
            path,
            dataset.dtype,
            runs=runs,
            threads=[1],
            memories=[memory.WARM],
            loops=TINY_LOOPS,
        )
    return result


def files(peers: Process, models: dict[str, Path], cases: Sequence[sizes.Case]) -> list[Results]:
    """Sizes of whole files, everything counted; of the peers, when the file's bytes are their buffer."""
    rows = []
    for case in cases:
        _say(case.name)
        row: Results = {"file": case.name}
        rows.append(row)
        with _missing(row), tempfile.TemporaryDirectory(dir=WORK) as folder:
            model = _model(case.model, models)
            measured = sizes.measure(case, model, Path(folder), LEVELS)
            row["bytes"] = measured[LEVELS[0]][0]
            row["levels"] = {level: small for level, (_, small) in measured.items()}
            row["peers"] = matrix.sizes(peers, case.write(model, Path(folder)), case.dtype)
    return rows


def archived(peers: Path, models: dict[str, Path], cases: Sequence[archives.Case]) -> list[Results]:
    """Files of other formats."""
    rows = []
    for case in cases:
        _say(case.name)
        row: Results = {"file": case.name}
        with _missing(row):
            row = archives.measure(case, _model(case.model, models), peers, QUICK_RUNS)
        rows.append(row)
    return rows


def loads(models: dict[str, Path], cases: Sequence[sizes.Case], runs: int) -> list[Results]:
    """Loading whole files."""
    rows = []
    for case in cases:
        _say(f"loading {case.name}")
        missing: Results = {"file": case.name}
        with _missing(missing), tempfile.TemporaryDirectory(dir=WORK) as folder:
            rows += loading.measure(case, _model(case.model, models), Path(folder), LEVELS, runs)
        if "missing" in missing:
            rows.append(missing)
    return rows


@contextlib.contextmanager
def _missing(row: Results) -> Iterator[None]:
    """Note in a row why its data cannot be made here."""
    try:
        yield
    except DatasetError as error:
        row["missing"] = str(error)
    except ImportError as error:
        row["missing"] = f"needs the package {error.name}: {NEEDS}"


def _model(name: str, models: dict[str, Path]) -> Path:
    """The path of a model. Raises DatasetError."""
    if name not in models:
        raise DatasetError(f"{name} could not be fetched")
    return models[name]


def _write(dataset: Dataset, models: dict[str, Path], folder: str) -> Path:
    """The file of a buffer. Raises DatasetError."""
    return dataset.write(_model(dataset.model, models) if dataset.model else None, Path(folder))


def _say(what: str) -> None:
    print(f"\n{time.strftime('%H:%M:%S')} {what} ", end="", file=sys.stderr, flush=True)


def run(peers: Path, quick: bool) -> Results:
    """Measure everything and return what goes into the JSON. Raises WorkerError, OSError."""
    WORK.mkdir(exist_ok=True)
    runs = QUICK_RUNS if quick else RUNS
    datasets = DATASETS[:1] if quick else DATASETS
    cases = sizes.CASES[1:2] if quick else sizes.CASES
    others = archives.CASES[1:2] if quick else archives.CASES
    names = [*(dataset.model for dataset in datasets), *(case.model for case in (*cases, *others))]
    models = models_for(names)
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(Process("product", Path(sys.executable))),
            stack.enter_context(Process("peers", environment.python_of(peers.absolute()))),
        ]
        results: Results = {
            "schema": 1,
            "machine": machine.describe(),
            "versions": {process.kind: process.versions for process in processes},
            "memory chosen": all(process.settles for process in processes),
            "slices": {
                codec["name"]: codec["slice"] for p in processes for codec in p.codecs if codec["slice"]
            },
            "buffers": buffers(processes, datasets, models, runs),
            "tiny": tiny(processes, models, runs),
            "files": files(processes[1], models, cases),
            "archives": archived(environment.python_of(peers.absolute()), models, others),
        }
    results["loading"] = loads(models, [case for case in cases if case.name in LOADED], runs)
    results["minutes"] = round((time.monotonic() - begin) / 60, 1)
    return results


def main() -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure zipnn beside its peers.")
    parser.add_argument("--peers", type=Path, required=True, help="the environment of benchmarks.environment")
    parser.add_argument("--quick", action="store_true", help="one buffer and three runs, to try it out")
    options = parser.parse_args()
    try:
        results = run(options.peers, options.quick)
    except (WorkerError, OSError) as error:
        print(f"\nbenchmark: {error}", file=sys.stderr)
        return 1
    target = WORK / "quick" if options.quick else DOCS
    target.mkdir(exist_ok=True)
    (target / "benchmarks.json").write_text(json.dumps(results, indent=1) + "\n")
    (target / "benchmarks.svg").write_text(chart.draw(results))
    tables = report.tables(results)
    if options.quick:
        (target / "benchmarks.md").write_text(tables)
    else:
        report.replace(DOCS / "benchmarks.md", tables)
    print(f"\n{tables}\nwritten to {target.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
