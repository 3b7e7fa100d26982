# SPDX-License-Identifier: MIT
"""`zipnn compress`."""

from __future__ import annotations

import argparse
from typing import Any

from ..storage.locations import Place, Url
from . import streams
from .cached import add_model, check_paths, work
from .delta import compress_against
from .errors import Exit, UsageError
from .options import add_base, add_command, add_level, add_writing
from .output import Console
from .streams import is_stream

_DETAILS = """\
A file model.safetensors becomes model.znn.safetensors beside it, any other file NAME
becomes NAME.znn, an archive that serves its tensors from where it lies. In a folder
weights keep their names and every other file is carried along; a folder needs -o,
--in-place or --archive. Files that are compressed already, or would not
become smaller, are skipped.

A lone - reads standard input and writes an archive of it to standard output (or to -o OUT).

Each output is decoded and compared with its original before it gets its name."""

_EXAMPLES = """\
  zipnn compress model.safetensors
  zipnn compress my-model -o my-model-small
  zipnn compress my-model --in-place
  zipnn compress my-model --archive
  zipnn compress my-model --dry-run --json
  producer | zipnn compress - > data.znn
  zipnn compress --model org/name --hf-cache"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "compress",
        run,
        summary="make model files and folders smaller, without loss",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    add_writing(parser, "files and folders to compress", "each original")
    add_level(parser)
    add_model(parser)
    add_base(parser, "store each as what differs from this model, PATH.znn (see zipnn delta)")
    parser.add_argument(
        "--archive",
        action="store_true",
        help="put each folder into one archive, FOLDER.znn: what its files have in common is stored once",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing; estimate the sizes from a sample of each file"
    )


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    if is_stream(args):
        return streams.compress(args, console)
    if check_paths(args):
        from ..hub.cache import compress_model

        return work(args, console, "compressing", compress_model, level=args.level, dry_run=args.dry_run)
    if args.base is not None:
        return compress_against(args, console)
    if args.archive:
        return _archive(args, console)
    from ..files import compress_file
    from ..trees import compress_tree
    from .conversion import convert

    return convert(
        args,
        console,
        verb="compressing",
        file=compress_file,
        tree=compress_tree,
        default_output=default_output,
        level=args.level,
    )


def _archive(args: argparse.Namespace, console: Console) -> Exit:
    from ..folders import archive_folder
    from .conversion import convert_folders

    for path in args.paths:
        if isinstance(path, Url):
            raise UsageError(f"{path} is a URL: --archive takes folders of this machine", "fetch it first")
    return convert_folders(args, console, "compressing", archive_folder, level=args.level, force=args.force)


def default_output(path: Place) -> Place:
    """Where `compress_file` writes if it is not told; a compressed file stays what it is."""
    from ..containers import kinds
    from ..files import compressed_path
    from ..storage.opening import open_reader

    with open_reader(path) as reader:
        kind = kinds.kind_of(reader)
    return path if kind in kinds.WRITTEN else compressed_path(path, kind)
