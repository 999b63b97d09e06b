"""Labels: whose stands, what a file may hold, and that nothing of the user's is lost."""

import gzip
import json

import pytest

from backend.errors import BadInput
from backend.features.label_lines import text_lines
from backend.features.labels import Imported, Label, Labels

PAGE = "gemma-2-2b/7-gemmascope-res-16k"
OF_PAGE = dict(zip(("modelId", "layer"), PAGE.split("/"), strict=True))
EXPLANATIONS = [
    {
        **OF_PAGE,
        "index": "3",
        "description": " the heart\nand vessels ",
        "typeName": "oai_token-act-pair",
        "explanationModelName": "gpt-4o-mini",
        "embedding": "[0.1, 0.2]",
    },
    {**OF_PAGE, "index": "3", "description": "a second opinion"},
    {**OF_PAGE, "index": "4", "description": None},
    {**OF_PAGE, "index": "7", "description": "cells"},
]
TEXT = "".join(json.dumps(row) + "\n" for row in EXPLANATIONS)


@pytest.fixture
def make(tmp_path):
    return lambda shipped=None, page=PAGE: Labels(tmp_path / "labels", shipped or {}, 10, page)


@pytest.mark.parametrize(
    "data", [TEXT.encode(), gzip.compress(TEXT.encode())], ids=["jsonl", "jsonl.gz"]
)
def test_neuronpedias_export_is_read_and_kept(make, data):
    assert make().import_lines(text_lines(data, "batch-0"), "batch-0") == Imported(0, 2, 2)
    labels = make()
    assert labels.of(3) == Label("the heart and vessels", "Neuronpedia")
    assert labels.of(7).text == "cells"
    assert labels.of(4) == Label()


def test_the_users_own_stands_before_the_setups_and_that_before_the_imported(make):
    labels = make({3: "of the setup"})
    labels.import_lines(TEXT.splitlines(), "x")
    assert labels.of(3) == Label("of the setup", "setup")
    assert labels.set(3, label="  my   own ") == Label("my own", "own")
    assert make({3: "of the setup"}).of(3) == Label("my own", "own"), "it is on disk"
    assert labels.set(3, label="") == Label("of the setup", "setup")
    assert make().of(3) == Label("the heart and vessels", "Neuronpedia")


def test_own_labels_and_stars_go_out_and_come_back(make, tmp_path):
    labels = make()
    labels.set(2, label='tab\there, "quotes" <b> and 🧬')
    labels.set(5, star=True)
    labels.set(2, star=True)
    elsewhere = Labels(tmp_path / "other", {}, 10, PAGE)
    assert elsewhere.import_lines(labels.export().splitlines(), "own") == Imported(2, 0, 0)
    assert elsewhere.export() == labels.export()
    assert elsewhere.own(2).star
    assert elsewhere.of(2).text == 'tab here, "quotes" <b> and 🧬'
    assert labels.counts() == {"own": 1, "setup": 0, "Neuronpedia": 0, "stars": 2}


def test_two_processes_do_not_lose_each_others_labels(make):
    first, second = make(), make()
    first.set(1, label="one")
    second.set(2, label="two")
    assert {make().of(1).text, make().of(2).text} == {"one", "two"}
    assert first.of(2) == Label()
    assert first.reread()
    assert first.of(2).text == "two"
    assert not first.reread(), "there is nothing new"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("not json", "line 2: not an explanation"),
        ('{"index": "3"}', "line 2: not an explanation"),
        ('["index"]', "line 2"),
        ('{"index": "99", "description": "x"}', "no feature 99"),
        ('{"index": "-1", "description": "x"}', "no feature -1"),
        (
            '{"index": "1", "description": "x", "modelId": "gpt2-small", "layer": "6-res-jb"}',
            "gpt2-small/6-res-jb",
        ),
    ],
)
def test_a_line_that_does_not_fit_is_named_and_nothing_is_taken_over(make, line, words):
    labels = make()
    with pytest.raises(BadInput, match=words):
        labels.import_lines([TEXT.splitlines()[0], line], "file")
    assert labels.of(3) == Label() == make().of(3)


def test_a_label_that_is_too_long_or_of_no_feature_is_refused(make):
    with pytest.raises(BadInput, match="at most 200"):
        make().set(1, label="x" * 201)
    with pytest.raises(BadInput, match="no feature 10"):
        make().set(10, star=True)


def test_a_label_of_ones_own_is_in_the_table_and_found_by_search(toy):
    before = toy.atlas.labels.of(8)
    try:
        toy.atlas.relabel(8, label="zebrafish embryos", star=True)
        assert toy.atlas.search("zebrafish").hits["feature"].tolist() == [8]
        assert toy.atlas.summary(8)["label"] == "zebrafish embryos"
        assert toy.atlas.summary(8)["label_source"] == "own"
        assert toy.atlas.table.star[8]
    finally:
        assert toy.atlas.relabel(8, label="", star=False) == before
    assert toy.atlas.search("zebrafish").hits.empty
    assert not toy.atlas.table.star.any()
