# SPDX-License-Identifier: MIT
"""The two containers: compressed safetensors for safetensors files, the archive for every other file."""
