"""How long an answer may be, and where it stops."""

import pytest

from backend.errors import BadInput
from backend.experiments.generate import Written
from backend.judges.inspect_answers import answer_of, checked_stops, room, stopped_at

TOKENS = ("The", " heart", " pumps", " blood")
WRITTEN = Written("".join(TOKENS), (5, 6, 7, 8), tokens=TOKENS, log_probs=(-0.1, -0.2, -0.3, -0.4))


@pytest.mark.parametrize(
    ("stops", "text", "n"),
    [
        ((" pumps",), "The heart", 2),
        (("rt p",), "The hea", 2),
        (("blood", "heart"), "The ", 2),
        (("The",), "", 0),
        (("lung",), "The heart pumps blood", 4),
    ],
)
def test_an_answer_ends_before_the_first_stop_sequence(stops, text, n):
    answer = answer_of(WRITTEN, stops, 4)
    assert (answer.text, answer.tokens) == (text, TOKENS[:n])
    assert answer.log_probs == WRITTEN.log_probs[:n]
    assert answer.reason == ("max_tokens" if n == 4 else "stop")


def test_why_it_ended_is_said():
    assert answer_of(WRITTEN, (), 9).reason == "model_length"
    assert answer_of(WRITTEN, (), 4).reason == "max_tokens"
    ended = Written("The", (5,), ended=True, tokens=("The",), log_probs=(-0.1,))
    assert answer_of(ended, (), 1).reason == "stop"
    assert stopped_at("The heart", ()) is None


def test_an_answer_is_as_long_as_asked_for_or_as_the_model_has_positions_left():
    assert room(512, 500, 5) == 5
    assert room(512, 500, 40) == 12
    assert room(None, 500, 40) == 40
    with pytest.raises(BadInput, match="512 tokens, and this model reads 512"):
        room(512, 512, 1)
    with pytest.raises(BadInput, match="an answer has 1 at least"):
        room(512, 5, 0)


def test_an_empty_stop_sequence_is_refused():
    assert checked_stops(None) == ()
    with pytest.raises(BadInput, match="stop sequence is empty"):
        checked_stops(["A", ""])
