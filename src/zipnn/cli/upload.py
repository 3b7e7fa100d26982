# SPDX-License-Identifier: MIT
"""`zipnn upload`."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import text
from .errors import Exit
from .jobs import Outcome, as_json
from .options import add_command, add_level, add_threads
from .output import Console

if TYPE_CHECKING:
    from ..hub.upload import Upload

_DETAILS = """\
Publishes a model on the Hugging Face hub with compressed weights: exports its folder (as
zipnn export does) into $HF_HOME/zipnn/upload, uploads that, and removes it. The repository
is made if it is missing. The model's own folder is not changed.

After an interruption the same command goes on: neither is a finished export made again,
nor is sent what the hub has already."""

_EXAMPLES = """\
  zipnn upload my-model --repo-id org/my-model-small
  zipnn upload my-model --repo-id org/my-model-small --private --level max
  zipnn upload my-model --repo-id org/my-model --revision small --name znn"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "upload",
        run,
        summary="publish a model's folder, compressed",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("source", type=Path, metavar="MODEL_DIR", help="the model's folder")
    parser.add_argument("--repo-id", required=True, metavar="NAME", help="the repository, such as org/name")
    parser.add_argument("--revision", metavar="BRANCH", help="the branch (default: main)")
    parser.add_argument("--private", action="store_true", help="make a missing repository a private one")
    parser.add_argument(
        "--name", choices=("ordinary", "znn"), default="ordinary", help="how weights are called"
    )
    parser.add_argument("--message", metavar="TEXT", help="what the commit says")
    add_level(parser)
    add_threads(parser)


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..hub.layout import hub
    from ..hub.upload import upload_model

    if args.quiet or args.json:
        importlib.import_module(f"{hub().__name__}.utils").disable_progress_bars()
    outcome = Outcome(args.command, console)
    done: list[Upload] = []
    with outcome.attempt(args.source, "publishing") as progress:
        more = {} if args.message is None else {"message": args.message}
        upload = upload_model(
            args.source,
            args.repo_id,
            args.revision,
            private=args.private,
            name=args.name,
            level=args.level,
            threads=args.threads,
            progress=progress,
            **more,
        )
        done.append(upload)
        console.result(_told(upload))
    return outcome.finish(map(as_json, done))


def _told(upload: Upload) -> str:
    before, after = upload.original_size, upload.compressed_size
    saved = f", saved {text.size(before - after)} ({text.percent(before - after, before)})"
    sizes = f"{text.size(before)} -> {text.size(after)}{saved if after < before else ''}"
    return f"{text.name(upload.repo_id)}: {sizes}\n  {text.name(upload.url)}"
