"""A model with a few other parameters: only they differ, and the original never does."""

import pytest
import torch

from backend.errors import BadInput
from backend.model.kernel import GROUPED
from backend.model.split import split
from backend.rivals.changed import changed
from tests.support.toy import ARCHITECTURES, build_model, build_tokenizer

NAME = "model.layers.2.mlp.down_proj.weight"
IDS = torch.randint(0, 300, (2, 11), generator=torch.Generator().manual_seed(0))


def logits(hf):
    with torch.inference_mode():
        return hf(IDS).logits


@pytest.fixture(params=ARCHITECTURES)
def hf(request):
    return build_model(300, request.param)


def test_the_copy_has_the_matrix_and_shares_all_else(hf):
    before = logits(hf)
    new = torch.randn_like(hf.get_parameter(NAME))
    made = changed(hf, {NAME: new.bfloat16()})
    for name, parameter in made.named_parameters():
        if name == NAME:
            assert torch.equal(parameter, new.bfloat16().float())
        else:
            assert parameter is hf.get_parameter(name)
    assert not torch.equal(logits(made), before)
    assert torch.equal(logits(hf), before)
    hf.get_parameter(NAME).data.copy_(new.bfloat16())
    assert torch.equal(logits(hf), logits(made))


@pytest.mark.parametrize("split_before", [False, True])
def test_the_copy_can_be_split(split_before):
    tokenizer = build_tokenizer()
    hf = build_model(len(tokenizer))
    if split_before:
        split(hf, tokenizer, "blocks.1.hook_resid_post")
    attends, before = hf.config._attn_implementation, logits(hf)
    made = changed(hf, {NAME: torch.randn_like(hf.get_parameter(NAME))})
    alone = logits(made)
    model = split(made, tokenizer, "blocks.1.hook_resid_post")
    assert made.config._attn_implementation == GROUPED
    assert hf.config._attn_implementation == attends
    with torch.inference_mode():
        halves = model.logits(model.run_tail(model.run_head(IDS)))
    torch.testing.assert_close(halves, alone, atol=1e-4, rtol=1e-4)
    assert torch.equal(logits(hf), before)


def test_hidden_states_of_both_are_each_their_own():
    hf = build_model(300)
    made = changed(hf, {NAME: torch.randn_like(hf.get_parameter(NAME))})
    for model in (made, hf):
        assert len(model(IDS, output_hidden_states=True).hidden_states) == 5


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("model.layers.9.mlp.down_proj.weight", (32, 64), "has no parameter of that name"),
        (NAME, (32, 63), r"of \(32, 63\) does not fit this model, which has one of \(32, 64\)"),
    ],
)
def test_what_does_not_fit_is_said(name, shape, said):
    with pytest.raises(BadInput, match=said):
        changed(build_model(300), {name: torch.zeros(shape)})
