# SPDX-License-Identifier: MIT
"""`zipnn verify`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ZipnnError
from ..storage.locations import Place, Url, local_path, place_of
from . import text
from .cached import add_model, check_paths, work
from .errors import Exit, UsageError
from .jobs import Outcome, as_json
from .options import add_base, add_command, add_threads
from .output import Console, ProgressLine

if TYPE_CHECKING:
    from ..conversion import FileResult

_DETAILS = """\
One path: decodes everything in it against the checksums. Two paths: proves that both
hold the same, whatever their containers: of safetensors files every tensor's name, dtype,
shape and bytes (metadata may differ, which is said), of other files every byte; of
folders file by file. Nothing is written."""

_EXAMPLES = """\
  zipnn verify model.znn.safetensors
  zipnn verify model.znn.safetensors model.safetensors
  zipnn verify small-model my-model
  zipnn verify --each *.znn.safetensors
  zipnn verify --model org/name"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "verify",
        run,
        summary="check compressed files, or prove that two files hold the same",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=place_of,
        metavar="PATH",
        help="a file (or its URL) or folder, or two to compare",
    )
    parser.add_argument(
        "--each", action="store_true", help="check each path by itself, however many there are"
    )
    add_base(parser, "what the files are differences to (see zipnn delta)")
    add_threads(parser)
    add_model(parser)


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    if check_paths(args):
        from ..hub.cache import verify_model

        return work(args, console, "verifying", verify_model)
    pairs = _pairs(args)
    if args.base is not None and any(path.is_dir() for path, _ in pairs):
        raise UsageError("--base goes with files, not with folders of files")
    outcome = Outcome(args.command, console)
    results: list[dict[str, Any]] = []
    for path, other in pairs:
        with outcome.attempt(path, "verifying" if other is None else "comparing") as progress:
            if path.is_dir():
                counterpart = None if other is None else local_path(other)
                results += _verify_folder(
                    local_path(path), counterpart, args.threads, progress, console, outcome
                )
            else:
                results.append(_verify_file(path, other, args, progress, console))
    return outcome.finish(results)


def _pairs(args: argparse.Namespace) -> list[tuple[Place, Place | None]]:
    """The paths, each with what it is to be compared with. Raises `UsageError`."""
    paths = args.paths
    if args.each or len(paths) == 1:
        return [(path, None) for path in paths]
    if len(paths) > 2:
        raise UsageError(f"two paths are compared, {len(paths)} were given", "--each checks each by itself")
    one, two = paths
    if _is_there(one) and _is_there(two) and one.is_dir() != two.is_dir():
        raise UsageError("a folder cannot be compared with a file")
    return [(one, two)]


def _is_there(path: Place) -> bool:
    """Whether there is something; of a URL that is found out by reading it."""
    return isinstance(path, Url) or path.exists()


def _verify_file(
    path: Place, other: Place | None, args: argparse.Namespace, progress: ProgressLine, console: Console
) -> dict[str, Any]:
    from ..containers import kinds
    from ..verification import verify_file

    result = verify_file(path, other, threads=args.threads, progress=progress, base=args.base)
    tensors = [f"{result.tensors} tensors"] if result.tensors else []
    pace = _pace(result.original_size, result.seconds)
    if other is not None:
        line = [f"{text.name(path)} and {text.name(other)}: equal", *tensors, *pace]
    elif result.kind == kinds.SAFETENSORS:
        line = [f"{text.name(path)}: well-formed", *tensors]
    else:
        # What has no checksums is noted, and not called intact.
        state = "readable" if result.notes else "intact"
        line = [f"{text.name(path)}: {state}", *tensors, *pace]
    console.result(", ".join(line))
    for note in result.notes:
        console.result(f"  note: {text.name(note)}")
    return {"action": "verified", **as_json(result)}


def _verify_folder(
    path: Path,
    other: Path | None,
    threads: int,
    progress: ProgressLine,
    console: Console,
    outcome: Outcome,
) -> list[dict[str, Any]]:
    from ..trees import verify_tree

    begun = time.monotonic()
    results = verify_tree(path, other, threads=threads, progress=progress)
    seconds = time.monotonic() - begun
    good = [result for result in results if result.action == "verified"]
    failed = [result for result in results if result.action == "failed"]
    for result in failed:
        outcome.fail(result.source, ZipnnError(result.reason))
    count = f"{len(good)} of {len(good) + len(failed)}" if failed else str(len(good))
    what = "intact" if other is None else f"equal to those of {text.name(other)}"
    noun = "file" if count == "1" else "files"
    line = [f"{text.name(path)}: {count} {noun} {what}"]
    skipped = len(results) - len(good) - len(failed)
    if skipped:
        line.append(f"{skipped} skipped (not compressed)")
    console.result(", ".join([*line, *_pace(sum(result.original_size for result in good), seconds)]))
    return [_as_record(result, path, other) for result in good]


def _pace(size: int, seconds: float) -> list[str]:
    return [text.size(size), text.duration(seconds), text.speed(size, seconds)]


def _as_record(result: FileResult, folder: Path, other: Path | None) -> dict[str, Any]:
    counterpart = None if other is None else str(other / local_path(result.source).relative_to(folder))
    return {
        "action": result.action,
        "path": str(result.source),
        "other": counterpart,
        "original_size": result.original_size,
        "seconds": result.seconds,
        "notes": [result.reason] if result.reason else [],
    }
