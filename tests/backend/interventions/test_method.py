"""When clamps act, as a value, as text and in words."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.commands.setting import add_method, method_of
from backend.errors import BadMethod
from backend.interventions.clamps import MAX_VALUE
from backend.interventions.method import (
    MAX_WIDTH,
    NOTHING,
    PAPER,
    WIDTH,
    Gate,
    Method,
    Refusal,
    checked_method,
    flags,
    format_method,
    in_words,
    parse_method,
    setting_in_words,
    setting_of,
)

TAUS = st.floats(0, 1)
GATES = st.none() | st.one_of(
    st.builds(Gate, st.just("rho"), TAUS),
    st.builds(Gate, st.just("window"), TAUS, st.integers(1, MAX_WIDTH)),
    st.builds(Gate, st.just("cusum"), st.floats(0, 1e6)),
)
VALUES = st.floats(-MAX_VALUE, MAX_VALUE)
METHODS = st.builds(
    Method,
    st.floats(0, MAX_VALUE),
    GATES,
    st.sampled_from(["firing", "all"]),
    st.none() | st.builds(Refusal, st.integers(0, 99), VALUES, st.booleans()),
    st.booleans(),
).map(checked_method)


@given(METHODS)
def test_text_reads_back_to_the_same_method(method):
    assert parse_method(format_method(method), 100) == method


@given(METHODS)
def test_the_flags_of_a_method_are_read_as_that_method(method):
    import argparse

    parser = argparse.ArgumentParser()
    add_method(parser)
    # argparse takes a value that begins with a minus for a flag, unless it looks like a number.
    assert method_of(parser.parse_args(flags(method).split()), PAPER) == method


def test_the_papers_method_is_empty_text_and_no_words():
    assert (format_method(PAPER), in_words(PAPER), flags(PAPER)) == ("", "", "")
    assert parse_method(" ") == PAPER


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rho:0.15", "gate rho > 0.15"),
        ("window:0.4:16", "gate window of 16 > 0.4"),
        ("cusum:8.25", "gate cusum > 8.25"),
        ("threshold:0.05,reach:all", "firing above 0.05, all set where one fires"),
        ("refusal:7:-500", "refusal latent 7 to -500 instead"),
        ("refusal:7:-500:beside,norm:kept", "refusal latent 7 to -500 as well, length kept"),
    ],
)
def test_a_method_is_said_in_words_and_written_as_it_was_read(text, words):
    method = parse_method(text)
    assert in_words(method) == words
    assert format_method(method) == text
    assert setting_in_words(setting_of([(3, -2.0)], method)) == f"3:-2 [{text}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rho", "no part of a method"),
        ("rho:x", "no part of a method"),
        ("rho:0.1:3", "no part of a method"),
        ("window:0.1", "no part of a method"),
        ("reach:some", "no part of a method"),
        ("refusal:3", "no part of a method"),
        ("refusal:3:1:apart", "no part of a method"),
        ("norm:lost", "no part of a method"),
        ("gate:rho", "no part of a method"),
        ("rho:0.1,cusum:3", "says 'cusum' twice"),
        ("threshold:1,threshold:2", "says 'threshold' twice"),
        ("rho:1.5", "Tau of the gate rho is 1.5; it can be 0 to 1"),
        ("rho:-0.1", "it can be 0 to 1"),
        ("rho:nan", "it can be 0 to 1"),
        ("cusum:inf", "it can be 0 to"),
        ("window:0.5:0", "A window has 1 to 1024 positions"),
        ("window:0.5:1025", "A window has 1 to 1024 positions"),
        ("threshold:-1", "The threshold of firing is -1"),
        ("threshold:3e7", "The threshold of firing"),
        ("refusal:-1:3", "There is no feature -1"),
        ("refusal:100:3", "There is no feature 100 to be a refusal latent: this SAE"),
        ("refusal:1:1e7", "The refusal latent's value"),
    ],
)
def test_what_is_no_method_is_said(text, said):
    with pytest.raises(BadMethod, match=said):
        parse_method(text, 100)


def test_a_method_made_by_hand_is_checked_too():
    for wrong in (
        Method(gate=Gate("loud", 0.1)),  # type: ignore[arg-type]
        Method(reach="none"),  # type: ignore[arg-type]
        Method(math.nan),
    ):
        with pytest.raises(BadMethod):
            setting_of([(1, 0.0)], wrong)


def test_equal_settings_are_equal_values():
    gated = Method(gate=Gate("rho", 0.5))
    assert setting_of([], gated) == NOTHING
    assert not NOTHING
    assert setting_of([(1, 0.0)], Method(gate=Gate("rho", 0.5, 7))) == setting_of(
        [(1, -0.0)], replace(gated, gate=Gate("rho", 0.5, WIDTH))
    )
    # A refusal latent alone sets no clamped feature, however many it would reach.
    latent = Refusal(3, 5.0)
    assert setting_of([(1, 0.0)], Method(reach="all", refusal=latent)) == setting_of(
        [(1, 0.0)], Method(refusal=latent)
    )
