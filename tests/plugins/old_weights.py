# SPDX-License-Identifier: MIT
"""Run by an interpreter that has zipnn 0.5.4, or 0.4.0 for whole files: compresses weights as its scripts do.

python old_weights.py whole|tensors FILE...: whole writes FILE.znn, tensors NAME.znn.safetensors.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from zipnn import ZipNN


def whole(path: Path) -> None:
    """As zipnn_compress_file.py."""
    known = inspect.signature(ZipNN).parameters
    chunk = "streaming_chunk" if "streaming_chunk" in known else "streaming_chunk_kb"
    zipper = ZipNN(bytearray_dtype="bfloat16", is_streaming=True, **{chunk: 1 << 20})
    path.with_name(path.name + ".znn").write_bytes(bytes(zipper.compress(bytearray(path.read_bytes()))))


def tensors(path: Path) -> None:
    """As zipnn_compress_safetensors.py."""
    from zipnn.util_safetensors import build_compressed_tensor_info, set_compressed_tensors_metadata

    kept, infos = {}, {}
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        for name in file.keys():  # noqa: SIM118
            tensor = file.get_tensor(name)
            kept[name] = tensor
            if tensor.dtype in (torch.bfloat16, torch.float16, torch.float32):
                stream = ZipNN(input_format="torch", method="HUFFMAN").compress(tensor.clone())
                if len(stream) < tensor.nbytes:
                    kept[name] = torch.frombuffer(bytearray(stream), dtype=torch.uint8)
                    infos[name] = build_compressed_tensor_info(tensor)
    set_compressed_tensors_metadata(infos, metadata)
    save_file(kept, path.with_suffix(".znn.safetensors"), metadata)


for argument in sys.argv[2:]:
    {"whole": whole, "tensors": tensors}[sys.argv[1]](Path(argument))
