"""What stands in the place of clamps, as a value, as text and in words."""

import argparse
import math
import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.commands.setting import RIVALS, add_setting
from backend.errors import BadRival
from backend.interventions.method import (
    NOTHING,
    Gate,
    Method,
    Setting,
    setting_in_words,
    setting_of,
)
from backend.interventions.rival import (
    ABOUT,
    KINDS,
    MAX_STRENGTH,
    MAX_TEXT,
    NAME,
    PUSHED,
    TITLES,
    Rival,
    checked_rival,
    flags,
    format_rival,
    in_words,
    parse_rival,
)

NAMES = st.from_regex(NAME, fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(str.strip)
RIVALS_DRAWN = st.one_of(
    st.builds(Rival, st.just("rmu"), NAMES),
    st.builds(Rival, st.sampled_from(PUSHED), NAMES, st.floats(0, MAX_STRENGTH)),
    st.builds(Rival, st.just("prompt"), TEXTS),
).map(checked_rival)


@given(RIVALS_DRAWN)
@example(Rival("prompt", "\N{DNA DOUBLE HELIX}" * MAX_TEXT))
@example(Rival("prompt", "a:b,c=d&e%20\n\x00'\""))
def test_text_reads_back_to_the_same_rival(rival):
    text = format_rival(rival)
    assert parse_rival(text) == rival
    assert text.isascii()
    assert text.isprintable()


def test_no_rival_is_empty_text():
    assert format_rival(None) == ""
    assert parse_rival("") is None


@given(st.text(max_size=40) | st.builds("{}:{}".format, st.sampled_from(KINDS), st.text()))
def test_any_other_text_is_a_rival_or_an_error_in_words(text):
    try:
        rival = parse_rival(text)
    except BadRival as error:
        assert_one_sentence(error)
    else:
        assert rival == parse_rival(format_rival(rival))


def assert_one_sentence(error: BadRival) -> None:
    said = str(error)
    assert said.endswith(".")
    assert said.isprintable()
    assert len(said) < 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clamps", "is no rival. Expected one such as rmu:NAME"),
        ("loud:abc:1", "is no rival"),
        ("rmu", "RMU has no ''"),
        ("rmu:", "RMU has no ''"),
        ("rmu:Upper", "RMU has no 'Upper'"),
        ("rmu:../../x", "RMU has no '../../x'"),
        ("rmu:" + "a" * 81, "RMU has no 'a"),
        ("rmu:a:1", "RMU has no 'a:1'"),
        ("leace:abc", "is no rival"),
        ("leace:abc:", "is no rival"),
        ("leace:abc:much", "is no rival"),
        ("leace:abc:1:2", "is no rival"),
        ("leace:abc:\N{ARABIC-INDIC DIGIT TWO}", "is no rival"),
        ("leace::1", "LEACE has no ''"),
        ("leace:abc:-1", "The strength of LEACE is -1; it can be 0 to 100."),
        ("projection:abc:101", "The strength of Projection is 101; it can be 0 to 100."),
        ("random-direction:abc:nan", "The strength of Random direction is nan"),
        ("difference-of-means:abc:1e999", "The strength of Difference of means is inf"),
        ("prompt:", "is empty. Write one."),
        ("prompt:%20%0A", "is empty. Write one."),
        ("prompt:%FF", "is no rival"),
        ("prompt:%ED%A0%80", "is no rival"),
        ("prompt:\N{GREEK SMALL LETTER ALPHA}", "is no rival"),
        ("prompt:" + "a" * 1001, "The prompt has 1,001 characters; at most 1,000 go."),
        ("prompt:" + "%0A" * 9999 + "a" * 1001, "The prompt has 1,001 characters"),
        ("x" * 9999, "is no rival"),
        ("x\n\x1b[2J", "is no rival"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_rival_is_said(text, said):
    with pytest.raises(BadRival) as error:
        parse_rival(text)
    assert said in str(error.value)
    assert_one_sentence(error.value)


def test_a_rival_made_by_hand_is_checked_too():
    for wrong in (
        Rival("loud", "abc"),  # type: ignore[arg-type]
        Rival("leace", "abc", math.nan),
        Rival("leace", ""),
        Rival("rmu", "a/b"),
        Rival("prompt", " "),
    ):
        with pytest.raises(BadRival) as error:
            setting_of([], rival=wrong)
        assert_one_sentence(error.value)
    with pytest.raises(Exception, match="half a character"):
        checked_rival(Rival("prompt", "\ud800"))


def test_equal_rivals_are_equal_values():
    assert checked_rival(Rival("rmu", "a", 3.0)) == Rival("rmu", "a")
    assert checked_rival(Rival("prompt", " a b\n", 3.0)) == Rival("prompt", "a b")
    assert checked_rival(Rival("rmu", "a", math.nan)) == Rival("rmu", "a")
    assert repr(checked_rival(Rival("leace", "a", -0.0)).strength) == "0.0"
    assert repr(checked_rival(Rival("leace", "a", 2)).strength) == "2.0"
    for text in ("leace:a:2", "leace:a:2.0", "leace:a:2e0", "leace:a:+2"):
        assert parse_rival(text) == Rival("leace", "a", 2.0)
    assert format_rival(Rival("leace", "a", 2.0)) == "leace:a:2"


def test_with_a_rival_there_are_no_clamps_and_no_method():
    rival, gated = Rival("prompt", "forget it"), Method(gate=Gate("rho", 0.1))
    setting = setting_of([(3, -2.0)], gated, rival)
    assert setting == setting_of([], rival=rival) == Setting((), Method(), rival)
    assert setting
    assert not NOTHING
    assert setting.features == ()
    assert setting_of([(3, -2.0)], gated, None).rival is None


@given(RIVALS_DRAWN)
@example(Rival("prompt", "-x"))
@example(Rival("prompt", "--rival"))
@example(Rival("leace", "a", 1 / 3))
def test_the_flags_of_a_rival_are_read_as_that_rival(rival):
    """Which direction there is, is the setup's to say."""
    parser = argparse.ArgumentParser()
    add_setting(parser, rivals=True)
    args = parser.parse_args(shlex.split(flags(rival)))
    pushed = rival.kind in PUSHED
    assert args.rival == rival.kind
    assert args.of == (None if pushed else rival.of)
    assert args.strength == (rival.strength if pushed else None)


def test_every_kind_can_be_asked_for_and_is_named_and_explained():
    assert RIVALS == KINDS
    assert set(TITLES) == set(ABOUT) == set(KINDS)


@pytest.mark.parametrize(
    ("rival", "words"),
    [
        (Rival("rmu", "l7-s3-a100-1f2e3d4c"), "RMU l7-s3-a100-1f2e3d4c"),
        (Rival("difference-of-means", "abc", 0.5), "Difference of means × 0.5"),
        (Rival("projection", "abc"), "Projection × 1"),
        (Rival("leace", "abc", 1 / 3), "LEACE × 0.333333"),
        (Rival("random-direction", "abc", 100.0), "Random direction × 100"),
        (Rival("prompt", "Forget\nall  of it."), "Prompt “Forget all of it.”"),
        (Rival("prompt", "Forget\x1b[2J it"), "Prompt “Forget [2J it”"),
        (Rival("prompt", "a" * 40), f"Prompt “{'a' * 40}”"),
        (Rival("prompt", "a" * 41), f"Prompt “{'a' * 39}…”"),
    ],
)
def test_a_rival_in_words(rival, words):
    assert in_words(rival) == words
    assert setting_in_words(Setting(rival=rival)) == words
