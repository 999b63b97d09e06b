"""One run at a time: a turn ends whatever happens, and what is finished is kept."""

import threading
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import torch

from backend.engine import evaluator
from backend.engine.evaluator import Turns
from backend.errors import BadClamps
from backend.interventions.method import setting_of
from backend.notices import noticed
from backend.progress import Progress
from tests.support.toy import D_SAE

CLAMPS = setting_of([(1, -4.5), (2, -1.0), (3, -1.0)])


class Stop(BaseException):
    pass


def stop(_):
    raise Stop


def test_a_turn_ends_with_success(toy):
    toy.evaluate(CLAMPS)
    assert not toy.busy


def test_a_turn_ends_with_an_error(toy):
    with pytest.raises(BadClamps):
        toy.evaluate(setting_of([(D_SAE, 0.0)]))
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
    assert [progress.stage for progress in said] == ["1 run is before yours"]


class Crowd:
    """Threads that ask for a turn, one after the other while the first holds it."""

    def __init__(self, turns: Turns):
        self.turns, self.served, self.left = turns, [], []
        self.threads: list[threading.Thread] = []
        self.told: dict[int, list[Progress]] = {}
        self.leaving: set[int] = set()

    def ask(self, name: int) -> None:
        """Returns once the thread stands in the queue."""
        self.told[name], waiting = [], threading.Event()

        def on_wait(progress):
            self.told[name].append(progress)
            waiting.set()
            if name in self.leaving:
                raise Stop

        def work():
            try:
                with self.turns.turn(on_wait):
                    self.served.append(name)
            except Stop:
                self.left.append(name)

        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
        assert waiting.wait(10)

    def leave(self, name: int) -> None:
        self.leaving.add(name)
        self.threads[name].join(10)

    def end(self) -> None:
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def test_the_order_of_service_is_the_order_of_asking():
    turns = Turns()
    crowd = Crowd(turns)
    with turns.turn():
        for name in range(24):
            crowd.ask(name)
        stages = [crowd.told[name][0].stage for name in range(24)]
    crowd.end()
    assert crowd.served == list(range(24))
    assert stages[:2] == ["1 run is before yours", "2 runs are before yours"]
    assert stages[-1] == "24 runs are before yours"
    assert not turns.taken


def test_who_leaves_is_waited_for_no_longer():
    turns = Turns()
    crowd = Crowd(turns)
    with turns.turn():
        for name in range(5):
            crowd.ask(name)
        crowd.leave(2)
        crowd.leave(0)
        assert turns.taken
        crowd.ask(5)
        assert crowd.told[5][0].stage == "4 runs are before yours"
    crowd.end()
    assert crowd.left == [2, 0]
    assert crowd.served == [1, 3, 4, 5]
    assert not turns.taken


def test_an_error_in_a_turn_lets_the_next_one_in():
    turns = Turns()
    crowd = Crowd(turns)
    with pytest.raises(ValueError, match="a fault"), turns.turn():
        crowd.ask(0)
        raise ValueError("a fault")
    crowd.end()
    assert crowd.served == [0]


def test_who_asks_again_stands_behind_those_who_wait():
    """So a sweep, which takes a turn for each setting, lets others come between."""
    turns = Turns()
    crowd = Crowd(turns)
    with turns.turn():
        crowd.ask(0)
    with turns.turn():
        assert crowd.served == [0]
    crowd.end()


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(evaluator.time, "monotonic", lambda: now.s)
    return now


def estimates(turns, kinds, clock, ran=0.0):
    """What one is told who asks behind turns of these kinds, of which the first has run so long."""
    with ExitStack() as held:
        for kind in kinds[:1]:
            held.enter_context(turns.turn(kind=kind))
        clock.s += ran
        turns._queue.extend(evaluator._Ticket(kind) for kind in kinds[1:])
        try:
            return turns._wait(_asks(turns)).seconds_left
        finally:
            while len(turns._queue) > 1:
                turns._queue.pop()


def _asks(turns):
    ticket = evaluator._Ticket("evaluation")
    turns._queue.append(ticket)
    return ticket


def test_the_wait_is_estimated_by_the_last_turns_of_each_kind(clock):
    turns = Turns()
    assert estimates(turns, ["evaluation"], clock) is None, "nothing is known yet"
    turns = Turns()
    for kind, seconds in [("evaluation", 10), ("evaluation", 20), ("evaluation", 90), ("token", 1)]:
        with turns.turn(kind=kind):
            clock.s += seconds
    known = {kind: list(took) for kind, took in turns._took.items()}
    assert known == {"evaluation": [10, 20, 90], "token": [1]}
    assert estimates(turns, ["evaluation", "token", "evaluation"], clock, ran=5) == 15 + 1 + 20
    turns._took["evaluation"].clear()
    turns._took["evaluation"].extend([10, 20, 90])
    assert estimates(turns, ["evaluation"], clock, ran=21) is None, "it takes longer than usual"
    assert estimates(turns, ["token", "orders"], clock) is None, "one of a kind is the first"


def test_two_threads_with_different_clamps_get_right_answers(toy):
    wanted = [setting_of([(f, -11.0), (f + 1, -3.0)]) for f in range(0, 12, 2)]
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
    assert first.kept is None
    assert again.kept == toy.evaluator.unlisted.read(CLAMPS).when
    assert toy.restrict(again, toy.half("held-out")).kept == again.kept
    assert [trial.run.setting for trial in toy.history.trials()] == [CLAMPS]


def test_a_run_in_another_order_of_its_clamps_is_the_same_run(toy):
    toy.evaluate(CLAMPS)
    assert toy.finished(CLAMPS._replace(clamps=CLAMPS.clamps[::-1])).setting == CLAMPS


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
