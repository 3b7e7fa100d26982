# SPDX-License-Identifier: MIT
"""What the hub says a file's bytes are: SHA-256 of large files, git's SHA-1 of the others."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Digest:
    """Attributes:
    kind: "sha256", or "git-sha1": SHA-1 of `blob SIZE` and a zero byte before the content.
    value: in hexadecimal.
    """

    kind: str
    value: str

    def matches(self, pieces: Iterable[memoryview], size: int) -> bool:
        """Whether these `size` bytes, in order, are the file."""
        if self.kind == "sha256":
            found = hashlib.sha256()
        else:
            found = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        done = 0
        for piece in pieces:
            found.update(piece)
            done += len(piece)
        return done == size and found.hexdigest() == self.value


def of_etag(etag: str) -> Digest | None:
    """The digest that an etag, the name of a blob, is; None if it is none."""
    if re.fullmatch("[0-9a-f]{64}", etag):
        return Digest("sha256", etag)
    return Digest("git-sha1", etag) if re.fullmatch("[0-9a-f]{40}", etag) else None


def of_listing(listing: Path, name: str) -> Digest | None:
    """The digest of file `name` in the listing of a commit that huggingface_hub keeps (`trees/COMMIT.json`).

    None where there is no such listing, or it is of a form that is not known.
    """
    try:
        entry = json.loads(listing.read_bytes())["files"][name]
        return of_etag(str(entry.get("lfs_sha256") or entry["blob_id"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
