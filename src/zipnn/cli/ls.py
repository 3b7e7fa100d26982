# SPDX-License-Identifier: MIT
"""`zipnn ls`."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any

from ..storage.locations import place_of
from . import text
from .errors import Exit
from .jobs import Outcome
from .options import add_command
from .output import Console

if TYPE_CHECKING:
    from ..access.opening import ModelFile

_DETAILS = """\
Lists name, dtype, shape and size of each tensor of model files of any format that is known,
compressed or not, in the order of the file. Of a URL only the parts that say so are fetched."""

_EXAMPLES = """\
  zipnn ls model.gguf
  zipnn ls pytorch_model.bin.znn --json
  zipnn ls https://example.org/model.znn.safetensors"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "ls",
        run,
        summary="list the tensors of model files",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("paths", nargs="+", type=place_of, metavar="FILE", help="model files, or their URLs")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..access.opening import open as open_model

    outcome = Outcome(args.command, console)
    results: list[dict[str, Any]] = []
    for path in args.paths:
        with outcome.attempt(path), open_model(path) as file:
            _show(file, console, first=not results, alone=len(args.paths) == 1)
            results.append(_as_record(file))
    return outcome.finish(results)


def _show(file: ModelFile, console: Console, *, first: bool, alone: bool) -> None:
    if not first:
        console.result("")
    if not alone:
        console.result(f"{text.name(file.path)}:")
    rows = [
        [text.name(t.name), t.dtype, "x".join(map(str, t.shape)) or "scalar", text.size(t.size)]
        for t in file.tensors.values()
    ]
    if rows:
        console.result(text.table(["tensor", "dtype", "shape", "size"], rows, 3, console.width()))
    total = sum(tensor.size for tensor in file.tensors.values())
    noun = "tensor" if len(rows) == 1 else "tensors"
    console.result(f"{len(rows)} {noun}, {text.size(total)} ({file.format})")
    if file.note:
        console.note(f"{text.name(file.path)}: {text.name(file.note)}")


def _as_record(file: ModelFile) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "format": file.format,
        "compressed": file.compressed,
        "metadata": file.metadata,
        "note": file.note or None,
        "tensors": [dataclasses.asdict(tensor) for tensor in file.tensors.values()],
    }
