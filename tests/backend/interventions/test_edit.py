"""Clamps as text and as an edit, which is the difference of two decodes."""

import pytest
import torch
from hypothesis import given, settings
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
from backend.interventions.edit import edit_of, residual_edit
from backend.interventions.method import NOTHING, Method, Refusal, Setting, setting_of
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


DENSE = torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0], [3.0, 0.5, 0.0]])
CLAMPED = [(0, -1.0), (1, 5.0)]


@pytest.mark.parametrize(
    ("method", "at", "wanted"),
    [
        (Method(), None, {0: [(1, 3.0)], 2: [(0, -4.0), (1, 4.5)]}),
        (Method(threshold=0.5), None, {0: [(1, 3.0)], 2: [(0, -4.0)]}),
        (Method(reach="all"), None, {0: [(0, -1.0), (1, 3.0)], 2: [(0, -4.0), (1, 4.5)]}),
        (Method(), [False, True, True], {2: [(0, -4.0), (1, 4.5)]}),
        (Method(refusal=Refusal(2, 7.0)), None, {0: [(2, 6.0)], 2: [(2, 7.0)]}),
        (
            Method(refusal=Refusal(1, 7.0, alone=False)),
            None,
            {0: [(1, 5.0)], 2: [(0, -4.0), (1, 6.5)]},
        ),
        (Method(threshold=9.0), None, {}),
    ],
    ids=["firing", "above a threshold", "all", "at some", "refusal", "refusal beside", "nowhere"],
)
def test_an_edit_lists_what_moves_how_far_at_each_token_that_is_hit(method, at, wanted):
    where = None if at is None else torch.tensor(at)
    edit = edit_of(acts_of(DENSE), setting_of(CLAMPED, method), where)
    entries = list(zip(edit.feature.tolist(), edit.weight.tolist(), strict=True))
    start = edit.start.tolist()
    assert {
        token: entries[start[hit] : start[hit + 1]] for hit, token in enumerate(edit.token.tolist())
    } == wanted
    assert edit.token.tolist() == sorted(wanted)
    assert start[-1] == len(entries)


def test_no_clamp_touches_no_token():
    hit, edit = residual_edit(acts_of(torch.ones(3, 2)), NOTHING, torch.randn(2, 4))
    assert hit.tolist() == []
    assert edit.shape == (0, 4)


def test_clamping_to_the_present_value_is_no_edit():
    dense = torch.tensor([[0.0, 2.0], [0.0, 2.0]])
    _, edit = residual_edit(acts_of(dense), Setting((Clamp(1, 2.0),)), torch.randn(2, 3))
    assert edit.abs().max() == 0


METHODS = st.builds(
    Method,
    threshold=st.sampled_from([0.0, 0.4]),
    reach=st.sampled_from(["firing", "all"]),
    refusal=st.none() | st.builds(Refusal, st.just(3), st.just(-9.0), st.booleans()),
)


def random_acts(seed, n_tokens=60, d_sae=40, d_model=37):
    """Many features fire at a token; and a decoder as wide as no vector register is."""
    generator = torch.Generator().manual_seed(seed)
    dense = torch.relu(torch.randn(n_tokens, d_sae, generator=generator))
    return dense, acts_of(dense), torch.randn(d_sae, d_model, generator=generator)


@given(st.integers(0, 10**6), METHODS, st.sampled_from([torch.float32, torch.float64]))
def test_vectors_are_the_product_of_weights_and_decoder(seed, method, dtype):
    _, acts, W_dec = random_acts(seed)
    setting = setting_of([(f, -3.0 + f % 5) for f in range(0, 40, 2)], method)
    edit = edit_of(acts, setting)
    weights = torch.zeros(len(edit.token), 40, dtype=torch.float64)
    hit = torch.repeat_interleave(torch.arange(len(edit.token)), edit.start.diff())
    weights[hit, edit.feature] = edit.weight.double()
    got = edit.vectors(W_dec.to(dtype))
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), weights @ W_dec.double(), atol=1e-5, rtol=1e-5)


@given(st.integers(0, 10**6), METHODS, st.data())
def test_a_hits_bits_do_not_depend_on_which_hits_are_asked_for(seed, method, data):
    _, acts, W_dec = random_acts(seed)
    edit = edit_of(acts, setting_of([(f, -3.0) for f in range(0, 40, 2)], method))
    whole, every = edit.vectors(W_dec), range(len(edit.token))
    asked = torch.tensor(data.draw(st.lists(st.sampled_from(every), max_size=8)), dtype=torch.int64)
    assert torch.equal(edit.vectors(W_dec, asked), whole[asked])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sets(st.integers(0, 999), min_size=1, max_size=40))
def test_a_hits_bits_do_not_depend_on_what_is_clamped_elsewhere(seed, features):
    """All others of a thousand features fire at the first token, and are silent at the rest."""
    dense, _, W_dec = random_acts(seed, n_tokens=12, d_sae=1000)
    others = sorted(set(range(1000)) - features)
    dense[:, sorted(features)] = dense[:, sorted(features)] + 0.1
    dense[1:, others] = 0
    alone, both = (
        edit_of(acts_of(dense), setting_of([(f, -3.0) for f in mine]))
        for mine in (features, range(1000))
    )
    assert alone.token.tolist() == both.token.tolist() == list(range(12))
    rest = torch.arange(1, 12)
    assert torch.equal(alone.vectors(W_dec, rest), both.vectors(W_dec, rest))
    assert torch.equal(alone.vectors(W_dec)[1:], both.vectors(W_dec)[1:])
    assert not torch.equal(alone.vectors(W_dec)[0], both.vectors(W_dec)[0])


def test_no_hit_that_is_asked_for_is_no_vector():
    _, acts, W_dec = random_acts(0)
    edit = edit_of(acts, setting_of([(1, -3.0)]))
    assert edit.vectors(W_dec, torch.arange(0)).shape == (0, 37)
