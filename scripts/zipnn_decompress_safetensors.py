#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Restore a safetensors file. See docs/moving.md."""

import sys

from zipnn.compat.script_work import decompress_safetensors_file
from zipnn.compat.scripts import decompress_safetensors_main

__all__ = ["decompress_safetensors_file"]

if __name__ == "__main__":
    sys.exit(decompress_safetensors_main())
