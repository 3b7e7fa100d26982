#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compress a file. See docs/moving.md."""

import sys

from zipnn.compat.script_work import compress_file
from zipnn.compat.scripts import compress_file_main

__all__ = ["compress_file"]

if __name__ == "__main__":
    sys.exit(compress_file_main())
