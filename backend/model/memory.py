"""What a long session's memory comes to, bounded.

Every shape of batch has oneDNN compile its products anew, and each of its kernels is kept: a
thousand by default, which come to more than the model. What is freed between batches of many shapes
stays with the allocator in pieces.
"""

import ctypes
import os
import sys
from pathlib import Path

import torch

KERNELS = 64
"""How many compiled products are kept: a hundred settings took as long with 8 as with 1,024."""

# Read by oneDNN once, when it multiplies first.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KERNELS))


def give_back() -> None:
    """Hand the memory that is free to the system; only glibc can be asked to."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def free_bytes(device: torch.device, meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """What is free of a GPU's memory, or of the machine's; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = dict(line.split(":") for line in meminfo.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None
