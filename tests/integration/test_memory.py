# SPDX-License-Identifier: MIT
"""Peak memory stays a small window, however large a tensor is."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.integration.child import run
from zipnn.storage.comparing import difference_from
from zipnn.storage.filereader import FileReader

GIB = 1 << 30
LIMIT = 600 << 20

# The high-water mark of this process alone: getrusage may count the parent that it was forked from.
MEASURED = """
import sys, zipnn
getattr(zipnn, sys.argv[1])(sys.argv[2], sys.argv[3])
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from Linux's /proc")
def test_a_tensor_of_5_gib_both_ways(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < 8 * GIB:
        pytest.skip("needs 8 GiB of disk")
    original, small, back = tmp_path / "m.safetensors", tmp_path / "small", tmp_path / "back"
    header = {
        "large": {"dtype": "BF16", "shape": [5 * GIB // 2], "data_offsets": [0, 5 * GIB]},
        "rest": {"dtype": "F32", "shape": [GIB // 4], "data_offsets": [5 * GIB, 6 * GIB]},
    }
    text = json.dumps(header).encode()
    with original.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for place in range(0, 6 * GIB, GIB // 8):  # not all the same, yet a sparse file
            file.seek(8 + len(text) + place)
            file.write(place.to_bytes(8, "little"))
        file.truncate(8 + len(text) + 6 * GIB)
    try:
        assert int(run(MEASURED, "compress_file", original, small)) < LIMIT
        assert int(run(MEASURED, "decompress_file", small, back)) < LIMIT
        with FileReader(original) as one, FileReader(back) as two:
            assert one.size == two.size
            steps = range(0, one.size, 1 << 20)
            pieces = ((at, one.read(at, min(1 << 20, one.size - at))) for at in steps)
            assert difference_from(pieces, two.read) is None
    finally:
        for path in (original, small, back):
            path.unlink(missing_ok=True)
