"""What features promote, against whole products."""

import torch

from backend.features.logit_lens import (
    READ_OUT,
    effect_over_vocabulary,
    logit_effect,
    norm_gain,
    read_out,
    unembedding,
)


def test_the_vocabulary_is_read_out_in_blocks_as_if_at_once(toy):
    effect = logit_effect(
        toy.sae.W_dec, norm_gain(toy.model.norm), toy.model.hf.get_output_embeddings().weight
    )
    wanted = [
        [
            [toy.model.tokenizer.decode([t]) for t in row]
            for row in side.topk(READ_OUT).indices.tolist()
        ]
        for side in (effect, -effect)
    ]
    seen = []
    assert list(read_out(toy.model, toy.sae.W_dec, seen.append, features=7, tokens=9)) == wanted
    assert list(read_out(toy.model, toy.sae.W_dec)) == wanted
    assert seen[-1].done == seen[-1].total


def test_one_direction_over_the_vocabulary_is_its_row_of_the_whole_product(toy):
    whole = logit_effect(toy.sae.W_dec, norm_gain(toy.model.norm), unembedding(toy.model))
    for feature in (0, 3):
        effect = effect_over_vocabulary(toy.model, toy.sae.W_dec[feature])
        torch.testing.assert_close(effect, whole[feature], atol=1e-5, rtol=1e-5)


def test_gemmas_norm_stores_its_gain_minus_one():
    class GemmaNorm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor([-0.5, 0.0, 2.0]))

    assert norm_gain(GemmaNorm()).tolist() == [0.5, 1.0, 3.0]
    assert norm_gain(torch.nn.LayerNorm(3)).tolist() == [1.0, 1.0, 1.0]
