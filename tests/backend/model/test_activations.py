"""Activations by feature against the dense tensor they were taken from."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.model.activations import FeatureActs, by_feature

N_TOKENS, D_SAE = 11, 7


def dense_acts(seed: int) -> torch.Tensor:
    """[token, feature], most of it zero; the last feature never fires."""
    dense = torch.randn(N_TOKENS, D_SAE, generator=torch.Generator().manual_seed(seed)) - 0.7
    dense[:, -1] = 0
    return dense.clamp(min=0)


def entries(dense: torch.Tensor, order: torch.Tensor | None = None):
    token, feature = dense.nonzero(as_tuple=True)
    if order is not None:
        token, feature = token[order], feature[order]
    return token, feature, dense[token, feature]


def as_dense(acts: FeatureActs) -> torch.Tensor:
    dense = torch.zeros(N_TOKENS, acts.d_sae)
    for feature in range(acts.d_sae):
        token, value = acts.of(feature)
        dense[token, feature] = value
    return dense


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_what_goes_in_token_by_token_comes_out_feature_by_feature(seed, n_parts):
    dense = dense_acts(seed)
    n = int((dense > 0).sum())
    shuffled = entries(dense, torch.randperm(n, generator=torch.Generator().manual_seed(seed)))
    parts = list(zip(*(column.tensor_split(n_parts) for column in shuffled), strict=True))
    acts = by_feature(parts, D_SAE)
    assert torch.equal(as_dense(acts), dense)
    assert all(acts.of(f)[0].tolist() == sorted(acts.of(f)[0].tolist()) for f in range(D_SAE))


@given(st.integers(0, 2**32 - 1))
def test_counts_and_maxima_are_those_of_the_dense_tensor(seed):
    dense = dense_acts(seed)
    acts = by_feature([entries(dense)], D_SAE)
    assert torch.equal(acts.counts(), (dense > 0).sum(0))
    assert torch.equal(acts.max_acts(), dense.max(0).values)


@pytest.mark.parametrize("parts", [[], [entries(torch.zeros(N_TOKENS, D_SAE))]])
def test_nothing_that_fires_is_every_feature_silent(parts):
    acts = by_feature(parts, D_SAE)
    assert acts.d_sae == D_SAE
    assert acts.counts().tolist() == [0] * D_SAE
    assert acts.max_acts().tolist() == [0.0] * D_SAE
    assert all(len(column) == 0 for column in acts.of(3))


def test_it_is_kept_in_32_bits_and_read_back_the_same():
    token, feature, value = entries(dense_acts(0))
    acts = by_feature([(token, feature, value.double())], D_SAE)
    assert (acts.token.dtype, acts.value.dtype) == (torch.int32, torch.float32)
    again = FeatureActs.from_tensors(acts.tensors())
    assert torch.equal(as_dense(again), as_dense(acts))
