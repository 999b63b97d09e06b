"""Search: labels first, slips forgiven, the reason said; never more than words."""

import contextlib

import pandas as pd
import pytest

from backend.errors import BadInput
from backend.features.search import MAX_QUERY, SearchIndex


@pytest.fixture
def index(tmp_path):
    words = [
        (["virus", "viral"], [" cell"], ""),
        (["heart", "hearts"], [" blood"], "organs: heart and lungs"),
        (["general"], [], ""),
        (["gene", "genes"], [" enzyme"], ""),
        (["enzyme"], [" virus"], "viruses"),
        ([], [" virus"], ""),
    ]
    table = pd.DataFrame(words, columns=["top_words", "promoted", "label"])
    features = table.assign(feature=range(6)).drop(columns="label")
    return SearchIndex(tmp_path / "index.sqlite", features, table["label"].tolist())


def found(index, query):
    return index.search(query).hits["feature"].tolist()


def test_a_label_comes_before_an_example_and_an_example_before_a_promoted_token(index):
    assert found(index, "virus") == [4, 0, 5]


@pytest.mark.parametrize("query", ["VIRUS", "viruses", "Viruses", "virus ", "virus?"])
def test_case_and_plurals_are_forgiven(index, query):
    assert found(index, query)[0] == 4
    assert index.search(query).read_as == {}


@pytest.mark.parametrize(
    ("query", "read_as", "first"),
    [
        ("virsu", ["virus"], 4),
        ("enzmye", ["enzyme"], 4),
        ("haert", ["heart"], 1),
        ("lugns", ["lungs"], 1),
    ],
)
def test_slips_are_read_as_the_nearest_word_and_said(index, query, read_as, first):
    answer = index.search(query)
    assert answer.read_as == {query: read_as}
    assert answer.hits["feature"].iloc[0] == first


@pytest.mark.parametrize("query", ["zzqx", "cat", "xylophone"])
def test_a_word_that_is_near_nothing_finds_nothing(index, query):
    assert found(index, query) == []
    assert index.search(query).read_as == {}


def test_a_word_that_is_there_is_never_read_as_another(index):
    assert index.search("viral").read_as == {}


def test_words_that_only_begin_alike_come_after(index):
    assert found(index, "gene") == [3, 2]


def test_the_reason_names_the_very_words(index):
    answer = index.search("hearts virus")
    why = index.why(answer.match, answer.hits["feature"].tolist())
    assert why == {
        0: {"top_words": ["virus"]},
        1: {"label": ["heart"], "top_words": ["heart", "hearts"]},
        4: {"label": ["viruses"], "promoted": ["virus"]},
        5: {"promoted": ["virus"]},
    }
    assert index.why(answer.match, [1]) == {1: why[1]}, "earlier rows are forgotten"


def test_parts_add_up_to_the_score(index):
    hits = index.search("virus").hits
    assert (hits[["label", "top_words", "promoted"]].sum(axis=1) - hits["score"]).abs().max() < 1e-9


def test_a_new_label_is_found_at_once_and_an_old_one_no_more(index):
    index.relabel(1, "mitochondria")
    assert found(index, "mitochondria") == [1]
    assert found(index, "lungs") == []
    assert index.search("mitochondira").read_as == {"mitochondira": ["mitochondria"]}
    index.relabel(1, "")
    assert found(index, "mitochondria") == []


def test_the_toys_labels_and_a_damaged_index(toy, caplog):
    assert toy.atlas.search("VIRUS").hits["feature"].iloc[0] == 5
    toy.atlas._index_file.write_bytes(b"not a database, but long enough to be read as one" * 50)
    toy.atlas._index = toy.atlas._open_index()
    assert toy.atlas.search("hearts").hits["feature"].iloc[0] == 3
    assert "damaged" in caplog.text


@pytest.mark.parametrize("query", ["", "   ", "?!", "x" * (MAX_QUERY + 1), "y" * 10_000])
def test_a_query_without_words_is_refused_in_words(index, query):
    with pytest.raises(BadInput):
        index.search(query)


@pytest.mark.parametrize(
    "query", ['"', "a OR b", "NEAR(", "label:x*", "'; DROP TABLE label; --", "virus\0", "_", "̈"]
)
def test_query_syntax_is_only_words(index, query):
    with contextlib.suppress(BadInput):
        index.search(query)
    assert found(index, "virus") == [4, 0, 5]
