"""What a long session's memory comes to, bounded.

Every shape of batch has oneDNN compile its products anew, and each of its kernels is kept: a
thousand by default, which come to more than the model. What is freed between batches of many shapes
stays with the allocator in pieces.
"""

import ctypes
import os
import sys

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
