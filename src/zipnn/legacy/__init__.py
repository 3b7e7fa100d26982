# SPDX-License-Identifier: MIT
"""What zipnn 0.1 to 0.5.4 wrote (docs/legacy.md): it is read, and never written."""

from .streams import LegacyInfo, Stream, decode, decode_into, describe, is_legacy

__all__ = ["LegacyInfo", "Stream", "decode", "decode_into", "describe", "is_legacy"]
