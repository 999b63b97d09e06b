"""Text of one's own, against sae-lens's encode over the whole model's hidden states."""

import pytest
import torch

from backend.errors import BadInput
from backend.reading.own_text import MAX_TEXT, firing, read_text, strongest_by_token
from tests.support.toy import D_SAE

TEXT = "The heart pumps blood.\nA 🧬 virus <b>enters</b>."


@pytest.fixture(scope="module")
def dense(toy):
    ids = toy.model.tokenizer(TEXT)["input_ids"]
    hidden = toy.model.hf(torch.tensor([ids]), output_hidden_states=True).hidden_states[
        toy.model.block + 1
    ][0]
    return toy.sae.sae.encode(hidden).detach()


def test_activations_agree_with_the_whole_model_and_the_tokens_give_the_text_back(toy, dense):
    read = read_text(toy, TEXT)
    assert "".join(read.tokens) == TEXT and len(read.tokens) == len(dense)
    assert read.exempt.tolist() == [True, *[False] * (len(dense) - 1)]
    for feature in range(D_SAE):
        expected = dense[:, feature].clone()
        expected[0] = 0
        torch.testing.assert_close(read.values(feature), expected, atol=1e-4, rtol=1e-4)


def test_exempt_positions_are_kept_when_asked_for(toy, dense):
    read = read_text(toy, TEXT, exempt_too=True)
    assert bool(read.exempt[0]) and dense[0].max() > 0
    torch.testing.assert_close(
        torch.stack([read.values(f) for f in range(D_SAE)], 1), dense, atol=1e-4, rtol=1e-4
    )


def test_ranking_on_the_text_and_on_chosen_tokens_by_brute_force(toy, dense):
    read, acts = read_text(toy, TEXT), dense.clone()
    acts[0] = 0
    whole = firing(read, toy.atlas.table, densest=None)
    order = sorted(
        (f for f in range(D_SAE) if acts[:, f].max() > 0),
        key=lambda f: (-float(acts[:, f].max()), f),
    )
    assert whole["feature"].tolist() == order
    assert whole["act"].tolist() == pytest.approx(
        [float(acts[:, f].max()) for f in order], rel=1e-4
    )
    assert whole["at"].tolist() == [int(acts[:, f].argmax()) for f in order]
    some = firing(read, toy.atlas.table, [2, 5], densest=None)
    sums = acts[[2, 5]].sum(0)
    assert some["feature"].tolist() == sorted(
        sums.nonzero().squeeze(-1).tolist(), key=lambda f: -float(sums[f])
    )
    assert some["strength"].tolist() == pytest.approx(
        [float(sums[f]) for f in some["feature"]], rel=1e-4
    )
    best = strongest_by_token(read, toy.atlas.table, 1, None)
    assert [t[0][0] if t else None for t in best] == [
        int(row.argmax()) if row.max() > 0 else None for row in acts
    ]


def test_dense_features_are_left_out_unless_asked_for(toy):
    read, table = read_text(toy, TEXT), toy.atlas.table
    limit = float(table["retain_density"].median())
    kept = firing(read, table, densest=limit)["feature"]
    assert 0 < len(kept) < len(firing(read, table, densest=None))
    assert (table["retain_density"].iloc[kept] <= limit).all()


@pytest.mark.parametrize("text", ["", "  \n", "x" * (MAX_TEXT + 1)])
def test_a_text_that_cannot_be_read_is_refused_in_words(toy, text):
    with pytest.raises(BadInput):
        read_text(toy, text)
