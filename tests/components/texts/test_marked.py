"""A written text token by token as HTML."""

import math

import pytest

from backend.experiments.generate import Written
from components.texts.marked import in_words, parting, written_html


def written(*tokens, log_probs=None):
    values = log_probs or [-1.0] * len(tokens)
    ids = tuple(range(len(tokens)))
    return Written("".join(tokens), ids, tokens=tokens, log_probs=tuple(values))


def test_each_token_has_its_log_probability_for_the_mouse_and_for_the_focus():
    made = written_html(written("The", " heart", log_probs=[-0.43, -2.26]), "Without")
    assert 'tabindex="0" role="group" aria-label="Without"' in made
    assert (
        '<span data-value="log-probability −0.43 (65.1 %)" data-short="−0.4">The</span>'
        '<span data-value="log-probability −2.26 (10.4 %)" data-short="−2.3"> heart</span>'
    ) in made


def test_text_and_label_are_escaped():
    made = written_html(written("<b>", "&"), '"><script>')
    assert "&lt;b&gt;</span>" in made
    assert "&amp;</span>" in made
    assert "<script>" not in made
    assert "<b>" not in made


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [
        ((" The", " heart "), ["The", " heart"]),
        ((" ", "\n", "  a", " b", " ", "\n"), ["a", " b"]),
        (("", "é", ""), ["é"]),
        ((" ", "\n"), []),
    ],
)
def test_the_space_around_a_text_is_left_away_and_none_within(tokens, shown):
    made = written_html(written(*tokens), "")
    assert [part.split(">", 1)[1] for part in made.split("<span")[1:]] == [
        f"{text}</span>{'</div>' if i == len(shown) - 1 else ''}" for i, text in enumerate(shown)
    ]


def test_marked_tokens_are_told_apart():
    made = written_html(written("a", " b"), "", other={1})
    assert made.count('class="wt-other"') == 1
    assert made.index('class="wt-other"') > made.index(">a<")


def test_the_chance_of_a_token_is_the_exponential_of_its_log_probability():
    assert in_words(math.log(0.25)) == "log-probability −1.39 (25.0 %)"
    assert in_words(math.log(0.999)) == "log-probability 0.00 (99.9 %)"


@pytest.mark.parametrize(
    ("one", "other", "mine", "theirs"),
    [
        ([1, 2, 3], [1, 2, 3], [], []),
        ([1, 2, 3], [1, 9, 3], [1], [1]),
        ([1, 2], [1, 2, 3], [], [2]),
        ([1, 2, 3, 4], [1, 3, 4], [1], []),
        ([], [5], [], [0]),
    ],
)
def test_texts_part_where_one_has_tokens_the_other_has_not(one, other, mine, theirs):
    assert parting(one, other) == (frozenset(mine), frozenset(theirs))
