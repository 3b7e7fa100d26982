# SPDX-License-Identifier: MIT
"""`zipnn cache`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import text
from .errors import Exit
from .jobs import Outcome
from .options import add_command
from .output import Console

_DETAILS = """\
Lists the models of the Hugging Face cache: what their safetensors files take on the
disk, and what compressing them saved or would save (estimated from samples)."""

_EXAMPLES = """\
  zipnn cache
  zipnn cache --json
  zipnn compress --model org/name --hf-cache"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "cache",
        run,
        summary="list cached models, and what was or would be saved",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("--cache-dir", type=Path, metavar="DIR", help="the cache (default: HF_HUB_CACHE)")
    parser.add_argument("--all", action="store_true", help="also models without safetensors files")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..hub.layout import list_models
    from ..hub.listing import ModelReport, report_of

    outcome = Outcome(args.command, console)
    reports: list[ModelReport] = []
    for model in list_models(args.cache_dir):
        with outcome.attempt(model.snapshot, "reading"):
            report = report_of(model)
            if report.files or args.all:
                reports.append(report)
    if reports:
        console.result(_table(reports, console.width()))
    else:
        console.note("no cached models with safetensors files")
    return outcome.finish(
        [{**asdict(report), "saved": report.saved, "would_save": report.would_save} for report in reports]
    )


def _table(reports: list[Any], width: int | None) -> str:
    rows = [
        [
            text.name(report.repo_id),
            text.shorten(text.name(report.revision), 12),
            f"{report.compressed}/{report.files}",
            text.size(report.stored_size),
            text.size(report.saved) if report.saved else "-",
            text.size(report.would_save) if report.would_save else "-",
        ]
        for report in reports
    ]
    return text.table(["model", "revision", "compressed", "on disk", "saved", "would save"], rows, 2, width)
