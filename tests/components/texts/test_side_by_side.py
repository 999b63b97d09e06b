"""Two texts side by side: what is said of each, and of both."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from backend.experiments.generate import Sampling, Written
from backend.interventions.method import NOTHING, Gate, Method, Setting, setting_of
from backend.interventions.rival import Rival
from backend.progress import Progress
from components.texts.side_by_side import note, parts, title, verdict
from components.values import Words

SETTING = setting_of([(2, -40.0)])
SETTINGS = (NOTHING, SETTING)
LEACE, RMU = (Setting(rival=rival) for rival in (Rival("leace", "f", 2.0), Rival("rmu", "l7")))
PROMPT = "The heart"


def written(*ids, edited=(), ended=False):
    tokens = tuple(f" <{i}>" for i in ids)
    return Written(
        "".join(tokens),
        ids,
        edited,
        n_prompt=4,
        ended=ended,
        tokens=tokens,
        log_probs=(-1.0,) * len(ids),
    )


def words(before=(), after=(), **more):
    start = Words(PROMPT, False, Sampling(), 3, SETTINGS, (written(*before), written(*after)))
    return start._replace(**more)


def test_both_of_two_texts_are_marked_where_they_differ_and_of_more_those_after_the_first():
    assert parts(words((1, 2), (1, 3))) == [{1}, {1}]
    assert parts(three((1, 2), (1, 2), (1, 3))) == [set(), set(), {1}]
    assert parts(words((1, 2), (3,), running=True)) == [set(), set()]


@pytest.mark.parametrize(
    ("text", "running", "said"),
    [
        (written(1, ended=True), True, "1 tokens, ended by the model"),
        (written(1, 2, 3), True, "3 tokens, the length limit"),
        (written(1), True, "1 tokens, writing…"),
        (written(1), False, "1 tokens, stopped"),
    ],
)
def test_a_text_says_how_it_ended(text, running, said):
    assert note(text, NOTHING, words(running=running)) == said


def test_a_clamped_text_says_where_it_was_clamped():
    said = note(written(1, 2, edited=(1, 3, 5)), SETTING, words())
    assert said.endswith("; clamped at 2 of 4 prompt tokens and 1 of 2 written ones")


def test_a_text_by_a_direction_says_where_it_was_pushed_and_by_other_weights_nothing_of_that():
    text = written(1, 2, edited=(1, 3, 5))
    said = note(text, LEACE, words())
    assert said.endswith("; pushed at 2 of 4 prompt tokens and 1 of 2 written ones")
    assert note(text, RMU, words()) == "2 tokens, stopped"


@pytest.mark.parametrize(
    ("opened_at", "said"),
    [
        (4, "the gate opened at the prompt"),
        (6, "the gate opened after 2 tokens"),
        (None, "the gate stayed closed (statistic 0.125)"),
    ],
)
def test_a_text_behind_a_gate_says_when_it_opened(opened_at, said):
    text = replace(written(1, 2, 3), statistic=0.125, opened_at=opened_at)
    assert note(text, SETTING, words()) == (
        f"3 tokens, the length limit; {said}; "
        "clamped at 0 of 4 prompt tokens and 0 of 3 written ones"
    )


def test_a_text_without_clamps_has_no_gate():
    text = replace(written(1, 2, 3), statistic=0.125, opened_at=4)
    assert note(text, NOTHING, words()) == "3 tokens, the length limit"


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (words((1, 2), (1, 2)), "Both texts are the same."),
        (words((1, 2), (1, 3)), "The two texts are the same for 1 token, then part."),
        (words((1, 2, 3), (1, 2)), "The two texts are the same for 2 tokens, then part."),
        (words((1,), (2,), running=True), "Writing…"),
        (words(), "Nothing was written."),
    ],
)
def test_the_texts_are_compared_token_by_token(shown, said):
    assert verdict(shown, PROMPT, SETTINGS) == said


def three(first, second, third):
    settings = (NOTHING, SETTING, RMU)
    return words(settings=settings, texts=tuple(written(*ids) for ids in (first, second, third)))


def test_more_texts_are_each_compared_with_the_first():
    shown = three((1, 2), (1, 2), (1, 3))
    assert verdict(shown, PROMPT, shown.settings) == (
        "With clamps: the same as without. RMU l7: the same for 1 token, then another."
    )


def test_a_text_is_titled_by_what_it_is_written_with():
    settings = (NOTHING, SETTING, LEACE)
    assert [title(settings, i) for i in range(3)] == ["Without clamps", "With clamps", "LEACE × 2"]
    assert title((NOTHING, NOTHING), 1) == "With clamps"


def test_texts_of_another_setting_or_another_prompt_say_so():
    said = verdict(words((1,), (1,), prompt="An *old* one"), PROMPT, (NOTHING, NOTHING))
    assert said == (
        "Written with other settings than those now on. "
        "Written for the prompt “An \\*old\\* one”. Both texts are the same."
    )


def test_texts_by_another_method_say_so():
    gated = setting_of(SETTING.clamps, Method(gate=Gate("rho", 0.25)))
    now = (NOTHING, gated)
    assert verdict(words((1,), (1,)), PROMPT, now).startswith("Written with other settings")
    assert verdict(words((1,), (1,), settings=now), PROMPT, now) == "Both texts are the same."


def test_texts_beside_which_another_rival_is_chosen_say_so():
    shown = three((1,), (1,), (1,))
    assert verdict(shown, PROMPT, (NOTHING, SETTING, LEACE)).startswith("Written with other")
    assert verdict(shown, PROMPT, SETTINGS).startswith("Written with other")


def script(shown, progress):
    from backend.interventions.method import NOTHING
    from components.texts.side_by_side import SideBySide

    now = (NOTHING, NOTHING)
    place = SideBySide("The heart", now, now if shown is None else shown.settings)
    if progress is not None:
        place.on_wait(progress)
    else:
        place.draw(shown)


def captions(shown, progress=None):
    at = AppTest.from_function(script, args=(shown, progress)).run()
    assert not at.exception
    return [c.value for c in at.caption]


def test_each_text_stands_under_what_is_said_of_both():
    both, before, after = captions(words((1,), (2,)))
    assert both.endswith("then part.")
    assert before == "1 tokens, stopped"
    assert "clamped at" in after


def test_texts_are_drawn_escaped_token_by_token():
    at = AppTest.from_function(script, args=(words((1,), (2,)), None)).run()
    made = " ".join(e.proto.body for e in at.get("html"))
    assert "&lt;1&gt;</span>" in made
    assert 'class="wt-other" data-value="log-probability −1.00 (36.8 %)"' in made


def test_a_wait_is_said():
    assert captions(None, Progress("Waiting for another run", 0, 0, None)) == [
        "Waiting for another run…"
    ]
