"""The stage: the board for a room, on the toy setup."""

import json
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from backend.engine.engine import Engine
from backend.experiments.generate import Written
from backend.experiments.verdict import verdict
from backend.interventions.board import Board, Slider, board_of
from backend.interventions.method import NOTHING, Setting, setting_of
from components import resources
from components.texts.strip import PROMPTS, TOKENS, Wanted
from tests.pages.test_pages import board

SETTING = setting_of([(2, -40.0)])


def bar(at: AppTest) -> dict:
    """What the line of controls was given to draw."""
    return json.loads(_bar(at).proto.json)


def send(at: AppTest, **message: object) -> AppTest:
    """What the browser sends."""
    states = at._tree.get_widget_states()
    mine = states.widgets.add()
    mine.id, mine.json_value = _bar(at).proto.id, json.dumps(message)
    return at._run(states)


def written(engine: Engine, prompt: str, setting: Setting) -> Written | None:
    """The text beside the slider, if it was written to its end."""
    chat = bool(engine.tokenizer.chat_template)
    return resources.texts(engine).find(Wanted(prompt, chat, setting, TOKENS))


def _bar(at: AppTest):
    return next(e for e in at.main if e.type == "bidi_component")


def test_it_shows_the_boards_figures_its_verdict_and_two_answers(app, toy):
    at = app("stage", clamps="2:-40")
    evaluation = toy.evaluate(SETTING)
    shown = board(at)
    for role in ("forget", "retain"):
        mine = [s for s in evaluation.sets if s.role == role]
        before, after = (
            sum(round(s.n * share) for s, share in zip(mine, shares, strict=True))
            for shares in (
                [s.baseline_accuracy for s in mine],
                [s.accuracy for s in mine],
            )
        )
        n = sum(s.n for s in mine)
        assert f">{round(100 * before / n)} → {round(100 * after / n)} %<" in shown
    assert "stage-final" in shown
    assert f">{verdict(toy, evaluation).sentence}</p>" in shown
    assert "What does the heart do?</div>" in shown
    assert all(written(toy, prompt, s) for prompt in PROMPTS for s in (NOTHING, SETTING))
    assert bar(at)["name"] == toy.name_of(SETTING)
    assert at.query_params["clamps"] == "2:-40"


def test_a_step_takes_the_next_saved_setting_and_the_slider_multiplies_it(app, toy):
    own = Board((Slider(3, -20.0),))
    toy.saved_presets.save("My <own>", own)
    at = app("stage", clamps="2:-40")
    n = bar(at)["n"]
    assert n == 1 + len(toy.preset_titles) + 1
    send(at, edit={"number": 1, "at": n - 1, "master": None})
    assert at.session_state.board == own
    assert bar(at)["name"] == "My <own>"
    assert bar(at)["at"] == n - 1
    send(at, edit={"number": 2, "at": None, "master": 0.5})
    half = setting_of([(3, -10.0)])
    assert at.session_state.board == replace(own, master=0.5)
    assert toy.finished(half) is not None
    assert written(toy, PROMPTS[0], half)
    assert bar(at)["name"] == toy.name_of(half)
    assert at.query_params["master"] == "0.5"
    send(at, edit={"number": 3, "at": 0, "master": None})
    assert at.session_state.board == board_of(SETTING.clamps)
    assert bar(at)["n"] == n


def test_a_half_of_the_questions_is_named(app, toy):
    at = app("stage", clamps="2:-40", half="held-out")
    assert bar(at)["name"].endswith(", held-out half of the questions")
    held = toy.restrict(toy.evaluate(SETTING), toy.half("held-out"))
    n = sum(s.n for s in held.sets if s.role == "forget")
    assert f", {n} questions<" in board(at)


def test_it_leads_back_to_the_clamp_page_with_the_same_board(app):
    at = app("stage", clamps="2:-40")
    send(at, leave=True)
    assert not at.exception
    assert "Clamp" in [t.value for t in at.title]
    assert at.session_state.board == board_of(SETTING.clamps)


def test_a_showcase_says_what_was_never_tried(app, toy, monkeypatch):
    toy.evaluate(NOTHING)
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    never = setting_of([(2, -41.5)])
    at = app("stage", clamps="2:-41.5")
    assert "never tried here" in board(at)
    assert "former setting" in board(at)
    assert "stage-final" not in board(at)
    assert toy.finished(never) is None
    assert written(toy, PROMPTS[0], never) is None
