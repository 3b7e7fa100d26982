# SPDX-License-Identifier: MIT
"""What `compress` and `decompress` share: where outputs go, and the account of what was done."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import ZipnnError
from ..files import FileResult
from ..storage.locations import Place, Url
from . import text
from .errors import Exit, UsageError
from .jobs import Outcome, as_json
from .output import Console

_CONVERTED = ("compressed", "decompressed", "would-compress", "would-decompress")
_TOLD = (*_CONVERTED, "upgraded", "would-upgrade")
_DETAILS = 20  # so many results are told one by one; of more, those that say nothing new are only counted


def convert(
    args: argparse.Namespace,
    console: Console,
    *,
    verb: str,
    file: Callable[..., FileResult],
    tree: Callable[..., list[FileResult]],
    default_output: Callable[[Place], Place | None],
    **options: Any,
) -> Exit:
    """Run the library's function for files or for folders on each path, and give an account.

    Args:
        args: the command line; see `options.add_writing`.
        console: where results and errors go.
        verb: for the progress line.
        file: `compress_file` or `decompress_file`.
        tree: `compress_tree` or `decompress_tree`.
        default_output: where `file` writes if it is not told.
        options: more keyword arguments of the two.
    """
    outputs = _outputs(args, default_output)
    outcome = Outcome(args.command, console)
    results: list[FileResult] = []
    begun = time.monotonic()
    for path, output in zip(args.paths, outputs, strict=True):
        folder = path.is_dir()
        done: list[FileResult] = []
        with outcome.attempt(path, verb) as progress:
            answer = (tree if folder else file)(
                path,
                output,
                threads=args.threads,
                force=args.force,
                in_place=args.in_place or (folder and args.dry_run and output is None),
                delete_original=args.delete_original,
                dry_run=args.dry_run,
                progress=progress,
                **options,
            )
            done = answer if isinstance(answer, list) else [answer]
        for result in done:
            if result.action == "failed":
                outcome.fail(result.source, ZipnnError(result.reason))
            elif len(done) <= _DETAILS or result.action in _TOLD:
                console.result(told(result, args.delete_original))
        results += [result for result in done if result.action != "failed"]
    seconds = time.monotonic() - begun
    total = total_of(results, seconds)
    if len(results) > 1:
        console.result(_summary(results, total, args.dry_run))
    if args.dry_run and results:
        console.note("dry run: nothing was written, sizes are estimated from samples")
    return outcome.finish(map(as_json, results), dry_run=args.dry_run, total=total)


def convert_folders(
    args: argparse.Namespace,
    console: Console,
    verb: str,
    function: Callable[..., FileResult],
    **options: Any,
) -> Exit:
    """Run `archive_folder` or `restore_folder` on each path, and give an account.

    Raises:
        UsageError: options do not go with folders in archives.
    """
    check_folder_options(args)
    if args.output is not None and len(args.paths) > 1:
        raise UsageError("-o goes with one folder or archive")
    outcome = Outcome(args.command, console)
    results: list[FileResult] = []
    begun = time.monotonic()
    for path in args.paths:
        with outcome.attempt(path, verb) as progress:
            result = function(
                path, args.output, threads=args.threads, dry_run=args.dry_run, progress=progress, **options
            )
            console.result(told(result))
            results.append(result)
    total = total_of(results, time.monotonic() - begun)
    return outcome.finish(map(as_json, results), dry_run=args.dry_run, total=total)


def check_folder_options(args: argparse.Namespace) -> None:
    """Raise `UsageError` for options that do not go with folders in archives."""
    if args.in_place or args.delete_original:
        raise UsageError("a folder and its archive do not replace each other: remove the original by hand")


def _outputs(args: argparse.Namespace, default_output: Callable[[Place], Place | None]) -> list[Place | None]:
    """The output for each path, None where the library chooses. Raises `UsageError`."""
    if args.in_place and args.delete_original:
        raise UsageError("--in-place replaces the originals: --delete-original does not go with it")
    into_folder = args.output is not None and (len(args.paths) > 1 or args.output.is_dir())
    outputs: list[Place | None] = []
    targets: Counter[Place] = Counter()
    for path in args.paths:
        output: Place | None = args.output
        if path.is_dir():
            _check_folder_output(path, args)
            if output is not None and len(args.paths) > 1:
                output = output / path.resolve().name
        elif into_folder:
            default = _default_or_none(path, default_output)
            output = args.output / (default or path).name
        outputs.append(output)
        if not args.in_place:
            target = output or _default_or_none(path, default_output)
            if target is not None and target != path:  # what stays where it is writes nothing
                targets[target.absolute()] += 1
    for target, count in targets.items():
        if count > 1:
            raise UsageError(f"{count} of the paths would be written to {target}", "give each its own -o")
    into_local = isinstance(args.output, Path)
    if len(args.paths) > 1 and into_local and not args.dry_run:
        args.output.mkdir(parents=True, exist_ok=True)
    return outputs


def _check_folder_output(path: Path, args: argparse.Namespace) -> None:
    if isinstance(args.output, Url):
        raise UsageError(f"{path} is a folder: only files go to a URL", "--archive makes it one file")
    if args.output is None and not args.in_place and not args.dry_run:
        raise UsageError(f"{path} is a folder: where should the result go?", "-o OUT, or --in-place")


def _default_or_none(path: Place, default_output: Callable[[Place], Place | None]) -> Place | None:
    """None for what cannot be read too: it will fail when its turn comes."""
    try:
        return None if path.is_dir() else default_output(path)
    except (OSError, ZipnnError):
        return None


def told(result: FileResult, delete_original: bool = False) -> str:
    """`model.safetensors -> model.znn.safetensors: 90.9 MB -> 74.2 MB, saved 16.7 MB (18.4 %), ...`."""
    names = text.name(result.source)
    if result.output is not None and result.output.resolve() != result.source.resolve():
        names += f" -> {text.name(result.output)}"
    if result.action not in _CONVERTED:
        return f"{names}: {result.action.replace('-', ' ')}" + (f", {result.reason}" if result.reason else "")
    before, after = _before_after(result)
    sizes = f"{text.size(before)} -> {text.size(after)}{_saved(before, after)}"
    if result.action.startswith("would"):
        return f"{names}: {result.action.replace('-', ' ')}, {sizes}"
    removed = ", original removed" if delete_original else ""
    note = f" ({result.reason})" if result.reason else ""
    return f"{names}: {sizes}, {_pace(result.original_size, result.seconds)}{removed}{note}"


def _summary(results: list[FileResult], total: dict[str, Any], dry_run: bool) -> str:
    counts = Counter(result.action.replace("-", " ") for result in results)
    files = ", ".join(f"{count} {action}" for action, count in counts.items())
    before, after = total["size_before"], total["size_after"]
    sizes = f"{text.size(before)} -> {text.size(after)}{_saved(before, after)}"
    pace = "" if dry_run else ", " + _pace(total["original_size"], total["seconds"])
    return f"total: {files}: {sizes}{pace}"


def _pace(size: int, seconds: float) -> str:
    return f"{text.duration(seconds)}, {text.speed(size, seconds)}"


def _saved(before: int, after: int) -> str:
    return (
        f", saved {text.size(before - after)} ({text.percent(before - after, before)})"
        if after < before
        else ""
    )


def _before_after(result: FileResult) -> tuple[int, int]:
    if result.action in ("decompressed", "would-decompress"):
        return result.compressed_size, result.original_size
    return result.original_size, result.compressed_size


def total_of(results: list[FileResult], seconds: float) -> dict[str, Any]:
    pairs = [_before_after(result) for result in results]
    return {
        "files": len(results),
        "original_size": sum(result.original_size for result in results),
        "compressed_size": sum(result.compressed_size for result in results),
        "size_before": sum(before for before, _ in pairs),
        "size_after": sum(after for _, after in pairs),
        "seconds": seconds,
    }
