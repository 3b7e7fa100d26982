# SPDX-License-Identifier: MIT
"""Hooks in every Python process of an environment: two small files in site-packages, if the user says so."""

from __future__ import annotations

import os
import site
import sysconfig
from pathlib import Path

NAME = "zipnn_autoload"
VARIABLE = "ZIPNN_AUTO"

# Read at every start of the interpreter: it imports nothing, and acts when safetensors is imported.
_MODULE = '''\
# SPDX-License-Identifier: MIT
"""Written by `zipnn autoload on`, removed by `zipnn autoload off`."""

import sys


class _Finder:
    """Installs zipnn's hooks just before safetensors is imported."""

    def find_spec(self, name, path=None, target=None):
        if name == "safetensors":
            sys.meta_path.remove(self)
            try:
                from zipnn import zipnn_hf
            except ImportError:  # zipnn is not there any more
                return None
            zipnn_hf()
            for finder in sys.meta_path:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


def install():
    if not any(type(finder).__module__ == __name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
'''
_LINE = f"import os; os.environ.get({VARIABLE!r}) == '0' or __import__({NAME!r}).install()\n"


def folders() -> list[Path]:
    """Where Python looks for such files, the environment's own first."""
    found = [Path(sysconfig.get_path("purelib"))]
    if site.ENABLE_USER_SITE:
        found.append(Path(site.getusersitepackages()))
    return found


def turn_on() -> Path:
    """Write the files; gives the folder that they are in.

    Raises:
        OSError: no folder can be written.
    """
    candidates = folders()
    folder = next((path for path in candidates if os.access(path, os.W_OK)), candidates[-1])
    folder.mkdir(parents=True, exist_ok=True)
    # The line that is run at once comes last, when what it needs is there.
    for name, text in ((f"{NAME}.py", _MODULE), (f"{NAME}.pth", _LINE)):
        unfinished = folder / f".{name}.incomplete"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(folder / name)
    return folder


def turn_off() -> list[Path]:
    """Remove the files; gives the folders that they were in."""
    found = enabled_in()
    for folder in found:
        for name in (f"{NAME}.pth", f"{NAME}.py"):
            (folder / name).unlink(missing_ok=True)
    return found


def enabled_in() -> list[Path]:
    """The folders that have the files."""
    return [folder for folder in folders() if (folder / f"{NAME}.pth").is_file()]
