# SPDX-License-Identifier: MIT
"""Differences between tensors: a fine-tune, a checkpoint or an update, against its base."""
