"""The board's words and figures, and how often a growing one is drawn."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from backend.evaluation.evaluate import Evaluation, pooled
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import Rival
from backend.statistics import MeanChange
from components.figures import board as module
from components.figures.board import REDRAW_S, GrowingBoard, heading, legend
from components.figures.board_table import baseline_html, board_html
from tests.support.results import RESULT, result

MARGINS = {"b": MeanChange(-0.25, -0.4, -0.1)}


def test_titles_are_escaped():
    assert "Bio &lt;b&gt;" in board_html([RESULT])
    assert "Bio &lt;b&gt;" in baseline_html([RESULT])


def test_a_change_comes_with_its_interval_and_what_it_is_over():
    markup = board_html([RESULT])
    assert "<b>−20.0 pp</b> [−26.1, −13.9]" in markup
    assert "n = 200, 50 touched" in markup
    assert "lost 45, gained 5, p 1e-08" in markup


def test_without_clamps_each_accuracy_comes_with_its_interval():
    markup = baseline_html([RESULT])
    assert "<b>70.0 %</b> [60.0 %, 80.0 %]" in markup
    assert "n = 200<" in markup


def test_without_clamps_no_change_is_spoken_of():
    markup = baseline_html([RESULT])
    assert "→" not in markup
    assert "Lost" not in markup


def test_a_set_that_may_be_guessing_says_so():
    markup = baseline_html([RESULT, replace(RESULT, inconclusive=True)])
    assert markup.count("inconclusive") == 1


def test_a_set_not_begun_is_not_yet_known():
    markup = board_html([replace(RESULT, n_done=0, lost=0, gained=0, change_pp=0.0, accuracy=0.7)])
    assert "not yet known" in markup
    assert "→ <b>…</b>" in markup
    assert "no answer changed" not in markup


def test_a_set_begun_never_passes_for_a_finished_one():
    markup = board_html([replace(RESULT, n_done=20, lost=0, gained=0, change_pp=0.0)])
    assert "20 done" in markup
    assert "no answer changed so far" in markup


def test_nothing_is_said_of_a_set_after_a_few_questions_without_change():
    """Seven of fifty without a change are no finding; ten are, and so is one that changed."""
    begun = replace(RESULT, n_done=7, lost=0, gained=0, change_pp=0.0)
    assert "not yet known" in board_html([begun])
    assert "no answer changed so far" in board_html([replace(begun, n_done=10)])
    assert "−2.0 pp" in board_html([replace(begun, lost=1, change_pp=-2.0)])
    few = replace(begun, n_affected=7)
    assert "no answer changed" in board_html([few]), "seven of seven are all"


def test_the_retain_sets_stand_together_below_with_their_held_out_half():
    a = result("a", n=100, lost=4, role="retain")
    b = result("b", n=300, lost=8, gained=4, role="retain")
    markup = board_html([RESULT, a, b], {}, [RESULT, a, b])
    foot = markup[markup.index("<tfoot>") :]
    assert "n = 400" in foot
    assert "lost 12, gained 4" in foot
    assert foot.count("−2.0 pp") == 2, "8 of 400, over all and over the held-out half"
    assert "held-out −2.0 pp" in foot
    assert "<tfoot>" not in board_html([RESULT, a]), "one retain set is its own sum"


def test_where_interval_and_test_disagree_it_says_which_to_take():
    """Four lost and none gained: the interval leaves out zero, exact McNemar gives 0.125."""
    odd = result("a", n=68, lost=4, role="retain")
    assert odd.ci_high_pp < 0
    assert odd.p_value == 0.125
    assert "take p" in board_html([odd])
    assert "take p" not in board_html([result("a", n=68, lost=10, role="retain")])


def test_a_set_that_may_be_guessing_says_its_margin():
    markup = board_html([replace(RESULT, inconclusive=True)], MARGINS)
    assert "margin −0.25 nats [−0.40, −0.10]" in markup


def test_other_sets_do_not_say_their_margin():
    assert "margin" not in board_html([RESULT], MARGINS)


def evaluation(n_done=3, clamps=((2, -4.0),), kept=None, n_known=0):
    affected = torch.tensor([True, True, True, False])
    done = affected & (torch.arange(4) < n_done)
    sets = (replace(RESULT, n=4, n_affected=3, n_done=n_done, lost=1, gained=0),)
    known = affected & (torch.arange(4) < n_known)
    zeros = torch.zeros(4, 4)
    given = {
        "setting": setting_of(clamps),
        "sets": sets,
        "scores": zeros,
        "baseline": zeros,
        "affected": affected,
        "done": done,
        "seconds": 1.25,
        "known": known,
        "kept": kept,
    }
    return Evaluation(**{name: given[name] for name in Evaluation.__dataclass_fields__})


@pytest.mark.parametrize(
    ("shown", "stale", "words"),
    [
        (evaluation(), False, "3 of 4 questions touched by a clamp"),
        (evaluation(), False, "bit for bit. 3 run, in 1.2 s."),
        (evaluation(n_known=2), False, "bit for bit. 1 run, 2 known from before, in 1.2 s."),
        (evaluation(kept=0.0), False, "1970, "),
        (evaluation(kept=0.0), False, ", when it took 1.2 s."),
        (evaluation(2), False, "after 2 of 3 touched questions, of 4 in all. ±: how far"),
        (evaluation(), True, "For the previous settings: 3 of 4 questions touched."),
        (evaluation(clamps=()), False, "No clamp is on: this is the model as it is, over 4"),
    ],
)
def test_the_line_above_says_what_the_figures_are_over(shown, stale, words):
    assert words in heading(shown, stale)


RIVAL = Setting(rival=Rival("prompt", "Forget *it*."))


def test_of_a_rival_it_says_what_touches_the_questions():
    some, all_ = replace(evaluation(), setting=RIVAL), replace(evaluation(), setting=RIVAL)
    sets = (replace(all_.sets[0], n=3),)
    named = "Prompt “Forget \\*it\\*.”"
    assert heading(some, False).startswith(f"3 of 4 questions touched by {named}; the others")
    assert heading(replace(all_, sets=sets), False).startswith(
        f"All 3 questions are touched by {named}. 3 run"
    )


def test_the_dots_are_without_and_with_what_is_on_the_board():
    assert legend(NOTHING) == ""
    assert legend(setting_of([(2, -4.0)])).startswith("Hollow: without clamps. Filled: with clamps")
    assert "Filled: with Prompt “Forget" in legend(RIVAL)


def test_a_growing_board_says_how_sure_it_is_of_each_role():
    forget = replace(RESULT, n=40, n_affected=40, n_done=20, lost=10, gained=0)
    retain = replace(forget, role="retain", lost=0)
    shown = replace(evaluation(2), sets=(forget, retain))
    of_forget, of_retain = (pooled(shown.sets, role).sure_pp for role in ("forget", "retain"))
    assert 0 < of_retain < of_forget
    said = (
        f"forget −50.0 ± {of_forget:.1f} points, retain 0.0 ± {of_retain:.1f} points "
        "after 40 of 80 touched"
    )
    assert heading(shown, False).startswith(f"Running: {said}")
    assert heading(shown, False, stopped=True).startswith(f"A sample: {said}")


def test_where_nothing_ran_of_a_role_it_is_not_sure_of_it():
    begun = replace(RESULT, n=4, n_affected=4, n_done=2, lost=1, gained=0)
    waiting = replace(begun, role="retain", n_done=0, lost=0)
    shown = replace(evaluation(2), sets=(begun, waiting))
    assert "retain not yet known" in heading(shown, False)


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: now.s)
    return now


@pytest.fixture
def drawn(monkeypatch):
    """The evaluations drawn, each with whether it had margins."""
    out = []
    monkeypatch.setattr(module, "margin_changes", lambda *_: MARGINS)
    monkeypatch.setattr(
        module,
        "draw_board",
        lambda shown, margins, held_out, stale, stopped: out.append((shown, bool(margins))),
    )
    return out


def place_of(only=None, restrict=lambda shown, _: shown):
    engine = SimpleNamespace(
        sets=(),
        recording=SimpleNamespace(baseline=None),
        restrict=restrict,
        half=lambda _: torch.tensor([True, False, False, True]),
    )
    return GrowingBoard(SimpleNamespace(container=nullcontext), engine, only)


def test_a_growing_board_is_drawn_no_more_often_than_is_seen(clock, drawn):
    place = place_of()
    for wait in (0, 0, 2 * REDRAW_S, 0):
        clock.s += wait
        place.on_partial(evaluation(1))
    assert len(drawn) == 2


def test_the_last_of_a_growing_board_is_left_to_the_page(clock, drawn):
    place_of().on_partial(evaluation())
    assert drawn == []


def test_margins_are_said_of_a_complete_board_alone(clock, drawn):
    place = place_of()
    place.draw(evaluation(1))
    place.draw(evaluation())
    assert [margins for _, margins in drawn] == [False, True]


def test_figures_over_some_questions_are_restricted_to_them(clock, drawn):
    half = torch.tensor([True, False, True, False])
    place_of(half, lambda shown, only: ("restricted", only is half)).draw(evaluation())
    assert drawn == [(("restricted", True), True)]
