# SPDX-License-Identifier: MIT
"""The command `zipnn`: one file a command, on top of the public functions.

Commands import the library when they run, so that help, versions and usage errors come at once.
"""
