"""The slow path, which everything else is held against, against plain transformers."""

from dataclasses import replace

import pytest
import torch

from backend.data.questions import PREFIX, Packed
from backend.errors import BadSetup
from backend.evaluation.reference import Reference, unpacked
from backend.interventions.method import NOTHING, setting_of


def by_transformers(toy, clamps=NOTHING):
    """Scores of every question, one unpadded pass an option.

    sae-lens's own encode and decode, in a hook of torch's.
    """
    hf, _ = toy.load_plain()
    sae = toy.sae.sae

    def clamp(module, args, output):
        resid = output[0] if isinstance(output, tuple) else output
        acts = sae.encode(resid)
        edited = acts.clone()
        for feature, value in clamps.clamps:
            edited[..., feature][acts[..., feature] > 0] = value
        new = resid + sae.decode(edited) - sae.decode(acts)
        new[:, 0] = resid[:, 0]  # the first token is exempt in this setup
        return (new, *output[1:]) if isinstance(output, tuple) else new

    handle = hf.model.layers[toy.model.block].register_forward_hook(clamp)
    scores = torch.zeros(toy.n_questions, 4)
    with torch.inference_mode():
        for q, packed in enumerate(toy.packed):
            for ids, _, entries in unpacked(packed):
                log_probs = hf(torch.tensor([ids])).logits[0].log_softmax(-1)
                for pos, token, choice, weight in entries:
                    scores[q, choice] += weight * log_probs[pos, token]
    handle.remove()
    return scores


@pytest.mark.parametrize("clamps", [NOTHING, setting_of([(0, -40.0), (3, 5.0), (9, 0.0)])])
@pytest.mark.parametrize("rows_per_batch", [1, 16])
def test_scores_are_those_of_plain_transformers_whatever_the_padding(toy, clamps, rows_per_batch):
    reference = Reference(*toy.load_plain(), toy.sae, toy.setup.untouched)
    scores = reference.scores(toy.packed, clamps, toy.setup.scoring, rows_per_batch=rows_per_batch)
    torch.testing.assert_close(scores, by_transformers(toy, clamps), atol=1e-4, rtol=1e-4)


def test_a_clamp_changes_them(toy):
    """Without it, the test above would compare a baseline with itself."""
    change = by_transformers(toy, setting_of([(0, -40.0), (3, 5.0)])) - by_transformers(toy)
    assert change.abs().max() > 0.1


def test_a_hook_that_does_not_run_is_an_error_and_no_baseline(toy):
    elsewhere = replace(toy.sae, hook_name="blocks.1.hook_nowhere")
    reference = Reference(*toy.load_plain(), elsewhere, toy.setup.untouched)
    with pytest.raises(BadSetup, match="hook_nowhere' ran 0 times"):
        reference.scores(toy.packed, setting_of([(0, -40.0)]), toy.setup.scoring)


def test_options_are_unpacked_to_sequences_of_their_own():
    """Prefix 1 2; option 0 reads on at 3, option 1 at 4 5; option 2 is one token, read nowhere."""
    packed = Packed(
        ids=[1, 2, 3, 4, 5],
        branch=[PREFIX, PREFIX, 0, 1, 1],
        score_pos=[1, 2, 1, 3, 4, 1],
        score_token=[3, 7, 4, 5, 8, 9],
        score_choice=[0, 0, 1, 1, 1, 2],
        score_weight=[1.0, 1.0, 0.5, 0.5, 0.5, 1.0],
    )
    assert unpacked(packed) == [
        ([1, 2, 3], 2, [(1, 3, 0, 1.0), (2, 7, 0, 1.0)]),
        ([1, 2, 4, 5], 2, [(1, 4, 1, 0.5), (2, 5, 1, 0.5), (3, 8, 1, 0.5)]),
        ([1, 2], 2, [(1, 9, 2, 1.0)]),
    ]


def test_a_row_without_branches_is_one_sequence():
    packed = Packed([1, 2], [PREFIX] * 2, [1, 1], [7, 8], [0, 1], [1.0, 1.0])
    assert unpacked(packed) == [([1, 2], 2, [(1, 7, 0, 1.0), (1, 8, 1, 1.0)])]
