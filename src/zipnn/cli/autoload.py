# SPDX-License-Identifier: MIT
"""`zipnn autoload`."""

from __future__ import annotations

import argparse
from typing import Any

from .errors import Exit
from .jobs import Outcome
from .options import add_command
from .output import Console

_DETAILS = """\
Two small files in site-packages install zipnn's hooks in every Python process of this environment, as
soon as it imports safetensors: programs load compressed models without a change to their code.
ZIPNN_AUTO=0 in the environment keeps a process from it. Nothing is imported before it is needed."""

_EXAMPLES = """\
  zipnn autoload on
  zipnn autoload status
  zipnn autoload off"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "autoload",
        run,
        summary="load compressed models in every Python process of this environment",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("action", choices=("on", "off", "status"), help="what to do")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..plugins import autoload

    if args.action == "on":
        autoload.turn_on()
    elif args.action == "off":
        autoload.turn_off()
    folders = [str(folder) for folder in autoload.enabled_in()]
    console.result(f"autoload is {f'on, by files in {folders[0]}' if folders else 'off'}")
    return Outcome(args.command, console).finish([{"on": bool(folders), "folders": folders}])
