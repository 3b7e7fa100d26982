# SPDX-License-Identifier: MIT
"""One file: names, refusals, and that nothing is lost or left behind when something goes wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.containers import craft
from tests.containers.craft import in_a_row, noise, sha256, weights
from zipnn import files
from zipnn.containers import safetensors_writer
from zipnn.containers.archive import codings
from zipnn.errors import CorruptError, FormatError, MismatchError, OutputExistsError, ZipnnError
from zipnn.files import compress_file, decompress_file
from zipnn.frames import write_frame
from zipnn.storage.atomic import OutputFile

MODEL = in_a_row({"w": ("BF16", [60, 100], weights(6000)), "n": ("F32", [2], noise(8))})
TEXT = b"a checkpoint of some other kind. " * 1000


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(MODEL)
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(TEXT)
    return path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_names_of_outputs(model: Path, other: Path, tmp_path: Path) -> None:
    assert compress_file(model).output == tmp_path / "model.znn.safetensors"
    assert compress_file(other).output == tmp_path / "pytorch_model.bin.znn"
    (tmp_path / "blob").write_bytes(MODEL)
    assert compress_file(tmp_path / "blob").output == tmp_path / "blob.znn"
    for path in (model, other, tmp_path / "blob"):
        path.unlink()
    assert decompress_file(tmp_path / "model.znn.safetensors").output == model
    assert decompress_file(tmp_path / "pytorch_model.bin.znn").output == other
    assert decompress_file(tmp_path / "blob.znn").output == tmp_path / "blob"
    assert (model.read_bytes(), other.read_bytes()) == (MODEL, TEXT)
    assert (tmp_path / "blob").read_bytes() == MODEL


@pytest.mark.parametrize("name", ["x", ".znn", ".znn.safetensors", "x.safetensors"])
def test_a_name_that_does_not_tell_the_originals_needs_an_output(
    model: Path, tmp_path: Path, name: str
) -> None:
    path = compress_file(model, tmp_path / name).output if name != "x.safetensors" else None
    path = path or compress_file(model, tmp_path / name).output
    assert path is not None
    with pytest.raises(ZipnnError, match=f"file {path}: its name does not tell"):
        decompress_file(path)
    assert decompress_file(path, tmp_path / "back").action == "decompressed"
    decompress_file(path, in_place=True)
    assert path.read_bytes() == (tmp_path / "back").read_bytes() == MODEL


def test_the_name_in_an_archive_is_not_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    source = tmp_path / "in" / "evil"
    source.write_bytes(TEXT)
    compress_file(source)
    # What the archive says it was called plays no part: rename it and see.
    (tmp_path / "in" / "evil.znn").rename(tmp_path / "in" / "good.znn")
    assert decompress_file(tmp_path / "in" / "good.znn").output == tmp_path / "in" / "good"
    assert names(tmp_path / "in") == ["evil", "good", "good.znn"]


def test_a_compressed_file_is_skipped_or_copied(model: Path, other: Path, tmp_path: Path) -> None:
    for path in (model, other):
        small = compress_file(path).output
        assert small is not None
        for options in ({}, {"in_place": True}, {"delete_original": True}):
            result = compress_file(small, **options)
            assert (result.action, result.reason, result.output) == ("skipped", "already compressed", None)
        result = compress_file(small, tmp_path / f"{path.name}.copy")
        assert (result.action, result.reason) == ("copied", "already compressed")
        assert (tmp_path / f"{path.name}.copy").read_bytes() == small.read_bytes()


def test_an_original_that_was_not_compressed_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "noise.bin"
    path.write_bytes(noise(1000))
    assert compress_file(path, delete_original=True).action == "skipped"
    assert compress_file(path, tmp_path / "out", delete_original=True).action == "copied"
    assert path.read_bytes() == noise(1000)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", FormatError, "git lfs pull"),
        (bytes(5000), FormatError, "begins with zeros; incomplete download"),
        (b"", FormatError, "empty"),
        (TEXT, FormatError, "not a safetensors file"),
        (MODEL[:-1], CorruptError, "incomplete download"),
        (MODEL[:60], CorruptError, "incomplete download"),
    ],
)
def test_a_file_called_safetensors_must_be_one(
    content: bytes, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    for function in (compress_file, decompress_file):
        with pytest.raises(FormatError, match=message) as caught:
            function(path, tmp_path / "out")
        assert type(caught.value) is error
        assert str(caught.value).startswith(f"file {path}: ")
    assert names(tmp_path) == ["model.safetensors"]


def test_decompress_refuses_what_is_not_compressed(model: Path, other: Path, tmp_path: Path) -> None:
    for path in (model, other):
        with pytest.raises(FormatError, match=f"file {path}: not compressed by zipnn"):
            decompress_file(path, tmp_path / "out")


def test_an_output_that_exists_is_kept_unless_forced(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.znn.safetensors"
    output.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match=str(output)):
        compress_file(model)
    assert output.read_bytes() == b"precious"
    assert compress_file(model, force=True).action == "compressed"
    model.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match=str(model)):
        decompress_file(output)
    assert model.read_bytes() == b"precious"
    decompress_file(output, force=True)
    assert model.read_bytes() == MODEL


def test_an_output_that_appears_meanwhile_is_kept(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = OutputFile.sync

    def slow_sync(self: OutputFile) -> None:
        sync(self)
        self.target.write_bytes(b"precious")

    monkeypatch.setattr(OutputFile, "sync", slow_sync)
    with pytest.raises(OutputExistsError):
        compress_file(model)
    assert (tmp_path / "model.znn.safetensors").read_bytes() == b"precious"
    assert names(tmp_path) == ["model.safetensors", "model.znn.safetensors"]


def test_a_broken_link_counts_as_an_output_that_exists(model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExistsError):
        compress_file(model, tmp_path / "out")
    assert names(tmp_path) == ["model.safetensors", "out"]


def test_a_folder_is_no_output(model: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for force in (False, True):
        with pytest.raises(OutputExistsError, match="is a folder"):
            compress_file(model, tmp_path / "folder", force=force)


def test_input_and_output_must_differ(model: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(model)
    os.link(model, tmp_path / "hard")
    for output in (model, tmp_path / "link", tmp_path / "hard", tmp_path / "." / "model.safetensors"):
        with pytest.raises(ZipnnError, match="input and output are the same file; use in_place"):
            compress_file(model, output, force=True)
    assert model.read_bytes() == MODEL


@pytest.mark.parametrize("options", [{"output": "x"}, {"delete_original": True}])
def test_in_place_goes_alone(model: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="in_place goes with neither"):
        compress_file(model, in_place=True, **options)
    with pytest.raises(ValueError, match="in_place goes with neither"):
        decompress_file(model, in_place=True, **options)


def test_in_place_keeps_name_mode_and_time(model: Path, other: Path) -> None:
    for path, content in ((model, MODEL), (other, TEXT)):
        path.chmod(0o640)
        os.utime(path, ns=(10**18, 10**18 + 7))
        result = compress_file(path, in_place=True)
        assert (result.action, result.output) == ("compressed", path)
        assert path.stat().st_size == result.compressed_size < len(content)
        for _ in range(2):
            status = path.stat()
            assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o640, 10**18 + 7)
            if path.read_bytes() != content:
                assert decompress_file(path, in_place=True).output == path
        assert path.read_bytes() == content
    assert names(model.parent) == ["model.safetensors", "pytorch_model.bin"]


def test_in_place_writes_through_a_link_and_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    blob, link = tmp_path / "blobs" / "0123", tmp_path / "snapshot" / "model.safetensors"
    blob.write_bytes(MODEL)
    link.symlink_to(Path("..") / "blobs" / "0123")
    result = compress_file(link, in_place=True)
    assert result.output == blob.resolve()
    assert link.is_symlink()
    assert blob.stat().st_size == result.compressed_size
    assert (names(tmp_path / "blobs"), names(tmp_path / "snapshot")) == (["0123"], ["model.safetensors"])
    decompress_file(link, in_place=True)
    assert link.is_symlink()
    assert blob.read_bytes() == MODEL


def test_a_link_that_is_no_target_of_in_place_is_followed(model: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "m.safetensors").symlink_to(model)
    assert compress_file(tmp_path / "sub" / "m.safetensors").output == tmp_path / "sub" / "m.znn.safetensors"
    with pytest.raises(ZipnnError, match="symbolic link"):
        compress_file(tmp_path / "sub" / "m.safetensors", delete_original=True, force=True)
    assert model.exists()


def test_outputs_take_over_permissions(model: Path, tmp_path: Path) -> None:
    model.chmod(0o400)
    output = compress_file(model).output
    assert output is not None
    assert stat.S_IMODE(output.stat().st_mode) == 0o400
    decompress_file(output, tmp_path / "back")
    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o400


def test_delete_original(model: Path, other: Path, tmp_path: Path) -> None:
    for path, content in ((model, MODEL), (other, TEXT)):
        small = compress_file(path, delete_original=True).output
        assert small is not None
        assert not path.exists()
        assert decompress_file(small, delete_original=True).output == path
        assert not small.exists()
        assert path.read_bytes() == content
    assert names(tmp_path) == ["model.safetensors", "pytorch_model.bin"]


@pytest.mark.parametrize("delete", [False, True])
def test_a_wrong_result_is_found_and_nothing_is_lost(
    model: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delete: bool
) -> None:
    def frame_of_other_bytes(data: memoryview, **options: Any) -> bytes:
        wrong = bytearray(data)
        if len(wrong) > 5000:
            wrong[-100] ^= 1
        return write_frame(wrong, **options)

    monkeypatch.setattr(safetensors_writer, "write_frame", frame_of_other_bytes)
    monkeypatch.setattr(codings, "write_frame", frame_of_other_bytes)
    for path in (model, other):
        byte = path.read_bytes().index(weights(6000)) + 12000 - 100 if path is model else len(TEXT) - 100
        with pytest.raises(MismatchError, match=f"file {path}: byte {byte} of the original differs"):
            compress_file(path, delete_original=delete)
    assert names(tmp_path) == ["model.safetensors", "pytorch_model.bin"]
    assert (model.read_bytes(), other.read_bytes()) == (MODEL, TEXT)


@pytest.mark.parametrize("change", ["append", "replace", "touch"])
def test_an_original_that_changes_meanwhile_is_no_success(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    sync = OutputFile.sync

    def change_original(self: OutputFile) -> None:
        sync(self)
        if change == "append":
            with model.open("ab") as file:
                file.write(b"more")
        elif change == "replace":
            (tmp_path / "new").write_bytes(MODEL)
            (tmp_path / "new").replace(model)
        else:
            os.utime(model, ns=(1, 1))

    monkeypatch.setattr(OutputFile, "sync", change_original)
    with pytest.raises(ZipnnError, match=f"file {model}: changed while it was read"):
        compress_file(model, delete_original=True)
    assert names(tmp_path) == ["model.safetensors"]


def test_an_original_that_changes_at_the_last_moment_is_not_deleted(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = OutputFile.publish

    def and_replace_original(self: OutputFile, *args: Any, **options: Any) -> None:
        publish(self, *args, **options)
        (tmp_path / "new").write_bytes(b"what was saved meanwhile")
        (tmp_path / "new").replace(model)

    monkeypatch.setattr(OutputFile, "publish", and_replace_original)
    with pytest.raises(ZipnnError, match="its output is written, but it was not removed"):
        compress_file(model, delete_original=True)
    assert model.read_bytes() == b"what was saved meanwhile"
    assert names(tmp_path) == ["model.safetensors", "model.znn.safetensors"]


class Stop(BaseException):
    """Like KeyboardInterrupt, but not taken for one by pytest."""


@pytest.mark.parametrize("when", range(4))
def test_an_interruption_leaves_nothing_behind(model: Path, tmp_path: Path, when: int) -> None:
    calls: Iterator[int] = iter(range(100))

    def interrupt(done: int, total: int) -> None:
        assert any(".incomplete" in name for name in names(tmp_path))
        if next(calls) == when:
            raise Stop

    with pytest.raises(Stop):
        compress_file(model, in_place=True, progress=interrupt)
    assert names(tmp_path) == ["model.safetensors"]
    assert model.read_bytes() == MODEL


def test_progress_ends_with_the_whole(tmp_path: Path) -> None:
    for name, content in (("m.safetensors", craft.ugly()), ("o.bin", TEXT)):
        path = tmp_path / name
        path.write_bytes(content)
        for function in (compress_file, decompress_file):
            seen: list[tuple[int, int]] = []
            result = function(path, in_place=True, progress=lambda *call: seen.append(call))  # noqa: B023
            assert seen == sorted(seen)
            assert seen[-1] == (result.original_size, result.original_size)


def test_a_dry_run_writes_nothing_and_estimates(model: Path, other: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.safetensors").write_bytes(in_a_row({"n": ("U8", [5000], noise(5000))}))
    (tmp_path / "noise.bin").write_bytes(noise(3000))
    before = {path.name: sha256(path) for path in tmp_path.iterdir()}
    for path in (model, other):
        estimate = compress_file(path, dry_run=True)
        assert (estimate.action, estimate.reason) == ("would-compress", "estimated from a sample")
        real = compress_file(path, tmp_path / "out")
        assert abs(estimate.compressed_size - real.compressed_size) < 0.1 * real.compressed_size
        back = decompress_file(tmp_path / "out", tmp_path / "back", dry_run=True)
        assert (back.action, back.original_size) == ("would-decompress", path.stat().st_size)
        (tmp_path / "out").unlink()
    for name in ("noise.safetensors", "noise.bin"):
        assert compress_file(tmp_path / name, dry_run=True).action == "would-skip"
        assert compress_file(tmp_path / name, tmp_path / "out", dry_run=True).action in (
            "would-skip",
            "would-copy",
        )
    assert {path.name: sha256(path) for path in tmp_path.iterdir()} == before


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(FormatError, match=f"file {path}: not a regular file"):
            compress_file(path)
    for function in (compress_file, decompress_file):
        with pytest.raises(FileNotFoundError, match="missing"):
            function(tmp_path / "missing")
    (tmp_path / "text").write_bytes(TEXT)
    with pytest.raises(FileNotFoundError, match="no/out"):
        compress_file(tmp_path / "text", tmp_path / "no" / "out")


def test_an_unknown_level_is_refused_and_leaves_nothing(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="level 'best'"):
        compress_file(model, level="best")
    assert names(tmp_path) == ["model.safetensors"]


def test_names_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 239 + ".safetensors")  # with .znn in it, 255
    path.write_bytes(MODEL)
    output = compress_file(path).output
    assert output is not None
    assert len(output.name) == 255
    assert files.verify_file(output).tensors == 2


def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.bin"))
    path.write_bytes(TEXT)
    output = compress_file(path, delete_original=True).output
    assert output is not None
    assert decompress_file(output).output == path
    assert path.read_bytes() == TEXT
