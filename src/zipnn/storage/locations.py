# SPDX-License-Identifier: MIT
"""Where a file is: a path of this machine, or a URL."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

from ..errors import ZipnnError

# A scheme of one letter is the drive of a Windows path.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_WEB = frozenset({"http", "https"})


class Url:
    """A URL that stands where a `Path` may: what is asked of both has the same name.

    Args:
        url: such as `s3://bucket/key`.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return f"Url({self._url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self._url.rstrip('/')}/{name}")

    @property
    def scheme(self) -> str:
        """`s3`, `https`, ..."""
        return self._url.partition("://")[0].lower()

    @property
    def name(self) -> str:
        """The last part of the path, as a file would be called: for `with_name`, and for people."""
        if self.scheme in _WEB:
            return unquote(urlsplit(self._url).path.rpartition("/")[2])
        return self._url.partition("://")[2].rpartition("/")[2]

    def with_name(self, name: str) -> Url:
        """The URL of a file of that name beside this one."""
        if self.scheme in _WEB:
            parts = urlsplit(self._url)
            return Url(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{quote(name)}").geturl())
        return Url(f"{self._url.rpartition('/')[0]}/{name}")

    def absolute(self) -> Url:
        """The URL itself: it depends on no working directory."""
        return self

    def resolve(self) -> Url:
        """The URL itself: links are the server's matter."""
        return self

    def is_symlink(self) -> bool:
        return False

    def is_dir(self) -> bool:
        """False: whoever gives a URL means a file."""
        return False


Place = Path | Url


def is_url(location: object) -> bool:
    """Whether a string is a URL: a scheme of two letters or more, and `://`."""
    return isinstance(location, str) and _URL.match(location) is not None


def place_of(location: str | os.PathLike[str] | Url) -> Place:
    """The place that a caller gave: strings may be URLs, path objects never are."""
    if isinstance(location, Url):
        return location
    if not isinstance(location, str) or not is_url(location):
        return Path(location)
    if location.lower().startswith("file://"):
        return Path(url2pathname(urlsplit(location).path))
    return Url(location)


def local_path(place: Place) -> Path:
    """The path of what can only be on this machine. Raises `ZipnnError` for a URL."""
    if isinstance(place, Url):
        raise ZipnnError(f"{place}: a URL; a path of this machine is needed")
    return place


def are_same(one: Place, other: Place) -> bool:
    """Whether two places are one file or folder, by whatever names and links."""
    if isinstance(one, Url) or isinstance(other, Url):
        return one == other
    return one.exists() and other.exists() and os.path.samefile(one, other)
