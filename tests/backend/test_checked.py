"""A value that does not fit its shape is a short sentence: which field, what would be right."""

from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from backend.checked import checked
from backend.errors import BadInput


def must_be_odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError("should be odd")
    return number


class Inner(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    number: float
    pair: Annotated[list[int], Field(min_length=2, max_length=2)] = [1, 2]
    which: Literal["left", "right"] = "left"
    odd: Annotated[int, AfterValidator(must_be_odd)] = 1


class Outer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    inner: list[Inner] = []


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "The row should be an object of fields."),
        ({"inner": {}}, "The row's field 'inner' should be a valid list."),
        ({"inner": [{}]}, "The row's field 'inner[0].number' is missing."),
        (
            {"inner": [{"number": "1"}]},
            "The row's field 'inner[0].number' should be a valid number, not '1'.",
        ),
        (
            {"inner": [{"number": True}]},
            "The row's field 'inner[0].number' should be a valid number, not True.",
        ),
        (
            {"inner": [{"number": 10**400}]},
            "The row's field 'inner[0].number' should be a valid number, not a number as long as "
            "that.",
        ),
        (
            {"inner": [{"number": 1, "pair": [1]}]},
            "The row's field 'inner[0].pair' should have at least 2 items, not 1.",
        ),
        (
            {"inner": [{"number": 1, "which": "up"}]},
            "The row's field 'inner[0].which' should be 'left' or 'right', not 'up'.",
        ),
        (
            {"inner": [{"number": 1, "odd": 2}]},
            "The row's field 'inner[0].odd' should be odd, not 2.",
        ),
        ({"other": 1}, "The row's field 'other' is none that this program knows."),
        (
            {"inner": [{}, {}, {}]},
            "The row's field 'inner[0].number' is missing. 2 more of its fields do not fit either.",
        ),
    ],
)
def test_a_misfit_names_its_field_and_what_would_be_right(value, sentence):
    with pytest.raises(BadInput) as error:
        checked(Outer, value, "The row")
    assert str(error.value) == sentence


def test_nothing_a_user_gives_makes_the_sentence_long_or_moves_a_terminal():
    with pytest.raises(BadInput) as error:
        checked(Outer, {"\x1b[2J" + "x" * 9999: "y" * 9999}, "The row")
    assert len(str(error.value)) < 200
    assert str(error.value).isprintable()
    with pytest.raises(BadInput) as error:
        checked(Outer, {"inner": "\x1b[2J" + "y" * 9999}, "The row")
    assert len(str(error.value)) < 200
    assert str(error.value).isprintable()


def test_what_fits_comes_back_as_its_shape():
    assert checked(Outer, {"inner": [{"number": 3}]}, "").inner[0].number == 3.0
    assert checked(dict[str, int], {"a": 1}, "") == {"a": 1}
