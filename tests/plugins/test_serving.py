# SPDX-License-Identifier: MIT
"""What vLLM and SGLang call, on stand-ins for their modules (scenarios 70, 71)."""

from __future__ import annotations

import dataclasses
import importlib.machinery
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import zipnn
from zipnn.plugins import safetensors as hooks

GROUPS = ("vllm.general_plugins", "sglang.srt.plugins")


@pytest.fixture(autouse=True)
def _unhook() -> Iterator[None]:
    yield
    zipnn.zipnn_unhook()


@pytest.mark.parametrize("group", GROUPS)
def test_scenario_70_entry_points(group: str) -> None:
    (point,) = importlib.metadata.entry_points(group=group, name="zipnn")
    register = point.load()
    register()
    register()
    assert hooks.installed()


@dataclasses.dataclass
class LoadConfig:
    load_format: str = "auto"


class DefaultModelLoader:
    """Reads as vLLM's does."""

    def __init__(self, load_config: LoadConfig) -> None:
        assert load_config.load_format == "safetensors"

    def weights(self, folder: Path) -> Iterator[tuple[str, Any]]:
        from safetensors import safe_open

        for file in sorted(folder.glob("*.safetensors")):
            with safe_open(str(file), framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118
                    yield name, opened.get_tensor(name)


def modules(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[ModuleType]:
    """Empty modules of these names, their packages included."""
    made = []
    for name in names:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            path = ".".join(parts[:end])
            if path not in sys.modules:
                module = ModuleType(path)
                module.__spec__ = importlib.machinery.ModuleSpec(path, None)
                module.__path__ = []
                monkeypatch.setitem(sys.modules, path, module)
        made.append(sys.modules[name])
    return made


def test_scenario_71_vllm(
    sharded: Path,
    compressed: Callable[[Path], Path],
    same: Callable[[Any, Any], bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from safetensors.torch import load_file

    place = "vllm.model_executor.model_loader"
    loaders, default, utils = modules(monkeypatch, place, f"{place}.default_loader", f"{place}.weight_utils")
    registered: dict[str, Any] = {}

    def register_model_loader(name: str) -> Callable[[type], type]:
        def add(kind: type) -> type:
            assert name not in registered
            registered[name] = kind
            return kind

        return add

    loaders.register_model_loader = register_model_loader  # type: ignore[attr-defined]
    default.DefaultModelLoader = DefaultModelLoader  # type: ignore[attr-defined]
    utils.fastsafetensors_weights_iterator = lambda files, bar=True: iter(files)  # type: ignore[attr-defined]
    default.imported = utils.fastsafetensors_weights_iterator  # type: ignore[attr-defined]

    from zipnn.plugins.vllm import register

    register()
    register()
    expected: dict[str, Any] = {}
    for file in sharded.glob("*.safetensors"):
        expected.update(load_file(file))
    loader = registered["zipnn"](LoadConfig("zipnn"))
    assert same(dict(loader.weights(compressed(sharded))), expected)
    files = sorted(map(str, compressed(sharded).glob("*.safetensors")))
    for iterate in (utils.fastsafetensors_weights_iterator, default.imported):  # type: ignore[attr-defined]
        with pytest.raises(zipnn.FormatError, match="--load-format auto"):
            iterate(files)
        assert list(iterate(map(str, sharded.glob("*.safetensors"))))


def test_scenario_71_sglang(
    tiny: Path, compressed: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (utils,) = modules(monkeypatch, "sglang.srt.model_loader.weight_utils")

    def read(files: list[str]) -> Iterator[str]:
        yield from files

    utils.runai_safetensors_weights_iterator = read  # type: ignore[attr-defined]
    from zipnn.plugins.sglang import register

    register()
    with pytest.raises(zipnn.FormatError, match="--load-format auto"):
        utils.runai_safetensors_weights_iterator([str(compressed(tiny) / "model.safetensors")])  # type: ignore[attr-defined]
