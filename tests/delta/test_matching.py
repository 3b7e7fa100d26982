# SPDX-License-Identifier: MIT
"""Which tensors are compared, and what a base is."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import xxhash

import zipnn
from tests.delta.models import Tensors, codings, model, save, save_shards, tuned
from zipnn.containers.archive.differences import BaseTensor
from zipnn.delta.base import open_base
from zipnn.errors import BaseMismatchError, FormatError, ZipnnError

BASE = model()
TUNED = tuned(BASE)
SIZE = sum(tensor.nbytes for tensor in TUNED.values())


def compared(folder: Path, old: Tensors, new: Tensors, **options: Any) -> dict[str, int]:
    """Bytes by how they are stored, once the model was found to come back."""
    base, made = save(folder / "base.safetensors", old), save(folder / "model.safetensors", new)
    zipnn.make_delta(base, made, folder / "delta.znn", force=True, **options)
    zipnn.apply_delta(base, folder / "delta.znn", folder / "again", force=True)
    assert (folder / "again").read_bytes() == made.read_bytes()
    return codings(folder / "delta.znn")


@pytest.mark.parametrize("prefix", ["model.", "base_model.model.", "a.b.c."])
def test_prefixes_that_were_added_or_dropped(prefix: str, tmp_path: Path) -> None:
    longer = {prefix + name: tensor for name, tensor in TUNED.items()}
    assert compared(tmp_path, BASE, longer)["delta"] == SIZE
    longer = {prefix + name: tensor for name, tensor in BASE.items()}
    assert compared(tmp_path, longer, TUNED)["delta"] == SIZE


def test_a_name_that_may_be_of_several_is_nobodys(tmp_path: Path) -> None:
    old = {"encoder.w": BASE["embed.weight"], "decoder.w": BASE["head.weight"]}
    assert "delta" not in compared(tmp_path, old, {"w": TUNED["head.weight"]})
    # But the same content tells.
    assert compared(tmp_path, old, {"w": BASE["head.weight"]})["base"] == BASE["head.weight"].nbytes


def test_renamed_tensors(tmp_path: Path) -> None:
    names = {name: f"t{number}" for number, name in enumerate(BASE)}
    renamed = {names[name]: tensor for name, tensor in TUNED.items()}
    assert "delta" not in compared(tmp_path, BASE, renamed)
    assert compared(tmp_path, BASE, renamed, rename=names)["delta"] == SIZE
    # A name of another shape does no harm.
    assert "delta" not in compared(tmp_path, BASE, renamed, rename={"head.weight": "t1"})
    for rename, wrong in (
        ({"nothing": "t0"}, "the base has no 'nothing'"),
        ({**names, "head.weight": "none"}, "the model has no 'none'"),
    ):
        with pytest.raises(ZipnnError, match=wrong):
            compared(tmp_path / "wrong", BASE, renamed, rename=rename)
        assert not (tmp_path / "wrong" / "delta.znn").exists()


def test_names_with_and_without_their_folder_are_renamed(tmp_path: Path) -> None:
    old, new = {"w": BASE["embed.weight"]}, {"v": TUNED["embed.weight"]}
    base, made = tmp_path / "base", tmp_path / "made"
    for folder in ("unet", "vae"):
        save(base / folder / "m.safetensors", old)
        save(made / folder / "m.safetensors", new)
    np.savez_compressed(made / "vae" / "other.npz", packed=np.zeros(50))
    for rename in ({"unet:w": "unet:v", "vae:w": "vae:v"}, {"w": "v"}):
        zipnn.make_delta(base, made, tmp_path / "delta.znn", rename=rename, force=True)
        assert codings(tmp_path / "delta.znn")["delta"] == 2 * new["v"].nbytes
    with pytest.raises(ZipnnError, match="the model has no 'unet:x', 'vae:x'"):
        zipnn.make_delta(
            base, made, tmp_path / "d", rename={"unet:w": "unet:x", "vae:w": "vae:x", "w": "packed"}
        )
    assert not (tmp_path / "d").exists()


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_folders_with_links_to_themselves(tmp_path: Path) -> None:
    base = save_shards(tmp_path / "base", BASE, 1)
    save(tmp_path / "elsewhere" / "m.safetensors", {"w": BASE["embed.weight"]})
    for number in range(8):
        (base / f"self{number}").symlink_to(base, target_is_directory=True)
    (base / "vae").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with open_base(base) as tensors:
        assert set(tensors.tensors) == {*BASE, "vae:w"}


def test_content_is_found_under_other_names(tmp_path: Path) -> None:
    renamed = {f"t{number}": tensor for number, tensor in enumerate(BASE.values())}
    renamed["tied"] = BASE["embed.weight"]
    stored = compared(tmp_path, BASE, renamed)
    assert stored["base"] == SIZE + BASE["embed.weight"].nbytes


def test_the_id_is_that_of_the_tensors(tmp_path: Path) -> None:
    one = save(tmp_path / "one.safetensors", BASE, some="metadata")
    shards = save_shards(tmp_path / "shards", BASE, 3)
    np.savez(tmp_path / "plain.npz", **{name: t.astype(np.float32) for name, t in BASE.items()})
    wide = save(tmp_path / "wide.safetensors", {name: t.astype(np.float32) for name, t in BASE.items()})
    zipnn.compress_file(one, tmp_path / "two.znn.safetensors")
    renamed = save(
        tmp_path / "renamed", {**{f"x.{n}": t for n, t in BASE.items()}, "tied": BASE["embed.weight"]}
    )

    def id_of(path: Path) -> str:
        with open_base(path) as base:
            return base.content_id()

    same = {id_of(path) for path in (one, shards, tmp_path / "two.znn.safetensors", renamed)}
    assert len(same) == 1
    assert id_of(wide) == id_of(tmp_path / "plain.npz") not in same
    assert id_of(save(tmp_path / "tuned", TUNED)) not in same


def test_the_id_is_as_the_format_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zipnn.delta.base.SEGMENT", 1000)
    tensors = {
        "b": np.arange(700, dtype="<f4"),
        "a": np.zeros((2, 3), "<i8"),
        "same": np.zeros((2, 3), "<i8"),
    }
    tensors["empty"] = np.zeros((0,), "<f8")
    lines = set()
    for tensor, dtype in zip(tensors.values(), ("F32", "I64", "I64", "F64"), strict=True):
        data = tensor.tobytes()
        pieces = [xxhash.xxh3_64_intdigest(data[at : at + 1000]) for at in range(0, len(data), 1000)]
        whole = xxhash.xxh3_64_hexdigest(b"".join(piece.to_bytes(8, "little") for piece in pieces))
        lines.add(json.dumps([dtype, list(tensor.shape), whole], separators=(",", ":")))
    expected = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:32]
    with open_base(save(tmp_path / "base", tensors)) as base:
        assert base.content_id() == expected
        record = base.record(())
        assert (record.name, record.id, record.count) == ("base", expected, 4)


def test_tensors_of_any_form_are_read_in_order(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    square = np.arange(12, dtype="<f4").reshape(3, 4)
    torch.save(
        {"turned": torch.from_numpy(square).T, "part": torch.from_numpy(square)[1:]}, tmp_path / "a.pt"
    )
    np.save(tmp_path / "b.npy", square.astype(">f4"))
    with open_base(tmp_path / "a.pt") as base:
        turned = BaseTensor("turned", "F32", (4, 3))
        assert base.read(turned, 0, 48) == square.T.tobytes()
        assert base.read(turned, 8, 12) == square.T.tobytes()[8:20]
        assert base.read(BaseTensor("part", "F32", (2, 4)), 0, 32) == square[1:].tobytes()
    with open_base(tmp_path / "b.npy") as base:
        (tensor,) = base.tensors.values()
        assert base.read(tensor, 4, 8) == square.tobytes()[4:12]
        for wrong in (BaseTensor("no", "F32", (3, 4)), BaseTensor(tensor.name, "F32", (4, 3))):
            with pytest.raises(BaseMismatchError):
                base.read(wrong, 0, 4)
        with pytest.raises(BaseMismatchError):
            base.read(tensor, 40, 12)


def test_what_lies_beside_the_weights_does_not_count(tmp_path: Path) -> None:
    folder = save_shards(tmp_path / "base", BASE, 2)
    np.savez(folder / "other.npz", more=np.zeros(5))
    (folder / "README.md").write_text("a model")
    save(folder / ".cache" / "model.safetensors", {"hidden": np.zeros(5)})
    save(folder / "vae" / "model.safetensors", {"embed.weight": np.zeros(5, np.float32)})
    with open_base(folder) as base:
        assert set(base.tensors) == {*BASE, "vae:embed.weight"}
    for shard in folder.glob("*.safetensors"):
        shard.unlink()
    with open_base(folder) as base:
        assert set(base.tensors) == {"more", "vae:embed.weight"}


def test_of_two_files_with_a_name_the_index_chooses(tmp_path: Path) -> None:
    folder = save_shards(tmp_path, {"w": np.ones(3, np.float32)}, 1)
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, folder / "a-variant.safetensors")
    with open_base(folder) as base:
        assert base.read(base.tensors["w"], 0, 12) == np.ones(3, np.float32).tobytes()
    (folder / "model.safetensors.index.json").write_text("[1, 2")
    with open_base(folder) as base:
        assert base.read(base.tensors["w"], 0, 12) == bytes(12)


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    pointer = tmp_path / "model.safetensors"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    for base in (pointer, tmp_path):
        with pytest.raises(FormatError, match="git lfs pull"):
            open_base(base)
