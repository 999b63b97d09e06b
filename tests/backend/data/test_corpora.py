"""Corpora as the paper cuts them, and from every form of text."""

import json

import pandas as pd
import pytest

from backend.data.corpora import (
    CONTEXT,
    cut_corpus,
    cut_joined,
    read_corpus,
    read_texts,
    sample,
)
from backend.data.token_text import token_texts
from backend.errors import BadInput
from backend.setups import CorpusSource
from tests.support.data import shared_data
from tests.support.gemma import gemma_tokenizer
from tests.support.toy import BIOLOGY, OTHER, build_tokenizer


def source(file, **options) -> CorpusSource:
    return CorpusSource("retain", "Text", file=file, **options)


def test_plain_text_is_a_text_a_line_with_its_end(tmp_path):
    (tmp_path / "wiki").write_text(" = A heading = \n\n The first line . \n[ not JSON ] \n")
    assert read_texts(source(tmp_path / "wiki")) == [
        " = A heading = \n",
        " The first line . \n",
        "[ not JSON ] \n",
    ]
    assert read_texts(source(tmp_path / "wiki", longer_than=16)) == [" The first line . \n"]


def test_jsonl_and_parquet(tmp_path):
    rows = [{"text": "one \u2028 line", "role": "a"}, {"text": "two", "role": "b"}]
    (tmp_path / "j").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    pd.DataFrame(rows).to_parquet(tmp_path / "p")
    for name in ("j", "p"):
        assert read_texts(source(tmp_path / name)) == ["one \u2028 line", "two"]
        assert read_texts(source(tmp_path / name, where="b")) == ["two"]
    (tmp_path / "j").write_text('{"text": "one"}\n{"txt": "two"}\n')
    with pytest.raises(BadInput, match="row 2"):
        read_texts(source(tmp_path / "j"))


def test_a_sample_is_fair_in_order_and_the_same_every_time():
    items = [f"{i:03}" for i in range(400)]
    got = sample(iter(items), 100)
    assert got == sample(iter(items), 100)
    assert got == sorted(set(got))
    assert len(got) == 100
    assert 30 <= sum(int(i) >= 200 for i in got) <= 70
    assert sample(iter(items[:5]), 10) == items[:5]


def test_joined_rows_are_the_papers(tmp_path):
    """As its code does it: join with the end-of-text token, tokenise in 20 pieces, cut, set each
    row's first token to BOS.
    """
    tokenizer, texts = gemma_tokenizer(), [*BIOLOGY, *OTHER] * 3
    full = tokenizer.eos_token.join(texts)
    length = (len(full) - 1) // 20 + 1
    pieces = [full[i * length : (i + 1) * length] for i in range(20)]
    stream = [token for piece in pieces for token in tokenizer(piece)["input_ids"]]
    starts = range(0, len(stream) - 31, 32)
    expected = [[tokenizer.bos_token_id, *stream[i + 1 : i + 32]] for i in starts]
    corpus = cut_joined(tokenizer, source(tmp_path, row_tokens=32), texts)
    assert list(corpus.ids) == expected
    for text, spans, ids in zip(corpus.texts, corpus.spans, corpus.ids, strict=True):
        assert "".join(token_texts(text, spans)) == text
        assert text in full
        assert len(ids) == len(spans) == 32
        assert spans[0] == (0, 0)
    some = cut_joined(tokenizer, source(tmp_path, row_tokens=32, rows=3), texts)
    assert len(some.ids) == 3
    assert all(row in expected for row in some.ids)
    with pytest.raises(BadInput, match="too few for one row"):
        cut_joined(tokenizer, source(tmp_path, row_tokens=10**6), texts)


def test_texts_by_themselves_are_cut_at_the_context_and_never_joined():
    tokenizer, texts = gemma_tokenizer(), [" ".join(BIOLOGY * 20), OTHER[0]]
    corpus = cut_corpus(tokenizer, "forget", "Text", texts)
    plain = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    step = CONTEXT - 1
    rows = [ids[i : i + step] for ids in plain for i in range(0, len(ids), step)]
    assert len(plain[0]) > CONTEXT
    assert list(corpus.ids) == [[tokenizer.bos_token_id, *row] for row in rows]
    assert "".join(corpus.texts) == "".join(texts)
    for text, spans, ids in zip(corpus.texts, corpus.spans, corpus.ids, strict=True):
        assert "".join(token_texts(text, spans)) == text
        assert len(spans) == len(ids)
        assert spans[0] == (0, 0)


def test_a_corpus_cut_before_is_read_back_the_same_and_cut_anew_when_its_file_changed(tmp_path):
    (tmp_path / "t").write_text("".join(f"{line}\n" for line in BIOLOGY))
    tokenizer, folder = gemma_tokenizer(), tmp_path / "cache"
    for options in ({}, {"row_tokens": 8}):
        first = read_corpus(tokenizer, source(tmp_path / "t", **options), folder)
        assert read_corpus(tokenizer, source(tmp_path / "t", **options), folder) == first
    (tmp_path / "t").write_text("".join(f"{line}\n" for line in OTHER))
    assert read_corpus(tokenizer, source(tmp_path / "t"), folder).texts[0] == OTHER[0] + "\n"
    for path in folder.glob("*.parquet"):
        path.write_bytes(b"damaged")
    assert read_corpus(tokenizer, source(tmp_path / "t"), folder).texts[0] == OTHER[0] + "\n"


def test_wikitext_gives_the_lines_the_paper_keeps():
    """Their code keeps the rows of wikitext-2-raw-v1 of more than 50 characters with line end."""
    file = shared_data() / "wikitext2" / "wiki.test.raw"
    lines = [line.rstrip("\r\n") + "\n" for line in file.open(encoding="utf-8", newline="")]
    assert read_texts(source(file, longer_than=50)) == [line for line in lines if len(line) > 50]
    assert len(read_texts(source(file))) == 2891


def test_every_row_begins_with_bos_where_the_tokenizer_puts_one(toy):
    class WithBos:
        bos_token_id = 0

        def __call__(self, text, **kw):
            coded = toy.model.tokenizer(text, **kw)
            if kw.get("add_special_tokens") is not False:
                coded["input_ids"] = [0, *coded["input_ids"]]
            return coded

    text = "The heart pumps blood. " * 200
    plain, marked = (
        cut_corpus(t, "forget", "text", [text]) for t in (toy.model.tokenizer, WithBos())
    )
    assert all(row[0] == 0 for row in marked.ids) and max(map(len, marked.ids)) == CONTEXT
    assert [i for row in marked.ids for i in row[1:]] == [i for row in plain.ids for i in row]
    assert [
        "".join(token_texts(t, s)) for t, s in zip(marked.texts, marked.spans, strict=True)
    ] == list(marked.texts)


def test_half_a_character_in_a_text_is_named(tmp_path):
    (tmp_path / "j").write_text('{"text": "one"}\n{"text": "\\ud800"}\n')
    with pytest.raises(BadInput, match="row 2: its text holds half a character"):
        read_texts(source(tmp_path / "j"))


def test_no_row_is_longer_than_the_model_reads(tmp_path):
    (tmp_path / "t").write_text(" ".join(BIOLOGY + OTHER))
    tokenizer = build_tokenizer()
    rows = read_corpus(tokenizer, source(tmp_path / "t"), tmp_path / "a", longest=20).ids
    assert max(map(len, rows)) == 20
    assert sum(map(len, rows)) == len(tokenizer(" ".join(BIOLOGY + OTHER) + "\n")["input_ids"])
    said = "rows of 30 tokens, but this model reads 20: lower its row_tokens"
    with pytest.raises(BadInput, match=said):
        read_corpus(tokenizer, source(tmp_path / "t", row_tokens=30), tmp_path / "a", longest=20)


def test_texts_without_a_token_are_said():
    with pytest.raises(BadInput, match="'T' holds no token of text"):
        cut_corpus(build_tokenizer(), "retain", "T", ["", ""])
