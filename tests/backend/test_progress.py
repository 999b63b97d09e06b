"""What is reported of a stage, and what its time left is estimated from."""

from types import SimpleNamespace

import pytest

from backend import progress
from backend.progress import Pace, silent


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until `now` is set."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_stage_is_reported_before_its_first_batch_without_an_estimate(clock):
    seen = []
    Pace("Working", 10, seen.append)
    assert seen == [("Working", 0, 10, None, "")]


def test_the_time_left_is_what_the_rest_takes_at_the_pace_so_far(clock):
    seen = []
    pace = Pace("Working", 10, seen.append)
    clock.now += 4
    pace.advance(2)
    assert seen[-1] == ("Working", 2, 10, 16.0, "")
    clock.now += 1
    pace.advance(3)
    assert seen[-1] == ("Working", 5, 10, 5.0, "")
    clock.now += 5
    pace.advance(5)
    assert seen[-1] == ("Working", 10, 10, 0.0, "")


def test_what_was_done_before_counts_as_done_and_says_nothing_of_the_pace(clock):
    seen = []
    pace = Pace("Working", 10, seen.append)
    clock.now += 50
    pace.skip(6)
    clock.now += 3
    pace.advance(1)
    assert seen[-1] == ("Working", 7, 10, 9.0, "")


def test_nothing_run_gives_no_estimate(clock):
    seen = []
    pace = Pace("Working", 10, seen.append)
    pace.skip(6)
    pace.advance(0)
    assert seen[-1] == ("Working", 6, 10, None, "")


def test_raising_from_the_callback_stops_the_work(clock):
    def stop(report):
        if report.done:
            raise KeyboardInterrupt

    pace = Pace("Working", 10, stop)
    with pytest.raises(KeyboardInterrupt):
        pace.advance(1)


def test_silence_takes_any_report():
    pace = Pace("Working", 1, silent)
    pace.advance(1)
