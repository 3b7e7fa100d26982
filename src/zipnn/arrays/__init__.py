# SPDX-License-Identifier: MIT
"""Arrays and tensors of NumPy and torch: their bytes, their dtypes, and frames of them."""
