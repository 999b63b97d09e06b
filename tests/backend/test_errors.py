"""What is shown to a user is one kind of error, told apart from a fault of the program."""

import pytest

from backend.errors import (
    BadClamps,
    BadInput,
    BadMethod,
    BadSetup,
    ClampboardError,
    Showcase,
    Unavailable,
)


@pytest.mark.parametrize("kind", [BadSetup, BadClamps, BadMethod, BadInput, Unavailable, Showcase])
def test_every_kind_is_caught_as_one_and_says_its_sentence(kind):
    with pytest.raises(ClampboardError) as caught:
        raise kind("The sentence.")
    assert str(caught.value) == "The sentence."


@pytest.mark.parametrize("kind", [BadSetup, BadClamps, BadMethod, BadInput, Unavailable, Showcase])
def test_no_kind_is_taken_for_another(kind):
    others = {BadSetup, BadClamps, BadMethod, BadInput, Unavailable, Showcase} - {kind}
    assert not any(issubclass(kind, other) for other in others)


def test_a_sentence_is_not_swallowed_where_faults_of_python_are_caught():
    assert not issubclass(ClampboardError, ValueError | OSError | RuntimeError | LookupError)
