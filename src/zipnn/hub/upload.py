# SPDX-License-Identifier: MIT
"""Publishing a model's folder in compressed form: exported aside, then uploaded by huggingface_hub.

What is done stays done. An export that was finished is taken again as long as the model's folder has not
changed, and of what the hub has already nothing is sent: after an interruption the same call goes on.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zipnn

from ..containers import kinds
from ..conversion import Progress
from ..errors import ZipnnError
from ..storage.filereader import FileReader
from ..storage.locking import file_lock
from ..trees import walk
from .export import export_model
from .home import own_folder
from .layout import check_repo_id, hub

StrPath = str | os.PathLike[str]

_MESSAGE = "Upload a model that was compressed with zipnn"
_NOT_ALLOWED = (401, 403)


@dataclass(frozen=True, slots=True)
class Upload:
    """What was published.

    Attributes:
        repo_id: such as "org/name".
        revision: the branch.
        commit: the newest commit of it.
        url: where the commit is shown.
        original_size: bytes of the weights as they were.
        compressed_size: bytes of the weights as they are on the hub.
    """

    repo_id: str
    revision: str
    commit: str
    url: str
    original_size: int
    compressed_size: int


def upload_model(
    source: StrPath,
    repo_id: str,
    revision: str | None = None,
    *,
    private: bool = False,
    name: str = "ordinary",
    level: str = "default",
    threads: int = 0,
    message: str = _MESSAGE,
    token: str | None = None,
    progress: Progress | None = None,
) -> Upload:
    """Publish a model's folder with compressed weights.

    The export (see `export_model`) lies in `$HF_HOME/zipnn/upload` until it is uploaded. The repository
    and the branch are made where they are missing; files of the same name are replaced, others stay.

    Args:
        source: the model's folder. It is not changed.
        repo_id: such as "org/name".
        revision: a branch; None for main.
        private: for a repository that is made: whether it is.
        name: how weights are called, "ordinary" or "znn": see `export_model`.
        level: fast, default or max.
        threads: 0 for the default number.
        message: of the commit.
        token: for the hub; None for the one that `hf auth login` keeps.
        progress: called with (bytes done, total) of the export. huggingface_hub shows its own.

    Raises:
        ZipnnError: a file cannot be exported, or the hub does not take the upload.
        MissingDependencyError: huggingface_hub is not installed.
        ValueError, FormatError, OSError: as `export_model`.
    """
    api = hub().HfApi(token=token)
    check_repo_id(repo_id)
    if not Path(source).is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(source))
    exports = own_folder("upload") / repo_id.replace("/", "--")
    exports.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(exports.with_name(exports.name + ".lock")):  # another upload would take the export away
        folder = exports / _identity(Path(source), name, level)
        if not folder.is_dir():
            _export(Path(source), folder, name=name, level=level, threads=threads, progress=progress)
        before, after = _sizes(folder)
        with _explained(repo_id):
            api.create_repo(repo_id, private=private, exist_ok=True)
            if private and not api.repo_info(repo_id).private:
                raise ZipnnError("it is there and public; make it private first, or leave out --private")
            if revision is not None:
                api.create_branch(repo_id, branch=revision, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repo_id, folder_path=folder, revision=revision, commit_message=message
            ).oid
        shutil.rmtree(exports, ignore_errors=True)
    url = f"{api.endpoint}/{repo_id}/commit/{commit}"
    return Upload(repo_id, revision or "main", commit, url, before, after)


def _export(source: Path, folder: Path, *, progress: Progress | None, **options: object) -> None:
    """Export into `folder`, which is there only when it is complete; older exports for it go."""
    shutil.rmtree(folder.parent, ignore_errors=True)
    unfinished = folder.with_name(folder.name + ".incomplete")
    unfinished.parent.mkdir(parents=True)
    results = export_model(source, unfinished, progress=progress, **options)  # type: ignore[arg-type]
    failed = [result for result in results if result.action == "failed"]
    if failed:
        shutil.rmtree(folder.parent, ignore_errors=True)
        others = f" ({len(failed)} files in all)" if len(failed) > 1 else ""
        raise ZipnnError(f"{failed[0].reason}{others}; nothing was uploaded")
    unfinished.rename(folder)


def _identity(source: Path, name: str, level: str) -> str:
    """Changes with the files of the folder and with how they are exported."""
    digest = hashlib.sha256(repr((zipnn.__version__, os.path.abspath(source), name, level)).encode())
    for entry in walk(source, follow=True):
        if not entry.problem and not entry.is_folder:
            known = (str(entry.path), entry.size, (source / entry.path).stat().st_mtime_ns)
            digest.update(repr(known).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _sizes(folder: Path) -> tuple[int, int]:
    """Bytes of the weights as they were, and as they are."""
    before = after = 0
    for path in folder.rglob(f"*{kinds.SUFFIX}"):
        with FileReader(path) as reader:
            compressed = kinds.kind_of(reader) == kinds.COMPRESSED
            before += kinds.open_content(reader).original_size if compressed else reader.size
            after += reader.size
    return before, after


@contextlib.contextmanager
def _explained(repo_id: str) -> Iterator[None]:
    """Raise what the hub or the way to it refuses as an error that says what to do."""
    try:
        yield
    except ZipnnError as error:
        raise ZipnnError(f"repository {repo_id}: not uploaded: {error}") from None
    except Exception as error:  # those of huggingface_hub, of its HTTP client and of hf_xet
        answer = getattr(error, "response", None)
        remedy = "the same command goes on where this one stopped"
        if getattr(answer, "status_code", 0) in _NOT_ALLOWED:
            remedy = "hf auth login, with a token that may write there"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ZipnnError(f"repository {repo_id}: not uploaded: {reason}; {remedy}") from error
