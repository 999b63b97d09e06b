from dataclasses import replace

from backend.experiments.halves import OfHalf
from backend.interventions.method import Gate, Method, setting_of
from backend.tuning.build import Step
from backend.tuning.multipliers import Moved
from backend.tuning.search import Tried
from backend.tuning.tested import Tested as Alone
from components.tuning.rows import (
    change,
    kept_table,
    move_rows,
    move_table,
    step_rows,
    text_rows,
    tried_rows,
    tried_table,
)
from tests.support.results import RESULT

RETAIN = replace(RESULT, role="retain", accuracy=0.7, change_pp=0.0, lost=0, gained=0)
HALF = OfHalf(RESULT, RETAIN)
SETTING = setting_of([(1, -4.0)])
ORDER = [Alone(7, 3, 0, 0, 0, 0.001), Alone(9, 1, 0, 1, 0, 0.002)]


def step(n, text_added=0.001):
    return Step(n, tuple(range(n)), SETTING, HALF, text_added)


def move(number, loss=1.0, setting=SETTING):
    return Moved(number, setting, HALF, HALF, loss)


def tried(number, forget, retain, method=None):
    half = OfHalf(replace(RESULT, accuracy=forget), replace(RETAIN, accuracy=retain))
    setting = setting_of([(1, -4.0)], method) if method else SETTING
    return Tried(number, setting, half, f"setting {number}")


def test_a_set_has_a_row_for_each_role_with_its_interval_in_percent():
    rows = step_rows([step(3)])
    assert rows[["n", "role"]].to_numpy().tolist() == [[3, "forget"], [3, "retain"]]
    forget = rows.iloc[0]
    assert [round(forget[name], 1) for name in ("accuracy", "low", "high", "baseline")] == [
        50.0,
        43.9,
        56.1,
        70.0,
    ]
    assert forget["said"] == "3 together: forget 50.0 %, −20.0 pp [−26.1, −13.9], n 200"


def test_a_set_whose_loss_on_text_is_not_known_is_left_out_of_it():
    rows = text_rows([step(1), step(2, None), step(3, 0.004)])
    assert rows.to_numpy().tolist() == [[1, 0.001], [3, 0.004]]
    assert list(text_rows([])) == ["n", "text_added"]


def test_a_kept_feature_says_what_it_does_alone_and_all_down_to_it_together():
    table = kept_table(ORDER, [step(1)], {7: "seven", 9: "nine"}.get)
    assert table["label"].tolist() == ["seven", "nine"]
    assert table[["lost", "retain lost", "text"]].to_numpy().tolist() == [
        [3, 0, 0.001],
        [1, 1, 0.002],
    ]
    assert table["forget"].tolist() == ["−20.0 pp [−26.1, −13.9]", ""]
    assert table["retain"].tolist() == ["none", ""]


def test_no_changed_answer_has_no_interval():
    assert change(RETAIN) == "none"


def test_steps_are_drawn_in_their_order_and_listed_the_last_first():
    moves = [move(0, 1.0), move(1, 0.5)]
    assert move_rows(moves)[["step", "forget", "loss"]].to_numpy().tolist() == [
        [0, 50.0, 1.0],
        [1, 50.0, 0.5],
    ]
    assert move_table(moves)["step"].tolist() == [1, 0]


def test_a_step_says_its_gate():
    gated = setting_of([(1, -4.0)], Method(gate=Gate("rho", 0.2)))
    assert move_table([move(0), move(1, setting=gated)])["method"].tolist() == ["rho:0.2", ""]


def test_a_setting_tried_is_named_by_when_it_acts_and_marked():
    first, second = tried(1, 0.6, 0.8), tried(2, 0.5, 0.7, Method(gate=Gate("window", 0.2)))
    rows = tried_rows([first, second], [second], second)
    assert rows["kind"].tolist() == ["always", "window"]
    assert rows["front"].tolist() == [False, True]
    assert rows["best"].tolist() == [False, True]
    assert not tried_rows([first], [], None)["best"].any()


def test_what_forgets_most_is_listed_first_and_of_equals_what_keeps_more():
    found = [tried(1, 0.6, 0.8), tried(2, 0.5, 0.7), tried(3, 0.5, 0.75)]
    assert tried_table(found, [])["number"].tolist() == [3, 2, 1]
