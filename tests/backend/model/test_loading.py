"""Where a model runs and in which precision, and that what is loaded is the model."""

import torch

from backend.model.loading import cpu_flags, pick_device, pick_dtype, weights_of


def test_bfloat16_only_where_the_processor_multiplies_it(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor: 0\nflags\t\t: fpu avx512f amx_bf16 amx_tile\n")
    assert pick_dtype("auto", "cpu", cpu_flags(cpuinfo)) == "bfloat16"
    assert pick_dtype("auto", "cpu", {"avx512f", "avx512_vnni"}) == "float32"
    assert pick_dtype("auto", "cuda", set()) == "bfloat16"
    assert pick_dtype("float32", "cuda", set()) == "float32"
    assert cpu_flags(tmp_path / "none") == set()


def test_a_wish_for_a_device_is_kept():
    assert pick_device("cuda") == "cuda"
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_setups_weights_are_loaded_as_they_are_asked_for(toy):
    weights = weights_of(toy.setup)
    assert (weights.device, weights.dtype) == ("cpu", "float32")
    ours, tokenizer = weights.load()
    plain, _ = weights.load(attention=None)
    ids = torch.tensor([tokenizer("The heart pumps blood.")["input_ids"]])
    assert not ours.training
    assert not any(parameter.requires_grad for parameter in ours.parameters())
    torch.testing.assert_close(ours(ids).logits, plain(ids).logits, atol=1e-4, rtol=1e-4)


def test_other_weights_have_another_fingerprint(toy, toy_toml):
    before = weights_of(toy.setup).fingerprint
    assert weights_of(toy.setup).fingerprint == before
    config = toy.setup.model.path / "config.json"
    config.write_text(config.read_text() + "\n")
    assert weights_of(toy.setup).fingerprint != before
