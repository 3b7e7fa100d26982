#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compress all files with a suffix. See docs/moving.md."""

import sys

from zipnn.compat.path_work import compress_files_with_suffix
from zipnn.compat.scripts import compress_path_main

__all__ = ["compress_files_with_suffix"]

if __name__ == "__main__":
    sys.exit(compress_path_main())
