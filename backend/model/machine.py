"""The machine, as far as figures depend on it."""

import platform
import re
from pathlib import Path

import torch


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Instruction sets the processor names; empty where the system does not say."""
    if not cpuinfo.exists():
        return set()
    line = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    return set(line.group(1).split()) if line else set()


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Its name, and which instructions it has for bfloat16."""
    found = (
        re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if cpuinfo.exists()
        else None
    )
    fast = sorted(cpu_flags(cpuinfo) & {"amx_bf16", "avx512_bf16"})
    return (
        f"{found[1] if found else platform.machine()} "
        f"({', '.join(fast) or 'no bfloat16 instructions'})"
    )


def bits_depend_on(device: str) -> str:
    """What the last bits of a matrix product depend on, beside its numbers."""
    if device != "cpu":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    isa = torch.backends.cpu.get_cpu_capability()
    return f"{processor()}, {isa}, {torch.get_num_threads()} threads, torch {torch.__version__}"
