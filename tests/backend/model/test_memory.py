"""Memory that is free goes back to the system."""

import os
import sys
from pathlib import Path

import pytest
import torch

from backend.model.memory import KERNELS, free_bytes, give_back


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be asked to")
def test_what_lies_free_between_blocks_in_use_is_handed_back():
    # Small enough to come from the heap, where a freed one between two others stays otherwise.
    held = [torch.ones(20_000) for _ in range(1_500)]
    del held[1::2]
    before = resident()
    give_back()
    assert before - resident() > 30e6


def test_few_compiled_kernels_are_kept():
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == str(KERNELS)


def test_what_is_free_is_what_the_system_says(tmp_path):
    meminfo, cpu = tmp_path / "meminfo", torch.device("cpu")
    meminfo.write_text("MemTotal:  9 kB\nMemAvailable:   3 kB\n")
    assert free_bytes(cpu, meminfo) == 3072
    meminfo.write_text("MemTotal:  9 kB\n")
    assert free_bytes(cpu, meminfo) is None
    assert free_bytes(cpu, tmp_path / "none") is None
