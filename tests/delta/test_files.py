# SPDX-License-Identifier: MIT
"""Models as differences to a base: whatever the files, the model comes back byte for byte."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import zipnn
from tests.delta.models import codings, model, save, save_shards, state_of, tuned
from zipnn.checkpoints import Series
from zipnn.containers.archive import limits
from zipnn.containers.archive.reading import open_archive
from zipnn.delta.base import open_base
from zipnn.errors import (
    BaseMismatchError,
    BaseRequiredError,
    CorruptError,
    FormatError,
    MismatchError,
    OutputExistsError,
    ZipnnError,
)
from zipnn.files import archive_file

BASE = model()
TUNED = tuned(BASE)
SIZE = sum(tensor.nbytes for tensor in TUNED.values())


def there_and_back(base: Path, made: Path, folder: Path, **options: Any) -> Path:
    """Make the delta and apply it; returns the delta's path."""
    folder.mkdir(parents=True, exist_ok=True)
    delta, again = folder / "delta.znn", folder / "again"
    result = zipnn.make_delta(base, made, delta, **options)
    assert (result.output, result.compressed_size) == (delta, delta.stat().st_size)
    applied = zipnn.apply_delta(base, delta, again)
    assert (applied.output, applied.original_size) == (again, result.original_size)
    if made.is_dir():
        assert state_of(again) == state_of(made)
    else:
        assert again.read_bytes() == made.read_bytes()
    assert not [path for path in folder.rglob("*") if "incomplete" in path.name]
    return delta


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save(tmp_path / "base.safetensors", BASE)


@pytest.fixture
def tuned_file(tmp_path: Path) -> Path:
    return save(tmp_path / "tuned.safetensors", TUNED, format="pt")


def test_a_fine_tune_is_stored_as_what_differs(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    delta = there_and_back(base, tuned_file, tmp_path)
    archive_file(tuned_file, tmp_path / "alone.znn")
    assert delta.stat().st_size < 0.8 * (tmp_path / "alone.znn").stat().st_size
    assert codings(delta)["delta"] == SIZE


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float16, np.float64, ml_dtypes.float8_e4m3fn, np.int32, np.int8]
)
@pytest.mark.parametrize("level", ["fast", "max"])
def test_every_dtype_comes_back(dtype: Any, level: str, tmp_path: Path) -> None:
    scale = 100 if np.issubdtype(dtype, np.integer) else 1
    old = {name: (tensor.astype(np.float32) * scale * 40).astype(dtype) for name, tensor in BASE.items()}
    new = {name: (tensor.astype(np.float32) * scale * 40).astype(dtype) for name, tensor in TUNED.items()}
    there_and_back(save(tmp_path / "a", old), save(tmp_path / "b", new), tmp_path / "out", level=level)


def test_threads_change_no_byte(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    for threads in (1, 2, 5):
        zipnn.make_delta(base, tuned_file, tmp_path / f"{threads}.znn", threads=threads)
    assert len({(tmp_path / f"{threads}.znn").read_bytes() for threads in (1, 2, 5)}) == 1


def test_an_unchanged_model_takes_almost_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    many = {f"layers.{n}.weight": rng.standard_normal((20, 30), np.float32) for n in range(500)}
    path = save(tmp_path / "model.safetensors", many)
    delta = there_and_back(save_shards(tmp_path / "base", many, 3), path, tmp_path)
    assert codings(delta)["base"] == 500 * 2400
    assert delta.stat().st_size < 500 * 40


def test_large_tensors_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SEGMENT", 8192)
    monkeypatch.setattr("zipnn.delta.base.SEGMENT", 8192)
    old = {"a": BASE["embed.weight"], "b": BASE["head.weight"]}
    new = {"a": TUNED["embed.weight"], "b": BASE["head.weight"].copy()}
    new["b"][-1] = 0
    delta = there_and_back(save(tmp_path / "a", old), save(tmp_path / "b", new), tmp_path)
    assert codings(delta) == {
        "plain": delta_header(tmp_path / "b"),
        "base": 4 * 8192,
        "delta": 2 * 38_400 - 4 * 8192,
    }


def delta_header(path: Path) -> int:
    return 8 + int.from_bytes(path.read_bytes()[:8], "little")


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("compressed", [True, False])
def test_shards_may_be_cut_differently(index: bool, compressed: bool, tmp_path: Path) -> None:
    base = save_shards(tmp_path / "base", BASE, 2, index=index)
    made = save_shards(tmp_path / "tuned", TUNED, 3)
    (made / "config.json").write_text("{}")
    (made / "tokenizer").mkdir()
    (made / "tokenizer" / "vocab.txt").write_text("a\nb\n")
    if compressed:
        zipnn.compress_tree(base, in_place=True)
    delta = there_and_back(base, made, tmp_path)
    assert codings(delta)["delta"] == SIZE
    # The same tensors in one file are the same base.
    single = save(tmp_path / "single.safetensors", BASE)
    zipnn.apply_delta(single, delta, tmp_path / "from-single")
    assert state_of(tmp_path / "from-single") == state_of(made)


def test_a_compressed_model_is_taken_as_its_original(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    original = tuned_file.read_bytes()
    zipnn.compress_file(tuned_file)
    archive_file(tuned_file, tmp_path / "tuned.znn")
    for name in ("tuned.znn.safetensors", "tuned.znn"):
        zipnn.make_delta(base, tmp_path / name, tmp_path / "delta.znn", force=True)
        zipnn.apply_delta(base, tmp_path / "delta.znn", tmp_path / "again", force=True)
        assert (tmp_path / "again").read_bytes() == original
        assert codings(tmp_path / "delta.znn")["delta"] == SIZE


def test_files_of_a_folder_that_are_compressed_are_taken_as_their_originals(tmp_path: Path) -> None:
    made = save_shards(tmp_path / "tuned", TUNED, 2)
    before = state_of(made)
    zipnn.compress_tree(made, in_place=True)
    base = save_shards(tmp_path / "base", BASE, 2)
    zipnn.make_delta(base, made, tmp_path / "delta.znn")
    zipnn.apply_delta(base, tmp_path / "delta.znn", tmp_path / "again")
    assert state_of(tmp_path / "again") == before


def test_torch_and_safetensors_go_together(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def as_torch(tensors: dict[str, Any]) -> dict[str, Any]:
        return {
            name: torch.from_numpy(t.view(np.int16).copy()).view(torch.bfloat16)
            for name, t in tensors.items()
        }

    torch.save(as_torch(BASE), tmp_path / "base.bin")
    torch.save(as_torch(TUNED), tmp_path / "tuned.bin")
    plain = save(tmp_path / "tuned.safetensors", TUNED)
    one = there_and_back(tmp_path / "base.bin", plain, tmp_path / "1")
    two = there_and_back(save(tmp_path / "base.safetensors", BASE), tmp_path / "tuned.bin", tmp_path / "2")
    assert codings(one)["delta"] == codings(two)["delta"] == SIZE
    zipnn.apply_delta(tmp_path / "base.bin", two, tmp_path / "3")
    assert (tmp_path / "3").read_bytes() == (tmp_path / "tuned.bin").read_bytes()


def test_tensors_added_removed_reshaped_and_retyped_are_stored_alone(tmp_path: Path) -> None:
    new = {**TUNED, "added.weight": TUNED["embed.weight"][:50] * 3}
    del new["head.weight"]
    new["layers.0.attn.weight"] = TUNED["layers.0.attn.weight"].reshape(32, 128)
    new["layers.1.attn.weight"] = TUNED["layers.1.attn.weight"].astype(np.float32)
    new["layers.1.norm.weight"] = BASE["layers.1.norm.weight"].view(np.float16)  # the same bytes
    new["empty"] = np.zeros((0, 5), np.float32)
    new["scalar"] = np.array(3.0, np.float32)
    delta = there_and_back(save(tmp_path / "a", BASE), save(tmp_path / "b", new), tmp_path)
    assert codings(delta)["delta"] == TUNED["embed.weight"].nbytes
    assert "base" not in codings(delta)


def test_rows_that_were_added_or_dropped_leave_the_others_a_difference(tmp_path: Path) -> None:
    more = np.concatenate([TUNED["embed.weight"], TUNED["head.weight"][:20]])
    new = {"embed.weight": more, "head.weight": TUNED["head.weight"][:200]}
    delta = there_and_back(save(tmp_path / "a", BASE), save(tmp_path / "b", new), tmp_path)
    assert codings(delta)["delta"] == 300 * 128 + 200 * 128


def test_tied_tensors_and_equal_ones(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    old = {name: torch.from_numpy(t.astype(np.float32)) for name, t in BASE.items()}
    new = {name: torch.from_numpy(t.astype(np.float32)) for name, t in TUNED.items()}
    new["head.weight"] = new["embed.weight"]
    new["copy.weight"] = new["embed.weight"].clone()
    torch.save(old, tmp_path / "a.bin")
    torch.save(new, tmp_path / "b.bin")
    there_and_back(tmp_path / "a.bin", tmp_path / "b.bin", tmp_path)


def test_independent_models_are_no_larger_than_alone(tmp_path: Path) -> None:
    made = save(tmp_path / "b", model(seed=99))
    delta = there_and_back(save(tmp_path / "a", BASE), made, tmp_path)
    archive_file(made, tmp_path / "alone.znn")
    assert delta.stat().st_size < (tmp_path / "alone.znn").stat().st_size + 600


def test_what_is_no_tensor_file_is_stored_as_it_is(base: Path, tmp_path: Path) -> None:
    for content in (b"", b"x", b"some text, " * 1000):
        path = tmp_path / "other"
        path.write_bytes(content)
        zipnn.make_delta(base, path, tmp_path / "delta.znn", force=True)
        zipnn.apply_delta(base, tmp_path / "delta.znn", tmp_path / "again", force=True)
        assert (tmp_path / "again").read_bytes() == content


def test_default_names(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    assert zipnn.make_delta(base, tuned_file).output == tmp_path / "tuned.safetensors.znn"
    original = tuned_file.read_bytes()
    tuned_file.unlink()
    assert zipnn.apply_delta(base, tmp_path / "tuned.safetensors.znn").output == tuned_file
    assert tuned_file.read_bytes() == original


def test_outputs_that_exist_are_kept(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    delta = tmp_path / "delta.znn"
    delta.write_text("mine")
    with pytest.raises(OutputExistsError):
        zipnn.make_delta(base, tuned_file, delta)
    assert delta.read_text() == "mine"
    zipnn.make_delta(base, tuned_file, delta, force=True)
    with pytest.raises(OutputExistsError):
        zipnn.apply_delta(base, delta, tuned_file)


def test_a_base_is_not_replaced_by_what_needs_it(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    shards = save_shards(tmp_path / "shards", BASE, 2)
    for target, against in ((base, base), (shards / "model-00001-of-00002.safetensors", shards)):
        before = target.read_bytes()
        with pytest.raises(ZipnnError, match="part of the base"):
            zipnn.make_delta(against, tuned_file, target, force=True)
        assert target.read_bytes() == before


def test_nor_by_what_goes_to_where_no_output_was_given(tmp_path: Path) -> None:
    made = save_shards(tmp_path / "tuned", TUNED, 2)
    single = save(tmp_path / "single.safetensors", TUNED)
    for model_place, base in ((made, "tuned.znn"), (single, "single.safetensors.znn")):
        path = tmp_path / base
        archive_file(save(tmp_path / "b.safetensors", BASE), path)
        before = path.read_bytes()
        with pytest.raises(ZipnnError, match=r"part of the base.*give another output"):
            zipnn.make_delta(path, model_place, force=True)
        assert path.read_bytes() == before


def test_nor_by_what_is_restored(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    delta = tmp_path / "base.safetensors.znn"
    zipnn.make_delta(base, tuned_file, delta)
    before = base.read_bytes()
    for restore in (
        lambda: zipnn.apply_delta(base, delta, force=True),
        lambda: zipnn.apply_delta(base, delta, base, force=True),
        lambda: zipnn.decompress_file(delta, base, base=base, force=True),
    ):
        with pytest.raises(ZipnnError, match=r"part of the base.*give another output"):
            restore()
        assert base.read_bytes() == before


def test_a_model_that_is_its_base_is_refused(base: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(base)
    folder = save_shards(tmp_path / "folder", BASE, 2)
    for one, other in ((base, base), (base, tmp_path / "link"), (folder, folder)):
        with pytest.raises(ZipnnError, match="are the same"):
            zipnn.make_delta(one, other, tmp_path / "delta.znn")
    assert not (tmp_path / "delta.znn").exists()


def test_archives_of_folders_are_restored_first(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    folder = save_shards(tmp_path / "folder", TUNED, 2)
    zipnn.archive_folder(folder, tmp_path / "whole.znn")
    zipnn.make_delta(base, folder, tmp_path / "delta.znn")
    for name, way in (("whole.znn", "decompress"), ("delta.znn", "apply")):
        for pair in ((tmp_path / name, tuned_file), (base, tmp_path / name)):
            with pytest.raises(FormatError, match=rf"a folder's .*restore it \(zipnn {way}\)"):
                zipnn.make_delta(*pair, tmp_path / "none.znn")
    assert not (tmp_path / "none.znn").exists()


def test_blocks_of_quantised_values(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    rng = np.random.default_rng(2)

    def write(name: str, **tensors: Any) -> Path:
        writer = gguf.GGUFWriter(tmp_path / name, "llama")
        for key, values in tensors.items():
            quantised = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(key, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return tmp_path / name

    old, same = rng.standard_normal((2, 64, 256)).astype(np.float32)
    base = write("base.gguf", changed=old, same=same)
    delta = there_and_back(base, write("model.gguf", changed=old * 1.1, same=same), tmp_path)
    stored = codings(delta)
    assert stored["base"] == stored["blocks"] == 64 * 256 // 32 * 34


def test_progress_reaches_the_end(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    zipnn.make_delta(base, tuned_file, tmp_path / "d", progress=lambda *step: seen.append(step))
    zipnn.apply_delta(base, tmp_path / "d", tmp_path / "m", progress=lambda *step: seen.append(step))
    size = tuned_file.stat().st_size
    assert seen.count((size, size)) >= 2
    assert all(0 <= done <= total == size for done, total in seen)


def wrong_bases(folder: Path) -> dict[str, Path]:
    reshaped = {**BASE, "embed.weight": BASE["embed.weight"].reshape(64, 300)}
    retyped = {**BASE, "embed.weight": BASE["embed.weight"].view(np.float16)}
    fewer = {name: tensor for name, tensor in BASE.items() if name != "embed.weight"}
    bit = {name: tensor.copy() for name, tensor in BASE.items()}
    bit["embed.weight"].view(np.uint8)[70, 3] ^= 1
    cases = {"reshaped": reshaped, "retyped": retyped, "fewer": fewer, "bit": bit, "other": model(5)}
    return {name: save(folder / name / "b.safetensors", tensors) for name, tensors in cases.items()}


@pytest.mark.parametrize("changed", [True, False])
def test_another_base_is_refused(changed: bool, base: Path, tuned_file: Path, tmp_path: Path) -> None:
    made = tuned_file if changed else save(tmp_path / "same.safetensors", BASE, a="b")
    delta = tmp_path / "delta.znn"
    zipnn.make_delta(base, made, delta)
    for name, wrong in wrong_bases(tmp_path / "wrong").items():
        with pytest.raises(BaseMismatchError, match=r"base\.safetensors \(id [0-9a-f]{32}\)") as caught:
            zipnn.apply_delta(wrong, delta, tmp_path / "again")
        assert str(wrong) in str(caught.value), name
        assert "embed.weight" in str(caught.value), name
        assert not (tmp_path / "again").exists()
    assert not [path for path in tmp_path.rglob("*") if "incomplete" in path.name]


def test_a_base_that_changes_meanwhile_is_found(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    delta = tmp_path / "delta.znn"
    zipnn.make_delta(base, tuned_file, delta)
    with zipnn.safe_open(delta, base=base) as file:
        data = bytearray(base.read_bytes())
        data[-5] ^= 1
        with open(base, "r+b") as writable:
            writable.write(data)
        with pytest.raises(BaseMismatchError):
            file.get_tensors()


def test_a_base_that_is_replaced_while_it_is_compared_with(
    base: Path, tuned_file: Path, tmp_path: Path
) -> None:
    other = save(tmp_path / "other", model(7))

    def replace_base(*_: int) -> None:
        if other.exists():
            os.replace(other, base)

    shards = save_shards(tmp_path / "shards", TUNED, 2)
    for made in (tuned_file, shards):
        save(other, model(7))
        with pytest.raises(ZipnnError, match="changed while it was read"):
            zipnn.make_delta(base, made, tmp_path / "delta.znn", progress=replace_base)
        assert not (tmp_path / "delta.znn").exists()


def test_what_was_kept_of_a_base_proves_nothing(
    tmp_path: Path,
) -> None:
    base = tmp_path / "base.npy"
    np.save(base, np.asfortranarray(BASE["embed.weight"].astype(np.float32)))
    np.save(tmp_path / "made.npy", TUNED["embed.weight"].astype(np.float32))
    with open_base(base) as tensors:
        (tensor,) = tensors.tensors.values()
        wrong = bytearray(tensors.read(tensor, 0, tensors.size(tensor)))
        wrong[1000] ^= 1
        tensors._gathered = (tensor, memoryview(wrong))
        with pytest.raises(MismatchError):
            zipnn.make_delta(tensors, tmp_path / "made.npy", tmp_path / "delta.znn")
    assert not (tmp_path / "delta.znn").exists()


def test_transposed_tensors_of_one_name_in_several_files_are_told_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    one = rng.standard_normal((300, 200)).astype(np.float32)
    for size in (300, 7):  # of one size, and of different ones
        for folder, order, factors in (("base", "F", (1, 1.001)), ("made", "C", (1.003, 1.002))):
            root = tmp_path / f"{folder}{size}"
            for name, rows, factor in zip("ab", (size, 300), factors, strict=True):
                (root / name).mkdir(parents=True)
                array = np.array(one[:rows] * np.float32(factor), order=order)
                np.save(root / name / "w.npy", array)
        base, made = tmp_path / f"base{size}", tmp_path / f"made{size}"
        delta = there_and_back(base, made, tmp_path / f"out{size}")
        assert codings(delta)["delta"] == (size + 300) * 800
        series = Series(tmp_path / f"series{size}")
        for root in (base, made):
            series.add(root)
        assert all(checked.restorable for checked in series.verify())
        with series.open(2) as opened:
            for key in sorted(opened.keys()):
                array = np.load(made / key.removesuffix(":array"))
                assert opened.get_tensor(key).tobytes() == array.tobytes()


def test_without_a_base(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    delta = tmp_path / "delta.znn"
    zipnn.make_delta(base, tuned_file, delta)
    for function in (zipnn.verify_file, lambda path: zipnn.decompress_file(path, tmp_path / "again")):
        with pytest.raises(BaseRequiredError, match=r"base\.safetensors \(id"):
            function(delta)
    assert not (tmp_path / "again").exists()
    assert zipnn.inspect(delta).base == zipnn.inspect(delta, bound=True).base != ""
    assert zipnn.verify_file(delta, base=base).original_size == tuned_file.stat().st_size
    zipnn.verify_file(delta, tuned_file, base=base)
    zipnn.decompress_file(delta, tmp_path / "again", base=base)
    assert (tmp_path / "again").read_bytes() == tuned_file.read_bytes()


def test_tensors_are_read_without_restoring_the_file(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    new = {**TUNED, "layers.0.attn.weight": BASE["layers.0.attn.weight"], "new": np.arange(3000.0)}
    save(tuned_file, new, format="pt")
    delta = tmp_path / "delta.znn"
    zipnn.make_delta(base, tuned_file, delta)
    with zipnn.safe_open(delta, base=base) as file:
        assert file.metadata() == {"format": "pt"}
        assert file.keys() == sorted(new)
        for name, tensor in new.items():
            assert file.get_tensor(name).tobytes() == tensor.tobytes()
        assert file.get_slice("embed.weight")[7:9, 3:].tobytes() == new["embed.weight"][7:9, 3:].tobytes()
        part = file.get_slice("layers.0.attn.weight")
        assert part[1].tobytes() == part[1].tobytes() == BASE["layers.0.attn.weight"][1].tobytes()
    loaded = zipnn.load_file(delta, base=base)
    assert {name: array.tobytes() for name, array in loaded.items()} == {
        name: tensor.tobytes() for name, tensor in new.items()
    }
    with zipnn.open(delta, base=base) as opened:
        assert opened.get_tensor("embed.weight").tobytes() == new["embed.weight"].tobytes()
    with zipnn.safe_open(delta) as alone:
        assert alone.get_tensor("new").tobytes() == new["new"].tobytes()
        with pytest.raises(BaseRequiredError, match="embed"):
            alone.get_tensor("embed.weight")


def test_bases_without_tensors_and_deltas_that_are_none(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no tensors")
    (tmp_path / "empty").mkdir()
    for nothing in (text, tmp_path / "empty"):
        with pytest.raises(FormatError, match="no tensors"):
            zipnn.make_delta(nothing, tuned_file, tmp_path / "delta.znn")
    with pytest.raises(FileNotFoundError):
        zipnn.make_delta(tmp_path / "missing", tuned_file, tmp_path / "delta.znn")
    archive_file(tuned_file, tmp_path / "alone.znn")
    for none in (tuned_file, tmp_path / "alone.znn"):
        with pytest.raises(FormatError):
            zipnn.apply_delta(base, none, tmp_path / "again")
    assert not (tmp_path / "delta.znn").exists()
    assert not (tmp_path / "again").exists()


def test_a_damaged_delta_gives_no_other_model(base: Path, tmp_path: Path) -> None:
    new = {"embed.weight": TUNED["embed.weight"][:10], "layers.0.norm.bias": BASE["layers.0.norm.bias"]}
    old = {name: BASE[name][: len(tensor)] for name, tensor in new.items()}
    base = save(tmp_path / "b.safetensors", old)
    made = save(tmp_path / "m.safetensors", new)
    delta, again = tmp_path / "delta.znn", tmp_path / "again"
    zipnn.make_delta(base, made, delta)
    content = delta.read_bytes()
    tensors = open_base(base)
    silent = []
    assert set(codings(delta)) == {"plain", "delta", "base"}
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        delta.write_bytes(damaged)
        with contextlib.suppress(FormatError, BaseMismatchError), open_archive(delta, tensors) as archive:
            pieces = [bytes(piece) for _, piece in archive.original_pieces()]
            assert b"".join(pieces) == made.read_bytes()
            silent.append(at)
    # Zstandard has a bit that decoders ignore: here in one segment and the index.
    assert len(silent) <= 2, silent
    delta.write_bytes(content[:-10])
    with pytest.raises(CorruptError):
        zipnn.apply_delta(base, delta, again)
    assert not again.exists()


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_folders_keep_modes_and_empty_folders(tmp_path: Path) -> None:
    made = save_shards(tmp_path / "tuned", TUNED, 1, index=False)
    (made / "run.sh").write_text("#!/bin/sh\n")
    (made / "run.sh").chmod(0o755)
    (made / "logs").mkdir()
    there_and_back(save(tmp_path / "base.safetensors", BASE), made, tmp_path)
    assert (tmp_path / "again" / "run.sh").stat().st_mode & 0o100
    assert (tmp_path / "again" / "logs").is_dir()


def test_folders_within_folders_are_told_apart(tmp_path: Path) -> None:
    def pipeline(root: Path, one: Any, two: Any) -> Path:
        save(root / "unet" / "model.safetensors", {"w": one})
        save(root / "vae" / "model.safetensors", {"w": two})
        return root

    base = pipeline(tmp_path / "base", BASE["embed.weight"], BASE["head.weight"])
    made = pipeline(tmp_path / "tuned", TUNED["embed.weight"], TUNED["head.weight"])
    delta = there_and_back(base, made, tmp_path)
    assert codings(delta)["delta"] == 2 * 300 * 128


def test_the_index_is_what_the_format_says(base: Path, tuned_file: Path, tmp_path: Path) -> None:
    from zipnn.containers.archive.index import to_json

    zipnn.make_delta(base, tuned_file, tmp_path / "d.znn")
    with open_archive(tmp_path / "d.znn") as archive:
        document = json.loads(to_json(archive.index))
    assert set(document["base"]) == {"name", "id", "count", "tensors"}
    assert (document["base"]["name"], document["base"]["count"]) == ("base.safetensors", len(BASE))
    names = [tensor["name"] for tensor in document["base"]["tensors"]]
    assert sorted(names) == sorted(BASE)
    for segment in document["segments"]:
        if "coding" in segment:
            sizes = [size for _, _, size in segment["coding"]["base"]]
            pieces = segment.get("pieces", [[0, segment.get("size")]])
            assert sum(sizes) == sum(piece[1] for piece in pieces)


_SHAPES = st.sampled_from([(), (0,), (1,), (3, 5), (64,), (40, 64), (300, 16)])
_DTYPES = st.sampled_from(["bfloat16", "float32", "uint8", "int64", "bool"])


@given(
    st.lists(
        st.tuples(_SHAPES, _DTYPES, st.sampled_from(["same", "near", "new", "gone", "other"])), max_size=8
    )
)
def test_any_pair_of_models(tmp_path_factory: pytest.TempPathFactory, tensors: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(0)
    old: dict[str, Any] = {"x": np.ones(3, np.float32)}
    new: dict[str, Any] = {}
    for number, (shape, kind, change) in enumerate(tensors):
        dtype = np.dtype(getattr(ml_dtypes, kind, kind))
        values = rng.standard_normal(shape) * 5
        name = f"t.{number}"
        if change != "new":
            old[name] = np.asarray(values).astype(dtype)
        if change != "gone":
            step = {"near": 0.01, "other": 3.0}.get(change, 0.0)
            new[name] = np.asarray(values + step * rng.standard_normal(shape)).astype(dtype)
    base, made = folder / "base", folder / "model"
    safetensors.numpy.save_file(old, base)
    safetensors.numpy.save_file(new, made)
    there_and_back(base, made, folder)
