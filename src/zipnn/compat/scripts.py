# SPDX-License-Identifier: MIT
"""The command lines of zipnn 0.5's scripts: one table of options, one `main` for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..cli.errors import Exit, UsageError, hint_of, message_of
from ..cli.options import Parser
from ..cli.output import Console
from ..errors import OutputExistsError, ZipnnError
from . import path_work, script_work
from .failures import SomeFailedError

_DTYPES = ("bfloat16", "float16", "float32", "float8_e4m3fn", "float8_e5m2")
_METHODS = ("HUFFMAN", "ZSTD", "FSE", "AUTO")
_FLAG: dict[str, Any] = {"action": "store_true"}

_OPTIONS: dict[str, dict[str, Any]] = {
    "input_file": {"help": "the file"},
    "delta_file": {"help": "the base, which the file is compared with"},
    "suffix": {"help": "files whose names end so, such as safetensors"},
    "--dtype": {"choices": _DTYPES, "default": "bfloat16", "help": "what the elements are (bfloat16)"},
    "--streaming_chunk_size": {
        "default": 1048576,
        "help": "a power of two in bytes, also with KB, MB or GB; has no effect",
    },
    "--is_streaming": {**_FLAG, "help": "has no effect: files are always streamed"},
    "--method": {"choices": _METHODS, "default": None, "help": "has no effect: the data decide"},
    "--path": {"default": ".", "help": "the folder (this one)"},
    "-r": {**_FLAG, "help": "also the folders in it"},
    "--recursive": {**_FLAG, "dest": "r", "help": "the same"},
    "--file_compression": {**_FLAG, "help": "files as a whole, not safetensors tensor by tensor"},
    "--delete": {**_FLAG, "help": "remove each input, once its output is verified"},
    "--force": {**_FLAG, "help": "replace outputs that exist, and do not ask"},
    "--hf_cache": {**_FLAG, "help": "the files are in the Hugging Face cache"},
    "--model": {"default": "", "metavar": "REPO_ID", "help": "with --hf_cache: the model"},
    "--model_branch": {
        "default": "main",
        "dest": "branch",
        "metavar": "BRANCH",
        "help": "with --model: its branch (main)",
    },
    "--max_processes": {"type": int, "default": 1, "metavar": "N", "help": "files at a time (1)"},
    "--verification": {**_FLAG, "help": "say that each output was decoded and compared: it always is"},
    "--test": {**_FLAG, "help": "compress, decode and compare, but keep nothing"},
    "--threads": {"type": int, "default": None, "metavar": "N", "help": "threads to use (all cores)"},
}
"""Every option of every script, once."""

_COMPRESS = (
    "--dtype", "--streaming_chunk_size", "--delete", "--force", "--hf_cache", "--method", "--verification",
    "--test", "--is_streaming", "--threads",
)  # fmt: skip
_SIMPLE = ("--delete", "--force", "--hf_cache", "--threads")
_FOLDER = ("--path", "-r", "--recursive", "--max_processes", "--model", "--model_branch")
_WITHOUT_EFFECT = {"method": None, "is_streaming": False, "streaming_chunk_size": 1048576}


def compress_file_main(argv: Sequence[str] | None = None) -> int:
    """`zipnn_compress_file`"""
    return _main("zipnn_compress_file", script_work.compress_file, ("input_file", *_COMPRESS), argv)


def decompress_file_main(argv: Sequence[str] | None = None) -> int:
    """`zipnn_decompress_file`"""
    return _main("zipnn_decompress_file", script_work.decompress_file, ("input_file", *_SIMPLE), argv)


def compress_file_delta_main(argv: Sequence[str] | None = None) -> int:
    """`zipnn_compress_file_delta`"""
    options = ("input_file", "delta_file", *_COMPRESS)
    return _main("zipnn_compress_file_delta", script_work.compress_file_delta, options, argv)


def decompress_file_delta_main(argv: Sequence[str] | None = None) -> int:
    """`zipnn_decompress_file_delta`"""
    options = ("input_file", "delta_file", *_SIMPLE)
    return _main("zipnn_decompress_file_delta", script_work.decompress_file_delta, options, argv)


def compress_safetensors_main(argv: Sequence[str] | None = None) -> int:
    """`zipnn_compress_safetensors`"""
    options = ("input_file", *_SIMPLE, "--method")
    return _main("zipnn_compress_safetensors", _compress_safetensors, options, argv)


def decompress_safetensors_main(argv: Sequence[str] | None = None) -> int:
    """`zipnn_decompress_safetensors`"""
    options = ("input_file", *_SIMPLE)
    return _main("zipnn_decompress_safetensors", _decompress_safetensors, options, argv)


def compress_path_main(argv: Sequence[str] | None = None) -> int:
    """`zipnn_compress_path`"""
    options = ("suffix", *_FOLDER, *_COMPRESS, "--file_compression")
    return _main("zipnn_compress_path", path_work.compress_files_with_suffix, options, argv)


def decompress_path_main(argv: Sequence[str] | None = None) -> int:
    """`zipnn_decompress_path`"""
    return _main("zipnn_decompress_path", path_work.decompress_znn_files, (*_FOLDER, *_SIMPLE), argv)


def _compress_safetensors(input_file: str, **options: Any) -> Any:
    """Compress X.safetensors to X.znn.safetensors, tensor by tensor."""
    return script_work.compress_safetensors_file(input_file, **options)


def _decompress_safetensors(input_file: str, **options: Any) -> Any:
    """Restore X.safetensors from X.znn.safetensors."""
    return script_work.decompress_safetensors_file(input_file, **options)


def _main(name: str, work: Callable[..., Any], options: Sequence[str], argv: Sequence[str] | None) -> int:
    """Run a script; gives its exit code, one of `Exit`."""
    console = Console()
    try:
        args = vars(_parser(name, work, options).parse_args(argv))
        for option, default in _WITHOUT_EFFECT.items():
            if args.get(option, default) != default:
                console.note(f"note: --{option} has no effect")
        if "method" in args:
            args["method"] = args["method"] or "AUTO"
        work(**args)
    except SystemExit as stop:  # --help
        return int(stop.code or 0)
    except KeyboardInterrupt:
        console.error("interrupted")
        return int(Exit.INTERRUPTED)
    except SomeFailedError as error:
        console.error(str(error))
        exists = all(isinstance(failure, OutputExistsError) for _, failure in error.failures)
        return int(Exit.EXISTS if exists else Exit.FAILED)
    except UsageError as error:
        console.error(str(error), error.hint)
        return int(Exit.USAGE)
    except (ZipnnError, OSError, MemoryError) as error:
        console.error(message_of(error), hint_of(error).replace(", -o writes elsewhere", ""))
        return int(Exit.EXISTS if isinstance(error, OutputExistsError) else Exit.FAILED)
    except (ValueError, TypeError) as error:
        console.error(str(error))
        return int(Exit.USAGE)
    return int(Exit.OK)


def _parser(name: str, work: Callable[..., Any], options: Sequence[str]) -> Parser:
    summary = (work.__doc__ or "").partition("\n")[0]
    parser = Parser(
        prog=name,
        description=f"{summary} For what was written for zipnn 0.5; `zipnn` is the command of today.",
        allow_abbrev=False,
    )
    for option in options:
        parser.add_argument(option, **_OPTIONS[option])
    return parser
