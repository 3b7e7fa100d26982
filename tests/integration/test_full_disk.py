# SPDX-License-Identifier: MIT
"""When the disk is full, or writing is forbidden: an error that names the path, and nothing left behind."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.craft import in_a_row, noise, sha256, weights
from tests.integration.child import run
from zipnn.files import compress_file, decompress_file

# What is written is larger than what is gathered before it is written, and than the limits below.
MODEL = in_a_row({"w": ("BF16", [2_000_000], weights(2_000_000)), "n": ("U8", [2_000_000], noise(2_000_000))})

ATTEMPT = """
import os, resource, sys
import zipnn
source, output, how, limit, user = sys.argv[1:]
{function}
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
if int(user):
    os.setgroups([]); os.setgid(int(user)); os.setuid(int(user))
options = {{"delete": {{"delete_original": True}}, "in place": {{"in_place": True}}}}.get(how, {{}})
try:
    function(source, None if how == "in place" else output, **options)
except OSError as error:
    print(error.errno, error.filename)
else:
    print("done")
"""


def attempt(
    name: str, source: Path, output: Path, how: str = "", *, limit: int = 0, user: int = 0
) -> tuple[int, str] | None:
    """errno and path of the error that the call gives in a restricted process; None if it gives none."""
    said = run(
        ATTEMPT.format(function=f"function = zipnn.{name}"), source, output, how, str(limit), str(user)
    )
    if said == "done\n":
        return None
    number, path = said.rstrip("\n").split(" ", 1)
    return int(number), path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "m.safetensors"
    path.parent.mkdir()
    path.write_bytes(MODEL)
    return path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.iterdir()}


@pytest.mark.parametrize("limit", [1000, 3_000_000])
@pytest.mark.parametrize("how", ["output", "delete", "in place"])
def test_a_limit_on_the_size_of_files(model: Path, tmp_path: Path, how: str, limit: int) -> None:
    small = compress_file(model, tmp_path / "in" / "small.znn").output
    (tmp_path / "in" / "words").write_bytes(b"words " * 5_000_000)
    archive = compress_file(tmp_path / "in" / "words", tmp_path / "in" / "words.znn").output
    assert small is not None
    assert archive is not None
    before = contents(tmp_path / "in")
    output = tmp_path / "out"
    output.mkdir()
    jobs = [("compress_file", model), ("decompress_file", small), ("decompress_file", archive)]
    if limit <= 1000:
        jobs.append(("compress_file", tmp_path / "in" / "words"))
    for name, source in jobs:
        target = source if how == "in place" else output / "result"
        assert attempt(name, source, output / "result", how, limit=limit) == (errno.EFBIG, str(target))
        assert contents(tmp_path / "in") == before
        assert list(output.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting needs more rights than this process has: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("how", ["output", "delete"])
def test_a_full_disk(model: Path, small_disk: Path, how: str) -> None:
    before = contents(model.parent)
    target = small_disk / "result"
    assert attempt("compress_file", model, target, how) == (errno.ENOSPC, str(target))
    assert contents(model.parent) == before
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_in_place(small_disk: Path) -> None:
    path = small_disk / "m.safetensors"
    path.write_bytes(in_a_row({"w": ("BF16", [700_000], weights(700_000))}))
    before = contents(small_disk)
    assert attempt("compress_file", path, path, "in place") == (errno.ENOSPC, str(path))
    assert contents(small_disk) == before


def test_a_read_only_disk(model: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True, capture_output=True)
    target = small_disk / "result"
    assert attempt("compress_file", model, target) == (errno.EROFS, str(target))


@pytest.mark.parametrize("how", ["output", "delete", "in place"])
def test_a_read_only_folder(model: Path, tmp_path: Path, how: str) -> None:
    user = 65534 if os.getuid() == 0 else 0  # permissions do not bind root
    for folder in (tmp_path, *tmp_path.parents):
        if user and folder.stat().st_uid == 0 and folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    tmp_path.chmod(0o755)
    compress_file(model, model.with_name("small.znn"))
    (tmp_path / "out").mkdir()
    for folder in (model.parent, tmp_path / "out"):
        folder.chmod(0o555)
    before = contents(model.parent)
    for name, source in (("compress_file", model), ("decompress_file", model.with_name("small.znn"))):
        target = source if how == "in place" else tmp_path / "out" / "result"
        assert attempt(name, source, target, how, user=user) == (errno.EACCES, str(target))
    assert contents(model.parent) == before
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_in_which_the_original_cannot_be_removed(model: Path, tmp_path: Path) -> None:
    """The result is there, and so is the original."""
    user = 65534 if os.getuid() == 0 else 0
    for folder in (tmp_path, *tmp_path.parents):
        if user and folder.stat().st_uid == 0 and folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    tmp_path.chmod(0o755)
    output = tmp_path / "out"
    output.mkdir()
    output.chmod(0o777)
    model.parent.chmod(0o555)
    number, path = attempt("compress_file", model, output / "result", "delete", user=user) or (0, "")
    assert (number, path) == (errno.EACCES, str(model))
    decompress_file(output / "result", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == model.read_bytes() == MODEL
