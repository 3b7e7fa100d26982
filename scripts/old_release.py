# SPDX-License-Identifier: MIT
"""Makes an environment with an old release of zipnn, for tests that read what it writes.

    python -m scripts.old_release FOLDER [VERSION]

By default that is 0.5.4, the last one before 1.0. Models that are published were written by 0.4.0 too.

It is apart because the package has the same name. torch and what else it needs is taken from the environment
that runs this. Where it cannot be made, that is said, there is no interpreter, and the tests are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

# Its methods import these even where they do not use them. lz4, and what python-snappy needs, is shared.
CODECS = ("zstandard==0.25.0", "python-snappy==0.7.3")
RELEASE = "zipnn==0.5.4"
OLDER = "zipnn==0.4.0"


def python_of(folder: Path) -> Path:
    """The interpreter of the environment."""
    return folder / "bin" / "python"


def make(folder: Path, release: str = RELEASE) -> None:
    """Make the environment. Raises `subprocess.CalledProcessError` if pip cannot install something."""
    venv.create(folder, clear=True, with_pip=True)
    python = str(python_of(folder))
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    # setuptools is what its source package is built with.
    subprocess.run([*pip, *CODECS, release], check=True)
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    own = Path(subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip())
    # Behind the environment's own packages, and without the hooks of those that are installed for editing.
    (own / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([python, "-c", "from zipnn import ZipNN; ZipNN()"], check=True)


def main() -> int:
    """The command line. Returns the exit code: 0 in any case."""
    folder = Path(sys.argv[1])
    release = f"zipnn=={sys.argv[2]}" if len(sys.argv) > 2 else RELEASE
    try:
        make(folder, release)
    except subprocess.CalledProcessError as error:
        print(f"no environment with {release}: {error}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    (folder / "made").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
