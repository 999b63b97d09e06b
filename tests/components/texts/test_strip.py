"""Words beside the sliders: what is known, what is written, and what stops it."""

import pytest
from streamlit.testing.v1 import AppTest

from backend.experiments.generate import Written, generate, prompt_ids
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import Rival
from components.texts.strip import Doing, Kept, Line, Wanted, line_html, run_strip

SETTING = setting_of([(0, -40.0)])
LONG = 6


class Place:
    """What is drawn in a place of a page, one after the other."""

    def __init__(self, stop_after=None):
        self.drawn, self.stop_after = [], stop_after

    def html(self, body):
        self.drawn.append(body)
        if len(self.drawn) == self.stop_after:
            raise KeyboardInterrupt

    def warning(self, body, icon):
        self.drawn.append(body)


def memory():
    texts = {}
    return texts, Kept(texts.get, texts.__setitem__)


def line(prompt="The heart", setting=SETTING, place=None):
    wanted = tuple(Wanted(prompt, False, one, LONG) for one in (NOTHING, setting))
    return Line(place or Place(), wanted, asked=False)


def test_both_texts_are_those_of_the_generator_and_are_kept(toy):
    texts, kept = memory()
    mine = line()
    run_strip(toy, (mine,), kept)
    ids = prompt_ids(toy.tokenizer, "The heart", chat=False)
    for wanted in mine.wanted:
        *_, last = generate(toy.runner, ids, wanted.setting, max_tokens=LONG)
        assert texts[wanted] == last
    assert len(mine.place.drawn) >= 2 * LONG, "not every token was drawn"
    assert "writing…" in mine.place.drawn[0]
    assert "writing…" not in mine.place.drawn[-1]


def test_what_is_kept_is_not_written_again(toy, monkeypatch):
    texts, kept = memory()
    run_strip(toy, (line(),), kept)
    before = dict(texts)
    other = setting_of([(2, -30.0)])
    run_strip(toy, (line(setting=other),), kept)
    assert [one.setting for one in texts if one not in before] == [other]
    monkeypatch.setattr(type(toy), "turn", None)  # any turn at the model would fail
    run_strip(toy, (line(),), kept)


def test_the_next_move_stops_it_and_half_a_text_is_not_kept(toy):
    texts, kept = memory()
    with pytest.raises(KeyboardInterrupt):
        run_strip(toy, (line(place=Place(stop_after=3)),), kept)
    assert not texts
    assert not toy.busy, "the model was not handed back"


def test_what_goes_wrong_is_said_in_the_prompts_place_and_the_next_prompt_is_written(toy):
    texts, kept = memory()
    lost = line(setting=Setting(rival=Rival("rmu", "none such")))
    good = line("A program")
    run_strip(toy, (lost, good), kept)
    assert "none such" in lost.place.drawn[-1]
    assert set(good.wanted) <= set(texts)


def test_on_a_showcase_nothing_is_written(toy, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    texts, kept = memory()
    run_strip(toy, (line(),), kept)
    assert not texts


def said(*tokens, ended=False):
    ids = tuple(ord(t[-1]) for t in tokens)
    return Written("".join(tokens), ids, tokens=tokens, log_probs=(-1.0,) * len(ids), ended=ended)


def test_parts_that_differ_are_marked_in_both_texts():
    made = line_html(line().wanted, [said("a", " b", " c"), said("a", " x", " c")])
    assert made.count('class="wt-other"') == 2
    assert made.index("Without clamps") < made.index("With clamps")


def test_while_a_text_grows_what_it_has_not_yet_come_to_is_no_difference():
    texts = [said("a", " b", " c"), said("a")]
    assert 'class="wt-other"' not in line_html(line().wanted, texts, Doing(1, "writing…"))
    assert 'class="wt-other"' in line_html(line().wanted, texts)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([None, None], "<p>…</p>"),
        ([said("a"), said("a")], "With clamps · the same"),
        ([said(ended=True), None], "(nothing)"),
    ],
)
def test_what_is_missing_or_the_same_is_said(texts, words):
    assert words in line_html(line().wanted, texts)


def test_where_nothing_acts_there_is_one_text():
    made = line_html(line().wanted[:1], [said("a")], asked=True)
    assert "No clamp is on" in made
    assert "With clamps" not in made
    assert "The heart</div>" in made


def script(engine, setting, prompts, kept, changed):
    from components.texts.strip import draw_strip

    on_prompts = None if changed is None else changed.append
    draw_strip(engine, setting, prompts, kept, on_prompts=on_prompts, max_tokens=6)


def test_prompts_are_the_users(toy):
    changed = []
    texts, kept = memory()
    prompts = ("The heart", "A program")
    at = AppTest.from_function(script, args=(toy, SETTING, prompts, kept, changed)).run()
    assert not at.exception
    assert [t.value for t in at.text_input] == list(prompts)
    at.text_input[1].set_value("The <river>").run()
    assert changed == [("The heart", "The <river>")]
    assert len(at.get("html")) == 2


def test_a_prompt_of_nothing_asks_for_one(toy):
    at = AppTest.from_function(script, args=(toy, SETTING, (" ",), memory()[1], None)).run()
    assert at.caption[0].value == "Write a prompt to hear the model."


def test_a_showcase_draws_what_is_kept_and_nothing_else(toy, monkeypatch):
    texts, kept = memory()
    for one in line().wanted:
        texts[one] = said("kept")
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    prompts = ("The heart", "A program")
    at = AppTest.from_function(script, args=(toy, SETTING, prompts, kept, [])).run()
    assert not at.text_input
    (only,) = at.get("html")
    assert "The heart" in only.proto.body
    assert "kept" in only.proto.body
