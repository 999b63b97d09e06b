"""Preparing is killed again and again, and goes on where it was.

Nothing is run twice, and the figures are those of one run.
"""

import os
import subprocess
import sys

import pandas as pd
import pytest
import torch

from backend.engine.engine import Engine
from backend.parts import Parts
from backend.progress import Pace, silent
from backend.setups import load_setup
from backend.store import ROOT
from tests.support.toy import write_setup

KILLED_AND_RESUMED = """
import itertools, os, signal, sys
import backend.model.held as held, backend.parts as parts
from backend.engine.engine import Engine
from backend.setups import load_setup
from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

get_pretrained_saes_directory()  # takes longest: read here once, and not by every child
parts.EVERY_S = 0.0
held.TOKENS_PER_BATCH = {key: 40 for key in held.TOKENS_PER_BATCH}
real = parts.Parts.add

def add(self, batch, tensors):
    with open(sys.argv[2], "a") as log:
        log.write(f"{self._folder.name} {batch}\\n")
    real(self, batch, tensors)

def make(kill_at):
    reports = itertools.count(1)
    def report(progress):
        if next(reports) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
    Engine(load_setup(sys.argv[1]), report)

parts.Parts.add = add
for deaths in range(40):
    child = os.fork()
    if child == 0:
        make(5 + deaths)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(deaths)
"""
"""The first process dies at its fifth report, the next at its sixth, until one lives to the end."""


def test_killed_at_many_moments_it_goes_on_and_ends_with_the_same_numbers(tmp_path, monkeypatch):
    path, log = write_setup(tmp_path), tmp_path / "log"
    environment = {
        **os.environ,
        "CLAMPBOARD_CACHE": str(tmp_path / "killed"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", KILLED_AND_RESUMED, str(path), str(log)]
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=300
    )
    assert result.returncode == 0, result.stderr
    deaths = int(result.stdout)
    ran = log.read_text().splitlines()
    assert deaths >= 4 and len(ran) > 4
    assert len(set(ran)) == len(ran), "no batch ran twice"
    monkeypatch.setattr("backend.model.held.TOKENS_PER_BATCH", {("cpu", "float32"): 40})
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "whole"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as there: sums round otherwise with more
    try:
        whole = Engine(load_setup(path))
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "killed"))
    monkeypatch.setattr(
        "backend.engine.prepare.record", lambda *_, **__: pytest.fail("it was not whole")
    )
    again = Engine(load_setup(path))
    assert not list(again.folder.glob("*.parts-*")), "the parts are gone once the whole is there"
    for name in ("resid", "exempt", "log_probs", "baseline"):
        assert torch.equal(getattr(again.recording, name), getattr(whole.recording, name)), name
    ours, theirs = again.recording.acts.tensors(), whole.recording.acts.tensors()
    assert all(torch.equal(ours[name], theirs[name]) for name in ("start", "token", "value"))
    numbers = [engine.atlas.table.select_dtypes("number") for engine in (again, whole)]
    pd.testing.assert_frame_equal(*numbers, check_exact=True)


def test_what_is_kept_is_not_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr("backend.parts.EVERY_S", 0.0)
    parts = Parts(tmp_path / "p")
    parts.add(3, {"token": torch.arange(4)})
    parts.add(1, {"token": torch.arange(2)})
    (tmp_path / "p" / "000007-000009.safetensors").write_bytes(b"damaged")
    kept = dict(Parts(tmp_path / "p").done())
    assert {number: len(tensors["token"]) for number, tensors in kept.items()} == {1: 2, 3: 4}
    parts.remove()
    assert list(Parts(tmp_path / "p").done()) == []


def test_short_work_leaves_no_parts(tmp_path):
    parts = Parts(tmp_path / "p")
    parts.add(0, {"token": torch.arange(4)})
    assert not (tmp_path / "p").exists()


BATCHES = [torch.arange(3), torch.arange(3, 5), torch.arange(5, 9)]


def in_pieces(ran):
    """A batch's tensors a token at a time; `ran` lists the batches that were run."""

    def run(batch):
        ran.append(batch.tolist())
        yield from (
            {"token": batch[i : i + 1], "twice": 2 * batch[i : i + 1]} for i in batch - batch[0]
        )

    return run


def test_a_pass_gives_every_batch_once_in_order_and_whole():
    ran, reports = [], []
    pace = Pace("", 9, reports.append)
    through = list(Parts(None).through(BATCHES, in_pieces(ran), pace))
    assert [piece["token"].tolist() for piece in through] == [b.tolist() for b in BATCHES]
    assert all(torch.equal(piece["twice"], 2 * piece["token"]) for piece in through)
    assert ran == [b.tolist() for b in BATCHES]
    assert [report.done for report in reports] == [0, 3, 5, 9]


def test_a_pass_that_was_stopped_runs_only_what_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("backend.parts.EVERY_S", 0.0)
    before, ran = [], []
    stopped = Parts(tmp_path / "p").through(BATCHES, in_pieces(before), Pace("", 9, silent))
    next(stopped), next(stopped)
    stopped.close()
    parts = Parts(tmp_path / "p")
    through = list(parts.through(BATCHES, in_pieces(ran), Pace("", 9, silent)))
    assert parts.resumed
    assert before == [[0, 1, 2], [3, 4]]
    assert ran == [[3, 4], [5, 6, 7, 8]], "the second was given out, but not yet kept"
    assert torch.equal(torch.cat([piece["token"] for piece in through]), torch.arange(9))


def test_without_a_folder_nothing_is_kept(monkeypatch):
    monkeypatch.setattr("backend.parts.EVERY_S", 0.0)
    parts = Parts(None)
    parts.add(0, {"token": torch.arange(4)})
    parts.remove()
    assert list(parts.done()) == []
    assert not parts.resumed
