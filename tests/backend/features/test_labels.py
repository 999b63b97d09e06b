"""Labels: whose stands, what a file may hold, and that nothing of the user's is lost."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from backend.errors import BadInput, Unavailable
from backend.features.label_lines import text_lines
from backend.features.labels import Imported, Label, Labels
from backend.notices import noticed
from backend.store import DAMAGED
from tests.support.processes import in_two_processes

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
    "data", [TEXT.encode(), gzip.compress(TEXT.encode(), mtime=0)], ids=["jsonl", "jsonl.gz"]
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


def test_what_another_process_wrote_is_taken_up(make):
    first, second = make(), make()
    first.set(1, label="one")
    second.set(2, label="two")
    assert {make().of(1).text, make().of(2).text} == {"one", "two"}
    assert first.of(2) == Label()
    assert first.reread()
    assert first.of(2).text == "two"
    assert not first.reread(), "there is nothing new"


def test_two_processes_that_write_labels_lose_none(tmp_path):
    n = 60
    labels = Labels(tmp_path, {}, 2 * n)
    in_two_processes(
        lambda i: labels.set(i, label=f"one {i}"),
        lambda i: labels.set(n + i, label=f"two {i}"),
        range(n),
    )
    assert labels.reread()
    kept = [labels.of(i).text for i in range(2 * n)]
    assert kept == [f"one {i}" for i in range(n)] + [f"two {i}" for i in range(n)]


OWN_ROW = '{"index": "4", "description": "lungs", "typeName": "clampboard-own", "star": true}\n'


@pytest.mark.parametrize("name", ["own.jsonl", "neuronpedia.jsonl"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-40],
        lambda content: content[: content.index(b"\n") + 1],
        lambda content: b"",
        lambda content: b"\xff" + content,
        lambda content: content.replace(b"nerve", b"nerva"),
        lambda content: bytes(len(content)),
        lambda content: OWN_ROW.encode(),
    ],
    ids=["cut", "cut to whole lines", "emptied", "not UTF-8", "a byte", "zeros", "not ours"],
)
def test_a_damaged_file_is_set_aside_and_said_and_the_work_goes_on(make, tmp_path, name, damage):
    labels = make()
    labels.set(1, label="nerves")
    labels.set(2, label="more nerves")
    labels.import_lines('{"index": 6, "description": "nerve"}\n'.splitlines(), "x")
    file = tmp_path / "labels" / name
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    labels = make()
    assert labels.counts()["own" if name == "own.jsonl" else "Neuronpedia"] == 0
    assert labels.counts()["Neuronpedia" if name == "own.jsonl" else "own"] > 0
    aside = Path(f"{file}{DAMAGED}")
    assert aside.read_bytes() == damaged
    assert any(f"{file} is damaged" in text for text in noticed())
    assert any(f"python -m backend labels SETUP import {aside}" in text for text in noticed())
    labels.set(3, label="new")
    assert make().of(3).text == "new"


def test_a_file_that_was_set_aside_comes_back_by_import(make, tmp_path):
    labels = make()
    labels.set(1, label="nerves")
    labels.set(2, star=True)
    file = tmp_path / "labels" / "own.jsonl"
    file.write_bytes(file.read_bytes().replace(b"nerves", b"nervez"))
    labels = make()
    lines = text_lines(Path(f"{file}{DAMAGED}").read_bytes(), "aside")
    assert labels.import_lines(lines, "aside") == Imported(2, 0, 0)
    assert labels.of(1).text == "nervez"
    assert labels.own(2).star


def test_another_saes_file_is_not_taken_for_this_ones(make, tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path))
    Labels(tmp_path / "other", {}, 10).set(1, label="nerves")
    (tmp_path / "labels").mkdir()
    shutil.copy(tmp_path / "other" / "own.jsonl", tmp_path / "labels")
    assert make().of(1) == Label()


@pytest.mark.parametrize("name", ["own.jsonl", "neuronpedia.jsonl"])
def test_a_file_that_cannot_be_read_is_passed_over_said_and_not_written_over(make, tmp_path, name):
    file = tmp_path / "labels" / name
    file.mkdir(parents=True)
    labels = make({3: "of the setup"})
    assert labels.of(3).text == "of the setup"
    assert any(f"{file} cannot be read" in text for text in noticed())
    rows = [OWN_ROW, '{"index": "5", "description": "x"}']
    mine = rows[name != "own.jsonl"]
    with pytest.raises(Unavailable, match="not written over"):
        labels.import_lines([mine], "x")
    assert file.is_dir()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("not json", "line 2 is not JSON"),
        ('{"index": "3"}', 'line 2: not an explanation \\("description": Field required'),
        ('["index"]', "line 2: not an explanation"),
        ('{"index": true, "description": "x"}', 'line 2: not an explanation \\("index"'),
        ('{"index": 1.5, "description": "x"}', '"index"'),
        ('{"index": Infinity, "description": "x"}', "Infinity is no number of JSON"),
        ('{"index": 1e999, "description": "x"}', "too large a number"),
        ('{"index": %s, "description": "x"}' % ("9" * 5000), "line 2 is not JSON"),
        ('{"index": %s, "description": "x"}' % ("9" * 400), "no feature 99999999999999999999,"),
        ('{"index": "%s", "description": "x"}' % ("9" * 5000), "no feature 999"),
        ('{"index": "1_0", "description": "x"}', "no feature 1_0"),
        ('{"index": "１", "description": "x"}', "no feature １"),
        ('{"index": "3", "description": ["x"]}', '"description": Input should be a valid string'),
        ('{"index": "3", "description": "\\ud800"}', "half a character"),
        ('{"index": "3", "description": "x", "star": "no"}', '"star"'),
        ('{"index": "3", "description": "x", "typeName": 1}', '"typeName"'),
        ('{"index": "3", "description": "x", "modelId": {}}', '"modelId"'),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 90 + "]" * 90, "more than 64 levels"),
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
    with pytest.raises(BadInput, match="half a character"):
        make().set(1, label="\ud800")
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
