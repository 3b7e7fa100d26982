# SPDX-License-Identifier: MIT
"""Golden files: what a release has written decodes for ever, and what was refused stays refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import zipnn
from scripts import make_golden
from scripts.golden_cases import all_cases
from tests.reference import BadFrameError, read_frame
from zipnn import dtypes, errors
from zipnn.frames import FrameReader

FOLDER = Path(__file__).parent / "v1"
MANIFEST: dict[str, dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text())
FRAMES = [name for name, entry in MANIFEST.items() if "sha256" in entry]
WRONG = [name for name, entry in MANIFEST.items() if "error" in entry]


def load(name: str) -> bytes:
    return (FOLDER / f"{name}.frame").read_bytes()


@pytest.mark.parametrize("name", FRAMES)
def test_a_golden_file_decodes(name: str) -> None:
    entry, frame = MANIFEST[name], load(name)
    head = FrameReader(lambda offset, size: memoryview(frame)[offset : offset + size], len(frame)).head
    independent = read_frame(frame)
    for field in ("layout", "dtype", "kind", "flags"):
        assert getattr(head, field) == getattr(independent, field) == entry[field]
    assert head.shape == independent.shape == tuple(entry["shape"])
    assert head.attachment == independent.attachment == bytes.fromhex(entry.get("attachment", ""))

    data = zipnn.decompress(frame, framework="bytes")
    if entry["flags"] & 1:
        array = zipnn.decompress(frame)
        assert (array.dtype.byteorder, array.tobytes()) == (">", data)
        data = array.byteswap().tobytes()
    assert len(data) == entry["size"]
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    assert data == independent.data


@pytest.mark.parametrize("name", WRONG)
def test_a_golden_error_is_refused(name: str) -> None:
    expected = getattr(errors, MANIFEST[name]["error"])
    with pytest.raises(expected) as caught:
        zipnn.decompress(load(name), framework="bytes")
    assert type(caught.value) is expected
    with pytest.raises(BadFrameError):
        read_frame(load(name))


def test_the_golden_reference_names_its_tensor() -> None:
    frame, entry = load("reference"), MANIFEST["reference"]
    head = FrameReader(lambda offset, size: memoryview(frame)[offset : offset + size], len(frame)).head
    assert head.reference == entry["reference"] == read_frame(frame).reference
    assert (head.dtype, list(head.shape)) == (entry["dtype"], entry["shape"])
    with pytest.raises(errors.FormatError, match="reference"):
        zipnn.decompress(frame)


def test_the_manifest_lists_every_file_and_they_are_small() -> None:
    sizes = {path.stem: path.stat().st_size for path in FOLDER.glob("*.frame")}
    assert set(sizes) == set(MANIFEST)
    assert max(sizes.values()) <= make_golden.LARGEST
    assert sum(sizes.values()) < 600_000


def test_every_dtype_layout_and_error_has_a_golden_file() -> None:
    frames = [MANIFEST[name] for name in FRAMES]
    assert {entry["dtype"] for entry in frames} >= set(dtypes.BY_NAME)
    assert {entry["layout"] for entry in frames} == set(range(15))
    assert {entry["kind"] for entry in frames} == {0, 1, 2}
    assert {read_frame(load(name)).extra_bits for name in FRAMES} == {0, 1, 2, 3, 4}
    assert {MANIFEST[name]["error"] for name in WRONG} >= {
        "CorruptError",
        "FormatError",
        "UnsupportedVersionError",
    }


def test_the_inputs_are_still_the_same() -> None:
    for case in all_cases():
        if "sha256" in MANIFEST[case.name]:
            digest = hashlib.sha256(read_frame(case.frame).data).hexdigest()
            assert digest == MANIFEST[case.name]["sha256"], case.name


@pytest.mark.parametrize("kernels", ["scalar", "128", "avx2", "avx512"])
def test_every_set_of_kernels_writes_the_same_and_reads_all(kernels: str) -> None:
    # Where a machine does not have these kernels, the best that it has are tested once more.
    code = (
        "import hashlib, pathlib, sys, zipnn\n"
        "from scripts.golden_cases import all_cases\n"
        "print(hashlib.sha256(b''.join(case.frame for case in all_cases())).hexdigest())\n"
        "for path in sys.argv[1:]:\n"
        "    data = zipnn.decompress(pathlib.Path(path).read_bytes(), framework='bytes')\n"
        "    print(hashlib.sha256(data).hexdigest())\n"
    )
    names = [name for name in FRAMES if not MANIFEST[name]["flags"]]
    paths = [str(FOLDER / f"{name}.frame") for name in names]
    command = [sys.executable, "-c", code, *paths]
    environment = {**os.environ, "ZIPNN_SIMD": kernels}
    shown = subprocess.run(
        command, cwd=FOLDER.parents[2], env=environment, check=True, capture_output=True, text=True
    )
    digests = shown.stdout.split()
    assert digests[0] == hashlib.sha256(b"".join(case.frame for case in all_cases())).hexdigest()
    assert digests[1:] == [MANIFEST[name]["sha256"] for name in names]


def test_the_script_adds_what_is_missing_and_rewrites_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "v1"
    shutil.copytree(FOLDER, copy)
    (copy / "reference.frame").write_bytes(b"older")
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["torch"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FileExistsError):
        make_golden.main(copy)
    (copy / "torch.frame").unlink()
    make_golden.main(copy)
    assert (copy / "reference.frame").read_bytes() == b"older"
    assert zipnn.decompress((copy / "torch.frame").read_bytes(), framework="np").shape == (3, 100)
    assert set(json.loads((copy / "manifest.json").read_text())) == set(MANIFEST)
