#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compress a safetensors file tensor by tensor. See docs/moving.md."""

import sys

from zipnn.compat.script_work import compress_safetensors_file
from zipnn.compat.scripts import compress_safetensors_main

__all__ = ["compress_safetensors_file"]

if __name__ == "__main__":
    sys.exit(compress_safetensors_main())
