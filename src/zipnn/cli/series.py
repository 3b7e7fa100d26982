# SPDX-License-Identifier: MIT
"""`zipnn series`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CorruptError
from . import text
from .conversion import told
from .errors import Exit, UsageError
from .jobs import Outcome, as_json
from .options import EXIT_CODES, Parser, Run, add_command, add_level, add_threads
from .output import Console

if TYPE_CHECKING:
    from ..checkpoints import Checked, Checkpoint, Series

_SUMMARY = "keep the checkpoints of a training as what changed from one to the next"
_EXAMPLES = """\
  zipnn series add my-series checkpoint-100 checkpoint-200
  zipnn series list my-series
  zipnn series restore my-series checkpoint-100 -o restored
  zipnn series prune my-series --keep 5"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser: Parser = commands.add_parser(
        "series",
        help=_SUMMARY,
        description=f"{_SUMMARY[0].upper()}{_SUMMARY[1:]}.",
        epilog=f"examples:\n{_EXAMPLES}\n\n{EXIT_CODES}\n\nzipnn series ACTION --help tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    add = _action(actions, "add", _add, "add checkpoints, each as a difference to the one before")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders, in their order")
    add.add_argument("--name", help="what the checkpoint is called (default: the name of PATH)")
    add.add_argument(
        "--every", type=int, default=10, metavar="K", help="store at least each K-th by itself (default: 10)"
    )
    _action(actions, "list", _list, "list the checkpoints", writes=False)
    restore = _action(actions, "restore", _restore, "write a checkpoint as it was", writes=False)
    restore.add_argument(
        "which", metavar="CHECKPOINT", help="its number or name; #N for a number that is a name too"
    )
    restore.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="file or folder to write"
    )
    restore.add_argument("--force", action="store_true", help="replace a file that exists")
    _action(actions, "verify", _verify, "check every checkpoint, and say which can be restored")
    prune = _action(actions, "prune", _prune, "remove checkpoints, but not what others need")
    kept = prune.add_mutually_exclusive_group(required=True)
    kept.add_argument("--keep", type=int, metavar="N", help="keep the last N")
    kept.add_argument("--keep-only", nargs="+", metavar="CHECKPOINT", help="keep these, by number or name")
    reanchor = _action(
        actions, "reanchor", _reanchor, "store a checkpoint by itself, so that it needs no other"
    )
    reanchor.add_argument("which", metavar="CHECKPOINT", help="its number or name")


def _action(actions: Any, name: str, run: Run, summary: str, *, writes: bool = True) -> Parser:
    parser = add_command(actions, name, run, summary=summary, details="", examples=_EXAMPLES)
    parser.set_defaults(command=f"series {name}")
    parser.add_argument("series", type=Path, metavar="SERIES", help="the folder of the series")
    add_threads(parser)
    if writes and name != "verify":
        add_level(parser)
    return parser


def _opened(args: argparse.Namespace) -> Series:
    from ..checkpoints import Series

    try:
        return Series(
            args.series,
            every=getattr(args, "every", 10),
            level=getattr(args, "level", "default"),
            threads=args.threads,
        )
    except ValueError as error:
        raise UsageError(str(error), "--every K") from None


def _add(args: argparse.Namespace, console: Console) -> Exit:
    series, outcome = _opened(args), Outcome(args.command, console)
    if args.name is not None and len(args.paths) > 1:
        raise UsageError("--name is for one checkpoint", "add them one by one")
    added: list[Checkpoint] = []
    for path in args.paths:
        with outcome.attempt(path, "adding") as progress:
            checkpoint = series.add(path, args.name, progress=progress)
            added.append(checkpoint)
            console.result(f"{text.name(path)}: {_told(checkpoint)}")
    return outcome.finish(map(as_json, added))


def _called(checkpoint: Checkpoint) -> str:
    return f"checkpoint {checkpoint.number} ({text.name(checkpoint.name)})"


def _told(checkpoint: Checkpoint) -> str:
    form = "by itself" if checkpoint.base is None else f"as a difference to {checkpoint.base}"
    sizes = f"{text.size(checkpoint.original_size)} -> {text.size(checkpoint.stored_size)}"
    return f"checkpoint {checkpoint.number}, {sizes}, {form}"


def _list(args: argparse.Namespace, console: Console) -> Exit:
    series, outcome = _opened(args), Outcome(args.command, console)
    checkpoints: list[Checkpoint] = []
    with outcome.attempt(args.series):
        checkpoints = series.checkpoints()
        rows = [
            [
                str(checkpoint.number),
                text.name(checkpoint.name),
                "-" if checkpoint.base is None else str(checkpoint.base),
                text.size(checkpoint.original_size),
                text.size(checkpoint.stored_size),
            ]
            for checkpoint in checkpoints
        ]
        if rows:
            heads = ["number", "name", "needs", "original", "stored"]
            console.result(text.table(heads, rows, 2, console.width()))
        else:
            console.note("no checkpoints in the series")
    return outcome.finish(map(as_json, checkpoints))


def _restore(args: argparse.Namespace, console: Console) -> Exit:
    series, outcome = _opened(args), Outcome(args.command, console)
    results = []
    with outcome.attempt(args.series, "restoring") as progress:
        checkpoint = series.find(args.which)
        result = series.restore(checkpoint.number, args.output, force=args.force, progress=progress)
        results.append(as_json(result))
        console.result(f"{_called(checkpoint)}: {told(result)}")
    return outcome.finish(results)


def _verify(args: argparse.Namespace, console: Console) -> Exit:
    series, outcome = _opened(args), Outcome(args.command, console)
    results: list[Checked] = []
    with outcome.attempt(args.series, "verifying") as progress:
        results = series.verify(progress=progress)
    for result in results:
        name = _called(result.checkpoint)
        if result.intact and result.restorable:
            console.result(f"{name}: intact")
            continue
        state = "can be restored all the same" if result.restorable else "cannot be restored"
        outcome.fail(args.series, CorruptError(f"{name}: {state}: {result.reason}"))
    return outcome.finish(map(as_json, results))


def _prune(args: argparse.Namespace, console: Console) -> Exit:
    if args.keep is not None and args.keep < 1:
        raise UsageError(
            f"--keep {args.keep} would leave nothing", "remove the folder of the series if that is wanted"
        )
    keep: int | Sequence[str] = args.keep if args.keep is not None else args.keep_only

    def prune(series: Series, progress: Any) -> list[Checkpoint]:
        gone = series.prune(keep, progress=progress)
        for checkpoint in gone:
            console.result(f"{_called(checkpoint)}: removed")
        return gone

    return _change(args, console, "pruning", prune)


def _reanchor(args: argparse.Namespace, console: Console) -> Exit:
    def reanchor(series: Series, progress: Any) -> list[Checkpoint]:
        checkpoint = series.reanchor(args.which, progress=progress)
        console.result(_told(checkpoint))
        return [checkpoint]

    return _change(args, console, "storing", reanchor)


def _change(
    args: argparse.Namespace, console: Console, verb: str, act: Callable[[Series, Any], list[Checkpoint]]
) -> Exit:
    series, outcome = _opened(args), Outcome(args.command, console)
    results: list[Checkpoint] = []
    with outcome.attempt(args.series, verb) as progress:
        results = act(series, progress)
    return outcome.finish(map(as_json, results))
