# SPDX-License-Identifier: MIT
"""`zipnn delta`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

from ..conversion import FileResult
from ..storage.locations import Place, place_of
from .errors import Exit, UsageError
from .jobs import Outcome, as_json
from .options import add_command, add_level, add_threads
from .output import Console

_DETAILS = """\
Writes a model as what differs from the model that it was made from: a fine-tune takes half
of itself or less, a tensor that is as it was a few bytes. BASE and MODEL are files or folders;
they may be cut into files differently, compressed, and of different formats. The delta needs
the base to be restored (zipnn apply) or read: the same tensors, in whatever files.

Each output is decoded and compared with its original before it gets its name."""

_EXAMPLES = """\
  zipnn delta base.safetensors tuned.safetensors
  zipnn delta base-model tuned-model -o tuned.znn
  zipnn delta base.bin tuned.safetensors --rename encoder.weight=text_encoder.weight"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "delta",
        run,
        summary="store a model as what differs from its base",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("base", type=place_of, metavar="BASE", help="what the model was made from")
    parser.add_argument("model", type=place_of, metavar="MODEL", help="the model, a file or a folder")
    parser.add_argument(
        "-o", "--output", type=place_of, metavar="OUT", help="the delta (default: MODEL.znn beside the model)"
    )
    parser.add_argument(
        "--rename",
        action="append",
        type=_renaming,
        default=[],
        metavar="OLD=NEW",
        help="the tensor OLD of the base is called NEW in the model; may be given more than once",
    )
    parser.add_argument("--force", action="store_true", help="replace an output that exists")
    add_level(parser)
    add_threads(parser)


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    return make_deltas(
        args, console, args.base, [args.model], rename=dict(args.rename), level=args.level, force=args.force
    )


def make_deltas(
    args: argparse.Namespace, console: Console, base: Place, models: Sequence[Place], **options: Any
) -> Exit:
    """Make the delta of each model, and give an account."""
    from ..delta.files import make_delta
    from .conversion import told, total_of

    outcome = Outcome(args.command, console)
    results: list[FileResult] = []
    begun = time.monotonic()
    for model in models:
        with outcome.attempt(model, "comparing") as progress:
            result = make_delta(base, model, args.output, threads=args.threads, progress=progress, **options)
            console.result(told(result))
            results.append(result)
    total = total_of(results, time.monotonic() - begun)
    return outcome.finish(map(as_json, results), total=total, base=str(base))


def compress_against(args: argparse.Namespace, console: Console) -> Exit:
    """`zipnn compress --base`. Raises `UsageError` for options that do not go with it."""
    if args.in_place or args.delete_original or args.dry_run:
        raise UsageError("--base goes with neither --in-place nor --delete-original nor --dry-run")
    if args.output is not None and len(args.paths) > 1:
        raise UsageError("with --base, -o goes with one path")
    return make_deltas(args, console, args.base, args.paths, level=args.level, force=args.force)


def _renaming(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"{text!r} is not OLD=NEW")
    return old, new
