# SPDX-License-Identifier: MIT
"""Compressed checkpoints of Lightning: `Trainer(plugins=[ZipnnCheckpointIO()])`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from ..containers import kinds
from ..files import compress_file, decompress_file
from ..storage.filereader import FileReader


class ZipnnCheckpointIO(TorchCheckpointIO):  # type: ignore[misc]
    """Saves as Lightning does, then compresses the file under the same name; loads both kinds.

    For strategies that write one local file; not for sharded ones.

    Args:
        level: fast, default or max.
    """

    def __init__(self, level: str = "default") -> None:
        super().__init__()
        self._level = level

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Save `checkpoint` at `path`, which is local."""
        super().save_checkpoint(checkpoint, path, storage_options)
        compress_file(path, in_place=True, level=self._level)

    def load_checkpoint(self, path: Any, *args: Any, **options: Any) -> dict[str, Any]:
        """What was saved at `path`, compressed or not."""
        if not _is_compressed(path):
            return dict(super().load_checkpoint(path, *args, **options))
        plain = Path(path).with_name(f".{Path(path).name}.{os.getpid()}.incomplete")
        try:
            decompress_file(path, plain)
            return dict(super().load_checkpoint(plain, *args, **options))
        finally:
            plain.unlink(missing_ok=True)


def _is_compressed(path: Any) -> bool:
    if not os.path.isfile(path):
        return False
    with FileReader(path) as reader:
        return kinds.kind_of(reader) == kinds.ARCHIVE
