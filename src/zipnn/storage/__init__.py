# SPDX-License-Identifier: MIT
"""Files: reading at an offset, comparing, and outputs that appear whole or not at all."""
