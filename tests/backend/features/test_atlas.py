"""What the atlas says of a feature, and how it keeps up with labels."""

import pytest

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.features.label_lines import MAX_LABEL
from backend.setups import load_setup
from tests.support.toy import D_SAE

LABELLED, UNLABELLED, SILENT = 5, 0, 18
"""A feature with a label of the setup, one without, and one that never fires."""


def test_a_summary_is_the_features_row_in_plain_types(toy):
    row = toy.atlas.table.iloc[LABELLED]
    said = toy.atlas.summary(LABELLED)
    assert said.pop("fires_on_questions") == {s.name: row[f"on_{s.name}"] for s in toy.sets}
    assert said.pop("top_tokens") == list(row["top_words"])
    assert said == {name: row[name] for name in said}
    assert {type(value) for value in said.values()} == {int, float, str, bool}


@pytest.mark.parametrize("feature", [-1, D_SAE])
def test_a_feature_there_is_none_of_is_said(toy, feature):
    with pytest.raises(BadInput, match=f"no feature {feature}: this SAE has features 0 to 23"):
        toy.atlas.summary(feature)


def test_a_name_is_the_label_else_the_first_words_else_that_it_never_fires(toy):
    words = toy.atlas.table["top_words"]
    assert toy.atlas.name(LABELLED) == "viruses"
    assert toy.atlas.name(UNLABELLED) == ", ".join(words[UNLABELLED][:3])
    assert toy.atlas.name(SILENT) == "never fires here"


def test_a_slider_is_told_the_name_the_maximum_and_the_questions(toy):
    row = toy.atlas.table.iloc[LABELLED]
    assert toy.atlas.about(LABELLED) == {
        "name": "viruses",
        "max_act": row["max_act"],
        "fires_forget": row["fires_forget"],
        "fires_retain": row["fires_retain"],
    }


def test_a_label_is_in_the_table_the_name_and_the_search_until_it_is_taken_back(toy):
    standing = toy.atlas.relabel(LABELLED, label="capsids", star=True)
    assert (standing.text, standing.source) == ("capsids", "own")
    row = toy.atlas.table.loc[LABELLED, ["label", "label_source", "star"]]
    assert row.tolist() == ["capsids", "own", True]
    assert toy.atlas.name(LABELLED) == "capsids"
    assert toy.atlas.search("capsids").hits["feature"].tolist() == [LABELLED]
    assert toy.atlas.relabel(LABELLED, label="").text == "viruses"
    assert toy.atlas.name(LABELLED) == "viruses"
    assert toy.atlas.search("capsids").hits.empty
    assert toy.atlas.table["star"][LABELLED], "the star was not taken back"


def test_a_label_that_is_refused_changes_nothing(toy):
    before = toy.atlas.table.copy()
    with pytest.raises(BadInput, match="characters"):
        toy.atlas.relabel(LABELLED, label="x" * (MAX_LABEL + 1))
    assert toy.atlas.table.equals(before)


def test_labels_that_another_process_wrote_are_taken_up(toy, toy_toml):
    other = Engine(load_setup(toy_toml)).atlas
    other.relabel(UNLABELLED, label="zebrafish")
    assert toy.atlas.name(UNLABELLED) != "zebrafish"
    toy.atlas.refresh()
    assert toy.atlas.name(UNLABELLED) == "zebrafish"
    assert toy.atlas.search("zebrafish").hits["feature"].tolist() == [UNLABELLED]


def test_imported_labels_are_known_at_once(toy):
    done = toy.atlas.import_labels(['{"index": "7", "description": "zebrafish"}'], "file")
    assert done.neuronpedia == 1
    assert toy.atlas.name(7) == "zebrafish"
    assert toy.atlas.search("zebrafish").hits["feature"].tolist() == [7]


def test_labels_are_there_when_the_setup_is_opened_again(toy, toy_toml):
    toy.atlas.relabel(UNLABELLED, label="zebrafish", star=True)
    again = Engine(load_setup(toy_toml)).atlas
    assert again.name(UNLABELLED) == "zebrafish"
    assert again.table["star"].tolist() == toy.atlas.table["star"].tolist()


def test_a_damaged_index_is_built_again(toy, toy_toml, caplog):
    [path] = toy.folder.glob("search_*.sqlite")
    wanted = toy.atlas.search("virus").hits
    path.write_bytes(b"not a database, but long enough to be read as one" * 50)
    again = Engine(load_setup(toy_toml)).atlas
    assert "is damaged" in caplog.text
    assert again.search("virus").hits.equals(wanted)
