"""Preparing is killed again and again, and goes on where it was: nothing is run twice, and the
figures are those of one run.
"""

import os
import subprocess
import sys

import pandas as pd
import pytest
import torch

from backend.engine.engine import Engine
from backend.parts import Parts
from backend.setups import load_setup
from backend.store import ROOT, sweep
from tests.support.toy import write_setup

KILLED_AND_RESUMED = """
import itertools, os, signal, sys
import backend.engine as engine, backend.parts as parts
from backend.setups import load_setup

parts.EVERY_S = 0.0
engine.TOKENS_PER_BATCH = {key: 40 for key in engine.TOKENS_PER_BATCH}
real = parts.Parts.add

def add(self, batch, tensors):
    with open(sys.argv[2], "a") as log:
        log.write(f"{self._folder.name} {batch}\\n")
    real(self, batch, tensors)

def prepare(kill_at):
    reports = itertools.count(1)
    def report(progress):
        if next(reports) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
    engine.Engine(load_setup(sys.argv[1]), report)

parts.Parts.add = add
for deaths in range(40):
    child = os.fork()
    if child == 0:
        prepare(5 + deaths)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(deaths)
"""
"""The first process dies at its fifth report, the next at its sixth, and so on, until one lives to
the end.
"""


def test_killed_at_many_moments_it_goes_on_and_ends_with_the_same_numbers(tmp_path, monkeypatch):
    path, log = write_setup(tmp_path), tmp_path / "log"
    environment = {
        **os.environ,
        "CLAMPBOARD_CACHE": str(tmp_path / "killed"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", KILLED_AND_RESUMED, str(path), str(log)]
    deaths = int(
        subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
            timeout=300,
            check=True,
        ).stdout
    )
    ran = log.read_text().splitlines()
    assert deaths >= 4 and len(ran) > 4
    assert len(set(ran)) == len(ran), "no batch ran twice"
    monkeypatch.setattr("backend.engine.engine.TOKENS_PER_BATCH", {("cpu", "float32"): 40})
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "whole"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as there: sums round otherwise with more
    try:
        whole = Engine(load_setup(path))
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "killed"))
    monkeypatch.setattr(
        "backend.engine.engine.record", lambda *_, **__: pytest.fail("it was not whole")
    )
    again = Engine(load_setup(path))
    assert not list(again.folder.glob("*.parts-*")), "the parts are gone once the whole is there"
    for name in ("resid", "exempt", "log_probs", "baseline"):
        assert torch.equal(getattr(again.recording, name), getattr(whole.recording, name)), name
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            again.recording.acts.tensors().values(),
            whole.recording.acts.tensors().values(),
            strict=True,
        )
    )
    numbers = [engine.atlas.table.select_dtypes("number") for engine in (again, whole)]
    pd.testing.assert_frame_equal(*numbers, check_exact=True)


def test_what_is_kept_is_not_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr("backend.parts.EVERY_S", 0.0)
    parts = Parts(tmp_path / "p")
    parts.add(3, {"token": torch.arange(4)})
    parts.add(1, {"token": torch.arange(2)})
    (tmp_path / "p" / "000007-000009.safetensors").write_bytes(b"damaged")
    assert {number: len(tensors["token"]) for number, tensors in Parts(tmp_path / "p").done()} == {
        1: 2,
        3: 4,
    }
    parts.remove()
    assert list(Parts(tmp_path / "p").done()) == []


def test_short_work_leaves_no_parts(tmp_path):
    parts = Parts(tmp_path / "p")
    parts.add(0, {"token": torch.arange(4)})
    assert not (tmp_path / "p").exists()


def test_scratch_files_of_the_killed_are_swept_and_those_of_the_living_stay(tmp_path):
    old, young = tmp_path / ".part-old", tmp_path / ".part-young"
    for file in (old, young):
        file.write_text("")
    os.utime(old, (0, 0))
    sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [".part-young"]
