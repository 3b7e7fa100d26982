# SPDX-License-Identifier: MIT
"""Runs tests/plugins/matrix_case.py with older versions of what loads models.

    python -m scripts.test_matrix FOLDER [TRANSFORMERS_VERSION...]

Each set of versions is installed into FOLDER and put before the packages of the environment that runs this.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

CASE = Path(__file__).parents[1] / "tests" / "plugins" / "matrix_case.py"

# transformers, its hub client, its tokenizers, safetensors
SETS = [
    ("4.44.2", "0.24.7", "0.19.1", "0.8.0"),
    ("4.48.3", "0.27.1", "0.21.4", "0.8.0"),
    ("4.51.3", "0.30.2", "0.21.4", "0.8.0"),
    ("4.57.6", "0.36.2", "0.22.2", "0.8.0"),
    ("5.0.0", "1.3.7", "0.22.2", "0.8.0"),
    ("5.10.4", "1.14.0", "0.22.2", "0.8.0"),
    ("5.24.0", "2.4.0", "0.23.3", "0.8.0"),
    *(("4.57.6", "0.36.2", "0.22.2", version) for version in ("0.4.5", "0.5.3", "0.6.2", "0.7.0")),
]


def install(folder: Path, versions: tuple[str, str, str, str]) -> Path:
    """The folder that has these versions."""
    target = folder / "-".join(versions)
    if not (target / "made").exists():
        names = ("transformers", "huggingface_hub", "tokenizers", "safetensors")
        packages = [f"{name}=={version}" for name, version in zip(names, versions, strict=True)]
        if versions[1].startswith("1."):
            packages += ["httpx==0.28.1", "httpcore==1.0.9"]  # before and after, it uses others
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "--no-deps", "--target", str(target), *packages], check=True)
        (target / "made").touch()
    return target


def main() -> int:
    """The command line. Returns 1 if something does not hold."""
    folder, *wanted = sys.argv[1:]
    failed = []
    for versions in SETS:
        if wanted and versions[0] not in wanted:
            continue
        target = install(Path(folder), versions)
        for case in itertools.product(("before", "after"), ("in-place", "wrapped")):
            # Other packages of the environment may not fit an older transformers, which looks for them.
            environment = {**os.environ, "PYTHONPATH": str(target), "USE_TF": "0", "USE_FLAX": "0"}
            command = [sys.executable, "-W", "ignore", str(CASE), *case]
            run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            label = f"transformers {versions[0]}, safetensors {versions[3]}, hooks {' '.join(case)}"
            if run.returncode:
                failed.append(label)
                print(f"FAILED: {label}\n{run.stderr[-2000:]}", flush=True)
            else:
                print(f"ok: {label}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
