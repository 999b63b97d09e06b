"""The tune page drawn by Streamlit's own AppTest, on a toy that knows most answers."""

import json

import pytest

from backend.engine.engine import Engine
from backend.experiments.halves import COST_PP, best
from backend.interventions.board import Board, Slider, write_link
from backend.interventions.method import setting_of
from backend.setups import load_setup
from backend.showcase import SENTENCE
from backend.tuning.build import Recipe, candidates, grow, kept, screen
from backend.tuning.multipliers import Aim, Tuner
from backend.tuning.search import Search
from backend.tuning.space import Space
from components.tuning.tuning import Job, Tuning
from components.wording import plain
from tests.pages.test_pages import pick, slide, words
from tests.support.knowing import write_knowing
from tests.support.toy import write_setup

BUILD, MULTIPLIERS, SEARCH = "Build a set", "Tune the multipliers", "Search settings"


@pytest.fixture(scope="session")
def prepared_toy(tmp_path_factory):
    """In the place of that of tests/conftest.py, which answers none of the selection half right."""
    folder = tmp_path_factory.mktemp("knowing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        Engine(load_setup(write_knowing(folder)))
    return folder


def named(at, key):
    return next((b for b in at.button if b.key == key), None)


def opened(app, way, **query):
    at = app("tune", **query)
    at.button_group(key="tune_way").set_value(way).run()
    assert not at.exception
    return at


def click(at, key):
    named(at, key).click().run()
    assert not at.exception
    return at


def select(at, table, row):
    """A click on a row of the table whose key begins so."""
    found = next(d for d in at.dataframe if f"-{table}" in d.proto.id)
    key = found.proto.id[found.proto.id.index(table) :]
    at.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return at.run()


def listed(at, table):
    return next(d.value for d in at.dataframe if f"-{table}" in d.proto.id)


def on_the_board(at):
    assert at.title[0].value == "Clamp"
    return at.session_state.board.setting()


# -- build -----------------------------------------------------------------------------------------

RECIPE = Recipe(per_question=4, most=8)


def built(app):
    at = opened(app, BUILD)
    at.number_input(key="build_per_question").set_value(4)
    at.number_input(key="build_most").set_value(8)
    return click(at.run(), "build_start")


def steps_of(engine, side_effects):
    tested = screen(engine, RECIPE, candidates(engine, RECIPE))
    return list(grow(engine, RECIPE, kept(tested, side_effects)))


def test_a_set_is_built_chosen_and_put_on_the_board(app, toy):
    at = built(app)
    steps = steps_of(toy, 0)
    chosen = best(steps, COST_PP)
    found = at.session_state.so_far["build"].of(0).found
    assert found.setting == chosen.setting
    assert plain(found.in_words()) in [m.value for m in at.markdown]
    assert listed(at, "build_table")["feature"].tolist() == list(steps[-1].features)
    assert named(at, "build_start") is None
    assert named(at, "build_stop") is None
    assert "names no text" in words(at)
    click(at, "build_put_best")
    assert on_the_board(at) == chosen.setting
    pick(at, "Undo").click().run()
    assert at.session_state.board == Board()


def test_the_chosen_set_alone_is_in_the_history_with_how_it_was_found(app, toy):
    found = built(app).session_state.so_far["build"].of(0).found
    (run,) = (t.run for t in toy.history.trials() if t.run.clamps)
    assert run.setting == found.setting
    assert run.note == f"{found.how}, among {found.tried} settings"


def test_a_row_is_a_set_of_all_features_down_to_it(app, toy):
    at = select(built(app), "build_table", 1)
    step = steps_of(toy, 0)[1]
    assert "The first 2 together" in words(at)
    click(at, "build_put")
    assert on_the_board(at) == step.setting


def test_other_side_effects_are_put_together_by_themselves(app, toy):
    at = built(app)
    at.button_group(key="build_side_effects").set_value(2).run()
    assert not at.exception
    assert at.session_state.so_far["build"].of(2).steps == tuple(steps_of(toy, 2))
    assert at.session_state.so_far["build"].of(0).complete, "and what was there is still known"


def test_another_strength_waits_for_a_start_of_its_own(app):
    at = built(app)
    at.number_input(key="build_multiple").set_value(-2.0).run()
    assert not at.dataframe
    assert named(at, "build_start").label == "Start"


def test_a_screening_that_was_stopped_goes_on_where_it_was(app, toy):
    at = built(app)
    whole = at.session_state.so_far["build"]
    part = whole._replace(tested=whole.tested[:3], grown={})
    at.session_state.so_far = {"build": part}
    at.run()
    assert named(at, "build_start").label == "Go on"
    click(at, "build_start")
    assert at.session_state.so_far["build"] == whole


# -- multipliers -----------------------------------------------------------------------------------

LINK = {"clamps": "1:-6,!5:-9,2:-8", "master": "0.5"}
BEGUN = Board((Slider(1, -6.0), Slider(5, -9.0, on=False), Slider(2, -8.0)), master=0.5)
AIM = Aim(steps=2)


def tuned(app):
    at = opened(app, MULTIPLIERS, **LINK)
    at.number_input(key="multipliers_steps").set_value(2).run()
    return click(at, "multipliers_start_from")


def moves_of(engine):
    tuner = Tuner(engine, BEGUN.setting(), AIM)
    while not tuner.done:
        tuner.step()
    return tuner


def sliders(at):
    element = next(e for e in at.main if e.type == "bidi_component")
    (group,) = json.loads(element.proto.json)["groups"]
    return {row["feature"]: (row["value"], row["on"]) for row in group["rows"]}


def test_sliders_move_step_by_step_and_one_undo_brings_them_back(app, toy):
    at = tuned(app)
    tuner = moves_of(toy)
    tuning = at.session_state.so_far["multipliers"]
    assert list(tuning.moves) == tuner.moves
    assert tuning.done
    assert tuning.found.setting == tuner.best.setting
    assert tuning.found.tried == 3
    values = {c.feature: (c.value, True) for c in tuner.best.setting.clamps}
    assert sliders(at) == {**values, 5: (-4.5, False)}
    assert at.session_state.board.setting() == tuner.best.setting
    pick(at, "Undo").click().run()
    assert at.session_state.board == BEGUN
    assert sliders(at) == {1: (-6.0, True), 5: (-9.0, False), 2: (-8.0, True)}
    assert pick(at, "Undo").disabled


def test_what_was_stopped_goes_on_after_the_step_it_was_at(app, toy):
    at = opened(app, MULTIPLIERS, **LINK)
    tuner = moves_of(toy)
    stopped = Tuning(Job(BEGUN, AIM), tuple(tuner.moves[:2]))
    at.session_state.so_far = {"multipliers": stopped}
    at.session_state.board = stopped.board
    at.run()
    assert named(at, "multipliers_go_on").label == "Go on after step 1"
    click(at, "multipliers_go_on")
    assert list(at.session_state.so_far["multipliers"].moves) == tuner.moves


def test_a_step_can_be_taken_to_the_board(app, toy):
    at = select(tuned(app), "multipliers_table", 2)
    click(at, "multipliers_put")
    assert on_the_board(at) == BEGUN.setting(), "the last row is where it began"
    assert at.session_state.board.features() == BEGUN.features(), "and those that are off stay"


def test_the_chosen_step_is_already_on_the_board_and_takes_no_second_undo(app):
    at = click(tuned(app), "multipliers_put_best")
    assert on_the_board(at) == at.session_state.so_far["multipliers"].best.setting
    pick(at, "Undo").click().run()
    assert at.session_state.board == BEGUN


def test_the_first_of_a_ranking_are_tuned_where_nothing_is_clamped(app, toy):
    at = opened(app, MULTIPLIERS)
    at.number_input(key="multipliers_n").set_value(3)
    at.number_input(key="multipliers_steps").set_value(1).run()
    at.selectbox(key="multipliers_ranker").set_value("selectivity").run()
    click(at, "multipliers_start_from")
    order = toy.atlas.table["selectivity"].where(toy.atlas.table["forget_density"] > 0)
    first = order.dropna().sort_values(ascending=False, kind="stable").index[:3]
    job = at.session_state.so_far["multipliers"].job
    assert set(job.board.features()) == set(first)
    assert {s.value for s in job.board.sliders} == {
        round(-3.0 * float(toy.atlas.table["max_act"][f]), 2) for f in first
    }
    link = at.query_params["clamps"]
    assert link == write_link(at.session_state.board)["clamps"], "a reload brings them back"
    pick(at, "Undo").click().run()
    assert at.session_state.board == Board()


def test_where_nothing_is_on_the_board_the_page_says_what_to_do(app):
    at = opened(app, MULTIPLIERS)
    at.button_group(key="multipliers_what").set_value("those on the board").run()
    assert "Nothing is clamped." in words(at)
    assert named(at, "multipliers_start_from") is None


def test_what_cannot_be_tuned_is_said_and_can_be_started_again(app):
    at = opened(app, MULTIPLIERS, clamps="1:-6", method="refusal:3:-5")
    click(at, "multipliers_start_from")
    assert "writes a refusal latent" in words(at)
    assert not at.error
    assert named(at, "multipliers_start_from") is not None
    assert at.session_state.asked["multipliers"] is None


def test_a_slider_is_moved_by_hand_as_on_the_clamp_page(app):
    at = opened(app, MULTIPLIERS, clamps="2:-4")
    slide(at, f2=(-3.5, True))
    assert at.session_state.board.sliders == (Slider(2, -3.5),)
    pick(at, "Undo").click().run()
    assert at.session_state.board.sliders == (Slider(2, -4.0),)


# -- search ----------------------------------------------------------------------------------------

RANKERS, GATES = ["selectivity", "paper"], ["none", "rho"]
SPACE = Space(rankers=tuple(RANKERS), gates=(None, "rho"))


def searched(app, n=4, own=False):
    at = opened(app, SEARCH)
    at.number_input(key="search_n").set_value(n)
    at.toggle(key="search_seeded").set_value(own)
    at.button_group(key="search_rankers").set_value(RANKERS)
    at.button_group(key="search_gates").set_value(GATES).run()
    return click(at, "search_start")


def test_settings_are_searched_and_the_best_within_the_limit_is_chosen(app, toy):
    at = searched(app)
    search = Search.open(toy, SPACE, resume=True)
    searching = at.session_state.so_far["search"]
    assert list(searching.tried) == search.tried
    assert len(search.tried) == 4
    assert searching.chosen == best(search.tried, COST_PP)
    table = listed(at, "search_table")
    assert sorted(table["number"]) == [1, 2, 3, 4]
    assert "4 settings tried, each over 10 forget and 8 retain questions" in words(at)
    assert plain(searching.found.in_words()) in [m.value for m in at.markdown]


def test_a_setting_that_was_tried_is_taken_from_the_table(app):
    at = searched(app)
    number = int(listed(at, "search_table")["number"].iloc[1])
    setting = at.session_state.so_far["search"].tried[number - 1].setting
    click(select(at, "search_table", 1), "search_put")
    assert on_the_board(at) == setting


def test_a_search_goes_on_to_a_larger_number_and_begins_anew_when_asked(app):
    at = searched(app, 2)
    first = at.session_state.so_far["search"].tried
    at.number_input(key="search_n").set_value(3).run()
    assert named(at, "search_start").label == "Go on"
    click(at, "search_start")
    assert at.session_state.so_far["search"].tried[:2] == first
    assert len(at.session_state.so_far["search"].tried) == 3
    assert named(at, "search_start") is None, "there is nothing left to go on to"
    at.number_input(key="search_n").set_value(1).run()
    click(at, "search_anew")
    assert at.session_state.so_far["search"].tried == first[:1]


def test_it_begins_with_settings_of_ones_own_when_asked_and_says_so(app, toy):
    own = setting_of([(1, -6.0), (2, -8.0)])
    toy.evaluate(own)
    at = searched(app, 1, own=True)
    (tried,) = at.session_state.so_far["search"].tried
    assert tried.setting == own
    assert "began with 1 setting of yours" in words(at)


def test_where_every_setting_costs_too_much_none_is_chosen(app):
    at = searched(app)
    tried = at.session_state.so_far["search"].tried
    cost = max(-one.half.retain.change_pp for one in tried)
    dear = [one for one in tried if -one.half.retain.change_pp == cost]
    searching = at.session_state.so_far["search"]
    at.session_state.so_far = {"search": searching._replace(tried=tuple(dear), found=None)}
    at.run()
    assert cost > COST_PP
    assert "so none is chosen" in words(at)
    assert named(at, "search_put_best") is None


def test_a_search_among_nothing_is_not_begun(app):
    at = opened(app, SEARCH)
    at.button_group(key="search_gates").set_value([]).run()
    assert "Choose at least one ranking" in words(at)
    assert named(at, "search_start") is None


# -- all three -------------------------------------------------------------------------------------


def test_a_setup_whose_answers_are_not_known_has_nothing_to_choose_by(app, tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_SETUP", str(write_setup(tmp_path)))
    at = app("tune")
    assert "there is nothing to forget" in words(at)
    assert not [b for b in at.button if b.label == "Start"]


@pytest.mark.parametrize("way", [BUILD, MULTIPLIERS, SEARCH])
def test_a_showcase_says_that_nothing_runs(app, monkeypatch, way):
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    at = opened(app, way, clamps="2:-4")
    assert SENTENCE in words(at)
    assert not at.error
    assert not [b for b in at.button if b.label == "Start"]


def test_the_way_and_what_was_found_are_still_there_after_another_page(app):
    at = searched(app, 2)
    at.switch_page("pages/runs.py").run()
    at.switch_page("pages/tune.py").run()
    assert at.button_group(key="tune_way").value == SEARCH
    assert len(listed(at, "search_table")) == 2
