# SPDX-License-Identifier: MIT
"""Makes the environment of the peers.

    python -m benchmarks.environment FOLDER      with `benchmarks/peers.txt`

It is apart from the project's own because one of the peers is a package called zipnn as well.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

LIST = Path(__file__).parent / "peers.txt"


def requirements() -> list[str]:
    """The pinned peers, in the order in which they are installed."""
    return [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def make(folder: Path) -> list[str]:
    """Make the environment.

    Returns:
        The requirements that could not be installed. Their packages are not there, and the codecs say so.
    """
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(python_of(folder)), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    failed = []
    for requirement in requirements():
        print(f"installing {requirement}", file=sys.stderr, flush=True)
        # What is there already stays as it is: no package brings another version of an earlier one.
        kept = [line for line in requirements()[: requirements().index(requirement)] if line not in failed]
        if subprocess.run([*pip, *kept, requirement], check=False).returncode:
            failed.append(requirement)
    return failed


def main() -> int:
    """The command line. Returns the exit code."""
    folder = Path(sys.argv[1])
    failed = make(folder)
    if failed:
        print(f"left out, for pip could not install them: {', '.join(failed)}", file=sys.stderr)
    (folder / "made").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
