"""A study as a command: processes that are killed, and go on where they were."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch

from backend.engine.engine import Engine
from backend.setups import load_setup
from backend.store import ROOT, cache_folder
from backend.studies import load_study
from backend.studies.cells import cells_of
from backend.studies.kept import Kept
from backend.studies.table import questions_of, table_of
from backend.studies.work import run as run_here
from tests.support.cluster import threaded_cluster

MANY = """
title = "Many"
setups = ["toy.toml"]
rankers = ["selectivity", "dsg", { name = "crisp", setting = 1 }]
features = [1, 2, 3, 5]
strengths = [-5, -3, -2, -1, 2]
methods = ["", { method = "rho:0", false_alarms = 0.3 }]
rivals = ["leace", "random-direction"]
"""
SMALL = 'title = "T"\nsetups = ["toy.toml"]\npicked = [[1], [3]]\nstrengths = [-3]\n'


@pytest.fixture
def study(toy_toml):
    def write(text: str = SMALL) -> Path:
        path = toy_toml.with_name("s.toml")
        path.write_text(text)
        return path

    return write


@pytest.fixture
def undisturbed(toy_toml):
    """The tables of a study, its cells one after the other in this process, in one thread."""

    def tables(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            engine, cells = Engine(load_setup(toy_toml)), cells_of(load_study(path))
            results = {cell.key: run_here(engine, cell) for cell in cells}
        finally:
            torch.set_num_threads(before)
        return table_of(cells, results), questions_of(cells, results)

    return tables


class _Process:
    """`python -m backend study` in a session of its own, with its workers."""

    def __init__(self, path: Path, *args: str):
        command = [sys.executable, "-m", "backend", "study", str(path), *args]
        self._studies = cache_folder() / "studies"
        self._popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started: list[psutil.Process] = []

    def rows(self) -> int:
        return len(list(self._studies.glob("s-*/rows/*.json")))

    def wait_for(self, rows: int) -> None:
        end = time.monotonic() + 120
        while self.rows() < rows:
            assert self._popen.poll() is None, self._popen.communicate()
            assert time.monotonic() < end
            time.sleep(0.005)
        self.started = psutil.Process(self._popen.pid).children(recursive=True)

    def wait_for_line(self, line: str) -> str:
        """What it said on standard error, up to that line."""
        said: list[str] = []
        while not said or said[-1].strip() != line:
            said.append(self._popen.stderr.readline())
            assert said[-1], said
        self.started = psutil.Process(self._popen.pid).children(recursive=True)
        return "".join(said)

    def workers(self) -> list[psutil.Process]:
        return [p for p in self.started if "spawn_main" in " ".join(p.cmdline())]

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """To the whole group, as a terminal does; nothing it started is left."""
        os.killpg(self._popen.pid, number) if number != signal.SIGKILL else self._popen.kill()
        out, err = self._popen.communicate(timeout=60)
        gone, alive = psutil.wait_procs(self.started, timeout=10)
        assert not alive
        return self._popen.returncode, out, err


def test_killed_twice_and_a_worker_once_it_comes_to_the_same_table(study, undisturbed, run):
    path = study(MANY)
    first = _Process(path, "--workers", "2")
    first.wait_for(5)
    first.workers()[0].kill()
    n = first.rows()
    first.wait_for(n + 20)
    first.end(signal.SIGKILL)
    second = _Process(path, "--workers", "1", "--resume")
    n = second.rows()
    second.wait_for(n + 20)
    second.end(signal.SIGKILL)
    out = path.with_name("out.parquet")
    result = run(
        "study", path, "--workers", 1, "--resume", "--json", "--per-question", "--out", out
    )
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    table, questions = undisturbed(path)
    n_cells = 3 * 4 * 5 * 2 + 2
    assert said["cells"] == said["done"] == n_cells == table["cell"].nunique()
    assert n + 20 <= said["kept"] < n_cells
    assert said["failed"] == []
    assert len(said["machines"]) == 1
    assert "1 threads" in said["machines"][0]
    pd.testing.assert_frame_equal(pd.read_parquet(out), table, check_exact=True)
    pd.testing.assert_frame_equal(
        pd.read_parquet(path.with_name("out.questions.parquet")), questions, check_exact=True
    )
    again = run("study", path, "--json")
    assert json.loads(again.stdout)["kept"] == n_cells
    assert again.stderr == ""


def test_it_is_stopped_with_all_it_started(study):
    process = _Process(study(MANY), "--workers", "1")
    said = process.wait_for_line("1 worker.")
    status, out, err = process.end(signal.SIGINT)
    assert (status, out) == (130, "")
    assert err.splitlines()[-1] == "clampboard: stopped; what was finished is kept."
    assert "1 worker process, of one thread; the dashboard is at http://127.0.0.1:" in said
    assert "Traceback" not in said + err


def test_a_cluster_of_others_is_told_by_its_address(study, run):
    """And what cannot be run is listed, and the status says so."""
    path = study(SMALL.replace("[3]", "[99]"))
    with threaded_cluster() as cluster:
        result = run("study", path, "--scheduler", cluster.scheduler_address, "--json")
        text = run("study", path, "--scheduler", cluster.scheduler_address).stdout
    assert result.returncode == 2
    said = json.loads(result.stdout)
    assert (said["done"], said["kept"], said["cells"]) == (1, 0, 2)
    ((why, failed),) = [(f["why"], f["cells"]) for f in said["failed"]]
    assert "There is no feature 99" in why
    assert [cell["what"] for cell in failed] == ["picked 99, 1 at -3x"]
    assert "dashboard" not in result.stderr
    assert "1 cell of toy could not be run: There is no feature 99" in text


def _keep_all(path: Path, toy_toml: Path) -> None:
    cells = cells_of(load_study(path))
    kept, engine = Kept(load_study(path), cells), Engine(load_setup(toy_toml))
    for cell in cells:
        kept.write(run_here(engine, cell))


def test_a_finished_study_is_shown_cell_by_cell(study, run, toy_toml):
    path = study(SMALL + 'score = "saebench"\ntext_loss = true\n')
    _keep_all(path, toy_toml)
    lines = run("study", path).stdout.splitlines()
    assert lines[0] == "toy: toy, sae, float32"
    assert lines[1].startswith("  picked 1, 1 at -3x   forget ")
    assert "SAEBench's score of toy: 0.0000" in lines
    assert lines[-1].startswith("2 of 2 cells, 2 of them from before, in ")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nope",), ("There is no study 'nope'", "paper-grid")),
        (("STUDY", "--resume"), ("there is nothing to go on with", "--resume")),
        (("STUDY", "--workers", "0"), ("--workers: '0' is no whole number from 1 to 512",)),
        (("STUDY", "--workers", "1", "--scheduler", "tcp://a:1"), ("not allowed with",)),
        (("STUDY", "--scheduler", "a:1"), ("'a:1' is no address",)),
        (("STUDY", "--tls-ca", "x"), ("--tls-ca goes with --scheduler",)),
        (("STUDY", "--out", "FOLDER"), ("is a folder; name a file",)),
        (("STUDY", "--patience", "0"), ("--patience",)),
    ],
)
def test_a_wrong_argument_is_said_before_anything_is_started(study, run, tmp_path, args, words):
    given = {"STUDY": study(), "FOLDER": tmp_path}
    run("study", *(given.get(arg, arg) for arg in args)).fails(*words)
