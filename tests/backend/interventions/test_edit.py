import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadClamps
from backend.interventions.edit import (
    MAX_VALUE,
    Clamp,
    clamp_set,
    format_clamps,
    parse_clamps,
    residual_edit,
)
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
    token, feature = dense.nonzero(as_tuple=True)
    acts = acts_of(dense.float())
    hit, edit = residual_edit(acts, clamp_set(pairs), W_dec)
    expected = (edited - dense) @ W_dec
    got = torch.zeros_like(expected).index_add(0, hit, edit)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    touched = (dense[:, [f for f, _ in pairs]] > 0).any(1)
    assert hit.tolist() == touched.nonzero().squeeze(-1).tolist()


def test_clamping_to_the_present_value_is_no_edit():
    dense = torch.tensor([[0.0, 2.0], [0.0, 2.0]])
    _, edit = residual_edit(acts_of(dense), (Clamp(1, 2.0),), torch.randn(2, 3))
    assert edit.abs().max() == 0
