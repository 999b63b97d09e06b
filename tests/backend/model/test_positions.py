"""Untouched positions on rows worked by hand."""

import pytest
import torch

from backend.model.positions import SINK_RATIO, untouched

IDS = torch.tensor([[1, 5, 6, 1, 7], [8, 9, 5, 0, 0]])
REAL = torch.tensor([[True] * 5, [True, True, True, False, False]])
SPECIAL = frozenset({1, 6})
NORMS = torch.tensor([[1.0, 2.0, 3.0, 25.0, 2.0], [60.0, 4.0, 5.0, 900.0, 900.0]])
"""Medians of the real positions: 2 and 5."""


def verdict(rules, norms=NORMS, **options) -> list[list[int]]:
    # (row, pos) -> (row, pos, d_model): one direction carries the norm
    resid = norms[..., None] * torch.tensor([0.6, -0.8])
    return untouched(IDS, resid, REAL, rules, SPECIAL, **options).int().tolist()


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ((), [[0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]),
        (("first",), [[1, 0, 0, 0, 0], [1, 0, 0, 1, 1]]),
        (("special",), [[1, 0, 1, 1, 0], [0, 0, 0, 1, 1]]),
        (("sinks",), [[0, 0, 0, 1, 0], [1, 0, 0, 1, 1]]),
        (("first", "special", "sinks"), [[1, 0, 1, 1, 0], [1, 0, 0, 1, 1]]),
    ],
)
def test_each_rule_says_its_own_positions_and_padding_is_never_touched(rules, wanted):
    assert verdict(rules) == wanted


def test_without_special_tokens_their_rule_says_nothing():
    resid = torch.ones(2, 5, 2)
    assert torch.equal(untouched(IDS, resid, REAL, ("special",), frozenset()), ~REAL)


def test_a_sink_is_more_than_its_ratio_above_the_median():
    norms = torch.ones(2, 5)
    norms[0, 2] = SINK_RATIO
    assert verdict(("sinks",), norms)[0] == [0, 0, 0, 0, 0]
    norms[0, 2] = SINK_RATIO * 1.01
    assert verdict(("sinks",), norms)[0] == [0, 0, 1, 0, 0]


def test_the_median_is_over_the_prefix_alone():
    norms = torch.tensor([[1.0, 2.0, 30.0, 400.0, 500.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    shared = torch.tensor([[True, True, False, False, False], [True] * 5])
    assert verdict(("sinks",), norms)[0] == [0, 0, 0, 1, 1], "the median of all is 30"
    assert verdict(("sinks",), norms, shared=shared)[0] == [0, 0, 1, 1, 1], "of the prefix, 1"


def test_a_rows_verdict_does_not_depend_on_its_batch():
    resid = NORMS[..., None] * torch.tensor([0.6, -0.8])
    alone = untouched(IDS[1:, :3], resid[1:, :3], REAL[1:, :3], ("sinks",), SPECIAL)
    assert alone.int().tolist() == [verdict(("sinks",))[1][:3]]
