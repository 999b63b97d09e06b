"""One run at a time: a turn ends whatever happens, and what is finished is kept."""

import threading

import pytest
import torch

from backend.engine.evaluator import Turns
from backend.errors import BadClamps
from backend.interventions.edit import clamp_set
from backend.notices import noticed
from backend.progress import Progress
from tests.support.toy import D_SAE

CLAMPS = clamp_set([(1, -4.5), (2, -1.0), (3, -1.0)])


class Stop(BaseException):
    pass


def stop(_):
    raise Stop


def test_a_turn_ends_with_success(toy):
    toy.evaluate(CLAMPS)
    assert not toy.busy


def test_a_turn_ends_with_an_error(toy):
    with pytest.raises(BadClamps):
        toy.evaluate(clamp_set([(D_SAE, 0.0)]))
    assert not toy.busy


def test_a_turn_ends_with_a_cancel_which_leaves_no_result(toy):
    with pytest.raises(Stop):
        toy.evaluate(CLAMPS, stop)
    assert not toy.busy
    assert toy.finished(CLAMPS) is None


def test_who_waits_is_told_and_may_leave_the_queue(toy):
    said: list[Progress] = []

    def leave(progress):
        said.append(progress)
        raise Stop

    with toy.turn(stop), pytest.raises(Stop):
        toy.evaluate(CLAMPS, on_wait=leave)
    assert [progress.stage for progress in said] == ["Waiting for another run to end"]


def test_who_waits_has_the_next_turn():
    turns, order = Turns(), []
    waiting = threading.Event()

    def second():
        with turns.turn(lambda _: waiting.set()):
            order.append("second")

    thread = threading.Thread(target=second)
    with turns.turn():
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert not turns.taken


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


def test_a_finished_run_answers_at_once_and_enters_the_history_when_it_is_listed(toy):
    first = toy.evaluate(CLAMPS, listed=False)
    assert toy.history.trials() == []
    again = toy.evaluate(CLAMPS, lambda _: pytest.fail("it was computed again"))
    assert torch.equal(again.scores, first.scores)
    assert [trial.run.clamps for trial in toy.history.trials()] == [CLAMPS]


def test_a_run_in_another_order_of_its_clamps_is_the_same_run(toy):
    toy.evaluate(CLAMPS)
    assert toy.finished(tuple(reversed(CLAMPS))).clamps == CLAMPS


def test_along_other_directions_results_are_kept_apart(toy):
    other = toy.along("backwards", -toy.sae.W_dec)
    there = other.evaluate(CLAMPS)
    assert toy.finished(CLAMPS) is None
    assert not torch.allclose(there.scores, toy.evaluate(CLAMPS).scores, atol=1e-3)
    assert torch.equal(other.finished(CLAMPS).scores, there.scores)


def test_a_finished_evaluation_that_cannot_be_kept_is_shown_said_and_answered_again(
    toy, tmp_path, monkeypatch
):
    wanted = toy.evaluate(CLAMPS)
    toy.results.forget(CLAMPS)
    (tmp_path / "file").write_text("")
    along = toy.along("backwards", -toy.sae.W_dec)
    for results in (toy.results, along.listed):
        monkeypatch.setattr(results, "_folder", tmp_path / "file" / "results")
    assert torch.equal(toy.evaluate(CLAMPS).scores, wanted.scores)
    assert any("A finished evaluation cannot be kept" in text for text in noticed())
    again = toy.evaluate(CLAMPS, lambda _: pytest.fail("it was computed again"))
    assert torch.equal(again.scores, wanted.scores)
    there = along.evaluate(CLAMPS)
    found = toy.along("backwards", -toy.sae.W_dec).finished(CLAMPS)
    assert torch.equal(found.scores, there.scores)
