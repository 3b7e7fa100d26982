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
disk, and what compressing them saved or would save (estimated from samples). The total
counts what revisions and models share once.

--tidy removes what no model refers to any more from the store that models share."""

_EXAMPLES = """\
  zipnn cache
  zipnn cache --json
  zipnn cache --tidy
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
    parser.add_argument("--tidy", action="store_true", help="free what no model refers to any more")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..hub.layout import cache_folder, list_models
    from ..hub.listing import ModelReport, Survey
    from ..hub.unclaimed import sweep, unclaimed_payloads

    outcome = Outcome(args.command, console)
    reports: list[ModelReport] = []
    survey = Survey()
    for model in list_models(args.cache_dir):
        with outcome.attempt(model.snapshot, "reading"):
            report = survey.report_of(model)
            if report.files or args.all:
                reports.append(report)
    if reports:
        console.result(_table(reports, survey, console.width()))
    else:
        console.note("no cached models with safetensors files")
    payloads = unclaimed_payloads(args.cache_dir)
    unclaimed, freed = sum(path.stat().st_size for path in payloads), 0
    if args.tidy:
        freed = sum(sweep(path, cache_folder(args.cache_dir)) for path in payloads)
        console.note(f"{text.size(freed)} freed, to which no model referred")
    elif unclaimed:
        console.note(
            f"{text.size(unclaimed)} that no model refers to any more: zipnn cache --tidy frees them"
        )
    return outcome.finish(
        [{**asdict(report), "saved": report.saved, "would_save": report.would_save} for report in reports],
        total=_total(survey),
        unclaimed_size=unclaimed,
        freed_size=freed,
    )


def _total(survey: Any) -> dict[str, int]:
    """Of all models, what they share counted once."""
    return {
        "original_size": survey.original_size,
        "stored_size": survey.stored_size,
        "saved": survey.original_size - survey.stored_size,
        "would_save": survey.stored_size - survey.smallest_size,
    }


def _table(reports: list[Any], survey: Any, width: int | None) -> str:
    rows = [
        [
            text.name(report.repo_id),
            text.shorten(text.name(report.revision), 12),
            f"{report.compressed}/{report.files}",
            *_sizes(report.stored_size, report.saved, report.would_save),
        ]
        for report in reports
    ]
    total = _total(survey)
    if len(rows) > 1:
        rows.append(["total", "", "", *_sizes(total["stored_size"], total["saved"], total["would_save"])])
    return text.table(["model", "revision", "compressed", "on disk", "saved", "would save"], rows, 2, width)


def _sizes(stored: int, saved: int, would_save: int) -> list[str]:
    return [
        text.size(stored),
        text.size(saved) if saved else "-",
        text.size(would_save) if would_save else "-",
    ]
