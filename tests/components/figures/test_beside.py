"""Who wins, in sentences."""

from types import SimpleNamespace

import pytest
import torch
from streamlit.testing.v1 import AppTest

from backend.evaluation.beside import Beside, Pairs
from components.figures.beside import say_meeting

FOUND = [
    Beside("RMU", "RMU *l7*", 2, (5, 6, 9), Pairs(9, 5, 0), Pairs(9, 1, 1)),
    Beside("direction", "LEACE × 1", 1, (5, 4, 9), Pairs(9, 5, 0), Pairs(9, 1, 1)),
]


def script(found, coming):
    from components.figures.beside import draw_beside

    draw_beside(found, coming)


def drawn(found, coming=False):
    at = AppTest.from_function(script, args=(found, coming)).run()
    assert not at.exception
    return [m.value for m in at.markdown], [c.value for c in at.caption]


def test_each_family_has_a_line_whose_names_stand_as_they_are():
    (lines,), (how,) = drawn(FOUND)
    first, second = lines.split("\n")
    assert first.startswith("* At this retain cost RMU \\*l7\\* forgets 55.6 points more")
    assert second.startswith("* No direction tried so far costs as little")
    assert "held-out half" in how


@pytest.mark.parametrize(
    ("coming", "said"), [(False, ["No rival was run yet. Put one on the board"]), (True, [])]
)
def test_where_none_was_run_it_says_what_to_do_unless_one_is_about_to_be(coming, said):
    lines, captions = drawn([], coming)
    assert lines == []
    assert [caption[: len(said[0])] for caption in captions] == said


def test_the_one_that_runs_by_itself_says_how_far_it_is():
    said = []
    place = SimpleNamespace(caption=said.append)
    done = torch.tensor([True, False, True])
    say_meeting(place, SimpleNamespace(done=done, affected=torch.ones(3, dtype=torch.bool)))
    assert said == ["The shipped RMU is run beside it, once: 2 of 3 questions…"]
