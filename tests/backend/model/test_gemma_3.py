"""Gemma 3 on rows longer than its window, by hand: transformers' own whole model, its images too,
with a hook.
"""

import pytest
import torch
from safetensors.torch import load_file

from backend.data.questions import NO_QUESTIONS, PREFIX, Packed
from backend.evaluation.recordings import record
from backend.evaluation.reference import Reference
from backend.experiments.generate import generate
from backend.interventions.method import setting_of
from backend.model.loading import load_hf
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.model.sae import load_sae
from backend.model.split import split
from backend.setups import SaeSource
from tests.support.clamped import clamped
from tests.support.gemma import gemma_tokenizer
from tests.support.scopes import WINDOW, gemma_3_with_images, write_gemma_scope_2

BLOCK, N_BLOCKS = 2, 7
"""Of the seven blocks the sixth sees the whole row, the others a window; all after the edit."""
LETTERS = [20, 21, 22, 23]
CLAMPS = {3: -4.0, 40: -6.0, 90: -9.0}
FIRST = ("first",)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The whole model, and a folder with it and its SAE."""
    folder, tokenizer = tmp_path_factory.mktemp("gemma"), gemma_tokenizer()
    whole = gemma_3_with_images(len(tokenizer), N_BLOCKS)
    whole.save_pretrained(folder / "model", max_shard_size="100KB")
    tokenizer.save_pretrained(folder / "model")
    write_gemma_scope_2(folder / "sae", whole, tokenizer, BLOCK)
    return whole, folder


@pytest.fixture(scope="module")
def rows():
    generator = torch.Generator().manual_seed(5)
    lengths = (WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + 90, 60)
    every = [torch.randint(8, 300, (n,), generator=generator).tolist() for n in lengths]
    return [
        Packed(ids, [PREFIX] * len(ids), [len(ids) - 1] * 4, LETTERS, [*range(4)], [1.0] * 4)
        for ids in every
    ]


@pytest.fixture(scope="module")
def runner(made):
    _, folder = made
    hf, tokenizer = load_hf(str(folder / "model"), dtype="float32", device="cpu")
    sae = load_sae(SaeSource(path=folder / "sae"), "cpu")
    return Runner(split(hf, tokenizer, sae.hook_name), sae, FIRST, budget=700)


@torch.inference_mode()
def by_hand(made, texts, clamps):
    """Log-probabilities after the last token; the clamped features set by their formula."""
    whole, folder = made
    tensors = load_file(folder / "sae" / "params.safetensors")

    def clamp(_module, _given, resid):
        before = resid @ tensors["w_enc"] + tensors["b_enc"]
        acts = before * (before > tensors["threshold"])
        for feature, value in clamps.items():
            fires = acts[0, :, feature] > 0
            fires[0] = False
            added = (value - acts[0, fires, feature])[:, None] * tensors["w_dec"][feature]
            resid[0, fires] += added
        return resid

    layer = whole.model.language_model.layers[BLOCK]
    handle = layer.register_forward_hook(clamp)
    try:
        logits = [whole(input_ids=torch.tensor([ids])).logits[0, -1] for ids in texts]
    finally:
        handle.remove()
    return torch.stack(logits).log_softmax(-1)


def test_scores_beyond_the_window_are_those_of_the_whole_model_with_a_hook(made, rows, runner):
    recording = record(runner, Rows.of(rows), stage="", scoring="letter")
    setting = setting_of(list(CLAMPS.items()))
    scores = clamped(runner, recording, NO_QUESTIONS, setting, "letter").scores
    texts = [row.ids for row in rows]
    without, wanted = (by_hand(made, texts, clamps)[:, LETTERS] for clamps in ({}, CLAMPS))
    assert (wanted - without).abs().amax(-1).min() > 0.1, "the clamps change every row"
    torch.testing.assert_close(recording.baseline, without, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scores, wanted, atol=1e-4, rtol=1e-4)
    plain, tokenizer = load_hf(str(made[1] / "model"), dtype="float32", device="cpu")
    slow = Reference(plain, tokenizer, runner.sae, FIRST).scores(rows, setting, "letter")
    torch.testing.assert_close(slow, wanted, atol=1e-4, rtol=1e-4)


def test_a_text_that_outgrows_the_window_is_written_as_the_whole_model_writes_it(
    made, rows, runner
):
    seen = rows[0].ids[: WINDOW - 4]
    *_, last = generate(runner, seen, setting_of(list(CLAMPS.items())), max_tokens=8)
    for token, log_prob in zip(last.ids, last.log_probs, strict=True):
        wanted = by_hand(made, [seen], CLAMPS)[0]
        assert token == int(wanted.argmax())
        assert log_prob == pytest.approx(float(wanted[token]), abs=1e-3)
        seen = [*seen, token]
    assert len(seen) > WINDOW


@torch.inference_mode()
@pytest.mark.parametrize(
    "other",
    [
        {"sliding_window": 4096},
        {"rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 1e6}}},
        {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e6}}},
    ],
    ids=["window", "local positions", "global positions"],
)
def test_window_and_both_kinds_of_positions_matter_in_such_rows(made, rows, other):
    """Without it, the test above would prove less than it says."""
    _, folder = made
    hf, _ = load_hf(str(folder / "model"), dtype="float32", device="cpu")
    ids = torch.tensor([rows[3].ids])
    before = hf(input_ids=ids).logits[0, -1]
    said = hf.config.to_dict()
    rope = said["rope_parameters"] | other.get("rope_parameters", {})
    changed = type(hf.config)(**(said | other | {"rope_parameters": rope}))
    twin = type(hf)(changed).eval()
    twin.load_state_dict(hf.state_dict())
    assert (twin(input_ids=ids).logits[0, -1] - before).abs().max() > 1e-3


def test_embeddings_are_scaled_by_the_root_of_the_width(made):
    whole, folder = made
    hf, tokenizer = load_hf(str(folder / "model"), dtype="float32", device="cpu")
    token = hf.model.embed_tokens(torch.tensor([9]))
    torch.testing.assert_close(token, whole.lm_head.weight[9:10].detach() * 8)
