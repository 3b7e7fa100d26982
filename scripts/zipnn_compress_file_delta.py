#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compress the difference of a file to a base. See docs/moving.md."""

import sys

from zipnn.compat.script_work import compress_file_delta as compress_file
from zipnn.compat.scripts import compress_file_delta_main

__all__ = ["compress_file"]

if __name__ == "__main__":
    sys.exit(compress_file_delta_main())
