# SPDX-License-Identifier: MIT
"""The interface of zipnn 0.5: the class `ZipNN` and the scripts, on top of the rest (docs/moving.md)."""
