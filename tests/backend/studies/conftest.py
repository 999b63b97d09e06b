"""Studies on the toy."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from backend.studies import Study, load_study
from backend.studies.cells import Cell, cells_of
from backend.studies.cluster import Reached
from backend.studies.kept import Kept
from tests.support.cluster import threaded_cluster

SMALL = """
title = "Small"
setups = ["toy.toml"]
rankers = ["selectivity", { name = "crisp", setting = 1 }]
features = [1, 3]
strengths = [-3, 1]
methods = ["", { method = "rho:0,reach:all", false_alarms = 0.3 }]
rivals = ["leace", { kind = "prompt", of = "Forget it." }]
"""


class Begun(NamedTuple):
    study: Study
    cells: list[Cell]
    kept: Kept


@pytest.fixture
def begin(toy_toml) -> Callable[..., Begun]:
    """A study's file beside the toy's, read."""

    def write(text: str = SMALL, name: str = "small") -> Begun:
        path = Path(toy_toml).with_name(f"{name}.toml")
        path.write_text(text)
        study = load_study(path)
        cells = cells_of(study)
        return Begun(study, cells, Kept(study, cells))

    return write


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """As in a worker: on a CPU bits depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of one with a worker."""
    with threaded_cluster() as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def reached(scheduler) -> Reached:
    return Reached(scheduler, None, "")
