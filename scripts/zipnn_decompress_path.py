#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Restore all compressed files of a folder. See docs/moving.md."""

import sys

from zipnn.compat.path_work import decompress_znn_files
from zipnn.compat.scripts import decompress_path_main

__all__ = ["decompress_znn_files"]

if __name__ == "__main__":
    sys.exit(decompress_path_main())
