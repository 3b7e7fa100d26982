# SPDX-License-Identifier: MIT
"""huggingface_hub in processes of its own: it reads where the hub is when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class Client:
    """huggingface_hub, and what uses it, with a home of its own."""

    def __init__(self, address: str, home: Path) -> None:
        self.home = home
        self.cache = home / "hub"
        self.environment = {
            **os.environ,
            "HF_ENDPOINT": address,
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(self.cache),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_TOKEN": "hf_none",
        }
        self.environment.pop("HF_HUB_OFFLINE", None)

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Python with these arguments."""
        return subprocess.Popen(
            [sys.executable, *map(str, arguments)], env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **options,
        )  # fmt: skip

    def call(self, *arguments: str | Path, **options: Any) -> tuple[int, str, str]:
        """Its exit code, standard output and standard error."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def run(self, code: str) -> str:
        """What a program prints that has huggingface_hub as `h`."""
        done, out, err = self.call("-c", f"import huggingface_hub as h\n{code}")
        assert done == 0, err
        return out.strip()

    def hf(self, *arguments: str) -> tuple[int, str]:
        """What huggingface_hub's own command says."""
        code, out, err = self.call("-m", "huggingface_hub.cli.hf", *arguments)
        return code, out + err

    def download(self, repo: str) -> Path:
        return Path(self.run(f"print(h.snapshot_download({repo!r}))"))
