# SPDX-License-Identifier: MIT
"""A series gives back every checkpoint byte for byte, whatever was removed, and says what it cannot give."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoints.runs import COUNT, contents, steps
from tests.containers.craft import in_a_row, noise, weights
from zipnn.checkpoints import Series
from zipnn.checkpoints.manifest import FILE, Manifest
from zipnn.errors import BaseMismatchError, CorruptError, FormatError, OutputExistsError, ZipnnError
from zipnn.files import compress_file

Truth = list[dict[str, bytes]]


@pytest.fixture
def run(tmp_path: Path) -> tuple[Series, Truth]:
    """A series of seven checkpoints, anchored at each fourth, and what was in them."""
    series = Series(tmp_path / "series", every=4)
    truth = []
    for files in steps(tmp_path / "run", 7):
        truth.append(files)
        series.add(tmp_path / "run", f"step-{len(truth)}")
    return series, truth


def check(series: Series, truth: Truth, numbers: Iterable[int], work: Path) -> None:
    """Every checkpoint of these numbers, and no other, is there and comes back."""
    assert [checkpoint.number for checkpoint in series.checkpoints()] == list(numbers)
    for number in numbers:
        out = work / "restored"
        series.restore(number, out)
        assert contents(out) == truth[number - 1]
        shutil.rmtree(out)


def files_of(series: Series) -> set[str]:
    return {path.name for path in series.folder.iterdir()} - {FILE, "series.lock"}


def test_every_checkpoint_comes_back(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, truth = run
    check(series, truth, range(1, 8), tmp_path)
    known = series.checkpoints()
    assert [checkpoint.base for checkpoint in known] == [None, 1, 2, 3, None, 5, 6]
    assert all(checkpoint.stored_size < 0.7 * known[0].stored_size for checkpoint in known if checkpoint.base)
    assert all(checked.intact and checked.restorable for checked in series.verify())


def test_tensors_are_read_through_the_chain(run: tuple[Series, Truth]) -> None:
    series, truth = run
    with series.open("step-4") as model:
        data = model.get_bytes("model.safetensors:w")
        moments = model.get_tensor("optimizer/v.safetensors:w")
        part = model.get_slice("optimizer/v.safetensors:w")[5:10]
    assert bytes(data) in truth[3]["model.safetensors"]
    assert moments.tobytes() in truth[3]["optimizer/v.safetensors"]
    assert np.array_equal(part, moments[5:10])


@pytest.mark.parametrize(
    ("keep", "bases"),
    [
        (3, {5: None, 6: 5, 7: 6}),
        ([1, 7], {1: None, 7: None}),
        (["step-1", "step-3", "4"], {1: None, 3: 1, 4: 3}),
        ([4], {4: None}),
        (100, {1: None, 2: 1, 3: 2, 4: 3, 5: None, 6: 5, 7: 6}),
        ([2, 4, 6, 7], {2: None, 4: 2, 6: None, 7: 6}),
    ],
)
def test_pruned(
    run: tuple[Series, Truth], tmp_path: Path, keep: int | list[int | str], bases: dict[int, int | None]
) -> None:
    series, truth = run
    gone = series.prune(keep)
    assert sorted([*bases, *(checkpoint.number for checkpoint in gone)]) == list(range(1, 8))
    check(series, truth, bases, tmp_path)
    assert {checkpoint.number: checkpoint.base for checkpoint in series.checkpoints()} == bases
    assert files_of(series) == {checkpoint.file for checkpoint in series.checkpoints()}
    for files in steps(tmp_path / "run", 8):
        truth[7:] = [files]
    assert series.add(tmp_path / "run").number == 8  # no number is given twice
    check(series, truth, [*bases, 8], tmp_path)


def test_reanchored(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, truth = run
    assert series.reanchor(3).base is None
    assert series.reanchor(3).base is None
    assert [checkpoint.base for checkpoint in series.checkpoints()] == [None, 1, None, 3, None, 5, 6]
    check(series, truth, range(1, 8), tmp_path)
    assert files_of(series) == {checkpoint.file for checkpoint in series.checkpoints()}


def test_files_of_any_format(tmp_path: Path) -> None:
    series = Series(tmp_path / "series")
    truth = []
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 30_000)
    for step in range(4):
        values[rng.integers(0, len(values), 300)] += 1e-9
        np.savez(tmp_path / "state.npz", values=values, step=step)
        truth.append((tmp_path / "state.npz").read_bytes())
        series.add(tmp_path / "state.npz")
    (tmp_path / "log").write_text("no tensors at all\n" * 1000)
    (tmp_path / "nothing").write_bytes(b"")
    for name in ("log", "log", "nothing", "nothing"):
        truth.append((tmp_path / name).read_bytes())
        series.add(tmp_path / name)
    for number, content in enumerate(truth, 1):
        series.restore(number, tmp_path / "out", force=True)
        assert (tmp_path / "out").read_bytes() == content
    assert [checkpoint.base for checkpoint in series.checkpoints()][:4] == [None, 1, 2, 3]
    with pytest.raises(OutputExistsError):
        series.restore(1, tmp_path / "out")


def test_a_difference_that_does_not_pay_becomes_an_anchor(tmp_path: Path) -> None:
    series = Series(tmp_path / "series")
    for seed in range(2):
        (tmp_path / "m").write_bytes(in_a_row({"w": ("BF16", [50_000], weights(50_000, seed))}))
        series.add(tmp_path / "m")
    assert [checkpoint.base for checkpoint in series.checkpoints()] == [None, None]


def test_of_compressed_files_the_original_is_kept(tmp_path: Path) -> None:
    series = Series(tmp_path / "series")
    plain, small = tmp_path / "m.safetensors", tmp_path / "small"
    for step in range(2):
        plain.write_bytes(in_a_row({"w": ("BF16", [50_000], weights(49_000) + noise(2000, step))}))
        compress_file(plain, small, force=True)
        series.add(small)
        series.restore(step + 1, tmp_path / "out", force=True)
        assert (tmp_path / "out").read_bytes() == plain.read_bytes()


def test_a_damaged_link_names_what_can_still_be_restored(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, truth = run
    path = series.folder / "000002.znn"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x40
    path.write_bytes(content)
    for number in (2, 3, 4):
        with pytest.raises((CorruptError, BaseMismatchError)) as caught:
            series.restore(number, tmp_path / "out")
        assert "damaged: 2; without these can be restored: 1, 5, 6, 7" in str(caught.value)
        assert not (tmp_path / "out").exists()
    found = {checked.checkpoint.number: checked for checked in series.verify()}
    assert [number for number, checked in found.items() if not checked.intact] == [2]
    assert [number for number, checked in found.items() if not checked.restorable] == [2, 3, 4]
    with pytest.raises((CorruptError, BaseMismatchError)):
        series.prune([4, 7])  # needs what is damaged: nothing goes
    with pytest.raises((CorruptError, BaseMismatchError)):
        series.reanchor(3)
    series.prune([1, 5, 6, 7])
    check(series, truth, [1, 5, 6, 7], tmp_path)


def test_a_missing_or_shorter_link(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, _ = run
    path = series.folder / "000001.znn"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(CorruptError, match=r"000001\.znn.*without these can be restored: 5, 6, 7"):
        series.restore(4, tmp_path / "out")
    path.unlink()
    with pytest.raises(CorruptError, match="missing"):
        series.restore(4, tmp_path / "out")
    with pytest.raises(CorruptError, match="missing"), series.open(1):
        pass
    assert [checked.restorable for checked in series.verify()] == [False] * 4 + [True] * 3


def test_another_archive_in_place_of_a_link(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, _ = run
    other = Series(tmp_path / "other")
    for _ in steps(tmp_path / "run", 1, seed=9):
        other.add(tmp_path / "run")
    content = (other.folder / "000001.znn").read_bytes()
    size = series.checkpoints()[0].stored_size
    (series.folder / "000001.znn").write_bytes(content)
    with pytest.raises((CorruptError, BaseMismatchError)):
        series.restore(2, tmp_path / "out")
    assert not series.verify()[0].intact
    assert len(content) != size or series.verify()[0].reason


def test_leftovers_of_a_writer_that_was_killed(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, truth = run
    (series.folder / ".zipnn-0123456789abcdef.incomplete").write_bytes(b"half")
    (series.folder / ".zipnn-fedcba9876543210.incomplete").mkdir()
    (series.folder / "000003-1.znn").write_bytes(b"never noted")
    (series.folder / "notes.txt").write_bytes(b"mine")
    for files in steps(tmp_path / "run", 8):
        truth[7:] = [files]
    assert series.add(tmp_path / "run").number == 8
    assert files_of(series) == {"notes.txt", *(checkpoint.file for checkpoint in series.checkpoints())}
    check(series, truth, range(1, 9), tmp_path)


def test_a_manifest_that_is_older_than_the_archives(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, truth = run
    older = (series.folder / FILE).read_bytes()
    series.add(tmp_path / "run")
    (series.folder / FILE).write_bytes(older)
    with pytest.raises(CorruptError, match=r"000008\.znn is there already"):
        series.add(tmp_path / "run")
    series.prune(7)
    assert (series.folder / "000008.znn").exists()
    check(series, truth, range(1, 8), tmp_path)


def test_what_is_no_series(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "model").write_bytes(b"x")
    (tmp_path / "m").write_bytes(b"m")
    for act in (lambda s: s.add(tmp_path / "m"), lambda s: s.checkpoints(), lambda s: s.prune(1)):
        with pytest.raises(FormatError, match="not a series"):
            act(Series(foreign))
    assert [path.name for path in foreign.iterdir()] == ["model"]
    with pytest.raises(FileNotFoundError):
        Series(tmp_path / "nowhere").checkpoints()
    with pytest.raises(FileNotFoundError):
        Series(tmp_path / "new").add(tmp_path / "nowhere")
    assert not (tmp_path / "new").exists()
    for every in (0, 51):
        with pytest.raises(ValueError, match="every"):
            Series(tmp_path / "new", every=every)
    with pytest.raises(ValueError, match="level 'hard'"):
        Series(tmp_path / "new", level="hard")


def test_arguments(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, _ = run
    for which in (0, 8, "step-8", "8", "", "#8", "#", "#step-1", "\u0663"):
        with pytest.raises(ZipnnError, match=r"no checkpoint .*, 7 \('step-7'\)"):
            series.restore(which, tmp_path / "out")
    for which in (None, 1.0, tmp_path):
        with pytest.raises(TypeError, match="number or name"):
            series.restore(which, tmp_path / "out")
    with pytest.raises(ValueError, match="nothing would be left"):
        series.prune(0)
    with pytest.raises(ValueError, match="keep"):
        series.prune(-1)
    for keep in ("step-1", None, 1.5, [1.5]):
        with pytest.raises(TypeError):
            series.prune(keep)
    assert [gone.number for gone in series.prune(np.int64(6))] == [1]
    with pytest.raises(ZipnnError, match="lies in"):
        Series(tmp_path / "run" / "series").add(tmp_path / "run")


def test_names_are_text(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, truth = run
    before = {path: path.read_bytes() for path in series.folder.iterdir()}
    for name in (500, np.int64(5), tmp_path, b"step"):
        with pytest.raises(TypeError, match="name of a checkpoint is text"):
            series.add(tmp_path / "run", name)
    assert {path: path.read_bytes() for path in series.folder.iterdir()} == before
    check(series, truth, range(1, 8), tmp_path)


def test_any_name_can_be_written_anew(tmp_path: Path) -> None:
    names = ["y" * 300, "../a", "", "..", "con\n\x1b[31m", "\udc80", "a\0"]
    series = Series(tmp_path / "series")
    for number, name in enumerate(names, 1):
        np.save(tmp_path / "x.npy", np.arange(5000) + number)
        series.add(tmp_path / "x.npy", name)
    series.reanchor(4)
    assert len(series.prune(6)) == 1
    series.prune([*names[1::2]])
    assert [checkpoint.name for checkpoint in series.checkpoints()] == names[1::2]
    for number in (2, 4, 6):
        series.restore(number, tmp_path / "out.npy", force=True)
        assert np.array_equal(np.load(tmp_path / "out.npy"), np.arange(5000) + number)


def test_a_name_that_is_the_number_of_another(tmp_path: Path) -> None:
    series = Series(tmp_path / "series")
    for name in ("30", "2", "3", "3", "1", "#1"):
        (tmp_path / "m").write_text(name)
        series.add(tmp_path / "m", name)

    def found(which: int | str) -> str:
        series.restore(which, tmp_path / "out", force=True)
        return (tmp_path / "out").read_text()

    assert [found(which) for which in (1, "#1", "30", "2", "#2", "#3", "#6", "6")] == [
        "30", "30", "30", "2", "2", "3", "#1", "#1",
    ]  # fmt: skip
    assert [series.find(which).number for which in (np.int64(3), "#5", "2")] == [3, 5, 2]
    with pytest.raises(ZipnnError, match="'#1' for the first, '#5' for the other"):
        found("1")
    with pytest.raises(ZipnnError, match="'#3' for the first, '#4' for the other"):
        series.prune(["3"])
    assert len(series.checkpoints()) == 6


def beside(series: Series, act: Callable[[Series], object]) -> Series:
    """The series, to whose folder `act` is done once, just after it read its manifest."""

    class Beside(Series):
        def _manifest(self) -> Manifest:
            manifest = super()._manifest()
            if acts:
                acts.pop()(series)
            return manifest

    acts = [act]
    return Beside(series.folder)


def test_read_beside_one_that_prunes(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, truth = run
    beside(series, lambda s: s.prune([2, 3, 4, 6, 7])).restore(4, tmp_path / "out")
    assert contents(tmp_path / "out") == truth[3]
    with beside(series, lambda s: s.reanchor(3)).open("step-4") as model:
        assert bytes(model.get_bytes("model.safetensors:w")) in truth[3]["model.safetensors"]
    with beside(series, lambda s: s.prune([4, 7])).open("step-4") as model:
        assert len(model.keys()) > 1
    checked = beside(series, lambda s: s.prune(1)).verify()
    assert [(one.checkpoint.number, one.intact, one.restorable) for one in checked] == [(7, True, True)]
    series.add(tmp_path / "run")
    with pytest.raises(ZipnnError, match="no checkpoint 7"):
        beside(series, lambda s: s.prune(1)).restore(7, tmp_path / "gone")
    path = series.folder / series.checkpoints()[0].file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptError, match="damaged: 8"):  # an addition does not make it whole
        beside(series, lambda s: s.prune(1)).restore(8, tmp_path / "out2")


def test_errors_while_one_is_open(run: tuple[Series, Truth], tmp_path: Path) -> None:
    series, _ = run
    mine = CorruptError("file mine: damaged")
    with pytest.raises(CorruptError) as caught, series.open(2):
        raise mine
    assert caught.value is mine
    assert str(mine) == "file mine: damaged"
    path = series.folder / "000002.znn"
    with series.open(2) as model:
        names = model.keys()
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x40
    path.write_bytes(content)
    place = r"series .*: checkpoint 2: .*damaged: 2; without"
    with pytest.raises(CorruptError, match=place), series.open(2) as model:
        _ = [model.get_bytes(name) for name in names]
    with pytest.raises(CorruptError) as caught, series.open(2):
        raise mine
    assert str(mine) == "file mine: damaged"


def _add_some(folder: Path, source: Path, count: int) -> None:
    for _ in range(count):
        Series(folder).add(source)


def test_writers_at_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(in_a_row({"w": ("BF16", [COUNT], weights(COUNT))}))
    context = multiprocessing.get_context("spawn")
    arguments = (tmp_path / "series", tmp_path / "m", 3)
    workers = [context.Process(target=_add_some, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    series = Series(tmp_path / "series")
    assert [checkpoint.number for checkpoint in series.checkpoints()] == list(range(1, 10))
    assert all(checked.restorable for checked in series.verify())
