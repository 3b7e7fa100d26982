# SPDX-License-Identifier: MIT
"""A real S3 server (SeaweedFS) on loopback, for as long as it is needed."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KEY, SECRET = "testkey", "testsecret"
_PATIENCE = 90  # seconds until it must answer


@dataclass(frozen=True)
class S3:
    """Where the server is, and who may use it."""

    endpoint: str
    key: str = KEY
    secret: str = SECRET


def find_weed() -> str | None:
    """The server's program, if the package that brings it is installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@contextlib.contextmanager
def serving(weed: str, folder: Path) -> Iterator[S3]:
    """A server that runs meanwhile, with its data in `folder`."""
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    credentials = [{"accessKey": KEY, "secretKey": SECRET}]
    config = folder / "s3.json"
    config.write_text(
        json.dumps({"identities": [{"name": "test", "credentials": credentials, "actions": actions}]})
    )
    data = folder / "data"
    data.mkdir()
    names = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    command = [weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    command += [f"-{flag}={port}" for flag, port in ports.items()]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={config}"]
    # Off by name: otherwise it reports its use.
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20"]
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
    try:
        _wait(process, endpoint, folder / "log")
        yield S3(endpoint)
    finally:
        process.kill()  # its data are of no further use, and ending in order takes long
        process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    """Until the server answers, with 403 to whoever does not say who they are."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the S3 server ended: {log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(endpoint, timeout=5).close()
        except urllib.error.HTTPError as answer:
            if answer.code == 403:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the S3 server does not answer: {log.read_text()[-2000:]}")
