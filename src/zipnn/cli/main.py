# SPDX-License-Identifier: MIT
"""The entry point of `zipnn`: reads the command line, runs the command, answers with an exit code."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NoReturn

from . import (
    apply,
    autoload,
    cache,
    cat,
    compress,
    decompress,
    delta,
    doctor,
    export,
    info,
    ls,
    series,
    upgrade,
    upload,
    verify,
)
from .errors import Exit, OutputLostError, exit_code, hint_of, message_of
from .options import EXIT_CODES, Parser
from .output import Console

_EXAMPLES = """\
examples:
  zipnn compress model.safetensors          writes model.znn.safetensors beside it
  zipnn compress my-model -o small-model    a folder: weights shrink, all else is carried along
  zipnn decompress model.znn.safetensors    gives the original back, byte for byte
  zipnn verify model.znn.safetensors        decodes everything against its checksums
  zipnn info model.znn.safetensors          shows what is inside
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `zipnn` with these arguments (by default those of the process).

    Returns:
        The exit code; see `errors.Exit`.
    """
    with _ending_in_order():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    console = Console()
    try:
        args = _parser().parse_args(argv)
        if args.verbose:
            _log_to_stderr()
        console = Console(quiet=args.quiet, json=args.json)
        return int(args.run(args, console))
    except SystemExit as stop:  # --help and --version
        return int(stop.code or 0)
    except KeyboardInterrupt:
        console.error("interrupted")
        return int(Exit.INTERRUPTED)
    except _EndedError as ended:
        console.error(ended.exit.name.lower().replace("_", " "))
        return int(ended.exit)
    except Exception as error:
        logging.getLogger(__name__).debug("stopped by", exc_info=error)
        code = exit_code(error)
        if isinstance(error, OutputLostError):
            _discard_output()
        if code != Exit.BROKEN_PIPE:
            console.error(message_of(error), hint_of(error))
        return int(code)


class _EndedError(BaseException):
    """A signal told the process to end. Like KeyboardInterrupt, it is for nobody to catch on its way."""

    def __init__(self, code: Exit) -> None:
        super().__init__(code)
        self.exit = code


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let the signals that end a process do so by an exception, so that unfinished outputs are removed."""

    def end(number: int, frame: object) -> NoReturn:
        raise _EndedError(Exit(128 + number))

    taken = []
    if threading.current_thread() is threading.main_thread():  # no other may
        ends = [getattr(signal, name) for name in ("SIGHUP", "SIGTERM") if hasattr(signal, name)]
        # A signal that is ignored stays so: that is what nohup is for.
        taken = [number for number in ends if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _parser() -> Parser:
    parser = Parser(
        prog="zipnn",
        description="Lossless compression of AI model files that load as if nothing had happened.",
        epilog=f"{_EXAMPLES}\n{EXIT_CODES}\n\nzipnn COMMAND --help tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (
        compress, decompress, verify, info, ls, cat, delta, apply, series, upgrade, cache, doctor, export,
        upload, autoload,
    ):  # fmt: skip
        command.register(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up only if it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        import zipnn

        print(f"zipnn {zipnn.__version__}")
        parser.exit()


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("zipnn")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def _discard_output() -> None:
    """Let what is still buffered go nowhere, so that the interpreter can end in peace."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
