"""Clamps as text and as an edit, which is the difference of two decodes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadClamps
from backend.interventions.clamps import (
    MAX_CLAMPS,
    MAX_VALUE,
    Clamp,
    clamp_set,
    format_clamps,
    parse_clamps,
    value_of,
)
from backend.interventions.edit import edit_weights, residual_edit
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.model.activations import by_feature

VALUES = st.floats(-MAX_VALUE, MAX_VALUE, width=32)
CLAMPS = st.dictionaries(st.integers(0, 99), VALUES, max_size=8).map(lambda d: clamp_set(d.items()))


@given(CLAMPS)
def test_text_reads_back_to_the_same_clamps(clamps):
    assert parse_clamps(format_clamps(clamps)) == clamps


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "1",
        "1:",
        "1:x",
        ":5",
        "1:2:3",
        "1.5:2",
        "1:nan",
        "1:inf",
        "1:1e300",
        "-1:2",
        "1:2,1:3",
        "99999999:1",
    ],
)
def test_nonsense_is_refused_in_words(text):
    with pytest.raises(BadClamps) as error:
        parse_clamps(text, d_sae=100)
    assert len(str(error.value)) < 200


def test_clamps_are_the_same_in_whatever_order_they_are_given():
    assert clamp_set([(9, 1.0), (2, -3.0)]) == clamp_set([(2, -3), (9, 1)]) == ((2, -3.0), (9, 1.0))


def test_more_clamps_than_anybody_tunes_are_refused():
    clamp_set((f, 1.0) for f in range(MAX_CLAMPS))
    with pytest.raises(BadClamps, match="at most 1000"):
        clamp_set((f, 1.0) for f in range(MAX_CLAMPS + 1))


@pytest.mark.parametrize(
    ("multiple", "max_act", "value"),
    [(-3.0, 7.1234, -21.37), (0.0, 7.0, 0.0), (-0.0, 7.0, 0.0), (2.0, 0.0, 2.0)],
)
def test_a_multiple_is_of_the_maximum_or_of_one_for_a_silent_feature(multiple, max_act, value):
    assert str(value_of(multiple, max_act)) == str(value)


def acts_of(dense: torch.Tensor):
    token, feature = dense.nonzero(as_tuple=True)
    return by_feature([(token, feature, dense[token, feature])], dense.shape[1])


@given(
    st.integers(0, 2**32 - 1),
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from([0.0, -3.0, 2.5])),
        max_size=4,
        unique_by=lambda c: c[0],
    ),
)
def test_edit_is_the_difference_of_two_decodes(seed, pairs):
    generator = torch.Generator().manual_seed(seed)
    dense = torch.relu(torch.randn(9, 6, generator=generator, dtype=torch.float64))
    W_dec = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    edited = dense.clone()
    for feature, value in pairs:
        edited[:, feature] = torch.where(dense[:, feature] > 0, value, dense[:, feature])
    hit, edit = residual_edit(acts_of(dense.float()), setting_of(pairs), W_dec)
    expected = (edited - dense) @ W_dec
    got = torch.zeros_like(expected).index_add(0, hit, edit)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    touched = (dense[:, [f for f, _ in pairs]] > 0).any(1)
    assert hit.tolist() == touched.nonzero().squeeze(-1).tolist()


def test_weights_have_a_column_a_clamp_and_nothing_where_a_feature_is_silent():
    dense = torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    setting = setting_of([(0, -1.0), (1, 5.0)])
    hit, weights = edit_weights(acts_of(dense), setting, torch.zeros(0, dtype=torch.float64))
    assert hit.tolist() == [0, 2]
    assert weights.tolist() == [[0.0, 5.0 - 2.0], [-1.0 - 3.0, 0.0]]
    assert weights.dtype == torch.float64


def test_no_clamp_touches_no_token():
    hit, edit = residual_edit(acts_of(torch.ones(3, 2)), NOTHING, torch.randn(2, 4))
    assert hit.tolist() == []
    assert edit.shape == (0, 4)


def test_clamping_to_the_present_value_is_no_edit():
    dense = torch.tensor([[0.0, 2.0], [0.0, 2.0]])
    _, edit = residual_edit(acts_of(dense), Setting((Clamp(1, 2.0),)), torch.randn(2, 3))
    assert edit.abs().max() == 0


@given(st.integers(0, 10**6), st.booleans())
def test_the_papers_edit_is_bit_for_bit_what_it_was_before_there_were_methods(seed, double):
    generator = torch.Generator().manual_seed(seed)
    dense = torch.relu(torch.randn(12, 6, generator=generator))
    W_dec = torch.randn(6, 5, generator=generator).to(torch.float64 if double else torch.float32)
    acts, setting = acts_of(dense), setting_of([(0, -3.0), (2, 0.5), (5, 0.0)])
    fired = [acts.of(feature) for feature in setting.features]
    changes = torch.cat(
        [value - act for (_, value), (_, act) in zip(setting.clamps, fired, strict=True)]
    )
    hit, row = torch.unique(torch.cat([token for token, _ in fired]), return_inverse=True)
    column = torch.repeat_interleave(torch.arange(3), torch.tensor([len(t) for t, _ in fired]))
    weights = torch.zeros(len(hit), 3, dtype=W_dec.dtype)
    weights[row, column] = changes.to(W_dec)
    got = residual_edit(acts, setting, W_dec)
    assert torch.equal(got[0], hit)
    assert torch.equal(got[1], weights @ W_dec[torch.tensor(setting.features)])
