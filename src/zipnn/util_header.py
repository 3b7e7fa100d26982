# SPDX-License-Identifier: MIT
"""Where zipnn 0.5 had these; see `compat`."""

from .compat.names import EnumFormat, EnumLossy, EnumMethod, bools_to_bitmask

__all__ = ["EnumFormat", "EnumLossy", "EnumMethod", "bools_to_bitmask"]
