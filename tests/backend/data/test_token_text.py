"""The pieces of a text, joined, are the text: for offsets and for bare token numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.data.token_text import texts_of_ids, token_texts
from tests.support.toy import build_tokenizer

TOKENIZER = build_tokenizer()
HOSTILE = [
    "<script>",
    "$x$",
    ":smile:",
    "_a_",
    "مرحبا بالعالم",
    "🧬👩‍👩‍👧",
    "a\r\nb\tc",
    "\u202eabc",
    "é" * 5,
    "x" * 1000,
    "  two  ",
    "naïve – “q”",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_cut_and_joined_without_loss(text):
    coded = TOKENIZER(text, return_offsets_mapping=True)
    by_span = token_texts(text, coded["offset_mapping"])
    by_id = texts_of_ids(TOKENIZER, coded["input_ids"])
    assert "".join(by_span) == "".join(by_id) == text
    assert len(by_span) == len(by_id) == len(coded["input_ids"])


@given(st.text(max_size=40))
def test_any_text_is_cut_and_joined_without_loss(text):
    ids = TOKENIZER(text)["input_ids"]
    assert "".join(texts_of_ids(TOKENIZER, ids)) == TOKENIZER.decode(ids)


def test_tokens_that_share_a_character_show_it_once():
    assert token_texts("a🧬b", [(0, 1), (1, 2), (1, 2), (2, 3)]) == ["a", "🧬", "", "b"]
    ids = TOKENIZER("a🧬b")["input_ids"]
    assert texts_of_ids(TOKENIZER, ids) == ["a", "🧬", *[""] * (len(ids) - 3), "b"]


def test_special_tokens_keep_their_spelling_and_cut_bytes_are_shown():
    end = TOKENIZER.eos_token_id
    assert texts_of_ids(TOKENIZER, [end, *TOKENIZER("A cell")["input_ids"]])[0] == "<|end|>"
    cut = TOKENIZER("🧬")["input_ids"][:-1]
    assert "".join(texts_of_ids(TOKENIZER, cut)) == TOKENIZER.decode(cut)


@pytest.mark.demo
@pytest.mark.parametrize("text", HOSTILE)
def test_the_demo_tokenizer_too(demo, text):
    tokenizer = demo.model.tokenizer
    coded = tokenizer(text, return_offsets_mapping=True)
    assert "".join(texts_of_ids(tokenizer, coded["input_ids"])) == text
    assert "".join(token_texts(text, coded["offset_mapping"])) == text
