"""Rivals through the pages: onto the board and off it, beside the clamps, in words, trained."""

import re
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from backend.experiments.generate import writing
from backend.interventions.board import Board, Slider, write_link
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import PUSHED, Rival, format_rival, in_words
from backend.rivals.prompts import WORDINGS
from backend.rivals.recipe import Recipe
from backend.setups import load_setup
from backend.showcase import SENTENCE
from tests.pages.test_pages import board, pick, sliders, words
from tests.support.rivals import untrained

CLAMPED = Board((Slider(2, -40.0),))


def plainly(at: AppTest) -> str:
    """What the page says, without the marks that keep it as it stands."""
    return words(at).replace("\\", "").replace("\u2060", "")


def on_board(at: AppTest) -> Rival | None:
    return at.session_state.board.rival


def named(at: AppTest, key: str):
    return next(b for b in at.button if b.key == key)


def put(at: AppTest, kind: str, of: str | None = None) -> AppTest:
    return named(at, f"rivals_{kind}_{of}").click().run()


def test_a_rival_takes_the_place_of_the_clamps_and_they_come_back(app, toy):
    at = app(clamps="2:-40")
    put(at, "leace")
    leace = toy.rivals.named("leace")
    assert at.session_state.board == replace(CLAMPED, rival=leace)
    assert "In the place of your clamps" in words(at)
    drawn = [e.key for e in at.main if e.type == "bidi_component"]
    assert drawn == ["live_figures"], "no slider is drawn"
    for s in toy.evaluate(Setting(rival=leace)).sets:
        assert f"{100 * s.baseline_accuracy:.1f} % → <b>{100 * s.accuracy:.1f} %</b>" in board(at)
    assert re.search("touched by LEACE × 1[.;]", plainly(at))
    assert at.query_params["rival"] == format_rival(leace)
    pick(at, "Back to your 1 clamp").click().run()
    assert at.session_state.board == CLAMPED
    assert sliders(at)["groups"][0]["rows"][0]["value"] == -40.0
    pick(at, "Undo").click().run()
    assert on_board(at) == leace
    pick(at, "Undo").click().run()
    assert at.session_state.board == CLAMPED
    pick(at, "Redo").click().run()
    assert on_board(at) == leace


@pytest.mark.parametrize("kind", PUSHED)
def test_every_direction_is_evaluated_and_checked(app, toy, kind):
    at = put(app(), kind)
    assert not at.exception
    assert not at.error
    assert toy.finished(Setting(rival=toy.rivals.named(kind))) is not None
    assert "Can this be trusted?" in words(at)
    assert "these features, or just damage" not in words(at)
    assert "Sweep" not in words(at)
    pick(at, "Take it off the board").click().run()
    assert on_board(at) is None


def test_wordings_and_a_text_of_ones_own_are_prompts(app, toy):
    at = put(app(), "prompt", WORDINGS[1].text)
    assert on_board(at) == Rival("prompt", WORDINGS[1].text)
    assert WORDINGS[1].text in [t.value for t in at.text]
    at.text_area(key="rivals_text").set_value("You *know* nothing.").run()
    named(at, "rivals_own").click().run()
    assert on_board(at) == Rival("prompt", "You *know* nothing.")
    assert "asked after" in words(at)
    at.text_area(key="rivals_text").set_value("  ").run()
    named(at, "rivals_own").click().run()
    assert "is empty. Write one" in " ".join(w.value for w in at.warning)
    assert on_board(at) == Rival("prompt", "You *know* nothing.")


def test_a_link_brings_a_rival_with_the_clamps_that_are_out_of_force(app, toy):
    leace = toy.rivals.named("leace", strength=2.5)
    at = app(clamps="2:-40", rival=format_rival(leace))
    assert at.session_state.board == replace(CLAMPED, rival=leace)
    assert toy.finished(Setting(rival=leace)) is not None
    assert toy.finished(CLAMPED.setting()) is None


@pytest.mark.parametrize("rival", ["rmu", "leace:x:200", "prompt:", "clamp:1"])
def test_a_bad_rival_in_a_link_is_said(app, rival):
    at = app(rival=rival)
    assert "rival" in " ".join(w.value for w in at.warning)
    assert at.title[0].value == "Clamp"


@pytest.mark.parametrize("rival", ["rmu:not-here", "leace:0123abc:1"])
def test_a_rival_that_is_not_there_is_said_with_the_way_back(app, rival):
    at = app(clamps="2:-40", rival=rival)
    assert len(at.error) == 1
    pick(at, "Back to your 1 clamp").click().run()
    assert not at.error
    assert "Can this be trusted?" in words(at)


def test_an_added_feature_and_a_preset_take_the_rival_off(app, toy):
    at = app(clamps="2:-40")
    put(at, "leace")
    at.text_input(key="clamp_add").set_value("7").run()
    assert on_board(at) is None
    assert at.session_state.board.features() == (2, 7)
    put(at, "leace")
    named(at, "clamp_preset_forget-biology").click().run()
    assert at.session_state.board.setting() == toy.preset("forget-biology")


def test_a_feature_clamped_on_its_own_page_takes_the_rival_off(app):
    at = put(app(clamps="2:-40"), "leace")
    at.session_state.feature = 0
    at.switch_page("pages/feature.py").run()
    named(at, "feature_clamp").click().run()
    assert on_board(at) is None
    assert at.session_state.board.features() == (2, 0)


def test_strength_is_moved_typed_and_brought_back_by_undo(app, toy):
    at = put(app(), "projection")
    slider = next(s for s in at.slider if s.label == "Strength")
    slider.set_value(2.5).run()
    assert on_board(at) == toy.rivals.named("projection", strength=2.5)
    assert next(n for n in at.number_input if n.label == "Exact").value == 2.5
    next(n for n in at.number_input if n.label == "Exact").set_value(12.0).run()
    assert on_board(at).strength == 12.0
    assert next(s for s in at.slider if s.label == "Strength").value == 4.0
    pick(at, "Undo").click().run()
    assert on_board(at).strength == 2.5
    assert next(s for s in at.slider if s.label == "Strength").value == 2.5


def test_a_directions_curve_runs_when_asked_and_stands_there_afterwards(app, toy):
    at = put(app(), "projection")
    assert "Dotted: without it" not in words(at)
    named(at, "strengths_run").click().run()
    assert not at.exception
    assert "Dotted: without it" in words(at)
    assert not [b for b in at.button if b.key in ("strengths_run", "strengths_stop")]
    table = next(d.value for d in at.dataframe if "at" in d.value)
    assert sorted(set(table["at"])) == [0.25, 0.5, 1.0, 1.5, 2.0, 3.0]
    assert len(toy.history.trials()) == len({t.run.setting for t in toy.history.trials()})
    assert Setting(rival=toy.rivals.named("projection", strength=3.0)) not in {
        t.run.setting for t in toy.history.trials()
    }, "points of a curve are no runs"


def test_it_is_said_who_wins_at_this_retain_cost(app, toy):
    at = app(clamps="2:-40")
    assert "No rival was run yet" in words(at)
    toy.evaluate(Setting(rival=toy.rivals.named("leace")))
    toy.evaluate(Setting(rival=Rival("prompt", "Forget.")))
    at.run()
    said = plainly(at)
    assert "No rival was run yet" not in said
    for name in ("LEACE × 1", "Prompt “Forget.”"):
        assert re.search(
            f"(At this retain cost {name} forgets|tried so far costs as little: {name} keeps)", said
        )
    put(at, "difference-of-means")
    assert re.search("(this retain cost the clamps “2 · |as little: the clamps “2 · )", plainly(at))


def test_nothing_is_compared_where_nothing_is_on(app, toy):
    toy.evaluate(Setting(rival=toy.rivals.named("leace")))
    assert "Against the rivals" not in words(app())


def test_a_board_with_a_rival_is_kept_as_a_preset(app, toy):
    at = put(app(clamps="2:-40"), "leace")
    at.text_input(key="presets_name").set_value("both").run()
    pick(at, "Back to your 1 clamp").click().run()
    load = named(at, "presets_load_both")
    assert load.label == "both (1, LEACE)"
    load.click().run()
    assert at.session_state.board == replace(CLAMPED, rival=toy.rivals.named("leace"))


def test_going_back_to_a_rival_keeps_the_clamps(app, toy):
    leace = Setting(rival=toy.rivals.named("leace"))
    toy.evaluate(leace)
    toy.results.remember(leace, write_link(Board((Slider(9, -1.0),), rival=leace.rival)), "", 0.0)
    at = app(clamps="2:-40")
    box = next(s for s in at.selectbox if s.label == "Go back to")
    box.set_value(next(t.id for t in toy.history.trials() if t.run.setting == leace)).run()
    assert at.session_state.board == replace(CLAMPED, rival=leace.rival)


def test_a_question_under_a_rival_says_what_reads_it(app, toy):
    at = put(app(), "prompt", WORDINGS[0].text)
    at.button_group(key="questions_change").set_value(["lost", "gained", "unchanged"]).run()
    table = next(d for d in at.dataframe if "p_before" in d.value.columns)
    assert "fired" not in table.value
    assert not [s for s in at.selectbox if s.key == "questions_feature"]
    key = table.proto.id.split("-", 2)[-1]
    at.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    at.run()
    assert "the prompt is read before them" in words(at)


# -- RMU -------------------------------------------------------------------------------------------


def test_a_trained_rmu_is_put_on_the_board_by_its_name_with_its_recipe(app, toy):
    rmu = untrained(toy)
    at = app(clamps="2:-40")
    (trained,) = toy.rivals.trained()
    assert plainly(at).count(trained.recipe.in_words) == 1
    put(at, "rmu", trained.name)
    assert on_board(at) == rmu
    assert plainly(at).count(trained.recipe.in_words) == 2
    assert f"touched by {in_words(rmu)}" in plainly(at)
    assert not [s for s in at.slider if s.label == "Strength"]


def test_an_rmu_is_trained_and_goes_onto_the_board(app, toy):
    at = app(clamps="2:-40")
    for name, value in {"layer": 2, "steps": 2, "batch": 1, "tokens": 8}.items():
        at.number_input(key=f"rmu_{name}").set_value(value)
    next(b for b in at.button if b.label == "Train it").click().run(timeout=120)
    assert not at.exception
    (trained,) = toy.rivals.trained()
    assert trained.recipe == Recipe(layer=2, steps=2, batch=1, tokens=8)
    assert on_board(at) == Rival("rmu", trained.name)
    assert toy.finished(Setting(rival=on_board(at))) is not None
    assert "Training an RMU" not in words(at)


def test_a_recipe_that_cannot_be_trained_is_said(app, toy):
    at = app()
    at.number_input(key="rmu_layer").set_value(99)
    next(b for b in at.button if b.label == "Train it").click().run()
    assert not at.exception
    assert "the model has 4 blocks" in " ".join(w.value for w in at.warning)
    assert toy.rivals.trained() == []


@pytest.fixture
def shipped(toy, toy_toml):
    """An RMU that came with the setup, never run."""
    name = untrained(toy).of
    path = toy.rivals.trained()[0].path
    toy_toml.write_text(f'{toy_toml.read_text()}\n[rmu]\nmodels = ["{path}"]\n')
    assert load_setup(toy_toml).rmu.models == (path,)
    return Rival("rmu", name)


def test_the_shipped_rmu_is_run_once_by_itself_after_the_board(app, toy, shipped):
    at = app(clamps="2:-40")
    kept = {t.run.setting for t in toy.history.trials()}
    assert {CLAMPED.setting(), Setting(rival=shipped)} <= kept
    assert f"{shipped.of} (shipped)" in [b.label.replace("\\", "") for b in at.button]
    assert in_words(shipped) in plainly(at)
    assert "is run beside it" not in words(at)
    assert at.session_state.board == CLAMPED


def test_in_a_showcase_nothing_is_run_or_trained(app, toy, shipped, monkeypatch):
    toy.evaluate(NOTHING)
    toy.evaluate(CLAMPED.setting())
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    at = app(clamps="2:-40")
    assert SENTENCE in words(at)
    assert not [b for b in at.button if b.label == "Train it"]
    assert toy.finished(Setting(rival=shipped)) is None
    put(at, "rmu", shipped.of)
    assert "never tried here" in words(at)


# -- words -----------------------------------------------------------------------------------------


def written(at: AppTest) -> tuple:
    at.text_area(key="words_prompt").set_value("The heart").run()
    at.slider(key="words_length").set_value(8).run()
    at.button(key="words_write").click().run()
    assert not at.exception
    return at.session_state.words


def last(toy, setting: Setting):
    *_, text = writing(toy, "The heart", False, setting, max_tokens=8)
    return text


def beside(at: AppTest):
    return next(s for s in at.selectbox if s.label == "Beside them")


def test_a_rival_writes_beside_the_clamps(app, toy):
    at = app("words", clamps="0:-40")
    assert beside(at).value is None
    leace = toy.rivals.named("leace")
    beside(at).set_value(leace).run()
    made = written(at)
    settings = (NOTHING, setting_of([(0, -40.0)]), Setting(rival=leace))
    assert made.settings == settings
    assert made.texts == tuple(last(toy, setting) for setting in settings)
    assert [s.value for s in at.header if s.value in ("Without clamps", "With clamps")]
    assert "LEACE × 1: the same" in plainly(at)
    beside(at).set_value(None).run()
    assert "Written with other settings" in words(at)


def test_the_boards_rival_is_the_one_beside_and_the_clamps_write_too(app, toy):
    rmu = untrained(toy)
    at = app("words", clamps="0:-40", rival=format_rival(toy.rivals.named("projection")))
    assert beside(at).value == toy.rivals.named("projection")
    assert toy.name_of(setting_of([(0, -40.0)])) in plainly(at)
    made = written(at)
    assert made.settings[1:] == (
        setting_of([(0, -40.0)]),
        Setting(rival=toy.rivals.named("projection")),
    )
    beside(at).set_value(rmu).run()
    assert written(at).texts[2] == last(toy, Setting(rival=rmu))


def test_a_trained_rmu_is_beside_from_the_beginning_and_alone_where_nothing_is_clamped(app, toy):
    rmu = untrained(toy)
    at = app("words")
    assert beside(at).value == rmu
    assert written(at).settings == (NOTHING, Setting(rival=rmu))


# -- runs ------------------------------------------------------------------------------------------


def test_runs_of_other_kinds_are_listed_narrowed_and_compared_with_clamps(app, toy):
    leace = Setting(rival=toy.rivals.named("leace"))
    for setting in (leace, CLAMPED.setting()):
        toy.evaluate(setting)
    at = app("runs")
    table = lambda: next(d.value for d in at.dataframe if "hypothesis" in d.value)  # noqa: E731
    assert set(table()["kind"]) == {"clamps", "direction"}
    at.button_group(key="runs_kinds").set_value(["direction"]).run()
    assert table()["rival"].tolist() == [format_rival(leace.rival)]
    at.session_state.pins = (leace, CLAMPED.setting())
    at.run()
    assert not at.exception
    assert "A LEACE × 1, in the place of clamps; B wherever a clamped feature fires" in plainly(at)
    assert [t.value for t in at.text if t.value.startswith("A: ")] == ["A: LEACE × 1"]
