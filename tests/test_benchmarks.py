# SPDX-License-Identifier: MIT
"""The benchmark: the committed results are those of this code, in sizes. Nothing here looks at a time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

import zipnn
from benchmarks import chart, environment, matrix, memory, report
from benchmarks.codecs import peers
from benchmarks.datasets import ASTRA, DATASETS, MINILM, Dataset, DatasetError, llm_like, numpy_dtype
from benchmarks.processes import ROOT, Process
from benchmarks.sizes import CASES, measure
from benchmarks.timing import summary
from zipnn.frames import LEVELS

RealModel = Callable[[str], Path]

RESULTS: dict[str, Any] = json.loads((ROOT / "docs" / "benchmarks.json").read_text())
BUFFERS: dict[str, Any] = {buffer["name"]: buffer for buffer in RESULTS["buffers"]}
FILES: dict[str, Any] = {row["file"]: row for row in RESULTS["files"]}
AGAIN = "the code gives another size than docs/benchmarks.json states: run `make bench`"


def stated(buffer: str, codec: str) -> dict[str, Any]:
    """What the results say of a codec, with one thread."""
    return report.by_codec(BUFFERS[buffer], 1)[codec]


@pytest.fixture(scope="module")
def product() -> Iterator[Process]:
    with Process("product", Path(sys.executable)) as process:
        yield process


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stated_file_sizes_are_within_their_bounds(case: Any) -> None:
    row = FILES[case.name]
    for level, bound in case.bounds.items():
        assert 100 * row["levels"][level] / row["bytes"] <= bound


@pytest.mark.parametrize("name", FILES)
def test_default_is_smaller_than_what_users_have_now(name: str) -> None:
    assert FILES[name]["levels"]["default"] < FILES[name]["peers"][report.OLD]


def test_results_are_complete() -> None:
    codecs = {"memcpy", *(f"zipnn {level}" for level in LEVELS), *(codec.name for codec in peers.codecs())}
    assert list(BUFFERS) == [dataset.name for dataset in DATASETS]
    for buffer in BUFFERS.values():
        assert set(report.by_codec(buffer, 1)) == codecs
        for row in buffer["rows"]:
            ways = [way for kind in (memory.FRESH, memory.WARM) for way in row[kind].values()]
            assert ways
            assert all(way["runs"] >= matrix.SLOW_RUNS for way in ways)
    assert list(FILES) == [case.name for case in CASES]
    for row in FILES.values():
        assert set(row["levels"]) == set(LEVELS)
        assert set(row["peers"]) == {codec.name for codec in peers.codecs()}


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.name in {"MiniLM, cast to bf16", "MiniLM, cast to e4m3, scaled"}],
    ids=lambda case: case.name,
)
def test_stated_file_sizes_are_those_of_this_code(case: Any, real_model: RealModel, tmp_path: Path) -> None:
    sizes = measure(case, real_model(case.model), tmp_path, LEVELS)
    row = FILES[case.name]
    assert {level: small for level, (_, small) in sizes.items()} == row["levels"], AGAIN
    assert {size for size, _ in sizes.values()} == {row["bytes"]}


@pytest.mark.parametrize("dataset", [d for d in DATASETS if d.model == MINILM], ids=lambda d: d.name)
@pytest.mark.parametrize("level", LEVELS)
def test_stated_frame_sizes_are_those_of_this_code(
    dataset: Dataset, level: str, real_model: RealModel
) -> None:
    data = dataset.bytes(real_model(MINILM))
    array = data.view(numpy_dtype(dataset.kind))
    row = stated(dataset.name, f"zipnn {level}")
    assert len(data) == row["bytes"]
    size = len(zipnn.compress(array, level=level))
    assert size == row["size"], AGAIN


def test_page_and_chart_are_made_of_the_results() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert report.tables(RESULTS) in page
    assert (ROOT / "docs" / "benchmarks.svg").read_text() == chart.draw(RESULTS)


def test_chart_shows_every_codec() -> None:
    root = ElementTree.fromstring(chart.draw(RESULTS))
    texts = {node.text for node in root.iter("{http://www.w3.org/2000/svg}text")}
    rows = report.by_codec(BUFFERS[chart.BUFFER], 1)
    assert set(rows) <= texts
    file = FILES[chart.FILE]
    assert f"{100 * file['levels']['default'] / file['bytes']:.2f} %" in texts
    assert f"{100 * file['peers'][report.OLD] / file['bytes']:.2f} %" in texts
    widths = [float(node.get("width", "")) for node in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(widths) == 2 * len(rows)


def test_tables_say_what_was_not_measured() -> None:
    missing = {"codec": report.OLD, "threads": 1, "missing": "not installed: no such package"}
    results = json.loads(json.dumps(RESULTS))
    results["buffers"] = [
        {"name": "A", "what": "a", "bytes": 8, "rows": [missing, stated("MiniLM bf16", "zipnn fast")]},
        {"name": "B", "what": "b", "missing": "B needs torch"},
    ]
    results["files"] = [{"file": "C", "missing": "C could not be fetched"}]
    text = report.tables(results)
    assert "zipnn 0.5.4: not measured, not installed: no such package." in text
    assert "Not measured: B needs torch." in text
    assert "C could not be fetched" in text
    assert "| A | fast | " in text


def test_page_keeps_what_stands_around_its_tables(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.replace(page, "new")
    report.replace(page, "newer")
    assert page.read_text() == f"before\n{report.BEGIN}\n\nnewer\n{report.END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no place"):
        report.replace(page, "new")


def test_summary_is_median_and_quartiles() -> None:
    seconds = [0.5, 0.25, 4.0, 1.0, 2.0, 8.0, 0.125]
    expected = np.percentile(seconds, [25, 50, 75])
    found = summary(seconds)
    np.testing.assert_allclose([found["q1"], found["median"], found["q3"]], expected, rtol=1e-3)
    assert found["runs"] == 7
    assert summary([2.0]) == {"median": 2.0, "q1": 2.0, "q3": 2.0, "runs": 1}


def test_codecs_are_measured_in_both_directions(product: Process, tmp_path: Path) -> None:
    weights = llm_like(rows=64, columns=64)["weight"]
    path = tmp_path / "weights.bin"
    weights.tofile(path)
    rows = matrix.measure([product], path, "BF16", runs=2, threads=[1, 2], loops=3)
    assert [row["codec"] for row in rows] == 2 * ["memcpy", *(f"zipnn {level}" for level in LEVELS)]
    for row in rows:
        assert {kind: set(row[kind]) for kind in (memory.FRESH, memory.WARM)} == {
            memory.FRESH: {"compress", "decompress"},
            memory.WARM: {"compress", "decompress"},
        }
        assert row[memory.WARM]["compress"]["runs"] == 2
        level = row["codec"].removeprefix("zipnn ")
        expected = (
            weights.nbytes if level == "memcpy" else len(zipnn.compress(weights.reshape(-1), level=level))
        )
        assert (row["bytes"], row["size"]) == (weights.nbytes, expected)


def test_codecs_that_are_not_there_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(64))
    # This interpreter has the product instead of zipnn 0.5.4.
    with Process("peers", Path(sys.executable)) as process:
        rows = matrix.measure([process], path, "BF16", runs=1, threads=[1])
    by_name = {row["codec"]: row for row in rows}
    assert by_name[report.OLD]["missing"].startswith("not installed: ")
    assert all("size" in row or row["missing"] for row in rows)


def test_datasets_hold_the_weights(real_model: RealModel) -> None:
    model = real_model(MINILM)
    floats = [array for array in safetensors.numpy.load_file(model).values() if array.dtype == np.float32]
    expected = b"".join(array.astype(ml_dtypes.bfloat16).tobytes() for array in floats)
    assert DATASETS[0].bytes(model).tobytes() == expected


def test_dataset_says_what_to_install() -> None:
    def make(_: Path) -> Any:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    dataset = Dataset("A", "BF16", "bfloat16", ASTRA, make, "")
    with pytest.raises(DatasetError, match="A needs the package torch: pip install torch=="):
        dataset.bytes(None)


def test_synthetic_tensor_has_rows_and_columns_of_different_scale() -> None:
    weights = llm_like(rows=512, columns=256)["weight"].astype(np.float64)
    np.testing.assert_array_equal(weights, llm_like(rows=512, columns=256)["weight"].astype(np.float64))
    assert weights.std() == pytest.approx(0.02 * np.exp(0.3**2 * 2), rel=0.1)
    for axis in (0, 1):
        assert np.log(weights.std(axis=axis)).std() == pytest.approx(0.3, rel=0.2)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="settings of glibc")
@pytest.mark.parametrize("kind", [memory.FRESH, memory.WARM])
def test_memory_is_of_the_kind_that_was_asked_for(kind: str) -> None:
    # In a process of its own, whose malloc is then set.
    code = (
        "import resource; from benchmarks import memory\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        f"if not memory.settle({kind!r}): raise SystemExit('no glibc')\n"
        "for _ in range(3):\n"
        f"    memory.settle({kind!r}); before = faults()\n"
        "    block = b'x' * (64 << 20)\n"
        "    used = faults() - before; del block\n"
        "print(used)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "no glibc" in result.stderr:
        pytest.skip("settings of glibc")
    pages = int(result.stdout)
    assert pages > 20 if kind == memory.FRESH else pages < 20


def test_peers_are_pinned_and_have_their_reasons() -> None:
    page = (ROOT / "docs" / "design" / "dependencies.md").read_text().partition("## Benchmarks\n")[2]
    reasons = dict(re.findall(r"^\| `([^`]+)` \| (\S+) \|", page.partition("\n## ")[0], re.MULTILINE))
    assert reasons == dict(line.split("==") for line in environment.requirements())
    makefile = (ROOT / "Makefile").read_text()
    assert f"TORCH ?= torch=={reasons['torch']}\n" in makefile
