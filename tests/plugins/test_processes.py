# SPDX-License-Identifier: MIT
"""Child processes, ranks and new interpreters (scenarios 11, 22, 23)."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import zipnn
from tests.plugins.child import dtype_in_child
from zipnn.cli.main import main
from zipnn.plugins import autoload

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "model.safetensors"
    save_file({"w": np.random.default_rng(1).standard_normal((300, 40), np.float32)}, path)
    zipnn.compress_file(path, in_place=True)
    return path


def in_child(method: str, path: Path) -> str:
    context: Any = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=dtype_in_child, args=(str(path), queue))
    process.start()
    try:
        return str(queue.get(timeout=60))
    finally:
        process.join()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_scenario_22_children(method: str, small: Path) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    zipnn.zipnn_safetensors()
    try:
        assert in_child(method, small) == "float32"
    finally:
        zipnn.zipnn_unhook()
    assert in_child(method, small) == "uint8"


def python(code: str, *options: str, **variables: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != autoload.VARIABLE}
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(
        command, env={**environment, **variables}, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of site-packages."""
    place = tmp_path / "site-packages"
    place.mkdir()
    monkeypatch.setattr(autoload, "folders", lambda: [place])
    return place


def test_scenario_23_autoload(small: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["autoload", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["on"] is False
    assert main(["autoload", "on"]) == 0
    assert str(folder) in capsys.readouterr().out
    # As the interpreter does it for site-packages at its start.
    load = (
        f"import site; site.addsitedir({str(folder)!r})\n"
        "import sys; assert not {'safetensors', 'numpy', 'zipnn'} & sys.modules.keys()\n"
        f"from safetensors.numpy import load_file; print(load_file({str(small)!r})['w'].dtype)"
    )
    assert python(load) == "float32"
    assert python(load, ZIPNN_AUTO="1") == "float32"
    assert python(load, ZIPNN_AUTO="0") == "uint8"
    assert main(["autoload", "off"]) == 0
    assert not list(folder.iterdir())
    assert python(load) == "uint8"


def test_scenario_23_autoload_without_zipnn(small: Path, folder: Path) -> None:
    autoload.turn_on()
    load = (
        f"import sys, site; site.addsitedir({str(folder)!r}); sys.modules['zipnn'] = None\n"
        f"from safetensors.numpy import load_file; print(load_file({str(small)!r})['w'].dtype)"
    )
    assert python(load) == "uint8"


def test_scenario_23_it_brings_nothing_into_an_interpreter_but_itself(folder: Path) -> None:
    modules = f"import site; site.addsitedir({str(folder)!r}); import sys; print(*sorted(sys.modules))"
    before = set(python(modules).split())
    autoload.turn_on()
    assert set(python(modules).split()) - before == {autoload.NAME}
    assert set(python(modules, ZIPNN_AUTO="0").split()) == before
    # What the hooks themselves bring once safetensors is there: neither torch nor what loads models.
    after = set(
        python(f"import safetensors; {modules.replace('print', 'import safetensors; print')}").split()
    )
    assert not {"torch", "transformers", "huggingface_hub", "accelerate"} & after


def test_scenario_23_hooks_import_no_library_that_they_hook() -> None:
    modules = "import sys, zipnn; zipnn.zipnn_hf(); print(*sys.modules)"
    hooked = {
        "safetensors",
        "torch",
        "transformers",
        "huggingface_hub",
        "accelerate",
        "tokenizers",
        "ml_dtypes",
    }
    assert not hooked & set(python(modules).split())


def test_scenario_11_tensor_parallel(tiny: Path, compressed: Callable[[Path], Path], tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(
        "import sys, torch, transformers, zipnn\n"
        "zipnn.zipnn_hf()\n"
        "from transformers import AutoModelForCausalLM\n"
        "options = dict(dtype=torch.float32, tp_plan='auto')\n"
        "ids = torch.tensor([[1, 5, 9, 7]])\n"
        "models = [AutoModelForCausalLM.from_pretrained(path, **options) for path in sys.argv[1:3]]\n"
        "outputs = [model(ids).logits for model in models]\n"
        "assert torch.equal(*outputs)\n"
        "weight = models[1].model.layers[0].self_attn.q_proj.weight\n"
        "local = weight.to_local() if hasattr(weight, 'to_local') else weight\n"
        "assert tuple(local.shape) == (32, 64), local.shape\n"
        "print('equal', flush=True)\n"
        "torch.distributed.destroy_process_group()\n"
    )
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0",
        "--rdzv_backend", "c10d", "--rdzv_endpoint", "localhost:0",
        str(script), str(tiny), str(compressed(tiny)),
    ]  # fmt: skip
    run = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.count("equal") == 2
