# SPDX-License-Identifier: MIT
"""`python -m zipnn` is the command `zipnn`."""

import sys

from zipnn.cli.main import main

sys.exit(main())
