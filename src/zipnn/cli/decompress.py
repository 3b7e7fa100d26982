# SPDX-License-Identifier: MIT
"""`zipnn decompress`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..errors import ZipnnError
from ..storage.locations import Place, Url
from . import streams
from .cached import add_model, check_paths, work
from .errors import Exit, UsageError
from .options import add_base, add_command, add_writing
from .output import Console
from .streams import is_stream

if TYPE_CHECKING:
    from ..conversion import FileResult

_DETAILS = """\
The original comes back byte for byte. A file NAME.znn.safetensors becomes
NAME.safetensors beside it and NAME.znn becomes NAME, a file or a folder; for another name, or a folder,
-o or --in-place must say where the result goes.

A lone - reads standard input and writes to standard output (or to -o OUT).

Each output is compared with what the compressed file decodes to before it gets its name."""

_EXAMPLES = """\
  zipnn decompress model.znn.safetensors
  zipnn decompress model.znn.safetensors -o restored.safetensors
  zipnn decompress my-model --in-place
  zipnn decompress - < data.znn | consumer
  zipnn decompress --model org/name --hf-cache"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "decompress",
        run,
        summary="restore the originals of compressed files and folders",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    add_writing(parser, "files and folders to decompress", "each compressed file")
    add_model(parser)
    add_base(parser, "what each path is a difference to (see zipnn apply)")
    parser.add_argument("--dry-run", action="store_true", help="write nothing; say what would be written")


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    if is_stream(args):
        return streams.decompress(args, console)
    if check_paths(args):
        from ..hub.cache import decompress_model

        return work(args, console, "decompressing", decompress_model, dry_run=args.dry_run)
    from ..files import decompress_file, original_path
    from ..folders import restore_folder
    from ..trees import decompress_tree
    from .conversion import check_folder_options, convert, convert_folders

    folders = {path for path in args.paths if _holds_folder(path)}
    if folders:
        check_folder_options(args)
        if isinstance(args.output, Url):
            raise UsageError(f"{args.output} is a URL: folders are restored on this machine", "-o FOLDER")
    if folders and len(args.paths) == 1:
        return convert_folders(args, console, "decompressing", restore_folder, base=args.base)
    if args.base is not None and any(path.is_dir() for path in args.paths):
        raise UsageError("--base goes with files, not with folders of files")
    more = {} if args.base is None else {"base": args.base}

    def restore(path: Place, output: Place | None, **options: Any) -> FileResult:
        if path not in folders:
            return decompress_file(path, output, **options)
        kept = {name: options[name] for name in ("threads", "dry_run", "progress", "base") if name in options}
        return restore_folder(path, output, **kept)

    return convert(
        args,
        console,
        verb="decompressing",
        file=restore,
        tree=decompress_tree,
        default_output=original_path,
        **more,
    )


def _holds_folder(path: Place) -> bool:
    """Whether it is the archive of a folder; what cannot be read fails when its turn comes."""
    from ..containers import kinds
    from ..storage.opening import open_reader

    try:
        with open_reader(path) as reader:
            return kinds.is_archive(reader) and kinds.holds_folder(kinds.open_content(reader))
    except (OSError, ZipnnError):
        return False
