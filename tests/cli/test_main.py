# SPDX-License-Identifier: MIT
"""The command as a process: streams, terminals, signals, disks, and what it says when all goes wrong."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zipnn as library
from tests.cli.conftest import Zipnn, save_model
from zipnn.cli.errors import Exit
from zipnn.cli.main import main

ROOT = Path(__file__).parents[2]


# --- help, versions, wrong command lines -----------------------------------------------------------


def test_version(process: Zipnn) -> None:
    run = process("--version")
    assert (run.code, run.out, run.err) == (0, f"zipnn {library.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments", [["--help"], *([c, "--help"] for c in ("compress", "decompress", "verify", "info"))]
)
def test_help_has_examples_and_exit_codes(zipnn: Zipnn, arguments: list[str]) -> None:
    run = zipnn(*arguments)
    assert (run.code, run.err) == (0, "")
    assert "\nexamples:\n  zipnn " in run.out
    for code in Exit:
        assert re.search(rf"^  {int(code)} +\w", run.out, re.MULTILINE)


def test_page_lists_every_option_and_exit_code(zipnn: Zipnn) -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for command in (
        "compress",
        "decompress",
        "verify",
        "info",
        "ls",
        "cat",
        "upgrade",
        "cache",
        "doctor",
        "export",
        "autoload",
    ):
        for option in re.findall(r"--[a-z-]+", zipnn(command, "--help").out):
            assert option in page or option == "--help", option
    for code in Exit:
        assert f"\n| {int(code)} | " in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["shrink"], "invalid choice: 'shrink'"),
        (["--nope"], "COMMAND"),
        (["info"], "the following arguments are required: PATH"),
        (["verify", "a", "--threads"], "expected one argument"),
    ],
)
def test_wrong_command_line(zipnn: Zipnn, arguments: list[str], words: str) -> None:
    run = zipnn(*arguments)
    assert (run.code, run.out) == (2, "")
    first, second = run.err.splitlines()
    assert first.startswith("zipnn: error: ")
    assert words in first
    assert re.fullmatch(r"hint: zipnn.* --help", second)


def test_script_is_installed(model: Path) -> None:
    script = Path(sys.executable).with_name("zipnn")
    done = subprocess.run([script, "info", model, "--json"], capture_output=True, check=True)
    assert json.loads(done.stdout)["results"][0]["kind"] == "safetensors"


# --- streams ---------------------------------------------------------------------------------------


def test_quiet(zipnn: Zipnn, model: Path) -> None:
    run = zipnn("compress", model, "--quiet")
    assert (run.code, run.out, run.err) == (0, "", "")
    run = zipnn("compress", model, "-q")
    assert (run.code, run.out) == (3, "")
    assert run.err.startswith("zipnn: error: ")
    run = zipnn("compress", model, "-q", "--force", "--json")
    assert len(run.document["results"]) == 1
    assert run.err == ""


def test_json_alone_is_on_standard_output(process: Zipnn, model: Path, folder: Path, tmp_path: Path) -> None:
    run = process("compress", model, folder, tmp_path / "nope", "-o", tmp_path / "out", "--json")
    assert run.code == 1
    document = run.document
    assert document.keys() == {"zipnn", "command", "exit_code", "results", "errors", "dry_run", "total"}
    assert document["command"] == "compress"
    assert document["total"].keys() == {
        "files", "original_size", "compressed_size", "size_before", "size_after", "seconds",
    }  # fmt: skip
    results = document["results"]
    for result in results:
        assert result.keys() == {
            "source", "output", "action", "original_size", "compressed_size", "seconds", "reason",
        }  # fmt: skip
        assert result["action"] in {"compressed", "copied"}
        assert Path(result["output"]).is_file()
        if result["action"] == "compressed":
            assert result["original_size"] == Path(result["source"]).stat().st_size
            assert result["compressed_size"] == Path(result["output"]).stat().st_size
    total = document["total"]
    assert total["files"] == len(results) == 6
    assert total["original_size"] == total["size_before"] == sum(r["original_size"] for r in results)
    assert total["compressed_size"] == total["size_after"] == sum(r["compressed_size"] for r in results)
    assert document["errors"] == [
        {
            "path": str(tmp_path / "nope"),
            "type": "FileNotFoundError",
            "message": f"{tmp_path / 'nope'}: no such file or directory",
            "hint": None,
        }
    ]
    assert run.err.count("zipnn: error: ") == 1


def test_standard_input_may_be_closed(process: Zipnn, model: Path) -> None:
    def close() -> None:
        os.close(0)

    assert process("compress", model, preexec_fn=close).code == 0
    assert process("compress", model, "--force", stdin=subprocess.DEVNULL).code == 0


@pytest.mark.parametrize("descriptor", [1, 2])
def test_standard_output_or_error_may_be_closed(process: Zipnn, model: Path, descriptor: int) -> None:
    def close() -> None:
        os.close(descriptor)

    assert process("compress", model, preexec_fn=close).code == 0
    small = model.with_name("model.znn.safetensors")
    assert process("verify", small, model).code == 0
    assert process("compress", model, preexec_fn=close).code == 3


def test_reader_that_goes_away_ends_it_quietly(model: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "zipnn", "info", str(model)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_a_failure(process: Zipnn, model: Path) -> None:
    with open("/dev/full", "w") as full:
        run = process("info", model, stdout=full)
    assert run.code == 1
    assert "no space left on device" in run.err


def test_names_that_are_not_unicode(process: Zipnn, model: Path, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.safetensors"
    try:
        Path(os.fsdecode(path)).write_bytes(model.read_bytes())
    except OSError:
        pytest.skip("this file system takes Unicode only")
    for env in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {}):
        run = process("compress", os.fsdecode(path), "--force", env=env)
        assert run.code == 0
        assert r"caf\udce9.safetensors" in run.out
    assert process("info", os.fsdecode(path), "--json").document["results"]


# --- terminals ---------------------------------------------------------------------------------------


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A model that takes long enough for a progress line."""
    noise = np.random.default_rng(1).standard_normal((3000, 1000)).astype(np.float32)
    return save_model(tmp_path / "a-model-with-a-rather-long-name.safetensors", big=noise)


def on_terminal(
    arguments: list[Any], *, columns: int = 80, env: dict[str, str] | None = None, out_too: bool = False
) -> tuple[int, str, str]:
    """Run with standard error (and output, if `out_too`) on a terminal: code, output, what was drawn."""
    controlling, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}}
    child = subprocess.Popen(
        [sys.executable, "-m", "zipnn", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=terminal if out_too else subprocess.PIPE,
        stderr=terminal,
        env={**environment, "TERM": "xterm", **(env or {})},
    )
    os.close(terminal)
    drawn = b""
    while True:
        try:
            piece = os.read(controlling, 65536)
        except OSError:  # Linux's word for: nobody has it open any more
            break
        if not piece:
            break
        drawn += piece
    os.close(controlling)
    out = child.stdout.read().decode() if child.stdout else ""
    if child.stdout:
        child.stdout.close()
    return child.wait(), out, drawn.decode()


LINE = re.compile(r"\s*\d+%  [\d.]+ \w?B/s")


def test_progress_is_drawn_on_a_terminal_and_removed(big: Path) -> None:
    code, out, drawn = on_terminal(["compress", big])
    assert code == 0
    assert out.count("\n") == 1
    assert "\x1b[32m" in drawn
    assert LINE.search(drawn)
    assert "[#" in drawn or "[-" in drawn
    assert "\n" not in drawn
    assert drawn.endswith(" \r")


def test_progress_fits_a_narrow_terminal(big: Path) -> None:
    for columns in (20, 34):
        code, _, drawn = on_terminal(["compress", big, "--force"], columns=columns, env={"NO_COLOR": "1"})
        assert code == 0
        assert LINE.search(drawn)
        assert all(len(line) < columns for line in drawn.split("\r"))


def test_no_color_means_no_colour(big: Path, model: Path) -> None:
    code, _, drawn = on_terminal(["compress", big], env={"NO_COLOR": "1"})
    assert code == 0
    assert LINE.search(drawn)
    assert "\x1b" not in drawn
    for env, coloured in (({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)):
        code, _, drawn = on_terminal(["compress", model.with_name("nope")], env=env)
        assert code == 1
        assert ("\x1b[31merror:\x1b[0m" in drawn) == coloured


@pytest.mark.parametrize("options", [{"env": {"TERM": "dumb"}}, {"more": ["-q"]}], ids=str)
def test_progress_is_not_drawn(big: Path, options: dict[str, Any]) -> None:
    code, _, drawn = on_terminal(["compress", big, *options.get("more", [])], env=options.get("env"))
    assert code == 0
    assert not LINE.search(drawn)
    assert "\r" not in drawn.replace("\r\n", "")


def test_progress_is_not_drawn_into_a_pipe(process: Zipnn, big: Path) -> None:
    run = process("compress", big)
    assert run.code == 0
    assert run.err == f"compressing {big}\n"


def test_error_does_not_mix_with_the_progress_line(big: Path) -> None:
    library.compress_file(big, in_place=True)
    data = bytearray(big.read_bytes())
    data[len(data) // 2] ^= 1
    big.write_bytes(data)
    code, _, drawn = on_terminal(["verify", big], columns=300, env={"NO_COLOR": "1"})
    assert code == 1
    assert re.search(r"(^|\r)zipnn: error: file .*chunk", drawn)


def test_tables_fit_the_terminal(model: Path, tmp_path: Path) -> None:
    long = {f"model.layers.{'very.' * 20}deep.{i}.weight": np.ones(3, np.float32) for i in range(3)}
    path = save_model(tmp_path / "m.safetensors", **long)
    for columns in (70, 100):
        _, _, drawn = on_terminal(["info", path, "--tensors"], columns=columns, out_too=True)
        table = drawn[drawn.index("tensor ") :].replace("\r\n", "\n")
        assert all(len(line) <= columns for line in table.splitlines())
        assert "…" in table
    done = subprocess.run(
        [sys.executable, "-m", "zipnn", "info", path, "--tensors"], capture_output=True, check=True
    )
    assert all(name in done.stdout.decode() for name in long)


# --- signals, disks, surprises -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung up")],
)
def test_interrupt(tmp_path: Path, number: signal.Signals, words: str) -> None:
    path = save_model(tmp_path / "m.safetensors", big=np.random.default_rng(1).standard_normal(20_000_000))
    child = subprocess.Popen(
        [sys.executable, "-m", "zipnn", "compress", path, "--threads", "1"], stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    wait_for(lambda: any(tmp_path.glob(".zipnn-*")), child)
    child.send_signal(number)
    errors = child.stderr.read()
    child.stderr.close()
    assert child.wait() == 128 + number
    assert errors == f"compressing {path}\nzipnn: error: {words}\n"
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


def wait_for(condition: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    """Wait until the condition holds; fail if the child ends before."""
    while not condition():
        assert child.poll() is None
        time.sleep(0.01)


def test_disk_that_fills_up(process: Zipnn, big: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    run = process("compress", big, "--delete-original", preexec_fn=limit)
    assert run.code == 1
    assert run.err.splitlines()[1] == (
        f"zipnn: error: {big.with_name(big.stem + '.znn.safetensors')}: file too large"
    )
    assert [file.name for file in big.parent.iterdir()] == [big.name]


def test_folder_that_cannot_be_written_to(zipnn: Zipnn, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refusing(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refusing)
    run = zipnn("compress", model)
    assert run.code == 1
    assert run.err.splitlines()[1:] == [
        f"zipnn: error: {model.with_name('model.znn.safetensors')}: permission denied",
        "hint: check the permissions of the file and its folder, or write elsewhere with -o",
    ]


def test_error_of_our_own_is_one_line(
    zipnn: Zipnn, process: Zipnn, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("the\nunexpected")

    monkeypatch.setattr("zipnn.verification.verify_file", broken)
    run = zipnn("verify", model)
    assert run.code == 1
    assert run.err.splitlines()[1:] == [
        rf"zipnn: error: {model}: internal error: RuntimeError: the\nunexpected",
        "hint: this is an error in zipnn; -v shows where, please report it",
    ]


def test_verbose_shows_where_an_error_comes_from(model: Path) -> None:
    command = [sys.executable, "-m", "zipnn", "decompress", "-v", str(model), "-o", str(model) + ".out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "zipnn: error: " in done.stderr


def test_main_can_be_called_again_and_again(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [main(["info", str(model)]), main(["info"]), main(["info", str(model)])] == [0, 2, 0]


def test_nothing_is_ever_asked(model: Path) -> None:
    """With a terminal to ask on, an output that exists and an original to delete."""
    library.compress_file(model)
    controlling, terminal = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "zipnn", "compress", "--delete-original", str(model)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    while select.select([controlling], [], [], 30)[0]:
        try:
            if not os.read(controlling, 4096):
                break
        except OSError:
            break
    os.close(controlling)
    assert child.wait(30) == 3
    assert model.exists()
