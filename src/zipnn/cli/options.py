# SPDX-License-Identifier: MIT
"""Options that several commands share, and the parser that reads them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from ..storage.locations import place_of
from .errors import MEANINGS, Exit, UsageError

Run = Callable[[argparse.Namespace, Any], Exit]
EXIT_CODES = "exit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())


class Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions, so that one place reports them all."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"{self.prog} --help")


def add_command(commands: Any, name: str, run: Run, *, summary: str, details: str, examples: str) -> Parser:
    """A command's parser, with the options that all commands have."""
    parser: Parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{details}",
        epilog=f"examples:\n{examples}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, command=name)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="log what is done, and where errors come from"
    )
    return parser


def add_level(parser: Parser) -> None:
    """`--level LEVEL`."""
    parser.add_argument(
        "--level",
        choices=("fast", "default", "max"),
        default="default",
        help="fast is quicker to write and to load, default smaller, max smallest: for storage",
    )


def add_threads(parser: Parser) -> None:
    """`--threads N`."""
    parser.add_argument(
        "--threads",
        type=_positive,
        default=0,
        metavar="N",
        help="threads to use (default: $ZIPNN_NUM_THREADS, else all cores); the result is the same for any",
    )


def add_base(parser: Parser, help: str) -> None:  # noqa: A002 - as argparse calls it
    """`--base BASE`."""
    parser.add_argument("--base", type=place_of, metavar="BASE", help=help)


def add_writing(parser: Parser, paths: str, original: str) -> None:
    """The options of the commands that write files."""
    parser.add_argument("paths", nargs="*", type=place_of, metavar="PATH", help=paths)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", type=place_of, metavar="OUT", help="file or folder to write to")
    where.add_argument(
        "--in-place",
        action="store_true",
        help="replace each file, once its replacement is verified, in one step",
    )
    parser.add_argument("--force", action="store_true", help="replace outputs that exist")
    parser.add_argument(
        "--delete-original", action="store_true", help=f"remove {original}, once the output is verified"
    )
    add_threads(parser)


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number
