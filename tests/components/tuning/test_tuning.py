from dataclasses import replace

from backend.interventions.board import Board, Slider
from backend.interventions.method import Gate, Method, setting_of
from backend.interventions.rival import Rival
from backend.tuning.found import Found
from backend.tuning.multipliers import Aim
from components.tuning.tuning import Job, Tuning, first_board, moved_board
from tests.components.tuning.test_rows import HALF, move

GATED = Method(gate=Gate("rho", 0.2))
BEGUN = Board((Slider(5, -4.0), Slider(2, -6.0, on=False), Slider(3, -8.0)), master=2.0)


def test_sliders_move_where_they_are_and_nothing_is_multiplied():
    setting = setting_of([(3, -7.0), (5, -9.0)], GATED)
    moved = moved_board(BEGUN, setting)
    assert moved.sliders == (Slider(5, -9.0), Slider(2, -12.0, on=False), Slider(3, -7.0))
    assert (moved.master, moved.method) == (1.0, GATED)
    assert moved.setting() == setting


def test_where_one_is_solo_the_others_are_off_afterwards():
    solo = replace(BEGUN, solo=3)
    moved = moved_board(solo, setting_of([(3, -7.0)]))
    assert [s.on for s in moved.sliders] == [False, False, True]
    assert moved.setting() == setting_of([(3, -7.0)])


def test_a_board_where_no_step_was_taken_does_what_it_did():
    assert moved_board(BEGUN, BEGUN.setting()).setting() == BEGUN.setting()


def test_a_rival_on_the_board_is_not_in_the_way():
    begun = replace(BEGUN, rival=Rival("leace", "f"))
    setting = setting_of([(3, -7.0), (5, -9.0)])
    assert moved_board(begun, setting).setting() == setting


def test_the_first_of_a_ranking_keep_its_order():
    board = first_board([7, 3], -2.0, {3: 10.0, 7: 5.0}.__getitem__, GATED)
    assert board == Board((Slider(7, -10.0), Slider(3, -20.0)), method=GATED)


JOB = Job(Board((Slider(1, -1.0),)), Aim())
MOVES = tuple(
    move(step, loss, setting_of([(1, -float(step + 1))]))
    for step, loss in enumerate((1.0, 0.5, 0.7))
)


def value(tuning):
    (slider,) = tuning.board.sliders
    return slider.value


def test_sliders_stand_at_the_last_step_and_at_the_best_one_in_the_end():
    assert value(Tuning(JOB)) == -1.0
    assert value(Tuning(JOB, MOVES)) == -3.0
    found = Found(MOVES[1].setting, "", 3, {"selection": HALF})
    assert value(Tuning(JOB, MOVES, True, found)) == -2.0
    assert Tuning(JOB, MOVES).best == MOVES[1]
