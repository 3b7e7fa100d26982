# SPDX-License-Identifier: MIT
"""The hooks in safetensors itself (scenarios 3 to 6, 13 to 15, 21, 24, 34 to 38)."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
from safetensors import numpy as st_numpy
from safetensors import safe_open as early_safe_open

import zipnn
from zipnn.cli.main import main
from zipnn.plugins import budget, methods
from zipnn.plugins import safetensors as hooks

torch = pytest.importorskip("torch")
from safetensors import torch as st_torch  # noqa: E402
from safetensors.torch import load as early_load  # noqa: E402
from safetensors.torch import load_file as early_load_file  # noqa: E402

METADATA = {"format": "pt"}  # more would be saved in any order


def weights() -> dict[str, Any]:
    torch.manual_seed(3)
    return {
        "a": torch.randn(64, 96).to(torch.bfloat16),
        "b": torch.randn(5, 7, 300),
        "ids": torch.arange(4096),
        "bytes": torch.randint(0, 9, (2000,), dtype=torch.uint8),
        "scalar": torch.tensor(3.5),
        "none": torch.empty(0, 4),
        "same": torch.ones(64, 96),
        "again": torch.ones(64, 96),
        "magic": torch.tensor([*b"\x9aZNF" + bytes(range(40))], dtype=torch.uint8),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A plain file and its compressed form."""
    folder = tmp_path_factory.mktemp("files")
    plain, small = folder / "plain.safetensors", folder / "small.safetensors"
    st_torch.save_file(weights(), plain, metadata=METADATA)
    zipnn.compress_file(plain, small)
    return plain, small


@pytest.fixture(params=["in place", "wrapped"])
def hooked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The hooks, once as they are and once as if the class took no methods (scenario 38)."""
    if request.param == "wrapped":
        monkeypatch.setattr(hooks, "_takes_methods", lambda kind: False)
    zipnn.zipnn_safetensors()
    yield
    zipnn.zipnn_unhook()


def equal(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and torch.equal(left[name], right[name]) for name in left
    )


@pytest.mark.usefixtures("hooked")
def test_scenario_03_functions_bound_before_the_hooks(files: tuple[Path, Path]) -> None:
    plain, small = files
    assert equal(early_load(small.read_bytes()), weights())
    assert equal(early_load_file(plain), weights())
    if hooks._takes_methods(early_safe_open):
        assert equal(early_load_file(small), weights())
    with safetensors.safe_open(small, "pt") as file:
        assert equal({name: file.get_tensor(name) for name in file.keys()}, weights())  # noqa: SIM118


@pytest.mark.usefixtures("hooked")
def test_scenario_04_results_are_aligned_writable_and_their_own(files: tuple[Path, Path]) -> None:
    for loaded in (st_torch.load_file(files[1]), st_torch.load(files[1].read_bytes())):
        pointers = {tensor.data_ptr() for tensor in loaded.values() if tensor.numel()}
        assert len(pointers) == len(loaded) - 1
        assert all(pointer % 64 == 0 for pointer in pointers)
        loaded["a"].zero_()
    assert equal(st_torch.load_file(files[1]), weights())


def test_scenario_05_twice_and_undone(files: tuple[Path, Path]) -> None:
    before = {name: getattr(safetensors.safe_open, name) for name in dir(safetensors.safe_open)}
    deserialize = safetensors.deserialize
    zipnn.zipnn_hf()
    zipnn.zipnn_safetensors()
    assert equal(st_torch.load_file(files[1]), weights())
    zipnn.zipnn_unhook()
    raw = st_torch.load_file(files[1])
    assert raw["a"].dtype == torch.uint8
    assert raw["a"].ndim == 1
    assert equal(st_torch.load_file(files[0]), weights())
    after = {name: getattr(safetensors.safe_open, name) for name in dir(safetensors.safe_open)}
    assert before.items() - {"__doc__": None}.items() <= after.items()
    assert safetensors.deserialize is st_torch.deserialize is deserialize
    zipnn.zipnn_unhook()


@pytest.mark.usefixtures("hooked")
def test_scenario_06_bytes_that_look_like_a_frame(files: tuple[Path, Path]) -> None:
    for path in files:
        assert torch.equal(st_torch.load_file(path)["magic"], weights()["magic"])


def outcome(part: Any, index: Any) -> Any:
    """What a slice gives for an index."""
    try:
        value = part[index]
    except (IndexError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        return isinstance(error, IndexError)
    return (value.shape, value.dtype, value.float().tolist())


INDICES = [
    ..., slice(None), 0, -1, slice(1, 3), (slice(None), slice(1, 3)), slice(None, None, 2), slice(0, 0), (),
    [0, 2], None, (..., 0), (1, 2), torch.tensor([0, 1]), [True] + [False] * 63,
]  # fmt: skip


@pytest.mark.usefixtures("hooked")
def test_scenario_13_slices(files: tuple[Path, Path]) -> None:
    outcomes = []
    for path in files:
        found: list[Any] = []
        with safetensors.safe_open(path, "pt") as file:
            part = file.get_slice("a")
            found += [part.get_shape(), part.get_dtype(), callable(part), isinstance(part, torch.Tensor)]
            found += [outcome(part, index) for index in INDICES]
        found.append(part[3].float().tolist())
        with pytest.raises(safetensors.SafetensorError):
            file.keys()
        with pytest.raises(safetensors.SafetensorError):
            file.get_tensor("a")
        outcomes.append(found)
        with pytest.raises(IndexError):
            part[64]
    assert outcomes[0] == outcomes[1]


@pytest.mark.usefixtures("hooked")
def test_scenario_13_a_missing_name(files: tuple[Path, Path]) -> None:
    with safetensors.safe_open(files[1], "pt") as file, pytest.raises(safetensors.SafetensorError):
        file.get_tensor("missing")


@pytest.mark.usefixtures("hooked")
def test_scenario_13_a_slice_decodes_what_it_covers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.safetensors"
    st_torch.save_file({"w": torch.randn(4096, 1024)}, path)
    zipnn.compress_file(path, in_place=True)
    decoded = []
    original = zipnn._core.decode_chunks  # type: ignore[attr-defined]

    def counting(head: Any, payload: Any, first: int, count: int, out: Any, threads: int = 0) -> None:
        decoded.append(len(out))
        original(head, payload, first, count, out, threads)

    monkeypatch.setattr("zipnn._core.decode_chunks", counting)
    with safetensors.safe_open(path, "pt") as file:
        assert file.get_slice("w")[10:12].shape == (2, 1024)
    assert 0 < sum(decoded) < 4096 * 1024 * 4 // 2


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("metadata", [METADATA, {}, None])
def test_scenario_14_metadata_is_the_original(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "model.safetensors"
    st_torch.save_file(weights(), path, metadata=metadata)
    with safetensors.safe_open(path, "pt") as file:
        expected = file.metadata()
    zipnn.compress_file(path, in_place=True)
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata() == expected


@pytest.mark.usefixtures("hooked")
def test_scenario_15_saved_again_it_is_the_original(files: tuple[Path, Path], tmp_path: Path) -> None:
    with safetensors.safe_open(files[1], framework="pt", device="cpu") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        st_torch.save_file(tensors, tmp_path / "again.safetensors", metadata=file.metadata())
    assert (tmp_path / "again.safetensors").read_bytes() == files[0].read_bytes()


@pytest.mark.usefixtures("hooked")
def test_scenario_21_numpy(tmp_path: Path) -> None:
    arrays = {"w": np.random.default_rng(1).standard_normal((300, 40), np.float32), "i": np.arange(9)}
    path = tmp_path / "model.safetensors"
    st_numpy.save_file(arrays, path)
    zipnn.compress_file(path, in_place=True)
    for loaded in (st_numpy.load_file(path), st_numpy.load(path.read_bytes())):
        assert loaded.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name], array, strict=True)


@pytest.mark.usefixtures("hooked")
def test_a_handle_of_an_open_file(files: tuple[Path, Path]) -> None:
    if not hasattr(safetensors, "_safe_open_handle"):
        pytest.skip("this safetensors has none")
    with open(files[1], "rb") as stream:
        handle = safetensors._safe_open_handle(stream, "pt")
        assert equal({name: handle.get_tensor(name) for name in handle.keys()}, weights())  # noqa: SIM118


@pytest.mark.usefixtures("hooked")
def test_scenario_24_threads_share_the_budget(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZIPNN_NUM_THREADS", "2")
    most = 0
    original = budget.Budget.threads_for

    def watching(self: budget.Budget, size: int) -> Any:
        nonlocal most
        most = max(most, self._used)
        return original(self, size)

    monkeypatch.setattr(budget.Budget, "threads_for", watching)
    failures: list[Any] = []

    def work() -> None:
        failures.extend("differs" for _ in range(50) if not equal(st_torch.load_file(files[1]), weights_once))

    weights_once = weights()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert most <= 2
    assert budget.BUDGET._used == 0


@pytest.mark.usefixtures("hooked")
def test_scenario_34_a_damaged_tensor(files: tuple[Path, Path], tmp_path: Path) -> None:
    data = bytearray(files[1].read_bytes())
    with zipnn.safe_open(files[1]) as file:
        place = file._file()._layout.places["b"]
    data[(place.start + place.stop) // 2] ^= 1
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(data)
    for load in (lambda: st_torch.load_file(damaged), lambda: st_torch.load(bytes(data))):
        with pytest.raises(zipnn.CorruptError, match=r"tensor 'b'.*fetch or copy") as caught:
            load()
        error = pickle.loads(pickle.dumps(caught.value))
        assert isinstance(error, safetensors.SafetensorError)
        assert isinstance(error, ValueError)
        assert str(error) == str(caught.value)
    with pytest.raises(zipnn.CorruptError, match=r"damaged\.safetensors"):
        st_torch.load_file(damaged)


@pytest.mark.usefixtures("hooked")
@pytest.mark.parametrize("cut", [1, 200, 2000])
def test_scenario_35_a_truncated_file(
    files: tuple[Path, Path], tmp_path: Path, cut: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(files[1].read_bytes()[:-cut])
    with pytest.raises((safetensors.SafetensorError, zipnn.ZipnnError)):
        st_torch.load_file(path)
    with pytest.raises((safetensors.SafetensorError, zipnn.ZipnnError)):
        st_torch.load(path.read_bytes())
    assert main(["verify", str(path)]) == 1
    assert str(path) in capsys.readouterr().err


@pytest.mark.usefixtures("hooked")
def test_scenario_36_a_newer_version(files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "newer.safetensors"
    data = files[1].read_bytes()
    assert b'"zipnn.format":"1"' in data
    path.write_bytes(data.replace(b'"zipnn.format":"1"', b'"zipnn.format":"7"'))
    message = r"newer\.safetensors.*needs zipnn >= 7\.0.*pip install --upgrade"
    with pytest.raises(zipnn.UnsupportedVersionError, match=message):
        st_torch.load_file(path)
    # One frame in a file whose version is known.
    with zipnn.safe_open(files[1]) as opened:
        place = opened._file()._layout.places["b"]
    path.write_bytes(data[: place.start + 4] + b"\7" + data[place.start + 5 :])
    with pytest.raises(zipnn.UnsupportedVersionError, match=r"tensor 'b'.*needs zipnn >= 7\.0"):
        st_torch.load_file(path)


class _NewHandle:
    """A `safe_open` with a method that nobody has heard of."""

    def get_slice(self, name: str) -> str:
        return name

    get_tensor = get_slice

    def metadata(self) -> None:
        return None

    def peek(self, name: str) -> str:
        return name


def test_scenario_37_a_method_that_is_not_known() -> None:
    class Known:
        path = "model.safetensors"

        def find(self, handle: Any, metadata: Any) -> Any:
            return self if handle.compressed else None

    functions = methods.replacements(_NewHandle, Known())  # type: ignore[arg-type]
    handle = _NewHandle()
    handle.compressed = False  # type: ignore[attr-defined]
    assert functions["peek"](handle, "w") == "w"
    handle.compressed = True  # type: ignore[attr-defined]
    with pytest.raises(zipnn.FormatError, match=r"safe_open\.peek"):
        functions["peek"](handle, "w")


def test_scenario_37_all_methods_of_this_safetensors_are_known() -> None:
    names = {name for name in dir(safetensors.safe_open) if not name.startswith("_")}
    assert names <= methods.KNOWN


@pytest.mark.usefixtures("hooked")
def test_a_file_that_was_replaced_since_it_was_opened(files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(files[1].read_bytes())
    file = safetensors.safe_open(path, "pt")
    other = tmp_path / "other"
    other.write_bytes(files[1].read_bytes())
    other.replace(path)
    with pytest.raises(zipnn.ZipnnError, match="changed since it was opened"):
        file.get_tensor("a")
