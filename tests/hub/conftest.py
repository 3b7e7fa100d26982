# SPDX-License-Identifier: MIT
"""The commands, as the tests of the command line run them."""

from tests.cli.conftest import zipnn as command

__all__ = ["command"]
