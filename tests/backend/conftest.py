"""What backend tests compare with: brute force."""

import pytest
import torch


@pytest.fixture
def dense(toy):
    """Role -> activations [pos, d_sae] of each row of its corpus.

    Computed row by row with the whole model and sae-lens's own encode.
    """
    out = {}
    for scanned in toy.atlas.corpora:
        rows = []
        for ids in scanned.corpus.ids:
            hidden = toy.model.hf(torch.tensor([ids]), output_hidden_states=True).hidden_states[
                toy.model.block + 1
            ][0]
            acts = toy.sae.sae.encode(hidden)
            acts[0] = 0  # the first token is exempt in this setup
            rows.append(acts)
        out[scanned.corpus.role] = rows
    return out
