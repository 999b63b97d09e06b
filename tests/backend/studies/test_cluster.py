"""Workers of this machine: how many, with what, and where they listen."""

import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from backend.errors import BadInput
from backend.setups import load_setup
from backend.studies import cluster, link
from backend.studies.cluster import (
    LOOPBACK,
    own_cluster,
    reached,
    visible_gpus,
    worker_bytes,
    worker_env,
    workers_for,
)
from backend.studies.kept import Kept
from backend.studies.run import run_study
from tests.support.ending import end_or_answer


def _listening(process: psutil.Process) -> set[str]:
    found = [process, *process.children(recursive=True)]
    connections = [c for one in found for c in one.net_connections("inet")]
    return {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}


def test_nothing_listens_but_on_the_loopback_and_nothing_is_left(toy_toml):
    me, setup = psutil.Process(), load_setup(toy_toml)
    before = _listening(me)
    with own_cluster({"toy": setup}, 1) as there:
        assert there.words.startswith("1 worker process, of one thread; the dashboard is at http:")
        children = me.children(recursive=True)
        started = {child for child in children if "spawn_main" in " ".join(child.cmdline())}
        assert len(started) == 1
        assert _listening(me) - before == {LOOPBACK} - before
        (worker,) = started
        assert {c.laddr.ip for c in worker.net_connections("inet")} == {LOOPBACK}
        assert worker.environ()["OMP_NUM_THREADS"] == "1"
    assert not any(child.is_running() for child in started)
    assert _listening(me) == before


def test_a_gpu_is_one_workers_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-7")
    gpus = visible_gpus()
    seen = [worker_env(i, 3, gpus)["CUDA_VISIBLE_DEVICES"] for i in range(3)]
    assert seen == ["5", "GPU-7", "5"]


def test_a_worker_on_a_cpu_has_one_thread_and_beside_a_gpu_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr("dask.system.CPU_COUNT", 16)
    assert worker_env(0, 4, [])["OMP_NUM_THREADS"] == "1"
    assert worker_env(0, 4, ["0", "1"])["OMP_NUM_THREADS"] == "4"
    assert worker_env(0, 99, ["0"])["OMP_NUM_THREADS"] == "1"


def test_no_more_workers_than_memory_holds(monkeypatch, toy_toml):
    setup = load_setup(toy_toml)
    each = worker_bytes(setup)
    for room, n in ((0.5, 1), (1.5, 1), (2.5, 2)):
        monkeypatch.setattr(cluster, "free_bytes", lambda _, room=room: int(room * each))
        assert workers_for({"toy": setup}) == min(n, len(os.sched_getaffinity(0)))


def test_a_worker_takes_more_for_a_larger_model(toy_toml):
    small, demo = load_setup(toy_toml), load_setup("demo")
    hub = replace(demo, model=replace(demo.model, package=None))
    assert worker_bytes(small) < worker_bytes(demo) < worker_bytes(hub)


@pytest.mark.parametrize(
    ("address", "files", "said"),
    [
        ("here", (), "'here' is no address; write one such as tcp://"),
        ("http://a:1", (), "is no address"),
        ("tcp://a", (), "is no address"),
        ("tcp://a:1", ("x",), "--tls-ca goes with an address that begins with tls://"),
        ("tls://a:1", (), "--tls-ca is missing"),
        ("tls://a:1", ("x", "y", "z"), "--tls-ca names x, which is no file"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(address, files, said):
    with pytest.raises(BadInput) as error:
        reached(address, *map(Path, files))
    assert said in str(error.value)


def test_tls_is_asked_for_with_its_files(tmp_path):
    files = []
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("PEM")
        files.append(tmp_path / name)
    there = reached("tls://10.0.0.1:8786", *files)
    assert there.security.require_encryption
    assert there.security.tls_client_key == str(files[2])
    assert reached("tcp://10.0.0.1:8786").security is None


def test_a_cell_that_ends_its_worker_again_and_again_is_given_up_alone(
    begin, toy_toml, monkeypatch
):
    monkeypatch.setattr(link, "run_cell", end_or_answer)
    text = 'title = "T"\nsetups = ["toy.toml"]\npicked = [[1]]\nstrengths = [-2, 0, -1]\n'
    _, cells, kept = begin(text)
    with own_cluster({"toy": load_setup(toy_toml)}, 1) as there, monkeypatch.context() as patch:
        patch.setattr(Kept, "write_table", lambda *_: None)  # there are no figures to write
        ran = run_study(cells, kept, there, patience_s=60)
    assert set(ran.results) == {cell.key for cell in cells if cell.strength}
    ((why, failed),) = ran.failed
    assert "Its worker ended again and again" in why
    assert [cell.strength for cell in failed] == [0]
