# SPDX-License-Identifier: MIT
"""The cache of the Hugging Face hub: models compressed where they lie, and given back."""
