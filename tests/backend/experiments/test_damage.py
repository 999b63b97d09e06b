"""The scale from these features to general damage, and the checks on the controls, by hand."""

from dataclasses import replace

import pytest

from backend.experiments.damage import Elsewhere, damage, elsewhere, kept_share, specific, tenths
from backend.experiments.effects import Effect
from backend.experiments.text_loss import TextLoss
from tests.support.results import result

TEXT = TextLoss("t", 100, 4, 4, 3.0, 3.1, 0.1, 0.0, 0.2)


def effect(kind, lost, name=""):
    forget = result("f", n=100, lost=lost)
    return Effect(kind, name or kind, "", forget, replace(forget, role="retain"))


OWN = effect("own", 20)


def randoms(*lost):
    return [effect("random features", n, f"random features {i}") for i, n in enumerate(lost)]


def test_the_share_that_comes_with_any_features_is_the_mean_of_all_five():
    assert elsewhere(OWN, randoms(2, 4, 6, 8)) is None, "four are not all"
    assert elsewhere(OWN, randoms(2, 4, 6, 8, 10)) == Elsewhere(0.3, None)
    assert elsewhere(OWN, randoms(20, 30, 40, 20, 20)) == Elsewhere(1.0, None)
    assert elsewhere(effect("own", 0), randoms(1, 1, 1, 1, 1)) is None, "nothing is lost"


def test_of_other_directions_the_one_counts_that_does_most():
    turned = [effect("direction", 4, "next decoder"), effect("direction", 15, "random direction")]
    assert elsewhere(OWN, [*randoms(0, 0, 0, 0, 0), *turned]) == Elsewhere(0.0, 0.75)


def test_every_sign_stands_in_the_middle_at_its_limit():
    """99 % kept, as long as the residual, 0.1 nats, half of the loss with any features."""
    retain = replace(result("r", n=400, lost=0, role="retain"), accuracy=0.7 * 0.99)
    found = damage(retain, 1.0, TEXT, Elsewhere(0.5, None))
    assert [round(sign.place, 9) for sign in found.signs] == [0.5] * 4
    assert found.place == pytest.approx(0.5)
    assert found.missing == ()


def test_where_nothing_speaks_for_damage_it_is_these_features():
    retain = result("r", n=400, lost=0, role="retain")
    found = damage(retain, 0.0, replace(TEXT, added=-0.01), Elsewhere(0.0, 0.0))
    assert found.place == 0
    assert found.in_words.startswith("These features. What speaks most for damage: ")


def test_what_is_not_known_is_left_out_and_said():
    retain = result("r", n=400, lost=0, role="retain")
    found = damage(retain, None, None, None)
    assert [sign.name for sign in found.signs] == ["rest kept"]
    assert len(found.missing) == 3
    assert found.lacks("text")
    assert not found.lacks("rest kept")


def test_the_larger_of_both_controls_decides_and_is_named():
    retain = result("r", n=400, lost=0, role="retain")
    found = damage(retain, 0.0, None, Elsewhere(0.1, 0.9))
    assert found.signs[-1].place == 0.9
    assert found.signs[-1].finding == "9 parts in 10 of the loss would come along any direction"
    assert "9 parts in 10" in found.in_words


def test_a_rest_that_was_never_known_is_kept():
    assert kept_share(replace(result("r", n=4, lost=0), baseline_accuracy=0.0)) == 1


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "none"), (0.04, "none"), (0.1, "1 part in 10"), (0.66, "7 parts in 10")],
)
def test_shares_are_said_in_tenths(share, said):
    assert tenths(share) == said


def test_controls_that_were_not_run_pass_nowhere():
    features, directions = specific(OWN, [])
    assert features.ok is None
    assert directions.ok is None
    assert "0 of 5 sets" in features.finding


def test_half_of_the_loss_with_any_features_needs_a_look():
    assert specific(OWN, randoms(9, 9, 9, 9, 9))[0].ok
    assert specific(OWN, randoms(10, 10, 10, 10, 10))[0].ok is False
    one_as_much = specific(OWN, randoms(0, 0, 0, 0, 20))[0]
    assert one_as_much.ok is False, "one in five did as much"


def test_a_direction_that_does_half_as_much_needs_a_look():
    turned = effect("direction", 9, "random direction")
    assert specific(OWN, [turned])[1].ok
    assert specific(OWN, [effect("direction", 10, "random direction")])[1].ok is False


def test_where_nothing_is_lost_there_is_nothing_to_explain():
    assert specific(effect("own", 0), randoms(0, 0, 0, 0, 0)) == []
