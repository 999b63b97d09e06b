"""Model and SAE are loaded when they are first needed, and once."""

import threading

import pytest

from backend.engine.engine import Engine
from backend.interventions.method import setting_of
from backend.model import invariance
from backend.model.held import Held
from backend.model.loading import Weights, weights_of
from backend.setups import load_setup
from tests.support.toy import write_setup


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """A setup that was prepared before, with one setting evaluated."""
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    setup = load_setup(write_setup(tmp_path))
    Engine(setup).evaluate(setting_of([(2, -4.0)]))
    return setup


def test_what_is_kept_is_answered_without_model_and_sae(prepared, monkeypatch):
    monkeypatch.setattr(Weights, "load", lambda self: pytest.fail("the model was loaded"))
    monkeypatch.setattr("backend.model.sae.load_sae", lambda *_: pytest.fail("the SAE was loaded"))
    engine = Engine(prepared)
    assert engine.evaluate(setting_of([(2, -4.0)])).kept is not None
    assert engine.d_sae == len(engine.atlas.table)
    assert engine.tokenizer("a")["input_ids"]
    engine.atlas.search("virus")


def test_a_setting_that_was_not_run_loads_the_model(prepared, monkeypatch):
    monkeypatch.setattr(Weights, "load", lambda self: (_ for _ in ()).throw(KeyError("loading")))
    with pytest.raises(KeyError, match="loading"):
        Engine(prepared).evaluate(setting_of([(2, -5.0)]))


def test_sessions_that_ask_at_once_get_the_same_model(prepared, monkeypatch):
    loads, load = [], Weights.load

    def counted(self):
        loads.append(1)
        return load(self)

    monkeypatch.setattr(Weights, "load", counted)
    held = Held(prepared, weights_of(prepared), lambda _: None)
    found = []
    threads = [threading.Thread(target=lambda: found.append(held.runner)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert all(runner is found[0] for runner in found)


def test_where_rows_matter_nothing_of_a_question_is_kept(prepared, monkeypatch):
    monkeypatch.setattr(invariance, "rows_do_not_matter", lambda *_: False)
    engine = Engine(prepared)
    engine.load()
    assert not engine.runner.invariant
    before = list((engine.folder / "answers").iterdir())
    first = engine.evaluate(setting_of([(1, -6.0)]))
    again = engine.evaluate(setting_of([(1, -6.0), (2, -7.0)]))
    assert first.n_known == again.n_known == 0
    assert not engine.recording.keys.have.any()
    assert list((engine.folder / "answers").iterdir()) == before
    assert engine.evaluate(setting_of([(1, -6.0)])).kept is not None, "whole runs are"
