"""Text of one's own, against sae-lens's encode over the whole model's hidden states."""

import pytest
import torch

from backend.errors import BadInput
from backend.reading.own_text import MAX_TEXT, firing, read_text, strongest_by_token
from tests.support.toy import D_SAE

TEXT = "The heart pumps blood.\nA 🧬 virus <b>enters</b>."


@pytest.fixture
def dense(toy):
    ids = toy.model.tokenizer(TEXT)["input_ids"]
    states = toy.model.hf(torch.tensor([ids]), output_hidden_states=True).hidden_states
    return toy.sae.sae.encode(states[toy.model.block + 1][0]).detach()


def test_activations_agree_with_the_whole_model_and_the_tokens_give_the_text_back(toy, dense):
    read = read_text(toy, TEXT)
    assert "".join(read.tokens) == TEXT
    assert len(read.tokens) == len(dense)
    assert read.exempt.tolist() == [True, *[False] * (len(dense) - 1)]
    for feature in range(D_SAE):
        expected = dense[:, feature].clone()
        expected[0] = 0
        torch.testing.assert_close(read.values(feature), expected, atol=1e-4, rtol=1e-4)


def test_exempt_positions_are_kept_when_asked_for(toy, dense):
    read = read_text(toy, TEXT, exempt_too=True)
    assert bool(read.exempt[0])
    assert dense[0].max() > 0
    values = torch.stack([read.values(f) for f in range(D_SAE)], 1)
    torch.testing.assert_close(values, dense, atol=1e-4, rtol=1e-4)


@pytest.fixture
def acts(dense):
    """The same without the exempt first token."""
    out = dense.clone()
    out[0] = 0
    return out


def test_ranking_on_the_whole_text_by_brute_force(toy, acts):
    whole = firing(read_text(toy, TEXT), toy.atlas.table, densest=None)
    strongest = [float(value) for value in acts.max(0).values]
    order = sorted((f for f in range(D_SAE) if strongest[f]), key=lambda f: (-strongest[f], f))
    assert whole["feature"].tolist() == order
    assert whole["act"].tolist() == pytest.approx([strongest[f] for f in order], rel=1e-4)
    assert whole["at"].tolist() == [int(acts[:, f].argmax()) for f in order]


def test_ranking_on_chosen_tokens_by_brute_force(toy, acts):
    some = firing(read_text(toy, TEXT), toy.atlas.table, [2, 5], densest=None)
    sums = acts[[2, 5]].sum(0)
    order = sorted(sums.nonzero().squeeze(-1).tolist(), key=lambda f: -float(sums[f]))
    assert some["feature"].tolist() == order
    assert some["strength"].tolist() == pytest.approx(sums[order].tolist(), rel=1e-4)


def test_the_strongest_feature_of_each_token_by_brute_force(toy, acts):
    best = strongest_by_token(read_text(toy, TEXT), toy.atlas.table, 1, None)
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


def test_text_that_the_model_cannot_read_is_refused(toy):
    text = "\U0001f9ec" * 200
    n = len(toy.model.tokenizer(text)["input_ids"])
    with pytest.raises(BadInput, match=f"The text has {n} tokens; this model reads 512 at once"):
        read_text(toy, text)
    with pytest.raises(BadInput, match="The text holds half a character"):
        read_text(toy, "a \ud800 b")
