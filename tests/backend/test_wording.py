import pytest

from backend.wording import (
    always_signed,
    ascii_signed,
    in_bytes,
    in_time,
    points,
    signed,
    with_minus,
)


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (1.24, 1, "+1.2"),
        (-20.0, 1, "−20.0"),
        (-0.0321, 3, "−0.032"),
        (-0.04, 1, "0.0"),
        (0.0, 2, "0.00"),
    ],
)
def test_a_number_has_a_sign_and_a_real_minus_and_zero_has_none(number, digits, text):
    assert signed(number, digits) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0.0, "+0.0"), (-0.04, "−0.0"), (-4.0, "−4.0"), (2.25, "+2.2")]
)
def test_where_every_figure_has_a_sign_zero_has_one_too(number, text):
    assert always_signed(number) == text


def test_a_terminal_gets_a_hyphen():
    assert ascii_signed(-4.0) == "-4.0"


def test_points_come_with_their_interval():
    assert points(-3.04, -5, 0.0) == "−3.0 pp [−5.0, 0.0]"


def test_points_are_written_with_the_sign_that_is_asked_for():
    assert points(-3.04, -5, 0.0, ascii_signed) == "-3.0 pp [-5.0, +0.0]"


def test_every_hyphen_of_a_number_becomes_a_minus():
    assert with_minus("-1.50 → -2.25") == "−1.50 → −2.25"


@pytest.mark.parametrize(
    ("seconds", "text"), [(41.6, "42 seconds"), (150, "2 minutes"), (9000, "2.5 hours")]
)
def test_a_duration_is_as_one_would_say_it(seconds, text):
    assert in_time(seconds) == text


def test_a_size_is_in_megabytes_or_gigabytes():
    assert (in_bytes(53e6), in_bytes(2.44e9)) == ("53 MB", "2.4 GB")
