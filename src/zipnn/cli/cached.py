# SPDX-License-Identifier: MIT
"""`--model`: what `compress`, `decompress` and `verify` do with a model of the Hugging Face cache."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ZipnnError
from ..storage.locations import local_path
from . import text
from .errors import Exit, UsageError
from .jobs import Outcome, as_json
from .options import Parser
from .output import Console

if TYPE_CHECKING:
    from ..conversion import FileResult

_NOT_WITH_MODEL = {
    "output": "--output",
    "in_place": "--in-place",
    "delete_original": "--delete-original",
    "base": "--base",
    "archive": "--archive",
}


def add_model(parser: Parser) -> None:
    """The options that name a model of the cache."""
    group = parser.add_argument_group("a model of the Hugging Face cache, instead of paths")
    group.add_argument("--model", metavar="NAME", help="the model, such as org/name; it stays where it lies")
    group.add_argument(
        "--hf-cache", "--hf_cache", action="store_true", help="the model is in the cache: goes without saying"
    )
    group.add_argument("--revision", metavar="REV", help="branch, tag or commit (default: main)")
    group.add_argument("--cache-dir", type=Path, metavar="DIR", help="the cache (default: HF_HUB_CACHE)")


def check_paths(args: argparse.Namespace) -> bool:
    """Whether a model is meant and no paths. Raises `UsageError` unless it is one of the two."""
    if args.model is None:
        for option, given in (("--hf-cache", args.hf_cache), ("--revision", args.revision)):
            if given and not args.paths:
                raise UsageError(f"{option} goes with a model", "--model NAME; zipnn cache lists them")
        if not args.paths:
            raise UsageError("give a path, or --model NAME")
        return False
    if args.paths:
        raise UsageError("give paths or --model, not both")
    for name, option in _NOT_WITH_MODEL.items():
        if getattr(args, name, None):
            raise UsageError(f"a cached model stays where it lies: {option} does not go with --model")
    return True


def work(
    args: argparse.Namespace,
    console: Console,
    verb: str,
    function: Callable[..., list[FileResult]],
    **options: Any,
) -> Exit:
    """Run the library's function on the model, and give an account of its files.

    Args:
        args: the command line.
        console: where results and errors go.
        verb: for the progress line.
        function: `compress_model`, `decompress_model` or `verify_model`.
        options: more keyword arguments of it.
    """
    from .conversion import told, total_of

    outcome = Outcome(args.command, console)
    results: list[FileResult] = []
    begun = time.monotonic()
    with outcome.attempt(Path(args.model), verb) as progress:
        results = function(
            args.model,
            args.revision,
            cache_dir=args.cache_dir,
            threads=args.threads,
            progress=lambda file: progress,
            **options,
        )
    for result in results:
        if result.action == "failed":
            outcome.fail(result.source, ZipnnError(result.reason))
        else:
            console.result(told(dataclasses.replace(result, source=_name(args.model, result), output=None)))
            if result.output is not None and result.reason:
                console.note(f"{text.name(_name(args.model, result))}: {result.reason}")
    good = [result for result in results if result.action != "failed"]
    if results and not good:
        console.note(f"{text.name(args.model)}: nothing was changed")
    total = total_of(good, time.monotonic() - begun)
    if any(result.action == "compressed" for result in good):
        console.note("hf cache verify will name these files: zipnn verify --model decodes and checks them")
    return outcome.finish(map(as_json, results), model=args.model, total=total)


def _name(model: str, result: FileResult) -> Path:
    """The file's name in the repository, behind the model's."""
    parts = local_path(result.source).parts
    return Path(model, *parts[parts.index("snapshots") + 2 :])
