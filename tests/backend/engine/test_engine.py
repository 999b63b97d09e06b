"""One setup: which of its questions are spoken of, and figures over some of them."""

import pytest
import torch

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.change import affected_questions
from backend.interventions.method import setting_of
from backend.setups import load_setup
from tests.support.toy import D_SAE, write_setup


def test_halves_split_every_set_and_add_up(toy):
    result = toy.evaluate(setting_of([(2, -20.0), (3, -20.0)]))
    parts = [toy.restrict(result, toy.half(which)) for which in ("selection", "held-out")]
    for whole, a, b in zip(result.sets, *(p.sets for p in parts), strict=True):
        assert whole.n == a.n + b.n
        assert whole.lost == a.lost + b.lost
        assert whole.gained == a.gained + b.gained


def test_halves_drawn_with_a_seed_are_what_features_are_counted_on(toy, tmp_path):
    path = write_setup(tmp_path)
    path.write_text(f"half_seed = 5\n{path.read_text()}")
    engine = Engine(load_setup(path))
    half = engine.half("selection")
    assert half.tolist() == engine.sets.selection(5).tolist() != toy.half("selection").tolist()
    assert torch.equal(engine.half("held-out"), ~half)
    for feature in range(D_SAE):
        on = affected_questions(engine.recording, setting_of([(feature, 0.0)]))
        for role in ("forget", "retain"):
            counted = engine.atlas.table[f"fires_{role}_selection"][feature]
            assert counted == int((on & half & engine.sets.role(role)).sum())


def test_an_unknown_set_is_named(toy):
    with pytest.raises(BadInput, match="chemistry"):
        toy.in_sets(["chemistry"])


def test_a_half_there_is_not_is_refused_and_never_taken_for_another(toy):
    with pytest.raises(BadInput, match="no half 'test': it can be selection, held-out"):
        toy.half("test")
