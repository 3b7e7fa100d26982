# SPDX-License-Identifier: MIT
"""Other libraries made to load and save compressed models: hooks, and what their plugin systems call."""
