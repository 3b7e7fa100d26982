# SPDX-License-Identifier: MIT
"""A hub on loopback: repositories in memory, downloads and uploads as huggingface_hub 2 makes them.

Weights are in large-file storage, whatever their size; every other file is a git object.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"


class Hub:
    """What the server knows, and what was asked of it.

    Attributes:
        repositories: content of each repository's files at the newest commit of main.
        branches: the same of other branches, by repository and name.
        private: the repositories that were made private.
        requests: method and path of every request.
        uploaded: large files that were sent, by SHA-256.
        before_storing: called with the SHA-256 of a large file that was sent and is not kept yet.
        refused: whether uploads are.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.branches: dict[tuple[str, str], dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.requests: list[tuple[str, str]] = []
        self.uploaded: dict[str, bytes] = {}
        self.before_storing: Callable[[str], None] = lambda oid: None
        self.refused = False
        self._history: dict[str, dict[str, bytes]] = {}

    def downloads(self) -> list[str]:
        """Paths of the weights that were fetched since `requests` was cleared."""
        return [path for method, path in self.requests if method == "GET" and path.endswith(".safetensors")]

    def branch(self, repo: str, name: str = "main") -> dict[str, bytes]:
        """The files of a branch as they are now. Raises `KeyError` if there is none of that name."""
        return self.repositories[repo] if name == "main" else self.branches[repo, name]

    def commit_of(self, repo: str, branch: str = "main") -> str:
        """The newest commit; what it holds can be asked for by its name from then on."""
        files = self.branch(repo, branch)
        digest = hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
        self._history[digest] = dict(files)
        return digest

    def at(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]]:
        known = revision == "main" or (repo, revision) in self.branches
        commit = self.commit_of(repo, revision) if known else revision
        return commit, self._history[commit]


def is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".znn", ".bin"))


def entry_of(name: str, content: bytes) -> dict[str, Any]:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git}
    if is_large(name):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
    return entry


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    address: str

    def log_message(self, *_: object) -> None:
        pass

    def handle_request(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for pattern, answer in ROUTES:
            match = re.fullmatch(pattern, path)
            if match is None:
                continue
            repo = match.groupdict().get("repo")
            if repo is not None and repo not in self.hub.repositories:
                return self.refuse("RepoNotFound")
            return answer(self, match, body)
        return self.refuse("EntryNotFound")

    do_GET = do_HEAD = do_POST = do_PUT = handle_request  # noqa: N815 - names that http.server wants

    def reply(
        self, body: bytes, code: int = 200, headers: dict[str, str] | None = None, size: int | None = None
    ) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reply_json(self, value: object, code: int = 200, headers: dict[str, str] | None = None) -> None:
        self.reply(json.dumps(value).encode(), code, {"Content-Type": "application/json", **(headers or {})})

    def refuse(self, what: str) -> None:
        self.reply_json({"error": what}, 404, {"X-Error-Code": what, "X-Error-Message": what})


def model(handler: Handler, match: re.Match[str], body: bytes) -> None:
    repo = match["repo"]
    commit, files = handler.hub.at(repo, match["revision"] or "main")
    siblings = [{"rfilename": name} for name in files]
    handler.reply_json(
        {
            "id": repo,
            "modelId": repo,
            "sha": commit,
            "private": repo in handler.hub.private,
            "tags": [],
            "siblings": siblings,
        }
    )


def tree(handler: Handler, match: re.Match[str], body: bytes) -> None:
    _, files = handler.hub.at(match["repo"], match["revision"])
    handler.reply_json([entry_of(name, content) for name, content in sorted(files.items())])


def paths_info(handler: Handler, match: re.Match[str], body: bytes) -> None:
    _, files = handler.hub.at(match["repo"], match["revision"])
    form = urllib.parse.parse_qs(body.decode())
    wanted = form.get("paths") or json.loads(body or b"{}").get("paths", [])
    handler.reply_json([entry_of(name, files[name]) for name in wanted if name in files])


def resolve(handler: Handler, match: re.Match[str], body: bytes) -> None:
    commit, files = handler.hub.at(match["repo"], match["revision"])
    name = match["file"]
    if name not in files:
        return handler.refuse("EntryNotFound")
    content = files[name]
    entry = entry_of(name, content)
    etag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
    headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if "lfs" in entry:
        headers |= {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{etag}"'}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range") or "")
    if asked is None:
        return handler.reply(content, headers=headers)
    start, stop = int(asked[1]), int(asked[2]) + 1 if asked[2] else len(content)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
    return handler.reply(content[start:stop], 206, headers)


def who(handler: Handler, match: re.Match[str], body: bytes) -> None:
    access = {"accessToken": {"role": "write"}}
    handler.reply_json({"name": "me", "type": "user", "auth": access})


def create(handler: Handler, match: re.Match[str], body: bytes) -> None:
    asked = json.loads(body)
    repo = f"{asked.get('organization') or 'me'}/{asked['name']}"
    if handler.hub.refused:
        return handler.reply_json({"error": "Forbidden"}, 403)
    hidden = asked.get("private") or asked.get("visibility") == "private"
    if hidden and repo not in handler.hub.repositories:
        handler.hub.private.add(repo)
    handler.hub.repositories.setdefault(repo, {})
    return handler.reply_json({"url": f"{handler.address}/{repo}", "id": repo})


def create_branch(handler: Handler, match: re.Match[str], body: bytes) -> None:
    repo, name = match["repo"], match["revision"]
    if (repo, name) in handler.hub.branches:
        return handler.reply_json({"error": "exists"}, 409)
    handler.hub.branches[repo, name] = dict(handler.hub.repositories[repo])
    return handler.reply_json({})


def preupload(handler: Handler, match: re.Match[str], body: bytes) -> None:
    files = [
        {"path": file["path"], "uploadMode": "lfs" if is_large(file["path"]) else "regular",
         "shouldIgnore": False}
        for file in json.loads(body)["files"]
    ]  # fmt: skip
    handler.reply_json({"files": files})


def batch(handler: Handler, match: re.Match[str], body: bytes) -> None:
    objects = [
        wanted if wanted["oid"] in handler.hub.uploaded else
        {**wanted, "actions": {"upload": {"href": f"{handler.address}/_lfs/{wanted['oid']}"}}}
        for wanted in json.loads(body)["objects"]
    ]  # fmt: skip
    handler.reply_json({"transfer": "basic", "objects": objects})


def put_object(handler: Handler, match: re.Match[str], body: bytes) -> None:
    assert hashlib.sha256(body).hexdigest() == match["oid"]
    handler.hub.before_storing(match["oid"])
    handler.hub.uploaded[match["oid"]] = body
    handler.reply_json({})


def commit(handler: Handler, match: re.Match[str], body: bytes) -> None:
    branch = match["revision"]
    files = handler.hub.branch(match["repo"], branch)
    for line in body.splitlines():
        operation = json.loads(line)
        value = operation["value"]
        if operation["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif operation["key"] == "lfsFile":
            files[value["path"]] = handler.hub.uploaded[value["oid"]]
    done = handler.hub.commit_of(match["repo"], branch)
    url = f"{handler.address}/{match['repo']}/commit/{done}"
    handler.reply_json({"success": True, "commitOid": done, "commitUrl": url, "hookOutput": ""})


def validate(handler: Handler, match: re.Match[str], body: bytes) -> None:
    handler.reply_json({"errors": [], "warnings": []})


ROUTES: list[tuple[str, Callable[[Handler, re.Match[str], bytes], None]]] = [
    ("/api/whoami-v2", who),
    ("/api/repos/create", create),
    ("/api/validate-yaml", validate),
    (f"/api/models/{REPO}(?:/revision/(?P<revision>.+))?", model),
    (f"/api/models/{REPO}/tree/(?P<revision>[^/]+)(?:/.*)?", tree),
    (f"/api/models/{REPO}/paths-info/(?P<revision>[^/]+)", paths_info),
    (f"/api/models/{REPO}/preupload/[^/]+", preupload),
    (f"/api/models/{REPO}/commit/(?P<revision>[^/]+)", commit),
    (f"/api/models/{REPO}/branch/(?P<revision>[^/]+)", create_branch),
    (rf"/{REPO}\.git/info/lfs/objects/batch", batch),
    ("/_lfs/(?P<oid>[0-9a-f]{64})", put_object),
    (f"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<file>.+)", resolve),
]


@contextmanager
def serve() -> Iterator[tuple[Hub, str]]:
    """A hub and its address, for as long as the block lasts."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    address = f"http://127.0.0.1:{server.server_address[1]}"
    server.RequestHandlerClass.address = address  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
