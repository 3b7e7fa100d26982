# SPDX-License-Identifier: MIT
"""`zipnn cat`."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..storage.locations import place_of
from . import text
from .binary import binary_output, standard_output
from .errors import Exit, UsageError
from .jobs import Outcome
from .options import add_base, add_command, add_threads
from .output import Console

if TYPE_CHECKING:
    from ..access.sources import ModelTensor

_DETAILS = """\
Writes one tensor as a .npy file, or with --raw its elements alone, little-endian and in C
order. NumPy has no bf16 and no fp8: elements of such a dtype become raw ones of the same
size (V2, V1), which array.view(ml_dtypes.bfloat16) makes numbers again."""

_EXAMPLES = """\
  zipnn cat model.pt.znn encoder.weight -o weight.npy
  zipnn cat s3://bucket/model.gguf token_embd.weight --raw | sha256sum"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "cat",
        run,
        summary="write one tensor of a model file",
        details=_DETAILS,
        examples=_EXAMPLES,
    )
    parser.add_argument("path", type=place_of, metavar="FILE", help="the model file, or its URL")
    parser.add_argument("tensor", metavar="TENSOR", help="the tensor's name; zipnn ls lists them")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="file to write (default: stdout)")
    parser.add_argument("--raw", action="store_true", help="the elements' bytes and nothing else")
    parser.add_argument("--force", action="store_true", help="replace an output that exists")
    add_base(parser, "what the file is a difference to (see zipnn delta)")
    add_threads(parser)


def run(args: argparse.Namespace, console: Console) -> Exit:
    """Do it."""
    from ..access.opening import open as open_model

    if args.json and args.output is None:
        raise UsageError("--json prints to where the tensor goes", "-o OUT")
    if args.output is None:
        standard_output()  # a mistake in the command line is told before anything is done
    outcome = Outcome(args.command, console)
    results = []
    with (
        outcome.attempt(args.path),
        binary_output(args.output, force=args.force) as write,
        open_model(args.path, threads=args.threads or None, base=args.base) as file,
    ):
        array = file.described(args.tensor)
        head = b"" if args.raw else npy_head(array)
        data = file.get_bytes(args.tensor)
        write(head)
        write(data)
        results.append({"path": str(args.path), "tensor": args.tensor, "output": str(args.output)})
    if results and args.output is not None:
        console.result(f"{text.name(args.path)}: {text.name(args.tensor)} -> {text.name(args.output)}")
    return outcome.finish(results)


def npy_head(array: ModelTensor) -> bytes:
    """What stands before the elements in a .npy file."""
    from numpy.lib import format as npy

    descr, shape = _npy_type(array)
    head = io.BytesIO()
    fields = {"descr": descr, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(head, fields)
    return head.getvalue()


def _npy_type(array: ModelTensor) -> tuple[str, tuple[int, ...]]:
    """The dtype as .npy files say it, and the shape that goes with it."""
    import numpy as np

    from .. import dtypes

    known = dtypes.named(array.dtype)
    spec = known.numpy or (array.dtype.removeprefix("numpy:") if array.dtype.startswith("numpy:") else "V0")
    try:
        found = np.dtype(spec)
    except TypeError:
        found = np.dtype("V0")
    own = found.type.__module__.partition(".")[0] == "numpy"
    if own and found.itemsize and not found.hasobject:
        return found.newbyteorder("<").str, array.shape
    if known.bits and known.bits % 8 == 0:
        return f"|V{known.bits // 8}", array.shape
    return "|u1", (array.size,)
