"""What is recorded, against the whole model run on each option by itself."""

import pytest
import torch

from backend.data.questions import N_CHOICES, PREFIX
from backend.engine.engine import Engine
from backend.evaluation.recordings import Recording
from backend.setups import load_setup
from tests.support.toy import D_SAE


def by_itself(toy, packed, option):
    """What the whole model makes of one option by itself.

    Its places in the packed row, the residuals at the hook [place, d_model] and the
    log-probabilities [place, vocab].
    """
    places = [i for i, branch in enumerate(packed.branch) if branch in (PREFIX, option)]
    ids = torch.tensor([[packed.ids[i] for i in places]])
    with torch.inference_mode():
        out = toy.model.hf(ids, output_hidden_states=True)
    return places, out.hidden_states[toy.model.block + 1][0], out.logits[0].log_softmax(-1)


def every_option(toy):
    """Number of the question, the question, number of the option."""
    return [(q, p, option) for q, p in enumerate(toy.packed) for option in range(N_CHOICES)]


def test_residuals_are_those_at_the_hook(toy):
    for q, packed, option in every_option(toy):
        places, resid, _ = by_itself(toy, packed, option)
        recorded = toy.recording.resid[int(toy.recording.rows.start[q]) + torch.tensor(places)]
        torch.testing.assert_close(recorded, resid, atol=1e-4, rtol=1e-4)


def test_activations_are_sae_lenss_own_but_for_the_exempt_first_token(toy):
    recorded = torch.zeros(toy.recording.rows.n_tokens, D_SAE)
    for feature in range(D_SAE):
        token, value = toy.recording.acts.of(feature)
        recorded[token, feature] = value
    for q, packed, option in every_option(toy):
        places, resid, _ = by_itself(toy, packed, option)
        acts = toy.sae.sae.encode(resid).detach()
        acts[0] = 0
        mine = recorded[int(toy.recording.rows.start[q]) + torch.tensor(places)]
        torch.testing.assert_close(mine, acts, atol=1e-3, rtol=1e-4)


def test_the_first_token_of_each_question_is_exempt_and_no_other(toy):
    first = torch.zeros(toy.recording.rows.n_tokens, dtype=torch.bool)
    first[toy.recording.rows.start[:-1]] = True
    assert torch.equal(toy.recording.exempt, first)


def test_an_options_score_is_its_log_likelihood(toy):
    for q, packed, option in every_option(toy):
        places, _, log_probs = by_itself(toy, packed, option)
        entries = zip(packed.score_pos, packed.score_token, packed.score_choice, strict=True)
        score = sum(float(log_probs[places.index(p), t]) for p, t, c in entries if c == option)
        assert float(toy.recording.baseline[q, option]) == pytest.approx(score, abs=1e-4)


def test_it_comes_back_from_disk_the_same_without_its_keys(toy, tmp_path):
    assert Recording.load(tmp_path / "r.safetensors") is None
    toy.recording.save(tmp_path / "r.safetensors")
    again = Recording.load(tmp_path / "r.safetensors")
    for name in ("resid", "exempt", "log_probs", "baseline"):
        assert torch.equal(getattr(again, name), getattr(toy.recording, name))
    for part in ("rows", "acts"):
        mine, theirs = (getattr(r, part).tensors() for r in (toy.recording, again))
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert toy.recording.keys is not None
    assert again.keys is None


def test_a_damaged_recording_is_made_again(toy, toy_toml, caplog):
    path = toy.folder / "recording.safetensors"
    begin = path.read_bytes()[:100]
    path.unlink()  # the toy has it mapped
    path.write_bytes(begin)
    again = Engine(load_setup(toy_toml))
    assert "damaged" in caplog.text
    torch.testing.assert_close(again.recording.baseline, toy.recording.baseline)
