#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Restore a file from its difference to a base. See docs/moving.md."""

import sys

from zipnn.compat.script_work import decompress_file_delta as decompress_file
from zipnn.compat.scripts import decompress_file_delta_main

__all__ = ["decompress_file"]

if __name__ == "__main__":
    sys.exit(decompress_file_delta_main())
