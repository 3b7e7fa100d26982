# SPDX-License-Identifier: MIT
"""Outputs appear complete or not at all."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest

from zipnn.errors import OutputExistsError
from zipnn.storage import atomic
from zipnn.storage.atomic import OutputFile, check_free
from zipnn.storage.outputs import output_file


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_nothing_has_the_name_before_it_is_published(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with output_file(target) as out:
        out.write(b"content")
        out.sync()
        assert out.path.parent == tmp_path
        assert out.path.name.endswith(".incomplete")
        assert names(tmp_path) == [out.path.name]
        assert stat.S_IMODE(out.path.stat().st_mode) == 0o600
        out.publish(tmp_path.stat(), overwrite=False)
        assert names(tmp_path) == ["out"]
    assert target.read_bytes() == b"content"


def test_what_is_not_published_is_removed(tmp_path: Path) -> None:
    with output_file(tmp_path / "out") as out:
        out.write(b"content")
    out.close()

    def interrupted() -> None:
        with output_file(tmp_path / "out") as out:
            out.write(bytes(5 << 20))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []


def test_an_interruption_right_after_the_file_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = os.open

    def interrupted(*args: Any) -> int:
        os.close(make(*args))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), output_file(tmp_path / "out"):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("seed", range(5))
def test_writes_end_up_where_they_belong(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    truth = bytearray()
    with output_file(tmp_path / "out") as out:
        for _ in range(200):
            data = chance.randbytes(chance.choice([0, 1, 100, 200_000, 1_100_000]) if seed else 7)
            offset = len(truth) if chance.random() < 0.8 else chance.randrange(len(truth) + 50)
            if offset == len(truth) and chance.random() < 0.5:
                out.write(data)
            else:
                out.write_at(offset, data)
            if data:
                truth.extend(bytes(max(offset - len(truth), 0)))
                truth[offset : offset + len(data)] = data
            assert out.position == len(truth)
        out.sync()
        assert out.path.read_bytes() == truth


def test_never_replaces_what_it_should_not(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with output_file(target) as out:
        out.sync()
        target.write_bytes(b"precious")
        with pytest.raises(OutputExistsError, match=str(target)):
            out.publish(tmp_path.stat(), overwrite=False)
    assert target.read_bytes() == b"precious"
    assert names(tmp_path) == ["out"]


def test_without_hard_links_a_free_name_is_taken_by_renaming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    for error in (None, OutputExistsError):
        with output_file(tmp_path / "out") as out:
            out.sync()
            if error is None:
                out.publish(tmp_path.stat(), overwrite=False)
            else:
                with pytest.raises(error):
                    out.publish(tmp_path.stat(), overwrite=False)
        assert names(tmp_path) == ["out"]


def test_errors_name_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    target = tmp_path / "out"
    with output_file(target) as out:
        monkeypatch.setattr(atomic, "_write_some", full)
        out.write(b"gathered")
        with pytest.raises(OSError, match="No space left") as caught:
            out.sync()
        assert caught.value.filename == str(target)
    assert names(tmp_path) == []
    with pytest.raises(FileNotFoundError) as missing:
        OutputFile(tmp_path / "no" / "out").open()
    assert missing.value.filename == str(tmp_path / "no" / "out")


def test_a_broken_link_is_not_free(tmp_path: Path) -> None:
    check_free(tmp_path / "free")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OutputExistsError):
        check_free(tmp_path / "link")
