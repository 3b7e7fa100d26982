# SPDX-License-Identifier: MIT
"""Add golden files to tests/golden/v1: frames that must decode for ever, and files that must not.

Run as `python -m scripts.make_golden` from the repository's root. What is there already is never
written again: a reader that cannot decode it is wrong, not the file.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

from scripts.golden_cases import Case, all_cases
from tests.reference import read_frame
from zipnn.errors import ZipnnError
from zipnn.frames import FrameReader

FOLDER = Path(__file__).parent.parent / "tests" / "golden" / "v1"
LARGEST = 8000
FIELDS = ("layout", "dtype", "shape", "kind", "flags")


class Golden(Protocol):
    """A file that is to stay as it is."""

    @property
    def name(self) -> str: ...

    @property
    def frame(self) -> bytes: ...


OfCase = TypeVar("OfCase", bound=Golden)


def main(folder: Path = FOLDER) -> int:
    """Write the files that are missing. Returns the exit code."""
    add_missing(folder, all_cases(), _describe)
    return 0


def add_missing(
    folder: Path, cases: Iterable[OfCase], describe: Callable[[OfCase], dict[str, object]]
) -> None:
    """Write the files that are missing, and the manifest with what they decode to."""
    manifest_path = folder / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {}
    missing = [(case, describe(case)) for case in cases if case.name not in manifest]
    folder.mkdir(parents=True, exist_ok=True)
    for case, entry in missing:
        with (folder / f"{case.name}.frame").open("xb") as file:
            file.write(case.frame)
        manifest[case.name] = entry
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in manifest.items())
    manifest_path.write_text(f"{{\n{lines}\n}}\n")
    print(f"{len(missing)} files added, {len(manifest) - len(missing)} kept in {folder}")


def _describe(case: Case) -> dict[str, object]:
    """The manifest's entry, after zipnn and the independent reader have agreed on it."""
    if len(case.frame) > LARGEST:
        raise SystemExit(f"{case.name} has {len(case.frame)} bytes: make it smaller")
    try:
        reader = FrameReader(
            lambda offset, size: memoryview(case.frame)[offset : offset + size], len(case.frame)
        )
        if reader.head.reference is None:
            data = b"".join(bytes(window) for window in reader.windows())
    except ZipnnError as error:
        if type(error).__name__ != case.error:
            raise
        return {"error": case.error}
    if case.error:
        raise SystemExit(f"{case.name} decodes, but should not")
    frame = read_frame(case.frame)
    entry: dict[str, object] = {field: getattr(frame, field) for field in FIELDS}
    if frame.attachment:
        entry["attachment"] = frame.attachment.hex()
    if frame.reference is not None:
        return {**entry, "reference": frame.reference}
    if data != frame.data:
        raise SystemExit(f"{case.name}: zipnn and the independent reader disagree")
    return {**entry, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


if __name__ == "__main__":
    sys.exit(main())
