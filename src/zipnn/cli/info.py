# SPDX-License-Identifier: MIT
"""`zipnn info`."""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import FormatError
from ..storage.locations import Place, Url, place_of
from . import text
from .errors import Exit
from .jobs import Outcome, as_json
from .options import add_command, add_threads
from .output import Console

if TYPE_CHECKING:
    from ..report.inspection import FileReport, TensorReport

_DETAILS = """\
Shows kind, sizes and metadata of safetensors files (compressed or not) and of archives,
and sums up their tensors by dtype and codec; of a folder, every such file in it."""

_EXAMPLES = """\
  zipnn info model.znn.safetensors
  zipnn info model.safetensors --bound --tensors
  zipnn info my-model --json"""

_SUFFIXES = (".safetensors", ".znn", ".zpn")
_WIDE = 200  # characters of a metadata value that are shown


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "info",
        run,
        summary="show what is in a file: tensors, dtypes, codecs, sizes",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "paths", nargs="+", type=place_of, metavar="PATH", help="files (or their URLs) and folders"
    )
    parser.add_argument("--tensors", action="store_true", help="list every tensor")
    parser.add_argument(
        "--bound",
        action="store_true",
        help="compute what the tensors would take at their order-0 entropy (reads and decodes everything)",
    )
    add_threads(parser)


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..report.inspection import inspect

    outcome = Outcome(args.command, console)
    files: list[Place] = []
    for path in args.paths:
        with outcome.attempt(path):
            files += _files(path)
    reports: list[dict[str, Any]] = []
    for file in files:
        with outcome.attempt(file, "reading" if args.bound else ""):
            report = inspect(file, bound=args.bound, threads=args.threads)
            _show(report, args.tensors, console, first=not reports)
            reports.append({**as_json(report), "ratio": report.ratio, "bound": report.bound})
    return outcome.finish(reports)


def _files(path: Place) -> list[Place]:
    """The file, or a folder's files that can be shown."""
    if isinstance(path, Url) or not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.name.endswith(_SUFFIXES) and file.is_file())
    if not found:
        raise FormatError(f"{path}: no safetensors files and no archives in this folder")
    return [*found]


def _show(report: FileReport, all_tensors: bool, console: Console, *, first: bool) -> None:
    if not first:
        console.result("")
    for line in _head(report):
        console.result(line)
    if report.tensors:
        console.result("")
        console.result(_groups(report.tensors, console.width()))
    if report.tensors and all_tensors:
        console.result("")
        console.result(_tensors(report.tensors, console.width()))


def _head(report: FileReport) -> Iterator[str]:
    version = f", format version {report.format_version}" if report.format_version is not None else ""
    yield text.name(report.path)
    yield f"  kind      {report.kind}{version}"
    if report.written_by is not None:
        yield f"  written   by zipnn {report.written_by}, without checksums; zipnn upgrade renews it"
    if report.delta:
        name = f": {text.name(report.base)}" if report.base else ""
        yield f"  delta     a difference to a base, which is needed to decode it{name}"
    compressed = report.format_version is not None or report.written_by is not None
    share = text.percent(report.stored_size, report.original_size)
    of_original = f", {share} of the original" if compressed else ""
    yield f"  size      {text.size(report.stored_size)} ({report.stored_size} bytes){of_original}"
    if compressed:
        yield f"  original  {text.size(report.original_size)} ({report.original_size} bytes)"
    if report.bound is not None:
        data = sum(tensor.original_size for tensor in report.tensors)
        share = text.percent(report.bound, data)
        yield f"  bound     {text.size(report.bound)} at the order-0 entropy, {share} of the data"
    for key, value in (report.metadata or {}).items():
        yield f"  metadata  {text.name(key)}: {text.shorten(text.name(value), _WIDE)}"


def _groups(tensors: Sequence[TensorReport], width: int | None) -> str:
    """Totals by dtype and codec, the largest first."""
    groups: dict[tuple[str, str], list[TensorReport]] = defaultdict(list)
    for tensor in tensors:
        groups[tensor.dtype, tensor.codec].append(tensor)
    ordered = sorted(groups.items(), key=lambda item: -sum(tensor.original_size for tensor in item[1]))
    rows = [[dtype, codec, *_sums(members)] for (dtype, codec), members in ordered]
    if len(rows) > 1:
        rows.append(["total", "", *_sums(tensors)])
    header = ["dtype", "codec", "tensors", "elements", "original", "stored", "percent"]
    return _table(header, rows, tensors, 2, width)


def _sums(tensors: Sequence[TensorReport]) -> list[str]:
    elements = sum(math.prod(tensor.shape) for tensor in tensors)
    return [str(len(tensors)), f"{elements:,}", *_sizes(tensors)]


def _sizes(tensors: Sequence[TensorReport]) -> list[str]:
    original = sum(tensor.original_size for tensor in tensors)
    stored = sum(tensor.stored_size for tensor in tensors)
    cells = [text.size(original), text.size(stored), text.percent(stored, original)]
    bounds = [tensor.bound for tensor in tensors if tensor.bound is not None]
    return [*cells, text.percent(sum(bounds), original)] if bounds else cells


def _tensors(tensors: Sequence[TensorReport], width: int | None) -> str:
    rows = [
        [
            text.name(tensor.name),
            tensor.dtype,
            "x".join(map(str, tensor.shape)) or "scalar",
            tensor.codec if tensor.same_as is None else f"= {text.name(tensor.same_as)}",
            *_sizes([tensor]),
        ]
        for tensor in tensors
    ]
    return _table(
        ["tensor", "dtype", "shape", "codec", "original", "stored", "percent"], rows, tensors, 4, width
    )


def _table(
    header: list[str],
    rows: list[list[str]],
    tensors: Sequence[TensorReport],
    left: int,
    width: int | None,
) -> str:
    bounded = any(tensor.bound is not None for tensor in tensors)
    return text.table([*header, "bound"] if bounded else header, rows, left, width)
