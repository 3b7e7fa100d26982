# SPDX-License-Identifier: MIT
"""`zipnn export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import ZipnnError
from .errors import Exit
from .jobs import Outcome, as_json
from .options import add_command, add_level, add_threads
from .output import Console

_DETAILS = """\
Makes a folder to upload: the weights compressed, everything else as it is, a section of the
model card that says how to load it, and .gitattributes. Weights keep their names, or with
--name znn become NAME.znn.safetensors, which transformers is told in config.json.

Each output is decoded and compared with its original before it gets its name."""

_EXAMPLES = """\
  zipnn export my-model my-model-small
  zipnn export my-model my-model-small --name znn --level max
  hf upload org/my-model-small my-model-small"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "export",
        run,
        summary="make a folder to upload out of a model's",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("source", type=Path, metavar="MODEL_DIR", help="the model's folder")
    parser.add_argument("output", type=Path, metavar="OUT", help="the folder to make")
    parser.add_argument(
        "--name", choices=("ordinary", "znn"), default="ordinary", help="how weights are called"
    )
    parser.add_argument("--force", action="store_true", help="write into a folder that is not empty")
    add_level(parser)
    add_threads(parser)


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..hub.export import export_model
    from .conversion import told, total_of

    outcome = Outcome(args.command, console)
    results = []
    with outcome.attempt(args.source, "exporting") as progress:
        results = export_model(
            args.source,
            args.output,
            name=args.name,
            level=args.level,
            threads=args.threads,
            force=args.force,
            progress=progress,
        )
    for result in results:
        if result.action == "failed":
            outcome.fail(result.source, ZipnnError(result.reason))
        elif result.action == "compressed":
            console.result(told(result))
    good = [result for result in results if result.action != "failed"]
    seconds = sum(result.seconds for result in good)
    return outcome.finish(map(as_json, good), total=total_of(good, seconds))
