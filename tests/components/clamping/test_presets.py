"""Ways to start: what they put on the board, and what goes wrong."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from backend.errors import BadInput, Unavailable
from backend.features.presets import PRESETS
from backend.interventions.board import Board, Slider
from backend.interventions.method import setting_of
from backend.interventions.rival import Rival
from components.clamping.presets import counted, holds, known_of, ordered_board
from tests.support.results import RESULT, result

MINE = Board((Slider(7, -3.0),))
KEPT = result("History", n=100, lost=1, role="retain")
FIRES = {1: 2, 2: 9, 3: 5}


def engine_of(deleted=None, table=None, ran=False):
    return SimpleNamespace(
        atlas=SimpleNamespace(
            about=lambda feature: {"fires_forget": FIRES[feature]},
            table=pd.DataFrame(table) if table else None,
        ),
        d_sae=24,
        presets=PRESETS,
        preset_in_words=lambda name: f"What {name} takes",
        preset=lambda name: setting_of([(1, -4.0), (2, -5.0), (3, -6.0)]),
        finished=lambda setting: SimpleNamespace(sets=(RESULT, KEPT)) if ran else None,
        saved_presets=SimpleNamespace(all=lambda d_sae: {"mine": MINE}, delete=deleted),
    )


def test_a_preset_says_what_it_did_here_if_it_ran():
    setting = setting_of([(1, -4.0)])
    assert known_of(engine_of(), setting) == "Not run here yet."
    said = known_of(engine_of(ran=True), setting)
    assert said == "Here: Bio <b> 70 → 50 %, History 70 → 69 %."
    assert known_of(engine_of(), setting_of([])) == ""
    assert counted(1) == "1 feature"
    assert counted(30) == "30 features"


def test_the_features_that_fire_on_most_forget_questions_come_first():
    board = ordered_board(engine_of(), setting_of([(1, -4.0), (2, -5.0), (3, -6.0)]))
    assert board == Board((Slider(2, -5.0), Slider(3, -6.0), Slider(1, -4.0)))


@pytest.mark.parametrize(
    ("board", "said"),
    [
        (MINE, "1"),
        (replace(MINE, rival=Rival("leace", "f")), "1, LEACE"),
        (Board(rival=Rival("rmu", "l7")), "RMU"),
        (Board(), "0"),
    ],
)
def test_what_a_kept_board_holds_is_said(board, said):
    assert holds(board) == said


def script(engine, problem, on_load, on_save, on_problem):
    from components.clamping.presets import draw_presets

    draw_presets(engine, problem, on_load=on_load, on_save=on_save, on_problem=on_problem)


class Heard:
    """What the page was told."""

    def __init__(self):
        self.loaded, self.saved, self.problems, self.deleted = [], [], [], []

    def save(self, name):
        if name == "bad":
            raise BadInput("Nothing is clamped.")
        if name == "full":
            raise Unavailable("The disk is full.")
        self.saved.append(name)

    def at(self, problem="", table=None, delete=None):
        engine = engine_of(delete or self.deleted.append, table)
        acts = (self.loaded.append, self.save, self.problems.append)
        return AppTest.from_function(script, args=(engine, problem, *acts)).run()


@pytest.fixture
def heard():
    return Heard()


def test_a_shipped_preset_is_loaded(heard):
    heard.at().button(key="clamp_preset_forget-biology").click().run()
    assert [board.features() for board in heard.loaded] == [(2, 3, 1)]


def test_a_preset_of_ones_own_is_loaded_as_it_was_kept(heard):
    heard.at().button(key="presets_load_mine").click().run()
    assert heard.loaded == [MINE]


def test_a_preset_of_ones_own_is_deleted(heard):
    heard.at().button(key="presets_delete_mine").click().run()
    assert heard.deleted == ["mine"]


def test_the_papers_grid_takes_the_first_of_a_ranking(heard):
    table = {"forget_density": [0.0, 0.1, 0.3, 0.2], "retain_density": [0.0, 0.0, 0.0, 0.0]}
    at = heard.at(table=table)
    at.select_slider(key="presets_c").set_value(50).run()
    at.button(key="presets_grid").click().run()
    (board,) = heard.loaded
    assert sorted(board.features()) == [1, 2, 3]
    assert {slider.value for slider in board.sliders} == {-50.0}


def test_a_ranking_that_leaves_no_feature_in_is_a_problem(heard):
    table = {"forget_density": [0.0], "retain_density": [0.0]}
    heard.at(table=table).button(key="presets_grid").click().run()
    assert heard.problems == ["This ranking leaves no feature in. Choose another."]
    assert heard.loaded == []


def test_the_board_is_kept_under_a_name_and_the_box_is_emptied(heard):
    at = heard.at()
    at.text_input(key="presets_name").set_value("fifty").run()
    assert heard.saved == ["fifty"]
    assert at.text_input(key="presets_name").value == ""


@pytest.mark.parametrize(
    ("name", "problem"), [("bad", "Nothing is clamped."), ("full", "The disk is full.")]
)
def test_what_cannot_be_kept_is_a_problem_and_the_name_stays(heard, name, problem):
    at = heard.at()
    at.text_input(key="presets_name").set_value(name).run()
    assert heard.problems == [problem]
    assert at.text_input(key="presets_name").value == name


def test_what_cannot_be_deleted_is_a_problem(heard):
    def refuse(name):
        raise Unavailable(f"{name} cannot be deleted.")

    heard.at(delete=refuse).button(key="presets_delete_mine").click().run()
    assert heard.problems == ["mine cannot be deleted."]


def test_a_name_of_spaces_alone_keeps_nothing(heard):
    heard.at().text_input(key="presets_name").set_value("  ").run()
    assert heard.saved == []
    assert heard.problems == []


def test_a_problem_is_said(heard):
    assert heard.at("Nothing is clamped.").warning[0].value == "Nothing is clamped."


def start(engine, on_load):
    from components.clamping.presets import draw_start

    draw_start(engine, on_load)


def test_where_nothing_is_clamped_a_preset_is_one_click_away(heard, monkeypatch):
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)  # no pages in this script
    at = AppTest.from_function(start, args=(engine_of(), heard.loaded.append)).run()
    at.button[0].click().run()
    assert [board.features() for board in heard.loaded] == [(2, 3, 1)]
