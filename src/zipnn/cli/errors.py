# SPDX-License-Identifier: MIT
"""Exit codes, and what each exception becomes: a message, a remedy and a code."""

from __future__ import annotations

import enum
import errno

from ..errors import (
    BaseRequiredError,
    CorruptError,
    MissingDependencyError,
    OutputExistsError,
    OutputInTheWayError,
    UnsupportedVersionError,
    ZipnnError,
)


class Exit(enum.IntEnum):
    """Exit codes of every command; where several apply, the first of FAILED, EXISTS, OK."""

    OK = 0
    FAILED = 1
    USAGE = 2
    EXISTS = 3
    HUNG_UP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


MEANINGS = {
    Exit.OK: "everything is done; files with nothing to do were skipped",
    Exit.FAILED: "a file is missing, damaged, of the wrong kind or different, or could not be written",
    Exit.USAGE: "the command line is wrong; nothing was done",
    Exit.EXISTS: "an output exists already and --force was not given; nothing else failed",
    Exit.HUNG_UP: "the terminal was closed; no unfinished output is left",
    Exit.INTERRUPTED: "interrupted (Ctrl-C); no unfinished output is left",
    Exit.BROKEN_PIPE: "whoever read the output closed it",
    Exit.TERMINATED: "told to end (SIGTERM); no unfinished output is left",
}

_HINTS = {
    errno.ENOSPC: "free some space, or write to another disk with -o",
    errno.EACCES: "check the permissions of the file and its folder, or write elsewhere with -o",
    errno.EPERM: "check the permissions of the file and its folder, or write elsewhere with -o",
    errno.EROFS: "the file system is read-only: write elsewhere with -o",
}


class UsageError(Exception):
    """The command line is wrong. The second argument is the remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class OutputLostError(Exception):
    """Standard output takes no more. Ends the command, whatever it is doing."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"standard output: {_lower(cause.strerror or str(cause))}")
        self.broken_pipe = isinstance(cause, BrokenPipeError)


def exit_code(error: Exception) -> Exit:
    """The code that an exception ends a command with."""
    if isinstance(error, UsageError):
        return Exit.USAGE
    if isinstance(error, OutputLostError) and error.broken_pipe:
        return Exit.BROKEN_PIPE
    return Exit.EXISTS if isinstance(error, OutputExistsError) else Exit.FAILED


def message_of(error: Exception) -> str:
    """One line about an exception."""
    if isinstance(error, OSError) and not isinstance(error, ZipnnError) and error.strerror:
        reason = _lower(error.strerror)
        return f"{error.filename}: {reason}" if error.filename is not None else reason
    if isinstance(error, MemoryError):
        return "out of memory"
    if is_expected(error):
        return str(error)
    return f"internal error: {type(error).__name__}: {error}"


def hint_of(error: Exception) -> str:
    """What to do about it; empty where the message says so or nobody knows."""
    if isinstance(error, UsageError):
        return error.hint
    if isinstance(error, OutputInTheWayError):
        return "-o writes elsewhere"
    if isinstance(error, OutputExistsError):
        return "--force replaces files, -o writes elsewhere"
    if isinstance(error, UnsupportedVersionError):
        return "pip install --upgrade zipnn"
    if isinstance(error, BaseRequiredError):
        return "zipnn apply BASE DELTA restores it; --base BASE gives other commands the base"
    if isinstance(error, CorruptError):
        return "this copy is damaged: fetch or copy the file again"
    if isinstance(error, MissingDependencyError) or not isinstance(error, OSError):
        return "" if is_expected(error) else "this is an error in zipnn; -v shows where, please report it"
    return _HINTS.get(error.errno or 0, "")


def is_expected(error: Exception) -> bool:
    """Whether an exception tells about the input or the system, not about an error in zipnn."""
    return isinstance(error, ZipnnError | OSError | MemoryError | UsageError | OutputLostError)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
