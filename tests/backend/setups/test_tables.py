"""Tables as dataclasses: what a field may be, what a file adds to the one it extends."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from backend.errors import BadSetup
from backend.setups.tables import build

FILE = Path("/folder/mine.toml")


@dataclass(frozen=True)
class Leg:
    name: str
    length: int = field(default=1, metadata={"within": (0, 9)})
    weight: float | None = field(default=None, metadata={"within": (1e-3, 50.0)})


@dataclass(frozen=True)
class Place:
    path: Path | None = field(default=None, metadata={"alone": True})
    release: str | None = None


@dataclass(frozen=True)
class Table:
    title: str
    wood: Literal["oak", "pine"] = "oak"
    legs: tuple[Leg, ...] = field(default=(), metadata={"key": "name"})
    place: Place = Place()
    round: bool = False
    words: tuple[Literal["old", "new"], ...] = ()
    stem: str = field(default="", metadata={"given": False})


def table(**given) -> Table:
    return build(Table, given, "", FILE)


def test_what_is_not_given_has_its_default():
    assert table(title="T") == Table("T")


def test_tables_in_tables_and_lists_of_them_are_built():
    made = table(title="T", legs=[{"name": "a"}, {"name": "b", "length": 2}], round=True)
    assert made == Table("T", legs=(Leg("a"), Leg("b", 2)), round=True)


@pytest.mark.parametrize("weight", [2, 2.0, 1e-3, 50])
def test_a_number_may_be_written_as_a_whole_one(weight):
    assert table(title="T", legs=[{"name": "a", "weight": weight}]).legs[0].weight == weight


def test_a_path_is_relative_to_its_file():
    assert table(title="T", place={"path": "up/../sae"}).place == Place(Path("/folder/sae"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "the field title is missing"),
        ({"title": "T", "legs": [{"length": 2}]}, r"the field legs\[0\].name is missing"),
        ({"title": 3}, "title must be text, not 3"),
        ({"title": "T", "legs": [{"name": "a", "length": "2"}]}, "must be a whole number, not '2'"),
        ({"title": "T", "legs": [{"name": "a", "length": True}]}, r"legs\[0\].length must be a"),
        ({"title": "T", "legs": [{"name": "a", "length": 10}]}, "number from 0 to 9, not 10"),
        ({"title": "T", "legs": [{"name": "a", "length": -1}]}, "number from 0 to 9, not -1"),
        (
            {"title": "T", "legs": [{"name": "a", "length": 16**9999}]},
            "number from 0 to 9, not a number of thousands of digits",
        ),
        ({"title": "T", "legs": [{"name": "a"}] * 201}, "legs has 201 entries; the most are 200"),
        (
            {"title": "T", "legs": [{"name": "a", "weight": 0}]},
            r"legs\[0\].weight must be a number from 0.001 to 50, not 0",
        ),
        ({"title": "T", "legs": [{"name": "a", "weight": float("nan")}]}, "to 50, not nan"),
        ({"title": "T", "legs": [{"name": "a", "weight": float("inf")}]}, "to 50, not inf"),
        ({"title": "T", "legs": [{"name": "a", "weight": 16**9999}]}, "not a number of thousands"),
        ({"title": "T", "legs": [{"name": "a", "weight": "2"}]}, "must be a number, not '2'"),
        ({"title": "T", "legs": [{"name": "a", "weight": True}]}, "must be a number, not True"),
        ({"title": 16**9999}, "title must be text, not a number of thousands of digits"),
        ({"title": ["x" * 9999]}, r"title must be text, not \['x{58}…"),
        ({"title": "x" * 501}, "title has 501 characters; the most are 500"),
        ({"title": "a\nb"}, r"title must be one line without control characters, not 'a\\nb'"),
        ({"title": "T", "place": {"path": "a\0b"}}, "place.path must be one line without control"),
        ({"title": "T", "round": 1}, "round must be true or false, not 1"),
        ({"title": "T", "legs": {}}, "legs must be a list, not {}"),
        ({"title": "T", "place": "p"}, "place must be a table, not 'p'"),
        ({"title": "T", "wood": "elm"}, "wood is 'elm'; it must be one of oak, pine"),
        ({"title": "T", "words": ["old", 3]}, r"words\[1\] must be text, not 3"),
        ({"title": "T", "stem": "s"}, "stem is not a known field; known are title, wood, legs"),
        ({"title": "T", "place": {"z": 1}}, "place.z is not a known field; known are path, releas"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(given, said):
    with pytest.raises(BadSetup, match=f"^The setup {FILE}: .*{said}"):
        table(**given)


def test_which_words_a_list_may_hold_is_not_asked_here():
    assert table(title="T", words=["old", "other"]).words == ("old", "other")


BASE = Table("Base", "pine", (Leg("a"), Leg("b", 2)), Place(release="r"))


def on_base(**given) -> Table:
    return build(Table, given, "", FILE, BASE)


def test_what_a_file_does_not_give_is_the_bases():
    assert on_base() == BASE
    assert on_base(title="Mine") == Table("Mine", BASE.wood, BASE.legs, BASE.place)


def test_a_list_with_a_key_is_added_to_and_an_entry_of_the_same_key_takes_its_place():
    legs = on_base(legs=[{"name": "a", "length": 5}, {"name": "c"}]).legs
    assert legs == (Leg("b", 2), Leg("a", 5), Leg("c"))


def test_a_field_that_stands_alone_leaves_nothing_of_the_base():
    assert on_base(place={"path": "sae"}).place == Place(Path("/folder/sae"))
    assert on_base(place={"release": "s"}).place == Place(release="s")
