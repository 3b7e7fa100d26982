# SPDX-License-Identifier: MIT
"""An independent reader of frames, written from docs/format.md alone: plain, slow, and free of zipnn."""

from .frame import BadFrameError, Frame, WrongBaseError, decode_frame, read_frame

__all__ = ["BadFrameError", "Frame", "WrongBaseError", "decode_frame", "read_frame"]
