# SPDX-License-Identifier: MIT
"""Caches of the hub as huggingface_hub 2 lays them out, made without it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.containers.craft import in_a_row, noise, weights

COMMIT = "c0ffee" + "0" * 34
OTHER_COMMIT = "beef" + "0" * 36


def shard(seed: int, count: int = 60_000) -> bytes:
    """A safetensors file that shrinks."""
    return in_a_row({
        f"layer.{seed}.weight": ("BF16", [count], weights(count, seed)),
        f"layer.{seed}.ids": ("U8", [500], noise(500, seed)),
    })  # fmt: skip


FILES = {
    "config.json": b'{"model_type": "none"}',
    "model-00001-of-00002.safetensors": shard(1),
    "model-00002-of-00002.safetensors": shard(2),
    "model.safetensors.index.json": b'{"weight_map": {}}',
    "sub/adapter.safetensors": shard(3, 30_000),
}
WEIGHTS = [name for name in FILES if name.endswith(".safetensors")]


class Cache:
    """A cache folder.

    Args:
        folder: where.
        links: whether snapshots hold links to blobs; else the files themselves.
        store: whether large blobs are links into the store that models share.
    """

    def __init__(self, folder: Path, *, links: bool = True, store: bool = False) -> None:
        self.folder = folder
        self.links = links
        self.store = store
        folder.mkdir(parents=True, exist_ok=True)
        if store:
            (folder / "blobs").mkdir()
            (folder / "blobs" / ".huggingface-shared-blobs").write_text("1\n")

    def add(
        self, repo_id: str, files: dict[str, bytes], commit: str = COMMIT, ref: str | None = "main"
    ) -> Path:
        """Add a revision; gives its snapshot."""
        model = self.folder / ("models--" + repo_id.replace("/", "--"))
        listing = {}
        for name, content in files.items():
            large = name.endswith(".safetensors")
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            etag = hashlib.sha256(content).hexdigest() if large else git
            listing[name] = {"size": len(content), "blob_id": git, **({"lfs_sha256": etag} if large else {})}
            pointer = model / "snapshots" / commit / name
            pointer.parent.mkdir(parents=True, exist_ok=True)
            if not self.links:
                pointer.write_bytes(content)
                continue
            blob = model / "blobs" / etag
            blob.parent.mkdir(exist_ok=True)
            if not blob.exists():
                self._put(blob, content, shared=self.store and large)
            up = "../" * (2 + name.count("/"))
            pointer.symlink_to(f"{up}blobs/{etag}")
        trees = model / "trees"
        trees.mkdir(exist_ok=True)
        (trees / f"{commit}.json").write_text(json.dumps({"format_version": 1, "files": listing}))
        if ref is not None:
            (model / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
            (model / "refs" / ref).write_text(commit)
        return model / "snapshots" / commit

    def _put(self, blob: Path, content: bytes, *, shared: bool) -> None:
        if not shared:
            blob.write_bytes(content)
            return
        key = hashlib.sha256(b"xet" + content).hexdigest()
        payload = self.folder / "blobs" / key[:2] / key
        payload.parent.mkdir(exist_ok=True)
        if not payload.exists():
            payload.write_bytes(content)
            payload.chmod(0o444)
        refs = payload.with_name(f"{key}.refs")
        refs.write_text(
            (refs.read_text() if refs.exists() else "") + f"{blob.relative_to(self.folder).as_posix()}\n"
        )
        blob.symlink_to(f"../../blobs/{key[:2]}/{key}")


def contents(snapshot: Path) -> dict[str, bytes]:
    """What programs find under each name."""
    return {
        path.relative_to(snapshot).as_posix(): path.read_bytes()
        for path in sorted(snapshot.rglob("*"))
        if path.is_file()
    }


def skeleton(folder: Path) -> dict[str, str]:
    """Everything but the content of weights: names, where links lead, small files. Locks left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(".locks") or path.is_dir():
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.name.endswith(".safetensors") or len(path.name) == 64:
            found[name] = "weights"
        else:
            found[name] = path.read_bytes().decode()
    return found
