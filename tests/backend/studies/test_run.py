"""Cells handed out and taken in by a real scheduler; its worker is a thread of this process, as
processes of their own are tried by the command's tests.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Worker
from distributed.utils import LoopRunner, sync

from backend.errors import Showcase, Unavailable
from backend.progress import Progress
from backend.store import ROOT, read_table
from backend.studies.cluster import LOOPBACK, Reached
from backend.studies.kept import made_of
from backend.studies.run import finished, run_study
from backend.studies.table import table_of
from backend.studies.work import run
from tests.hostile.full_disk import PAGE, _cannot_mount, _leave, _mounted
from tests.support.cluster import threaded_cluster

MANY = """
title = "Many"
setups = ["toy.toml"]
rankers = ["selectivity", "dsg"]
features = [1, 2, 3, 5]
strengths = [-5, -4, -3, -2, -1]
"""


def _by_hand(toy, cells) -> dict[str, dict]:
    return {cell.key: run(toy, cell) for cell in cells}


def test_a_study_is_its_cells_one_by_one(begin, reached, one_thread, toy):
    study, cells, kept = begin()
    notes: list[Progress] = []
    ran = run_study(cells, kept, reached, questions=True, on_progress=notes.append)
    assert ran.results == _by_hand(toy, cells)
    assert (ran.failed, ran.n_kept) == ([], 0)
    assert read_table(kept.table_path).equals(table_of(cells, ran.results))
    assert read_table(kept.questions_path) is not None
    assert [p.note for p in notes if p.note][0] == "1 worker."
    assert "toy: Looking for the model" in {p.stage for p in notes}
    ended = [p for p in notes if p.stage == "Evaluating the cells"][-1]
    assert (ended.done, ended.total) == (len(cells), len(cells))
    again = finished(cells, kept)
    assert (again.results, again.n_kept) == (ran.results, len(cells))


def test_what_is_kept_is_not_run_again(begin, reached, one_thread, toy):
    _, cells, kept = begin()
    for cell in cells[::2]:
        kept.write(run(toy, cell))
    times = {path: path.stat().st_mtime_ns for path in kept.folder.glob("rows/*")}
    assert finished(cells, kept) is None
    ran = run_study(cells, kept, reached)
    assert ran.n_kept == len(cells[::2])
    assert list(ran.results) == [cell.key for cell in cells]
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_what_another_machine_made_does_not_count_beside_what_is_run_here(
    begin, reached, one_thread, toy
):
    _, cells, kept = begin()
    others = [run(toy, cell) for cell in cells[:4]]
    for result in others:
        result["made_of"]["machine"] = "another"
        result["figures"][0]["lost"] = 77
        kept.write(result)
    ran = run_study(cells, kept, reached)
    assert ran.results == _by_hand(toy, cells)
    assert len({made_of(result) for result in ran.results.values()}) == 1


def test_a_finished_study_of_another_machine_is_shown_as_it_is(begin, toy):
    _, cells, kept = begin()
    for cell in cells:
        result = run(toy, cell)
        result["made_of"]["machine"] = "another"
        kept.write(result)
    assert {r["made_of"]["machine"] for r in finished(cells, kept).results.values()} == {"another"}


def test_a_setup_that_cannot_be_opened_is_said_once_and_the_others_go_on(begin, toy_toml, reached):
    gone = toy_toml.with_name("gone.toml")
    gone.write_text('extends = "toy.toml"\n[model]\nname = "nobody/nothing"\npath = "sae"\n')
    _, cells, kept = begin(
        'title = "T"\nsetups = ["gone.toml", "toy.toml"]\nstrengths = [-3, -2]\n'
        "picked = [[1], [99]]\n"
    )
    ran = run_study(cells, kept, reached)
    assert {cell.setup for cell in cells if cell.key in ran.results} == {"toy"}
    assert len(ran.results) == 2
    assert sorted(len(failed.cells) for failed in ran.failed) == [2, 4]
    assert {cell.setup for f in ran.failed if len(f.cells) == 4 for cell in f.cells} == {"gone"}
    assert any("There is no feature 99" in failed.why for failed in ran.failed)
    assert finished(cells, kept) is None


def test_a_full_disk_stops_it_with_a_sentence_and_loses_nothing(
    begin, reached, toy_toml, monkeypatch
):
    study, cells, kept = begin(MANY)
    with tempfile.TemporaryDirectory() as folder:
        if why := _cannot_mount(Path(folder)):
            pytest.skip(why)
        cache = Path(folder) / "cache"
        cache.mkdir()
        with _mounted(cache, 4_000_000):
            shutil.copytree(toy_toml.parent / "cache", cache, dirs_exist_ok=True)
            monkeypatch.setenv("CLAMPBOARD_CACHE", str(cache))
            _, cells, kept = begin(MANY)

            def fill(progress: Progress) -> None:
                if progress.done == 10:
                    _leave(cache, PAGE)

            with pytest.raises(Unavailable, match="cannot be written .*Free some disk space"):
                run_study(cells, kept, reached, on_progress=fill)
            n = len(kept.read())
            assert 10 <= n < len(cells)
            (cache / "filler").unlink()
            ran = run_study(cells, kept, reached)
            assert (len(ran.results), ran.n_kept) == (len(cells), n)


def test_stopping_keeps_what_has_come(begin, reached):
    _, cells, kept = begin(MANY)

    def stop(progress: Progress) -> None:
        if progress.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(cells, kept, reached, on_progress=stop)
    there = read_table(kept.table_path)["cell"].unique()
    assert list(there) == [cell.key for cell in cells if cell.key in kept.read()]
    assert len(there) == 5


def test_a_scheduler_that_is_not_there_is_waited_for_and_then_said(begin):
    _, cells, kept = begin()
    seen = []
    with pytest.raises(Unavailable, match=r"at tcp://127.0.0.1:9 does not answer. What is fin"):
        run_study(
            cells,
            kept,
            Reached("tcp://127.0.0.1:9", None, ""),
            patience_s=4,
            on_progress=seen.append,
        )
    assert seen[-1].stage == "The scheduler at tcp://127.0.0.1:9 does not answer; waiting for it"


def test_workers_that_do_not_come_are_waited_for_and_then_said(begin):
    _, cells, kept = begin()
    seen = []
    with (
        threaded_cluster(0) as empty,
        pytest.raises(Unavailable, match="No worker has come"),
    ):
        there = Reached(empty.scheduler_address, None, "")
        run_study(cells, kept, there, patience_s=1, on_progress=seen.append)
    assert "Waiting for workers" in {progress.stage for progress in seen}


def test_a_showcase_runs_none(begin, monkeypatch):
    _, cells, kept = begin()
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    with pytest.raises(Showcase):
        run_study(cells, kept, Reached("tcp://127.0.0.1:9", None, ""))
    assert not kept.folder.exists()


# -- a scheduler of its own ------------------------------------------------------------------------


@contextmanager
def _scheduler(port: int) -> Iterator[subprocess.Popen]:
    """A process, as a cluster's is; ended abruptly."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", LOOPBACK),
            *("--port", str(port), "--no-dashboard", "--dashboard-address", f"{LOOPBACK}:0"),
        ],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _worker(address: str) -> Iterator[None]:
    """In a thread: it ends when its scheduler does."""
    runner = LoopRunner()
    runner.start()

    async def start() -> Worker:
        return await Worker(address, nthreads=1, host=LOOPBACK, dashboard_address=f"{LOOPBACK}:0")

    worker = sync(runner.loop, start)
    try:
        yield
    finally:
        sync(runner.loop, worker.close)
        runner.stop()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return found.getsockname()[1]


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_scheduler_that_ends_and_comes_back_loses_nothing(begin, one_thread, toy):
    _, cells, kept = begin(MANY)
    port = _free_port()
    address = f"tcp://{LOOPBACK}:{port}"
    seen: list[Progress] = []
    found: list = []

    def work() -> None:
        there = Reached(address, None, "")
        found.append(run_study(cells, kept, there, patience_s=60, on_progress=seen.append))

    client = threading.Thread(target=work)
    with _scheduler(port), _worker(address):
        client.start()
        _until(lambda: len(list(kept.folder.glob("rows/*.json"))) > 3)
    n = len(list(kept.folder.glob("rows/*.json")))
    _until(lambda: "does not answer" in seen[-1].stage)
    with _scheduler(port), _worker(address):
        client.join(60)
    assert n < len(cells)
    (ran,) = found
    assert ran.results == _by_hand(toy, cells)
    assert ran.failed == []
