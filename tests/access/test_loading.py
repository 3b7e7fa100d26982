# SPDX-License-Identifier: MIT
"""`safe_open` and `load_file`, held against the safetensors package on the same plain file."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy

import zipnn
from zipnn import _core
from zipnn.containers.safetensors import TensorFile
from zipnn.storage.filereader import FileReader

HAS_TORCH = importlib.util.find_spec("torch") is not None
FRAMEWORKS = ["np", pytest.param("pt", marks=pytest.mark.skipif(not HAS_TORCH, reason="needs torch"))]
METADATA = {"format": "pt"}

random = np.random.default_rng(7)


def normal(*shape: int) -> np.ndarray:
    """Weights as a model has them."""
    return (random.standard_normal(shape) * 0.02).astype(np.float32)


TENSORS: dict[str, np.ndarray] = {
    "cube": normal(12, 30, 40),
    "line": random.integers(-300, 300, 3000).astype(np.int16),
    "scalar": np.array(3.5, np.float32),
    "empty": np.zeros((0, 3), np.float32),
    "half": normal(80, 40).astype(np.float16),
    "wide": random.standard_normal((3, 2000)),
    "flags": random.integers(0, 2, 5000).astype(bool),
    "complex": normal(2, 600).view(np.complex64),
    "tied": normal(50, 50),
    "ünïcode": random.integers(0, 9, 2000).astype(np.uint8),
}
TENSORS["twin"] = TENSORS["tied"]
EXOTIC: dict[str, np.ndarray] = {
    "bf16": normal(70, 50).astype(ml_dtypes.bfloat16),
    "e4m3": normal(70, 50).astype(ml_dtypes.float8_e4m3fn),
    "e5m2": normal(70, 50).astype(ml_dtypes.float8_e5m2),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "model.safetensors"
    safetensors.numpy.save_file({**TENSORS, **EXOTIC}, path, metadata=METADATA)
    return path


@pytest.fixture(scope="module")
def compressed(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compressed") / "model.safetensors"
    assert zipnn.compress_file(plain, path).action == "compressed"
    return path


@pytest.fixture(scope="module", params=["plain", "compressed"])
def path(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def described(tensor: Any) -> tuple[str, str, tuple[int, ...], bytes]:
    """Everything that two equal tensors have in common."""
    if isinstance(tensor, np.ndarray):
        data = tensor.tobytes()
    else:
        import torch

        assert isinstance(tensor, torch.Tensor)
        flat = tensor.contiguous().flatten() if tensor.numel() else torch.empty(0, dtype=tensor.dtype)
        data = flat.view(torch.uint8).numpy().tobytes()
    return type(tensor).__name__, str(tensor.dtype), tuple(tensor.shape), data


def outcome(work: Callable[[], Any]) -> Any:
    """What comes of it: a description of the tensor, or the exception."""
    try:
        return described(work())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what both have to agree on
        return error


def same(ours: Any, theirs: Any) -> bool:
    """Whether two outcomes agree; of exceptions, whether whoever catches theirs catches ours."""
    return isinstance(ours, type(theirs)) if isinstance(theirs, Exception) else ours == theirs


# --- whole tensors -------------------------------------------------------------------------------


def test_listings_are_those_of_safetensors(path: Path, plain: Path) -> None:
    with zipnn.safe_open(path) as ours, safetensors.safe_open(plain, "np") as theirs:
        assert ours.keys() == theirs.keys()
        assert ours.offset_keys() == theirs.offset_keys()
        assert ours.metadata() == theirs.metadata() == METADATA
        for name in theirs.keys():  # noqa: SIM118 - not a dict
            assert ours.get_slice(name).get_shape() == theirs.get_slice(name).get_shape()
            assert ours.get_slice(name).get_dtype() == theirs.get_slice(name).get_dtype()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_tensors_are_those_of_safetensors(path: Path, plain: Path, framework: str) -> None:
    with zipnn.safe_open(path, framework) as ours, safetensors.safe_open(plain, framework) as theirs:
        for name in TENSORS if framework == "np" else [*TENSORS, *EXOTIC]:
            assert described(ours.get_tensor(name)) == described(theirs.get_tensor(name)), name


def test_dtypes_that_safetensors_has_no_array_for(path: Path) -> None:
    loaded = zipnn.load_file(path)
    assert {name: described(loaded[name]) for name in EXOTIC} == {
        name: described(array) for name, array in EXOTIC.items()
    }


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_load_file_gives_every_tensor_in_the_order_of_the_data(path: Path, framework: str) -> None:
    loaded = zipnn.load_file(path, framework, "cpu", 2)
    with zipnn.safe_open(path, framework) as file:
        assert list(loaded) == file.offset_keys()
        for name, tensor in loaded.items():
            assert described(tensor) == described(file.get_tensor(name))


@pytest.mark.parametrize("name", [*TENSORS, *EXOTIC])
def test_array_has_aligned_writable_memory_of_its_own(path: Path, name: str) -> None:
    with zipnn.safe_open(path, framework="numpy") as file:
        one, two = file.get_tensor(name), file.get_tensor(name)
    assert one.flags.writeable
    assert one.flags.c_contiguous
    assert one.size == 0 or one.ctypes.data % 64 == 0
    assert not np.shares_memory(one, two)
    one[...] = 0
    assert described(two) == described({**TENSORS, **EXOTIC}[name])


@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
@pytest.mark.parametrize("name", [*TENSORS, *EXOTIC])
def test_torch_tensor_has_aligned_writable_memory_of_its_own(path: Path, name: str) -> None:
    with zipnn.safe_open(path, framework="torch") as file:
        one, two = file.get_tensor(name), file.get_tensor(name)
    assert one.is_contiguous()
    assert one.data_ptr() % 64 == 0
    assert one.numel() == 0 or one.data_ptr() != two.data_ptr()
    assert one.untyped_storage().nbytes() == one.nbytes
    expected = described(two)
    one.zero_()
    assert described(two) == expected


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_data_are_decoded_straight_into_the_tensor(
    compressed: Path, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded_into: list[int] = []
    original = TensorFile.read_into

    def noting(self: TensorFile, name: str, out: memoryview, threads: int = 0) -> None:
        decoded_into.append(np.frombuffer(out, np.uint8).ctypes.data)
        original(self, name, out, threads)

    monkeypatch.setattr(TensorFile, "read_into", noting)
    with zipnn.safe_open(compressed, framework) as file:
        tensor = file.get_tensor("cube")
        part = file.get_slice("cube")[:]
    addresses = [t.ctypes.data if framework == "np" else t.data_ptr() for t in (tensor, part)]
    assert decoded_into == addresses


def test_tied_tensors_load_as_tensors_of_their_own(compressed: Path) -> None:
    report = zipnn.inspect(compressed)
    assert [t.same_as for t in report.tensors if t.name in ("tied", "twin")] == [None, "tied"]
    loaded = zipnn.load_file(compressed)
    assert described(loaded["twin"]) == described(loaded["tied"]) == described(TENSORS["tied"])
    assert not np.shares_memory(loaded["twin"], loaded["tied"])
    with zipnn.safe_open(compressed) as file:
        assert described(file.get_slice("twin")[7:9]) == described(TENSORS["tied"][7:9])


@pytest.mark.parametrize("metadata", [None, {}, {"a": "ä", "b": '"'}])
def test_metadata_are_the_original_ones(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    source, small = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    safetensors.numpy.save_file({"w": normal(100, 100)}, source, metadata=metadata)
    zipnn.compress_file(source, small)
    for file in (source, small):
        assert zipnn.safe_open(file).metadata() == metadata
    opened = zipnn.safe_open(small)
    found = opened.metadata()
    if found is not None:
        found["c"] = "d"
    assert opened.metadata() == metadata


@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
def test_four_bit_tensors_are_those_of_safetensors(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    source, small = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    packed = torch.randint(0, 4, (64, 96), dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    save_file({"w": packed}, source)
    zipnn.compress_file(source, small)
    for file in (source, small):
        opened = zipnn.safe_open(file, "pt")
        assert described(opened.get_tensor("w")) == described(packed)
        assert opened.get_slice("w").get_shape() == [64, 192]
        assert described(opened.get_slice("w")[3:5]) == described(packed[3:5])
        with pytest.raises(zipnn.FormatError, match=r"tensor 'w': NumPy has no dtype for F4"):
            zipnn.safe_open(file).get_tensor("w")


# --- parts ---------------------------------------------------------------------------------------

INDICES: list[Any] = [
    ..., slice(None), (), [], None, 0, -1, 2, -3, 11, 12, -12, -13, 2**70, True, False, 1.0, "a", {},
    slice(1, None), slice(None, 0), slice(0, 0), slice(1, 1), slice(5, 9), slice(12, 14), slice(3, 10**6),
    slice(None, None, 2), slice(None, None, 5), slice(1, 12, 3), slice(None, None, -1), slice(0, 2, 0),
    slice(-1, None), slice(None, -1), slice(-10, 10), slice(4, 2), slice(-1, -2), slice(0, 2**70),
    slice(0, 1.5), slice("a", None), slice(np.int64(2), np.int64(4)), np.int64(1), np.array(1),
    np.array([0, 1]),
    range(2), [0], [0, 1], [1, 0, 0], [-1], [99], [True, False], [True] * 12, [1.0], [[0, 1], [1, 0]],
    (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3), (slice(None), 1), (slice(None), -1), (slice(None), -99),
    (slice(None), 99),
    (slice(None), slice(None, None, 2)), (..., 0), (0, ...), (..., ...), (0, ..., 1), (..., slice(1, 2)),
    (None, 0), (None, slice(None), 0), (0, None), (0, slice(1, 2), None), (True, 0),
    (slice(None), [0, 2]), ([0, 1], [0, 2]), ([0, 1], 0), (0, [0, 1]), ([True, False],), ((0, 1),),
    (slice(None), slice(0, 0)), (slice(0, 1), slice(1, 3), slice(0, 4, 2)), (slice(3, 4), slice(1, 3)),
    (slice(2, 3), 4, slice(0, 7)), (3, slice(4, 9)), (3, slice(4, 9), 5), (slice(0, 2), slice(3, 1)),
    (slice(None), slice(-3, None)), (slice(None), slice(None), -1),
    (slice(1, 9, 4), slice(None), slice(None, 2)),
]  # fmt: skip


def accident(error: Any, name: str) -> bool:
    """Where safetensors' slices for NumPy stumble over what NumPy knows well: see `zipnn.access.slicing`."""
    return isinstance(error, OverflowError | SystemError) or (
        name == "empty" and isinstance(error, Exception)
    )


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize("name", ["cube", "line", "scalar", "empty", "wide"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_slices_are_those_of_safetensors(path: Path, plain: Path, framework: str, name: str) -> None:
    ours = zipnn.safe_open(path, framework).get_slice(name)
    theirs = safetensors.safe_open(plain, framework).get_slice(name)
    for index in INDICES:
        ours_gives, theirs_gives = outcome(lambda: ours[index]), outcome(lambda: theirs[index])  # noqa: B023
        if framework == "np" and accident(theirs_gives, name):
            continue
        assert same(ours_gives, theirs_gives), f"[{index!r}]: {ours_gives!r}, safetensors {theirs_gives!r}"


@pytest.mark.parametrize("name", ["cube", "line", "wide"])
@pytest.mark.parametrize(
    "index",
    [
        slice(-1, None),
        slice(None, -1),
        slice(-10, 2),
        slice(2, 1),
        slice(-1, -2),
        slice(-99, -1),
        (..., slice(-5, -2)),
    ],
    ids=str,
)
def test_negative_bounds_and_empty_ranges_mean_what_they_mean_in_numpy(
    path: Path, name: str, index: Any
) -> None:
    part = zipnn.safe_open(path).get_slice(name)[index]
    assert described(part) == described(TENSORS[name][index])


@pytest.mark.parametrize(
    "index", [..., slice(None), slice(0, 0), (), (slice(None), 1), (slice(0, 0), slice(1, 3))]
)
def test_empty_tensors_have_parts(path: Path, index: Any) -> None:
    assert described(zipnn.safe_open(path).get_slice("empty")[index]) == described(TENSORS["empty"][index])


@pytest.mark.parametrize(
    "index", [slice(2, 5), (slice(None), 3), 4, (0, 0, 0), (slice(0, 9, 2), slice(1, 3))]
)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_part_has_memory_of_its_own_and_no_more(path: Path, framework: str, index: Any) -> None:
    part = zipnn.safe_open(path, framework).get_slice("cube")[index]
    if framework == "np":
        assert part.flags.writeable
        assert part.flags.c_contiguous
        assert part.ctypes.data % 64 == 0
    else:
        assert part.is_contiguous()
        assert part.untyped_storage().nbytes() == part.nbytes


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Counts the bytes that are read from files and those that are decoded."""
    counts = {"read": 0, "decoded": 0}
    read, decode = FileReader.read_into, _core.decode_chunks

    def counting_read(self: FileReader, offset: int, buffer: memoryview) -> None:
        counts["read"] += len(buffer)
        read(self, offset, buffer)

    def counting_decode(
        head: _core.Head, payload: Any, first: int, count: int, out: Any, threads: int = 0
    ) -> None:
        counts["decoded"] += memoryview(out).nbytes
        decode(head, payload, first, count, out, threads)

    monkeypatch.setattr(FileReader, "read_into", counting_read)
    monkeypatch.setattr(_core, "decode_chunks", counting_decode)
    return counts


@pytest.mark.parametrize(
    ("index", "first", "last"),
    [
        (slice(1000, 1010), 1000, 1010),
        (2999, 2999, 3000),
        ((slice(5, 6), slice(10, 700)), 5, 6),
        ((7, slice(100, 200)), 7, 8),
        ((slice(2000, 2020, 7), 3), 2000, 2015),
    ],
)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_part_reads_and_decodes_only_the_chunks_that_it_touches(
    tmp_path: Path, traffic: dict[str, int], framework: str, index: Any, first: int, last: int
) -> None:
    array = np.tile(normal(100, 1000), (30, 1)) + np.arange(3000, dtype=np.float32)[:, None] / 1000
    source, small = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    safetensors.numpy.save_file({"w": array}, source)
    zipnn.compress_file(source, small)
    with TensorFile(FileReader(small)) as file:
        chunk = file._open_frame("w", file._reader.read).head.chunk_bytes
    touched = (last * 4000 - 1) // chunk - first * 4000 // chunk + 1
    assert chunk * touched < array.nbytes / 2

    part = zipnn.safe_open(small, framework).get_slice("w")
    traffic.update(read=0, decoded=0)
    assert described(part[index])[2:] == described(array[index])[2:]
    assert 0 < traffic["decoded"] <= chunk * touched
    assert traffic["read"] < chunk * touched + 50_000

    part = zipnn.safe_open(source, framework).get_slice("w")
    traffic.update(read=0, decoded=0)
    assert described(part[index])[2:] == described(array[index])[2:]
    assert traffic == {
        "read": (last - first) * 4000 if not isinstance(index, tuple) else traffic["read"],
        "decoded": 0,
    }
    assert traffic["read"] <= (last - first) * 4000


def test_slice_is_not_callable_and_not_an_array(path: Path) -> None:
    part = zipnn.safe_open(path).get_slice("cube")
    assert not callable(part)
    with pytest.raises(TypeError):
        len(part)  # type: ignore[arg-type]


# --- the open file -------------------------------------------------------------------------------


def test_slice_outlives_the_open_file(path: Path) -> None:
    with zipnn.safe_open(path) as file:
        part = file.get_slice("line")
    assert described(part[3:5]) == described(TENSORS["line"][3:5])


@pytest.mark.parametrize(
    "use",
    [
        lambda file: file.keys(),
        lambda file: file.offset_keys(),
        lambda file: file.metadata(),
        lambda file: file.get_tensor("cube"),
        lambda file: file.get_tensors(),
        lambda file: file.get_slice("cube"),
        lambda file: file.__enter__(),
    ],
)
def test_closed_file_refuses(path: Path, use: Callable[[Any], Any]) -> None:
    with zipnn.safe_open(path) as file:
        pass
    with pytest.raises(ValueError, match="the file is closed") as caught:
        use(file)
    assert isinstance(caught.value, zipnn.ZipnnError)
    assert isinstance(caught.value, safetensors.SafetensorError)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts what Linux says is open")
def test_leaving_the_block_closes_the_file(compressed: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(compressed, tmp_path))

    def is_open() -> bool:
        return path.resolve() in {link.resolve() for link in Path("/proc/self/fd").iterdir()}

    with zipnn.safe_open(path) as file:
        file.get_tensor("cube")
        assert is_open()
    assert not is_open()


def test_many_threads_may_use_one_file(path: Path) -> None:
    expected = {**TENSORS, **EXOTIC}
    file = zipnn.safe_open(path, threads=2)
    names = list(expected) * 8
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for name, tensor in zip(names, pool.map(file.get_tensor, names), strict=True):
            assert described(tensor) == described(expected[name])


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """Tensors of all sizes: more small ones than a thread takes at once, some of several groups of chunks."""
    tensors = {f"small.{i}": normal(random.integers(1, 3000)) for i in range(700)}
    tensors |= {f"medium.{i}": normal(300, 1000) for i in range(6)}
    tensors |= {"large": normal(5, 1 << 20), "stored": random.bytes(3 << 20), "nothing": normal(0, 7)}
    tensors["stored"] = np.frombuffer(tensors["stored"], np.uint8)
    file = tmp_path_factory.mktemp("many") / "model.safetensors"
    safetensors.numpy.save_file(tensors, file)
    target = file.with_name("compressed.safetensors")
    zipnn.compress_file(file, target)
    return target, tensors


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_tensors_load_side_by_side(many: tuple[Path, dict[str, np.ndarray]], threads: int) -> None:
    file, tensors = many
    loaded = zipnn.load_file(file, threads=threads)
    assert list(loaded) == zipnn.safe_open(file).offset_keys()
    assert {name: described(tensor) for name, tensor in loaded.items()} == {
        name: described(tensor) for name, tensor in tensors.items()
    }


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("name", ["small.20", "medium.3", "large", "stored"])
def test_damage_to_one_of_many_tensors_names_it(
    many: tuple[Path, dict[str, np.ndarray]], tmp_path: Path, name: str, threads: int
) -> None:
    file, _ = many
    damaged = bytearray(file.read_bytes())
    with TensorFile(FileReader(file)) as opened:
        place = opened._layout.places[name]
    damaged[place.start + place.size * 4 // 5] ^= 16
    copy = tmp_path / "damaged.safetensors"
    copy.write_bytes(damaged)
    with pytest.raises(zipnn.CorruptError, match=rf"damaged.safetensors: tensor '{name}'"):
        zipnn.load_file(copy, threads=threads)


@pytest.mark.parametrize("method", ["get_tensor", "get_slice"])
def test_unknown_tensor(path: Path, method: str) -> None:
    with pytest.raises(KeyError) as caught:
        getattr(zipnn.safe_open(path), method)("nope")
    assert str(caught.value) == f"file {path}: there is no tensor 'nope'"
    assert isinstance(caught.value, zipnn.ZipnnError)
    assert isinstance(caught.value, safetensors.SafetensorError)
    with pytest.raises(TypeError):
        getattr(zipnn.safe_open(path), method)(3)


def test_refusals_survive_pickling(path: Path) -> None:
    with pytest.raises(KeyError) as caught:
        zipnn.safe_open(path).get_tensor("nope")
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert str(again) == str(caught.value)


def test_refusals_need_no_safetensors(path: Path) -> None:
    program = (
        "import sys, zipnn\n"
        f"file = zipnn.safe_open({str(path)!r})\n"
        "try: file.get_tensor('nope')\n"
        "except KeyError as error: assert isinstance(error, zipnn.ZipnnError)\n"
        "try: file.get_slice('cube')[99]\n"
        "except IndexError as error: print(error)\n"
        "assert 'safetensors' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "tensor 'cube': index 99 is out of bounds for dimension 0 of size 12" in result.stdout


# --- frameworks and devices ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"framework": "tf"}, ValueError, "framework 'tf' is not supported"),
        ({"framework": "NP"}, ValueError, "framework 'NP' is not supported"),
        ({"framework": None}, TypeError, "framework must be a string"),
        ({"device": "cuda"}, ValueError, "device 'cuda'"),
        ({"device": 0}, ValueError, "device 0"),
        ({"backend": "magic"}, ValueError, "backend 'magic'"),
    ],
)
def test_wrong_arguments(path: Path, arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        zipnn.safe_open(path, **arguments)


@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
def test_torch_devices(path: Path) -> None:
    assert zipnn.load_file(path, "pt", "meta")["cube"].is_meta
    assert zipnn.safe_open(path, "pt", "meta").get_slice("cube")[2:4].shape == (2, 30, 40)
    with pytest.raises(ValueError, match="device 'bogus' is not one that torch knows"):
        zipnn.safe_open(path, "pt", "bogus")


@pytest.mark.parametrize("name", EXOTIC)
def test_dtype_that_needs_ml_dtypes_says_so(path: Path, name: str) -> None:
    program = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import zipnn\n"
        f"file = zipnn.safe_open({str(path)!r})\n"
        "file.get_tensor('cube')\n"
        f"for use in (file.get_tensor, lambda name: file.get_slice(name)[0]):\n"
        f"    try: use({name!r})\n"
        "    except zipnn.MissingDependencyError as error: print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    for line in result.stdout.splitlines():
        assert line.startswith(f"file {path}: tensor {name!r}: NumPy has no dtype for ")
        assert "pip install ml_dtypes" in line
    assert len(result.stdout.splitlines()) == 2


def test_framework_that_is_not_installed_says_so(path: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import zipnn\n"
        f"try: zipnn.safe_open({str(path)!r}, framework='pt')\n"
        "except zipnn.MissingDependencyError as error: print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "pip install torch" in result.stdout


# --- files that cannot be loaded -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (bytes(5000), "zeros"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"PK\x03\x04 something else entirely", "not a safetensors file"),
    ],
)
def test_file_that_is_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(zipnn.FormatError, match=message) as caught:
        zipnn.load_file(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_dtype_that_only_a_name_tells_cannot_ask_for_memory(tmp_path: Path, framework: str) -> None:
    dtype = "numpy:<f8" if framework == "np" else "torch:complex32"
    header = b'{"w":{"dtype":"%s","shape":[1152921504606846976,16],"data_offsets":[0,8]},' % dtype.encode()
    header += b'"x":{"dtype":"NEW","shape":[1],"data_offsets":[8,16]}}'
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    file = zipnn.safe_open(path, framework)
    assert file.get_slice("x").get_dtype() == "NEW"
    for use in (file.get_tensor, lambda name: file.get_slice(name)[0], lambda name: file.get_slice(name)[:0]):
        with pytest.raises(zipnn.FormatError, match=r"tensor 'w': .* takes .* bytes, the file has 8"):
            use("w")
        with pytest.raises(zipnn.FormatError, match=r"tensor 'x': .* has no dtype for NEW"):
            use("x")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        zipnn.safe_open(tmp_path / "nope")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_damage_is_found_in_whole_and_in_parts(compressed: Path, tmp_path: Path, framework: str) -> None:
    data = bytearray(compressed.read_bytes())
    with TensorFile(FileReader(compressed)) as file:
        place = file._layout.places["cube"]
    data[(place.start + place.stop) // 2] ^= 1
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(data)
    file = zipnn.safe_open(path, framework)
    assert described(file.get_tensor("line"))
    for use in (lambda: file.get_tensor("cube"), lambda: file.get_slice("cube")[:]):
        with pytest.raises(zipnn.CorruptError, match=r"damaged\.safetensors: tensor 'cube': chunk \d+"):
            use()
