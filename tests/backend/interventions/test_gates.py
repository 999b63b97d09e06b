"""Gates: their formulas by hand, and the sequences that packed rows stand for."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.data.questions import PREFIX, Packed
from backend.evaluation.reference import statistic
from backend.interventions.gates import Rates, Sequences, along, fire_rates, opening
from backend.interventions.method import Gate, Method, setting_of
from backend.model.activations import by_feature
from backend.model.rows import Rows

CLOZE = Packed(
    ids=[1, 2, 3, 4, 5, 6],
    branch=[PREFIX, PREFIX, PREFIX, 0, 0, 2],
    # Option 1 has one token, and nothing of its own in the row.
    score_pos=[2, 3, 4, 2, 2, 5],
    score_token=[9] * 6,
    score_choice=[0, 0, 0, 1, 2, 2],
    score_weight=[1.0] * 6,
)
LETTER = Packed([7, 8], [PREFIX, PREFIX], [1, 1, 1, 1], [9] * 4, [0, 1, 2, 3], [1.0] * 4)
ROWS = Rows.of([CLOZE, LETTER])


def acts_of(dense):
    """(token, feature) activations as a recording keeps them."""
    token, feature = dense.nonzero(as_tuple=True)
    return by_feature([(token.int(), feature.int(), dense[token, feature])], dense.shape[1])


def setting(gate, features=(0, 1), threshold=0.0):
    return setting_of([(f, -1.0) for f in features], Method(threshold, gate))


def test_in_cloze_each_option_is_a_sequence_with_the_prefix_in_letters_the_row_is_one():
    sequences = Sequences(ROWS)
    assert sequences.row.tolist() == [0, 0, 0, 1]
    assert sequences.branch.tolist() == [0, 1, 2, PREFIX]
    token, real = sequences.tokens(torch.arange(4))
    read = [row[mask].tolist() for row, mask in zip(token, real, strict=True)]
    assert read == [[0, 1, 2, 3, 4], [0, 1, 2], [0, 1, 2, 5], [6, 7]]
    assert sequences.of_entry.tolist() == [0, 0, 0, 1, 2, 2, 3, 3, 3, 3]
    assert sequences.of_choice.tolist() == [[0, 1, 2, -1], [3, 3, 3, 3]]
    assert sequences.of_branch_token.tolist() == [-1, -1, -1, 0, 0, 2, 3, 3]


def test_rho_is_the_share_of_positions_at_which_any_feature_fires():
    dense = torch.zeros(8, 3)
    dense[1, 0] = dense[1, 1] = 1.0  # both at one position, which counts once
    dense[3, 1] = 2.0
    dense[7, 2] = 5.0  # not clamped
    found = opening(ROWS, acts_of(dense), setting(Gate("rho", 1 / 4)))
    assert found.statistic.tolist() == [2 / 5, round(1 / 3, 6), 1 / 4, 0.0]
    # Above tau, not at it.
    assert found.open.tolist() == [True, True, False, False]
    assert found.rows.tolist() == [2, 0]
    assert found.of_row.tolist() == [2 / 5, 0.0]
    assert found.entries.tolist() == [True] * 4 + [False] * 6
    # The prefix is edited, for the options that are open.
    assert found.tokens.tolist() == [True, True, True, True, True, False, False, False]


def test_a_feature_fires_above_the_threshold():
    dense = torch.zeros(8, 3)
    dense[6, 0], dense[7, 0] = 1.0, 3.0
    for threshold, share in ((0.0, 1.0), (1.0, 0.5), (3.0, 0.0)):
        gate = setting(Gate("rho", 0.0), threshold=threshold)
        assert opening(ROWS, acts_of(dense), gate).statistic[3] == share


def test_a_window_is_the_densest_stretch_and_all_of_what_is_shorter():
    fires = torch.tensor([[1, 0, 0, 1, 1, 0, 1, 1]], dtype=torch.float64)
    real = torch.ones_like(fires, dtype=torch.bool)
    for width, share in ((1, 1.0), (2, 1.0), (3, 2 / 3), (4, 3 / 4), (5, 4 / 5), (20, 5 / 8)):
        assert along(fires, real, Gate("window", 0.5, width))[0, -1] == share


def test_cusum_by_hand():
    # Two features with p = 1/2, q = 1/4 and p = 1/4, q = 1/2.
    rates = Rates(
        torch.tensor([0.5, 0.25], dtype=torch.float64),
        torch.tensor([0.25, 0.5], dtype=torch.float64),
    )
    dense = torch.zeros(8, 2)
    dense[[0, 1, 3], 0] = 1.0
    dense[[2, 4], 1] = 1.0
    found = opening(ROWS, acts_of(dense), setting(Gate("cusum", 1.0)), rates)
    on_first, off_first = math.log(2), math.log(1 / 2 / (3 / 4))  # 0.693, -0.405
    on_second, off_second = math.log(1 / 2), math.log(3 / 4 / (1 / 2))  # -0.693, 0.405
    up, down, still = on_first + off_second, off_first + on_second, off_first + off_second
    assert still == pytest.approx(0.0)
    # Tokens 0 to 4: up, up, down, up, down; the sum is 1.099, 2.197, 1.099, 2.197, 1.099.
    assert up == pytest.approx(1.0986, abs=1e-4)
    assert down == pytest.approx(-1.0986, abs=1e-4)
    assert found.statistic.tolist() == pytest.approx([2 * up, 2 * up, 2 * up, 0.0], abs=1e-6)
    assert found.open.tolist() == [True, True, True, False]


def test_the_sum_of_a_cusum_never_falls_below_zero():
    signal = torch.tensor([[-3.0, 1.0, -5.0, 2.0, 0.5, -1.0]], dtype=torch.float64)
    real = torch.ones_like(signal, dtype=torch.bool)
    assert along(signal, real, Gate("cusum", 0.0))[0].tolist() == [0, 1, 1, 2, 2.5, 2.5]


def test_rates_are_shares_of_tokens_kept_off_zero_and_one():
    dense = torch.zeros(6, 2)
    dense[[0, 1, 4], 0] = 1.0
    forget = torch.tensor([True, True, True, True, False, False])
    rates = fire_rates(acts_of(dense), setting(Gate("cusum", 0.0)), forget, ~forget)
    assert rates.forget.tolist() == [0.5, 1e-4]
    assert rates.retain.tolist() == [0.5, 1e-4]
    every = fire_rates(acts_of(torch.ones(6, 2)), setting(Gate("cusum", 0.0)), forget, ~forget)
    assert every.forget.tolist() == [1 - 1e-4] * 2


FIRES = st.lists(st.lists(st.booleans(), min_size=2, max_size=2), min_size=1, max_size=12)


@given(
    st.lists(FIRES, min_size=1, max_size=4),
    st.sampled_from(["rho", "window", "cusum"]),
    st.integers(1, 8),
)
def test_every_statistic_is_that_of_the_plain_formula(texts, kind, width):
    rates = [(0.6, 0.1), (0.3, 0.25)]
    rows = Rows.of(
        [Packed([0] * len(t), [PREFIX] * len(t), [len(t) - 1], [0], [0], [1.0]) for t in texts]
    )
    dense = torch.tensor([position for text in texts for position in text]).float()
    gate = Gate(kind, 0.3, width)
    columns = torch.tensor(rates, dtype=torch.float64).T
    made = setting_of([(0, 0.0), (1, 0.0)], Method(gate=gate))
    found = opening(rows, acts_of(dense), made, Rates(columns[0], columns[1]))
    expected = [statistic(text, gate, rates) for text in texts]
    assert found.statistic.tolist() == pytest.approx(expected, abs=1e-6)


def test_without_a_gate_or_a_clamp_nothing_is_decided():
    acts = acts_of(torch.ones(8, 2))
    assert opening(ROWS, acts, setting_of([(0, 1.0)])) is None
    assert opening(ROWS, acts, setting_of([], Method(gate=Gate("rho", 0.1)))) is None
