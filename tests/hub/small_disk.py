# SPDX-License-Identifier: MIT
"""What becomes of a cache on a file system of 400 kB; run in a mount namespace of its own.

unshare --mount python -m tests.hub.small_disk FOLDER CASE: exits with 77 where nothing can be mounted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zipnn
from tests.hub.caches import Cache, contents, shard
from zipnn.hub import cache

REPO = "org/tiny"
CANNOT = 77


def read_only(disk: Path) -> None:
    """Neither compressed nor decompressed; loaded and verified as ever."""
    made = Cache(disk / "hub")
    snapshot = made.add(REPO, {"model.safetensors": shard(1)})
    cache.compress_model(REPO, cache_dir=made.folder)
    before = contents(made.folder)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for work in (cache.compress_model, cache.decompress_model):
        with pytest.raises(zipnn.ZipnnError, match=rf"{made.folder}.*(read-only|not writable)"):
            work(REPO, cache_dir=made.folder)
    assert contents(made.folder) == before
    assert len(zipnn.load_file(snapshot / "model.safetensors")) == 2
    assert [result.action for result in cache.verify_model(REPO, cache_dir=made.folder)] == ["verified"]


def full(disk: Path, *, told: bool = True) -> None:
    """The original stays, and nothing beside it.

    Args:
        disk: the file system.
        told: whether the system says before that there is no room, or only when it is written.
    """
    made = Cache(disk / "hub")
    files = {"model.safetensors": shard(1, 100_000)}
    snapshot = made.add(REPO, files)
    (disk / "filler").write_bytes(bytes(max(shutil.disk_usage(disk).free - 60_000, 0)))
    usage = shutil.disk_usage(disk)
    if not told:
        shutil.disk_usage = lambda path: usage._replace(free=1 << 30)  # type: ignore[assignment]
    (result,) = cache.compress_model(REPO, cache_dir=made.folder)
    assert result.action == "failed"
    assert ("are free on the disk" if told else "No space left") in result.reason, result
    assert contents(snapshot) == files
    assert not list(made.folder.rglob("*.incomplete"))


def full_untold(disk: Path) -> None:
    """`full`, and the system does not say so before."""
    full(disk, told=False)


CASES = {case.__name__: case for case in (read_only, full, full_untold)}


def main() -> int:
    """The command line."""
    disk = Path(sys.argv[1])
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return CANNOT
    CASES[sys.argv[2]](disk)
    return 0


if __name__ == "__main__":
    sys.exit(main())
