# SPDX-License-Identifier: MIT
"""`zipnn doctor`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import text
from .errors import Exit
from .jobs import Outcome, as_json
from .options import add_command
from .output import Console

if TYPE_CHECKING:
    from ..hub.doctor import Finding

_DETAILS = """\
Looks through model folders for what loads wrongly, twice, or not at all: compressed files
beside plain ones, shards that no index names, tensors that are not where the index says,
pointers of git LFS, files that are cut off. Headers are read, data are not: zipnn verify
checks these. Nothing is written; the exit code is 1 if something was found."""

_EXAMPLES = """\
  zipnn doctor my-model
  zipnn doctor my-models --json"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "doctor",
        run,
        summary="find what is wrong with model folders",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="folders to look through")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..hub.doctor import examine

    outcome = Outcome(args.command, console)
    findings: list[Finding] = []
    for path in args.paths:
        with outcome.attempt(path):
            found = examine(path)
            for finding in found:
                console.result(f"{text.name(finding.path)}: {text.name(finding.problem)}")
                console.result(f"  {finding.remedy}")
            if not found:
                console.result(f"{text.name(path)}: nothing found")
            findings += found
    if findings:
        outcome.count_as(Exit.FAILED)
    return outcome.finish(map(as_json, findings))
