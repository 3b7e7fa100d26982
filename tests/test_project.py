# SPDX-License-Identifier: MIT
"""What holds for the project as a whole: its sources, its documents and its packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import zipnn

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "cpp", "tests", "scripts", "benchmarks", "docs", ".ci")
LICENCE_LINE = "SPDX-License-Identifier: MIT"
SOURCES = {".py", ".pyi", ".cpp", ".hpp"}
SCRIPTS = {"Makefile", "CMakeLists.txt", "run"}
TEXTS = {".md", ".toml", ".txt", ".json"}

FILES = sorted(
    path
    for parent in (*(ROOT / folder for folder in FOLDERS), ROOT)
    for path in (parent.glob("*") if parent == ROOT else parent.rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts
)
PYPROJECT = (ROOT / "pyproject.toml").read_text()


def requirements(text: str) -> list[Requirement]:
    """The requirements that are quoted in a part of pyproject.toml."""
    return [Requirement(quoted) for quoted in re.findall(r'"([A-Za-z][^"]*)"', text)]


def section(name: str) -> str:
    """The text of a section of pyproject.toml."""
    return PYPROJECT.partition(f"[{name}]\n")[2].partition("\n[")[0]


def test_every_source_file_says_its_licence() -> None:
    sources = [path for path in FILES if path.suffix in SOURCES or path.name in SCRIPTS]
    assert len(sources) > 20
    # In the first line, or in the second after `#!`.
    assert not [path for path in sources if f"{LICENCE_LINE}\n" not in path.read_text()[:60]]


def test_no_path_of_one_machine_is_written_down() -> None:
    pattern = re.compile(r"(?:^|[^A-Za-z0-9_.~])/(?:root|home|tmp|work)/[A-Za-z]")
    assert pattern.search(f"at /{'home'}/someone")
    texts = [path for path in FILES if path.suffix in SOURCES | TEXTS or path.name in SCRIPTS]
    assert not [path for path in texts if pattern.search(path.read_text())]


def test_changelog_has_the_version() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', PYPROJECT, re.MULTILINE)
    first = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == version


def test_format_page_specifies_the_version_that_is_written() -> None:
    page = (ROOT / "docs" / "format.md").read_text()
    version = zipnn.compress(b"zipnn")[4]
    assert page.startswith(f"# The zipnn format, version {version}\n")
    assert re.search(rf"^\| {version} \| \d+\.\d+\.\d+ \|", page, re.MULTILINE)


def test_links_between_documents_lead_somewhere() -> None:
    for page in (path for path in FILES if path.suffix == ".md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_build_tools_that_make_installs_are_those_that_the_build_asks_for() -> None:
    pins = re.search(r"^BUILD_TOOLS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pins is not None
    versions = dict(pin.split("==") for pin in pins[1].split())
    for needed in requirements(section("build-system").partition("]")[0]):
        assert needed.specifier.contains(versions[needed.name])


def test_every_dependency_has_its_reason() -> None:
    page = (ROOT / "docs" / "design" / "dependencies.md").read_text()
    declared = requirements(section("project").partition("dependencies = ")[2].partition("\n]")[0])
    declared += requirements(section("build-system").partition("]")[0])
    declared += requirements(section("dependency-groups"))
    assert {"numpy", "nanobind", "pytest", "ruff"} <= {requirement.name for requirement in declared}
    listed = {canonicalize_name(name) for name in re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)}
    assert {canonicalize_name(requirement.name) for requirement in declared} <= listed


@pytest.mark.skipif("CI" not in os.environ, reason="takes half a minute: continuous integration runs it")
def test_wheel_builds_from_the_source_package(tmp_path: Path) -> None:
    build = f"from scikit_build_core.build import build_sdist; build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], check=True, cwd=ROOT)
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CMakeLists.txt", "cpp/bindings/module.cpp"} <= names
    assert not [name for name in names if name.startswith(("build", ".venv"))]

    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {
        path.relative_to(ROOT / "src").as_posix()
        for path in FILES
        if path.is_relative_to(ROOT / "src") and path.suffix in {".py", ".pyi", ".typed"}
    } <= packed
    assert [name for name in packed if re.fullmatch(r"zipnn/_core\..*(so|pyd)", name)]
