"""The published lists and results hold together, and are shown to the setups they speak of."""

from itertools import groupby

import pytest

from backend.data.published import _lists, data_set_of, known_rows, model_of, published_points
from backend.data.question_sets import MMLU_SUBJECTS
from backend.errors import BadSetup
from backend.setups import Known, ModelSource, SaeSource, SetSource, Setup, load_setup

SIZES = {
    "wmdp-bio": 1273,
    "mmlu-college-biology": 144,
    "mmlu-college-computer-science": 100,
    "mmlu-high-school-geography": 198,
    "mmlu-high-school-us-history": 204,
    "mmlu-human-aging": 223,
}
"""Questions of each data set's test split."""


def name_of(entry: dict) -> str:
    return " ".join(entry[field] for field in ("source", "model", "set", "kind", "part"))


@pytest.mark.parametrize("entry", _lists(), ids=name_of)
def test_a_list_names_rows_of_its_data_once_and_in_order(entry):
    rows = entry["rows"]
    assert rows == sorted(set(rows))
    assert rows[0] >= 0
    assert rows[-1] < SIZES[entry["set"]]


def test_no_list_is_there_twice():
    names = sorted(map(name_of, _lists()))
    assert [name for name, same in groupby(names) if len(list(same)) > 1] == []


@pytest.mark.parametrize("model", ["gemma-2b-it", "gemma-2-2b-it", "gemma-2-9b-it"])
def test_the_two_halves_of_a_list_make_it_up(model):
    whole, train, test = (
        known_rows(model, "Farrell", "correct", part) for part in ("all", "train", "test")
    )
    assert set(whole) == set(train) == set(test)
    for data in whole:
        assert train[data] | test[data] == whole[data]
        assert not train[data] & test[data]


@pytest.mark.parametrize("kind", ["correct-iff-question", "correct-no-tricks"])
def test_a_stricter_list_is_part_of_the_whole_one(kind):
    whole = known_rows("gemma-2-2b-it", "SAEBench", "correct", "all")
    for data, rows in known_rows("gemma-2-2b-it", "SAEBench", kind, "all").items():
        assert rows <= whole[data]


def test_a_list_there_is_none_of_is_said_with_those_there_are():
    there = "There are: Farrell, correct, all; Farrell, correct, test; Farrell, correct, train"
    with pytest.raises(BadSetup, match=f"no list 'correct', part 'half', for gemma-2b-it. {there}"):
        known_rows("gemma-2b-it", "Farrell", "correct", "half")


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ({"subjects": ("high_school_us_history",)}, "mmlu-high-school-us-history"),
        ({"subjects": ("anatomy", "virology")}, None),
        ({"subjects": ("all",), "without": ("virology",)}, None),
        ({"subjects": ("dual_use_virology",)}, None),
        ({"config": "wmdp-bio"}, "wmdp-bio"),
        ({"config": "wmdp-cyber"}, None),
        ({}, None),
    ],
)
def test_what_the_lists_call_a_set(source, data):
    assert data_set_of(SetSource("s", "S", "retain", dataset="d", **source)) == data


def test_every_list_of_mmlu_is_one_a_set_can_be_called_by():
    names = {data_set_of(SetSource("s", "S", "retain", subjects=(s,))) for s in MMLU_SUBJECTS}
    assert {entry["set"] for entry in _lists()} - {"wmdp-bio"} <= names


def test_a_model_goes_by_its_name_without_its_owner():
    named = [
        model_of(Setup("T", "letter", ModelSource(name), SaeSource(), (), ()))
        for name in ("google/gemma-2-2b-it", "gemma-2-2b-it")
    ]
    assert named == ["gemma-2-2b-it", "gemma-2-2b-it"]


def test_points_are_over_as_many_questions_as_the_list_they_were_filtered_by():
    setup = load_setup("gemma-2-2b-it-known-farrell")
    assert setup.known == Known("published", "Farrell")
    listed = known_rows("gemma-2-2b-it", "Farrell", "correct", "all")
    retain = [data_set_of(s) for s in setup.sets if s.role == "retain"]
    points = published_points(setup)
    assert len(points) > 0
    assert set(points["forget_n"]) == {len(listed["wmdp-bio"])}
    assert set(points["retain_n"]) == {sum(len(listed[data]) for data in retain)}
    assert points["forget"].between(0, 100).all()
    assert points["name"].is_unique


def test_a_setup_of_other_questions_has_no_points_but_their_columns():
    points = published_points(load_setup("demo"))
    assert len(points) == 0
    assert set(points) == set(published_points(load_setup("gemma-2-2b-it-known-farrell")))
