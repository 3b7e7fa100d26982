# SPDX-License-Identifier: MIT
"""The machine in words: what bears on speed, and nothing that says whose it is."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from zipnn import _core


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> dict[str, str | int | float]:
    """Processor, cores, memory, system, Python, and the kernels that zipnn chose."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "kernels": _core.simd(),
        "last level cache": _first(Path("/sys/devices/system/cpu/cpu0/cache/index3/size")) or "unknown",
        "memory GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "huge pages": _huge_pages(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "libc": " ".join(platform.libc_ver()) or "unknown",
        "python": platform.python_version(),
    }


def _processor() -> str:
    text = _first(Path("/proc/cpuinfo"), whole=True)
    fields = dict(re.findall(r"^([^\t:]+)\s*: (.+)$", text, re.MULTILINE))
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    detail = ", ".join(f"{key} {fields[key]}" for key in ("cpu family", "model") if key in fields)
    return f"{fields['model name'].strip()} ({detail})"


def _huge_pages() -> str:
    chosen = re.search(r"\[(\w+)\]", _first(Path("/sys/kernel/mm/transparent_hugepage/enabled")))
    return chosen[1] if chosen else "unknown"


def _first(path: Path, whole: bool = False) -> str:
    """The first line of a file, or all of it; nothing if it cannot be read."""
    try:
        text = path.read_text()
    except OSError:
        return ""
    return text if whole else text.partition("\n")[0]
