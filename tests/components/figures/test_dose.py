"""When a growing dose curve is drawn."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from backend.progress import Progress
from components.figures import dose as module
from components.figures.dose import REDRAW_S, GrowingCurve

PARTIAL = SimpleNamespace(
    done=torch.tensor([True, False, False]), affected=torch.tensor([True, True, False])
)


class Place:
    """Takes what is drawn into it, as Streamlit's place does."""

    def __init__(self):
        self.said = []

    def caption(self, text):
        self.said.append(text)

    def container(self):
        return nullcontext()


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: now.s)
    return now


@pytest.fixture
def drawn(monkeypatch):
    """How many strengths each drawing had."""
    out = []
    monkeypatch.setattr(module, "draw_dose_curve", lambda doses, *_: out.append(len(doses)))
    return out


def test_it_is_drawn_at_once_then_no_more_often_than_is_seen_and_whole_at_the_end(clock, drawn):
    curve = GrowingCurve(Place(), 5)
    for wait in (0, 0, 2 * REDRAW_S, 0, 0):
        clock.s += wait
        curve.add("a dose")
    assert drawn == [1, 3, 5]


def test_before_the_first_strength_it_says_how_far_that_is(clock, drawn):
    place = Place()
    GrowingCurve(place, 5).on_partial(PARTIAL)
    assert place.said == ["First strength: 1 of 2 questions…"]
    assert drawn == []


def test_with_a_strength_in_it_goes_on_drawing_and_says_nothing_over_it(clock, drawn):
    place = Place()
    curve = GrowingCurve(place, 5)
    curve.add("a dose")
    clock.s += 2 * REDRAW_S
    curve.on_partial(PARTIAL)
    clock.s += 2 * REDRAW_S
    curve.on_wait(Progress("Waiting", 0, 0, None))
    assert drawn == [1, 1, 1]
    assert place.said == []


def test_a_wait_for_the_first_strength_is_said():
    place = Place()
    GrowingCurve(place, 5).on_wait(Progress("Waiting for another run to end", 0, 0, None))
    assert place.said == ["Waiting for another run to end…"]
