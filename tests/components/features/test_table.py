"""Why a feature stands in the list, and what the browser is told of it."""

import math

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from backend.features.finding import find
from backend.reading.snippets import Snippet
from components.features.table import columns, reasons, rows

TOKENS = ["The", " heart", " beats"]
N_QUESTIONS = {"forget": 30, "retain": 40}


def test_words_found_and_the_users_text_are_each_a_reason():
    table = pd.DataFrame({"feature": [3, 4], "act": [12.34, math.nan], "at": [1, -1]})
    words = {3: {"label": ["heart"]}, 4: {"label": ["blood", "vein"]}}
    mine, other = reasons(table, words, TOKENS)
    assert mine == ["label: heart", "your text: 12.3 at “heart”"]
    assert other == ["label: blood, vein"]


def test_at_most_four_words_are_named():
    table = pd.DataFrame({"feature": [3], "act": [math.nan], "at": [-1]})
    assert reasons(table, {3: {"label": list("abcdef")}}, TOKENS) == [["label: a, b, c, d"]]


def test_a_row_that_only_a_ranking_brought_has_no_reason():
    table = pd.DataFrame({"feature": [3], "act": [math.nan], "at": [-1]})
    assert reasons(table, {}, TOKENS) == [[]]


def titles(table, ranked_by=None, more=False):
    return [column.title for column in columns(table, N_QUESTIONS, ranked_by, more)]


def test_few_columns_are_shown_at_first_and_the_rest_on_request(toy):
    table = find(toy.atlas.table)
    few = ["Forget q.", "Retain q.", "Forget %", "Retain %"]
    assert titles(table) == few
    assert titles(table, "paper's sparsity") == [*few, "Score"]
    assert titles(table, more=True)[:4] == few
    assert len(titles(table, more=True)) == 7
    attributed = table.assign(attr_forget=0.0, attr_retain=0.0)
    assert titles(attributed, "attribution")[4:] == ["Attr. forget", "Attr. retain"]
    assert all(column.help for column in columns(table, N_QUESTIONS, "x", True))


def listed(toy, snippets=None, more=False, **changed):
    table = find(toy.atlas.table).head(1).assign(**changed)
    shown = columns(table, N_QUESTIONS, None, more)
    return rows(table, [[]], snippets or {}, shown, more)[0]


def test_a_row_says_its_numbers_in_words_and_sorts_by_them(toy):
    row = listed(toy, fires_forget=1234, forget_density=0.00551)
    assert row["cells"][0] == "1,234"
    assert row["cells"][2] == "0.551"
    assert row["values"][:1] + row["values"][2:3] == [1234.0, 0.00551]


@pytest.mark.parametrize(
    ("label", "words", "said"),
    [
        ("organs", ["heart"], "organs"),
        ("", ["heart", "lung"], "heart, lung"),
        ("", [], "“,”"),
    ],
)
def test_without_a_label_a_row_has_its_words_or_its_token_in_quotes(toy, label, words, said):
    feature = int(find(toy.atlas.table)["feature"][0])
    snippet = Snippet("c", ["a", ","], [0.0, 2.0], 1, False, True)
    row = listed(toy, {feature: snippet}, label=label, top_words=[words])
    assert row["label"] == said
    assert row["labelled"] == bool(label)


def test_the_strongest_token_is_lit_without_its_space_and_the_text_is_whole(toy):
    feature = int(find(toy.atlas.table)["feature"][0])
    text = ["<b>The", " heart", " beats", "\n", "now"]
    snippet = Snippet("c", text, [0.0, 4.0, 1.0, 0.0, 0.0], 1, True, True)
    pieces = listed(toy, {feature: snippet})["snippet"]
    assert "".join(piece[0] for piece in pieces) == "…<b>The heart beats↵now…"
    assert [piece[0] for piece in pieces if piece[2]] == ["heart"]
    lit = {piece[0]: piece[1] for piece in pieces}
    assert lit["heart"] > lit["beats"] > 0 == lit["…<b>The "]


def script(opened):
    import pandas as pd

    from components.features.table import draw_feature_table

    table = pd.DataFrame({"feature": [3, 4]})
    opened.append(draw_feature_table(table, [], [], [4, 9], "clamps=3", lambda key, of: None))


def test_only_features_of_the_list_have_a_tick_there_and_none_is_opened_at_first():
    opened = []
    at = AppTest.from_function(script, args=(opened,)).run()
    assert opened == [None]
    assert '"ticked": [4]' in next(e for e in at.main if e.type == "bidi_component").proto.json
