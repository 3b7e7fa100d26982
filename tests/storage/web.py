# SPDX-License-Identifier: MIT
"""Files in memory behind HTTP on loopback, with range requests, and faults that are asked for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """What the server has, and what was asked of it.

    Attributes:
        url: of the server, without a slash at the end.
        files: content by path, such as `model.safetensors`.
        ranges: the ranges that were asked for, as (start, stop).
        faults: statuses that the next requests for content get, one each.
        whole: give all of a file whatever part is asked for.
    """

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes] = {}
        self.ranges: list[tuple[int, int]] = []
        self.faults: list[int] = []
        self.whole = False
        self.etag = "one"

    @property
    def sent(self) -> int:
        """Bytes of content that were asked for."""
        return sum(stop - start for start, stop in self.ranges)


class _Handler(BaseHTTPRequestHandler):
    web: Web
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        content = self.web.files.get(self.path.partition("?")[0].lstrip("/"))
        if content is None:
            self._answer(404, b"", 0)
        else:
            self._answer(200, b"", len(content))

    def do_GET(self) -> None:
        content = self.web.files.get(self.path.partition("?")[0].lstrip("/"))
        if content is None:
            self._answer(404, b"", 0)
            return
        if self.web.faults:
            self._answer(self.web.faults.pop(0), b"", 0)
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None or self.web.whole:
            self._answer(200, content, len(content))
            return
        start, stop = int(asked[1]), int(asked[2]) + 1
        self.web.ranges.append((start, stop))
        self._answer(206, content[start:stop], len(content[start:stop]))

    def _answer(self, status: int, content: bytes, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{self.web.etag}"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Nothing."""


@contextmanager
def serving() -> Iterator[Web]:
    """A server that runs meanwhile."""
    web = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": web}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
