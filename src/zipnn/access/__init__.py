# SPDX-License-Identifier: MIT
"""The interface of safetensors: safe_open, load_file, save_file and slices."""
