# SPDX-License-Identifier: MIT
"""`zipnn apply`."""

from __future__ import annotations

import argparse
from typing import Any

from ..conversion import FileResult
from ..storage.locations import place_of
from .errors import Exit
from .jobs import Outcome, as_json
from .options import add_command, add_threads
from .output import Console

_DETAILS = """\
The way back of zipnn delta: the model's file or folder comes back byte for byte. The base must
have the tensors that it had, in whatever files; zipnn info DELTA says which base that is.

The output is compared with what base and delta decode to before it gets its name."""

_EXAMPLES = """\
  zipnn apply base.safetensors tuned.safetensors.znn
  zipnn apply base-model tuned.znn -o tuned-model"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "apply",
        run,
        summary="restore a model from its base and a delta",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("base", type=place_of, metavar="BASE", help="what the delta was made against")
    parser.add_argument("delta", type=place_of, metavar="DELTA", help="what zipnn delta wrote")
    parser.add_argument(
        "-o",
        "--output",
        type=place_of,
        metavar="MODEL",
        help="the file or folder to write (default: the delta's name without .znn)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a file that exists; a folder must be empty"
    )
    add_threads(parser)


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..delta.files import apply_delta
    from .conversion import told, total_of

    outcome = Outcome(args.command, console)
    results: list[FileResult] = []
    with outcome.attempt(args.delta, "applying") as progress:
        result = apply_delta(
            args.base, args.delta, args.output, threads=args.threads, force=args.force, progress=progress
        )
        console.result(told(result))
        results.append(result)
    total = total_of(results, sum(result.seconds for result in results))
    return outcome.finish(map(as_json, results), total=total, base=str(args.base))
