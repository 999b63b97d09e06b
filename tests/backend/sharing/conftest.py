"""One run of the toy for the tests that only read it."""

import json
import shutil
from copy import deepcopy
from typing import Any, NamedTuple

import pytest

from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation
from backend.interventions.board import Board, Slider
from backend.setups import load_setup
from backend.sharing.compare import compare
from backend.sharing.export import export, to_text
from backend.sharing.run_file import read_run_file

BOARD = Board((Slider(1, -120.0), Slider(4, -2.0, on=False)), 1.5)


class Ran(NamedTuple):
    engine: Engine
    evaluation: Evaluation
    text: str
    """Its run file."""

    def raw(self) -> dict[str, Any]:
        """The run file's value, a new one each time."""
        return deepcopy(json.loads(self.text))


@pytest.fixture(scope="package")
def ran(prepared_toy, tmp_path_factory) -> Ran:
    folder = tmp_path_factory.mktemp("ran")
    shutil.copytree(prepared_toy, folder, dirs_exist_ok=True)
    return run_of(folder)


@pytest.fixture(scope="package")
def ran_in_half_precision(prepared_toy, tmp_path_factory) -> Ran:
    folder = tmp_path_factory.mktemp("half")
    shutil.copytree(prepared_toy, folder, dirs_exist_ok=True)
    toml = folder / "toy.toml"
    toml.write_text(toml.read_text().replace('dtype = "float32"', 'dtype = "bfloat16"'))
    return run_of(folder)


def run_of(folder) -> Ran:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        return ran_on(Engine(load_setup(folder / "toy.toml")), BOARD)


def ran_on(engine: Engine, board: Board) -> Ran:
    evaluation = engine.evaluate(board.setting())
    return Ran(engine, evaluation, to_text(export(engine, evaluation, board, "held-out")))


def read(raw, engine):
    return read_run_file(json.dumps(raw).encode(), engine.sae.d_sae)


def compared(ran, raw):
    return compare(read(raw, ran.engine), ran.evaluation, ran.engine)
