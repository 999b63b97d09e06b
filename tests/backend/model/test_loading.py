"""Where a model runs and in which precision, and that what is loaded is the model."""

import json
import os

import pytest
import torch

from backend.errors import ClampboardError, Unavailable
from backend.model.kernel import GROUPED
from backend.model.loading import load_hf, load_tokenizer, pick_device, pick_dtype, weights_of
from backend.model.machine import cpu_flags


def test_bfloat16_only_where_the_processor_multiplies_it(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor: 0\nflags\t\t: fpu avx512f amx_bf16 amx_tile\n")
    assert pick_dtype("auto", "cpu", cpu_flags(cpuinfo)) == "bfloat16"
    assert pick_dtype("auto", "cpu", {"avx512f", "avx512_vnni"}) == "float32"
    assert pick_dtype("auto", "cuda", set()) == "bfloat16"
    assert pick_dtype("float32", "cuda", set()) == "float32"
    assert cpu_flags(tmp_path / "none") == set()


def test_a_device_is_one_that_is_there():
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    assert pick_device("cpu") == "cpu"
    for wish in (f"cuda:{n}", *(["cuda"] if not n else [])):
        with pytest.raises(Unavailable, match=f"{n} CUDA GPUs: there is no device {wish}"):
            pick_device(wish)
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_setups_weights_are_loaded_as_they_are_asked_for(toy):
    weights = weights_of(toy.setup)
    assert (weights.device, weights.dtype) == ("cpu", "float32")
    plain, tokenizer = weights.load()
    ids = torch.tensor([tokenizer("The heart pumps blood.")["input_ids"]])
    assert not plain.training
    assert not any(parameter.requires_grad for parameter in plain.parameters())
    assert plain.config._attn_implementation == "sdpa"
    assert toy.model.hf.config._attn_implementation == GROUPED
    torch.testing.assert_close(toy.model.hf(ids).logits, plain(ids).logits, atol=1e-4, rtol=1e-4)


def test_tokenizer_and_length_are_those_of_the_model_and_need_no_weights(toy):
    weights = weights_of(toy.setup)
    text = "The heart pumps blood."
    wanted = toy.model.tokenizer(text)["input_ids"]
    (toy.setup.model.path / "model.safetensors").unlink()
    assert load_tokenizer(weights.source)(text)["input_ids"] == wanted
    assert weights.longest() == toy.model.longest == 512


def test_other_weights_have_another_fingerprint(toy, toy_toml):
    before = weights_of(toy.setup).fingerprint
    assert weights_of(toy.setup).fingerprint == before
    config = toy.setup.model.path / "config.json"
    config.write_text(config.read_text() + "\n")
    assert weights_of(toy.setup).fingerprint != before


class Code:
    def __reduce__(self):
        return os.mkdir, ("was-run",)


def changed(folder, file, **fields):
    value = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(value | fields))


def with_code(folder):
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Code()}, folder / "pytorch_model.bin")


def with_a_pipe(folder):
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (with_code, "would have to run code of its own, and none of it was run"),
        (with_a_pipe, "config.json is no regular file"),
        (lambda f: (f / "config.json").write_text("null"), "do not fit together"),
        (lambda f: (f / "config.json").write_text("[" * 99_999), "cannot be loaded"),
        (lambda f: changed(f, "config.json", num_hidden_layers="x"), "do not fit together"),
        (lambda f: changed(f, "config.json", num_attention_heads=0), "do not fit together"),
        (lambda f: changed(f, "config.json", dtype="float99"), "do not fit together"),
        (
            lambda f: changed(f, "config.json", model_type="z", auto_map={"AutoConfig": "x.y"}),
            "contains custom code",
        ),
        (lambda f: changed(f, "tokenizer_config.json", eos_token=3), "do not fit together"),
        (lambda f: (f / "tokenizer_config.json").write_text("[]"), "do not fit together"),
        (lambda f: changed(f, "tokenizer.json", model=None), "do not fit together|cannot be load"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x" * 99), "damaged or only half there"),
    ],
)
def test_a_folder_that_is_no_model_is_a_sentence(toy_toml, monkeypatch, damage, said):
    folder = toy_toml.parent / "model"
    monkeypatch.chdir(toy_toml.parent)
    damage(folder)
    with pytest.raises(ClampboardError, match=said) as error:
        load_hf(str(folder), dtype="float32", device="cpu")
    assert len(str(error.value)) < 600
    assert "\n" not in str(error.value)
    assert not (toy_toml.parent / "was-run").exists()
