"""A question's text in a link: what is written is read back, and nothing else is."""

import pytest

from backend.errors import BadInput
from backend.reading.asked import Asked, asked_at, parse_asked
from backend.reading.seen import place_of


@pytest.mark.parametrize("asked", [Asked("biology", 0), Asked("a:b", 12), Asked(":", 3)])
def test_what_is_written_is_read_back(asked):
    assert parse_asked(str(asked)) == asked


@pytest.mark.parametrize(
    "text",
    ["", "biology", "biology:", ":3", "biology:-1", "biology:²", "biology:1.0", "b:" + "9" * 12],
)
def test_what_is_no_question_is_refused_in_words(text):
    with pytest.raises(BadInput, match="such as biology:3"):
        parse_asked(text)


def test_every_place_has_a_name_that_leads_back_to_it(toy):
    names = [asked_at(toy, place) for place in range(toy.n_questions)]
    assert names[:2] == [Asked("biology", 0), Asked("biology", 1)]
    assert [place_of(toy, *asked) for asked in names] == list(range(toy.n_questions))
