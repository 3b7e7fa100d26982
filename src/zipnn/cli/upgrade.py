# SPDX-License-Identifier: MIT
"""`zipnn upgrade`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .errors import Exit
from .options import add_command, add_level, add_threads
from .output import Console

_DETAILS = """\
Rewrites files that zipnn 0.1 to 0.5 wrote (NAME.znn, NAME.zpn, NAME.znn.safetensors) into
the format of today, which has checksums and is smaller and faster. Names stay, each file is
replaced in one step; others are left alone. A folder is searched with all that is in it.

What was written is decoded and compared with what the old file decodes to."""

_EXAMPLES = """\
  zipnn upgrade pytorch_model.bin.znn
  zipnn upgrade my-models --dry-run
  zipnn upgrade my-models --level max"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "upgrade",
        run,
        summary="rewrite files of zipnn 0.1 to 0.5 into the format of today",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files and folders")
    parser.add_argument("-r", "--recursive", action="store_true", help="accepted: folders always are")
    add_level(parser)
    parser.add_argument("--dry-run", action="store_true", help="write nothing; say what would be rewritten")
    add_threads(parser)


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..trees import upgrade_tree
    from ..upgrading import upgrade_file
    from .conversion import convert

    args.output, args.in_place, args.force, args.delete_original = None, True, False, False

    def file(path: Path, output: None, **options: Any) -> Any:
        return upgrade_file(path, **_wanted(options))

    def tree(path: Path, output: None, **options: Any) -> Any:
        return upgrade_tree(path, **_wanted(options))

    return convert(
        args,
        console,
        verb="upgrading",
        file=file,
        tree=tree,
        default_output=lambda path: path,
        level=args.level,
    )


def _wanted(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("level", "threads", "dry_run", "progress")}
