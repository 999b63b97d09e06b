"""One setup at work: whose turn it is, and which questions are spoken of."""

import threading

import pytest
import torch

from backend.engine.engine import Engine
from backend.errors import BadClamps, BadInput
from backend.evaluation.evaluate import affected_questions
from backend.interventions.edit import clamp_set
from backend.progress import silent
from backend.setups import load_setup
from tests.support.toy import D_SAE, write_setup


class Stop(BaseException):
    pass


def test_lock_is_free_after_success_error_and_cancel(toy):
    def cancel(_):
        raise Stop

    toy.evaluate(clamp_set([(1, -3.5)]))
    assert not toy.busy
    with pytest.raises(Stop):
        toy.evaluate(clamp_set([(1, -4.5), (2, -1.0), (3, -1.0)]), cancel)
    assert not toy.busy
    with pytest.raises(BadClamps):
        toy.evaluate(clamp_set([(D_SAE, 0.0)]))
    assert not toy.busy
    assert toy.finished(clamp_set([(1, -4.5), (2, -1.0), (3, -1.0)])) is None, (
        "a cancelled run leaves no result"
    )


def test_waiting_for_another_run_can_be_cancelled(toy):
    def cancel(_):
        raise Stop

    with toy.turn(silent), pytest.raises(Stop):
        toy.evaluate(clamp_set([(1, -9.5)]), on_wait=cancel)


def test_two_threads_with_different_clamps_get_right_answers(toy):
    wanted = [clamp_set([(f, -11.0), (f + 1, -3.0)]) for f in range(0, 12, 2)]
    got: dict = {}

    def work(mine):
        for clamps in mine:
            got[clamps] = toy.evaluate(clamps).scores

    threads = [threading.Thread(target=work, args=(wanted[i::2],)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for clamps in wanted:
        toy.results.forget(clamps)
        assert torch.equal(got[clamps], toy.evaluate(clamps).scores)


def test_halves_split_every_set_and_add_up(toy):
    result = toy.evaluate(clamp_set([(2, -20.0), (3, -20.0)]))
    parts = [toy.restrict(result, toy.half(which)) for which in ("selection", "held-out")]
    for whole, a, b in zip(result.sets, *(p.sets for p in parts), strict=True):
        assert (whole.n, whole.lost, whole.gained) == (
            a.n + b.n,
            a.lost + b.lost,
            a.gained + b.gained,
        )


def test_halves_drawn_with_a_seed_are_what_features_are_counted_on(toy, tmp_path):
    path = write_setup(tmp_path)
    path.write_text(f"half_seed = 5\n{path.read_text()}")
    engine = Engine(load_setup(path))
    half = engine.half("selection")
    assert half.tolist() == engine.sets.selection(5).tolist() != toy.half("selection").tolist()
    assert torch.equal(engine.half("held-out"), ~half)
    retain = engine.in_sets([s.name for s in engine.sets if s.role == "retain"])
    for feature in range(D_SAE):
        on = affected_questions(engine.recording, clamp_set([(feature, 0.0)]))
        assert engine.atlas.table["fires_retain_selection"][feature] == int(
            (on & half & retain).sum()
        )


def test_an_unknown_set_is_named(toy):
    with pytest.raises(BadInput, match="chemistry"):
        toy.in_sets(["chemistry"])
