# SPDX-License-Identifier: MIT
"""The command `zipnn`: one file a command, on top of the public functions."""
