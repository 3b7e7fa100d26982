# SPDX-License-Identifier: MIT
"""The archive (docs/format.md, 4): any file or folder, cut into segments, with an index at the end."""
