# SPDX-License-Identifier: MIT
"""`verify_file`: alone against the checksums, or against another file whatever the containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.containers import craft
from tests.containers.craft import in_a_row, noise, weights
from zipnn.errors import CorruptError, FormatError, MismatchError
from zipnn.files import compress_file, verify_file

W, N = ("BF16", [40, 100], weights(4000)), ("F32", [2], noise(8))


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def small(path: Path) -> Path:
    output = compress_file(path, force=True).output
    assert output is not None
    return output


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "m.safetensors", in_a_row({"w": W, "n": N}, metadata={"format": "pt"}))


def test_a_compressed_file_alone(model: Path, tmp_path: Path) -> None:
    result = verify_file(small(model))
    assert (result.path, result.other) == (tmp_path / "m.znn.safetensors", None)
    assert (result.kind, result.tensors, result.notes) == ("compressed safetensors", 2, ())
    assert result.original_size == model.stat().st_size
    text = write(tmp_path / "t.txt", b"words " * 1000)
    result = verify_file(small(text))
    assert (result.kind, result.tensors, result.original_size) == ("archive", 0, 6000)


def test_a_plain_file_alone(model: Path, tmp_path: Path) -> None:
    result = verify_file(model)
    assert (result.kind, result.tensors) == ("safetensors", 2)
    assert result.notes == ("not compressed: only the header could be checked",)
    with pytest.raises(FormatError, match="not compressed by zipnn"):
        verify_file(write(tmp_path / "t.txt", b"words"))


def test_damage_is_found_in_either_file(model: Path, tmp_path: Path) -> None:
    path = small(model)
    damaged = bytearray(path.read_bytes())
    damaged[-20] ^= 1
    write(tmp_path / "damaged", bytes(damaged))
    pairs = [(tmp_path / "damaged", None), (tmp_path / "damaged", model), (model, tmp_path / "damaged")]
    for one, other in pairs:
        with pytest.raises(CorruptError, match=rf"file {tmp_path / 'damaged'}: tensor"):
            verify_file(one, other)


def test_equal_whatever_containers_order_padding_and_metadata(model: Path, tmp_path: Path) -> None:
    other = write(
        tmp_path / "o.safetensors",
        in_a_row({"n": N, "w": W}, metadata={"format": "tf", "extra": "1"}, padding=b"   ") + b"rest",
    )
    for one in (model, small(model)):
        for two in (other, small(other)):
            for pair in ((one, two), (two, one)):
                result = verify_file(*pair)
                assert (result.path, result.other, result.tensors) == (*pair, 2)
                assert result.original_size == 8008
                assert result.notes == ("metadata differ: 'extra'", "metadata differ: 'format'")
    assert verify_file(model, small(model)).notes == ()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"w": W}, r"tensor 'n' is in .*m\.safetensors only"),
        ({"w": W, "n": N, "more": N}, r"tensor 'more' is in .*o\.safetensors only"),
        ({"w": W, "n": ("I32", [2], N[2])}, r"tensor 'n': F32 \[2\] in .*, I32 \[2\] in"),
        ({"w": ("BF16", [4000], W[2]), "n": N}, r"tensor 'w': BF16 \[40, 100\] in .*, BF16 \[4000\] in"),
        (
            {"w": ("BF16", [40, 100], W[2][:-1] + b"!"), "n": N},
            r"tensor 'w': .* differ at byte 7999 of its data",
        ),
        ({"w": W, "n": ("F32", [2], b"!" + N[2][1:])}, r"tensor 'n': .* differ at byte 0 of its data"),
    ],
)
def test_differences_name_the_tensor(
    other: dict[str, tuple[str, list[int], bytes]], message: str, model: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "o.safetensors", in_a_row(other))
    with pytest.raises(MismatchError, match=message):
        verify_file(model, path)
    for one, two in ((small(model), path), (model, small(path)), (small(model), small(path))):
        with pytest.raises(MismatchError):
            verify_file(one, two)


def test_bits_count_and_not_values(tmp_path: Path) -> None:
    """Zero and minus zero are equal numbers, two NaNs are not; neither matters."""
    zeros, nan = bytes(8), bytes.fromhex("0000c07f") * 2
    one = write(tmp_path / "a.safetensors", in_a_row({"t": ("F32", [2], zeros)}))
    minus = write(tmp_path / "b.safetensors", in_a_row({"t": ("F32", [2], b"\0\0\0\x80" + bytes(4))}))
    with pytest.raises(MismatchError, match="byte 3"):
        verify_file(one, minus)
    nans = write(tmp_path / "c.safetensors", in_a_row({"t": ("F32", [2], nan)}))
    assert verify_file(nans, nans).tensors == 1


def test_large_tensors_are_compared_across_their_chunks(tmp_path: Path) -> None:
    data = weights(1_500_000)
    changed = bytearray(data)
    changed[2_345_678] ^= 1
    one = write(tmp_path / "a.safetensors", in_a_row({"t": ("BF16", [1_500_000], data)}))
    two = write(tmp_path / "b.safetensors", in_a_row({"t": ("BF16", [1_500_000], bytes(changed))}))
    verify_file(one, small(one))
    for other in (two, small(two)):
        with pytest.raises(MismatchError, match="byte 2345678 "):
            verify_file(small(one), other)


def test_other_files_are_compared_by_content(tmp_path: Path) -> None:
    one = write(tmp_path / "a", b"words " * 1000)
    same = write(tmp_path / "b", b"words " * 1000)
    longer = write(tmp_path / "c", b"words " * 1001)
    changed = write(tmp_path / "d", b"words " * 999 + b"wordS ")
    for path in (one, small(one)):
        for equal in (same, small(same)):
            assert verify_file(path, equal).original_size == 6000
        for other in (longer, small(longer)):
            with pytest.raises(MismatchError, match=r"holds 60\d\d bytes"):
                verify_file(path, other)
        for other in (changed, small(changed)):
            with pytest.raises(MismatchError, match="differ at byte 5998"):
                verify_file(path, other)


def test_a_container_equals_an_archive_of_its_original(model: Path, tmp_path: Path) -> None:
    container = small(model)
    (tmp_path / "x").write_bytes(b"x" + model.read_bytes())
    unlike = small(tmp_path / "x")
    from zipnn.containers.archive.writing import write_archive
    from zipnn.storage.filereader import FileReader

    with FileReader(model) as reader, (tmp_path / "m.znn").open("wb") as sink:
        write_archive(reader, sink, level="default")
    for pair in (
        (container, tmp_path / "m.znn"),
        (tmp_path / "m.znn", container),
        (model, tmp_path / "m.znn"),
    ):
        assert verify_file(*pair).original_size == model.stat().st_size
    with pytest.raises(MismatchError):
        verify_file(container, unlike)


def test_progress_ends_with_the_whole(tmp_path: Path) -> None:
    one = write(tmp_path / "m.safetensors", craft.ugly())
    for pair in ((small(one), None), (one, small(one)), (small(one), one)):
        seen: list[tuple[int, int]] = []
        verify_file(*pair, progress=lambda *call: seen.append(call))  # noqa: B023
        assert seen == sorted(seen)
        assert seen[-1][0] == seen[-1][1]
