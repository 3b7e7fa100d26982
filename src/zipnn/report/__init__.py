# SPDX-License-Identifier: MIT
"""What a file is made of."""
