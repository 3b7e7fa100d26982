# SPDX-License-Identifier: MIT
"""What is a URL and what is a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from zipnn.errors import ZipnnError
from zipnn.storage.locations import Url, is_url, local_path, place_of


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/key",
        "https://host/a b",
        "hf://org/repo/file",
        "memory://x",
        "gs://b/k",
        "S3://B/K",
        "a+b-c.d://x",
    ],
)
def test_a_scheme_and_two_slashes_make_a_url(url: str) -> None:
    assert is_url(url)
    assert place_of(url) == Url(url)
    assert str(place_of(url)) == url


@pytest.mark.parametrize(
    "path",
    [
        "C:\\models\\a.pt",
        "C://models/a.pt",
        "c:/a",
        "a:b",
        "a:/b",
        "s3:/bucket/key",
        "./s3://a",
        "1a://b",
        "://a",
        "",
    ],
)
def test_drives_and_colons_make_no_url(path: str) -> None:
    assert not is_url(path)
    assert place_of(path) == Path(path)


def test_path_objects_never_are_urls() -> None:
    assert place_of(Path("s3://bucket/key")) == Path("s3:/bucket/key")


def test_file_urls_are_paths() -> None:
    assert place_of("file:///models/a%20b.pt") == Path("/models/a b.pt")


@pytest.mark.parametrize(
    ("url", "name", "beside"),
    [
        ("s3://bucket/models/a.pt", "a.pt", "s3://bucket/models/b.znn"),
        ("s3://bucket/a#1?2%20.pt", "a#1?2%20.pt", "s3://bucket/b.znn"),
        ("https://host/x/a%20b.pt?token=1/2#there", "a b.pt", "https://host/x/b.znn?token=1/2#there"),
        ("https://host", "", "https://host/b.znn"),
    ],
)
def test_names(url: str, name: str, beside: str) -> None:
    assert Url(url).name == name
    assert str(Url(url).with_name("b.znn")) == beside


def test_urls_compare_by_what_they_say() -> None:
    assert Url("s3://a/b") == Url("s3://a/b") != Url("s3://a/c")
    assert len({Url("s3://a/b"), Url("s3://a/b")}) == 1
    assert Url("s3://a/b/") / "c" == Url("s3://a/b/c")
    assert repr(Url("s3://a")) == "Url('s3://a')"


def test_a_url_is_no_path_of_this_machine() -> None:
    assert local_path(Path("a")) == Path("a")
    with pytest.raises(ZipnnError, match="s3://a/b"):
        local_path(Url("s3://a/b"))
