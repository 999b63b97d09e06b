"""SAEs that sae-lens does not read: the numbers of their formulas, and no code of theirs run."""

import datetime
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from backend.errors import BadSetup, Unavailable
from backend.model.sae import load_sae
from backend.model.sae_files import _Settings
from backend.model.sae_on_disk import width_of
from backend.setups import SaeSource
from tests.support.gemma import gemma_tokenizer, torch_sae
from tests.support.scopes import gemma_3, write_gemma_scope_2

RESID = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))


def save(path, content) -> SaeSource:
    torch.save(content, path)
    return SaeSource(path=path)


@pytest.mark.parametrize("subtract", [True, False])
def test_the_papers_format_is_its_own_formula(tmp_path, subtract):
    content = torch_sae(6, 8, subtract_b_dec_from_inputs=subtract)
    loaded, state = load_sae(save(tmp_path / "sae.pt", content), "cpu"), content["state_dict"]
    before = RESID - state["b_dec"] if subtract else RESID
    acts = torch.relu(before @ state["W_enc"] + state["b_enc"])
    torch.testing.assert_close(loaded.encode(RESID), acts)
    torch.testing.assert_close(loaded.sae.decode(acts), acts @ state["W_dec"] + state["b_dec"])
    assert loaded.hook_name == "blocks.2.hook_resid_pre"
    assert (loaded.d_in, loaded.d_sae) == (6, 8)


def test_the_papers_class_of_settings_is_read_without_its_code(tmp_path):
    content = torch_sae(6, 8)
    settings = _Settings()
    vars(settings).update(content["cfg"])
    assert _Settings.__module__ == "sae.config", "as in the paper's files"
    loaded = load_sae(save_as(tmp_path / "sae.pt", {**content, "cfg": settings}), "cpu")
    assert loaded.hook_name == "blocks.2.hook_resid_pre"


def save_as(path, content) -> SaeSource:
    """torch.save under the class's foreign name, for which a module is made while it saves."""
    import sys
    from types import ModuleType

    module = ModuleType("sae.config")
    module.Config = type(content["cfg"])
    sys.modules["sae"], sys.modules["sae.config"] = ModuleType("sae"), module
    try:
        return save(path, content)
    finally:
        del sys.modules["sae"], sys.modules["sae.config"]


class Evil:
    def __reduce__(self):
        import os

        return os.mkdir, ("was-run",)


@pytest.mark.parametrize("extra", [Evil(), datetime.date(2024, 1, 1), SimpleNamespace(a=1)])
def test_a_file_that_would_run_code_is_refused(tmp_path, monkeypatch, extra):
    monkeypatch.chdir(tmp_path)
    source = save(tmp_path / "sae.pt", {**torch_sae(6, 8), "extra": extra})
    with pytest.raises(BadSetup, match="would have to run code"):
        load_sae(source, "cpu")
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"d_in": 7}, "d_in is 7"),
        ({"activation_function": "topk"}, "activation_function = 'topk'"),
        ({"scale_input_norm": True}, "scale_input_norm = True"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path, settings, word):
    with pytest.raises(BadSetup, match=word):
        load_sae(save(tmp_path / "sae.pt", torch_sae(6, 8, **settings)), "cpu")


@pytest.mark.parametrize(
    ("name", "tensor", "word"),
    [
        ("b_enc", torch.zeros(9), r"b_enc is \(9,\)"),
        ("W_dec", torch.zeros(8, 5), r"W_dec is \(8, 5\)"),
        ("b_pre", torch.zeros(6), "another bias"),
        ("r_mag", torch.zeros(8), "holds .*r_mag"),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path, name, tensor, word):
    content = torch_sae(6, 8)
    content["state_dict"][name] = tensor
    with pytest.raises(BadSetup, match=word):
        load_sae(save(tmp_path / "sae.pt", content), "cpu")


@pytest.mark.parametrize("name", ["hook_point", "d_in", "subtract_b_dec_from_inputs"])
def test_a_setting_that_is_missing_is_named(tmp_path, name):
    content = torch_sae(6, 8)
    del content["cfg"][name]
    with pytest.raises(BadSetup, match=f"does not say its {name}"):
        load_sae(save(tmp_path / "sae.pt", content), "cpu")


def test_a_file_of_something_else_or_cut_off_is_refused(tmp_path):
    content = torch_sae(6, 8)
    with pytest.raises(BadSetup, match='must hold "cfg" and "state_dict"'):
        load_sae(save(tmp_path / "sae.pt", content["state_dict"]), "cpu")
    (tmp_path / "half.pt").write_bytes((tmp_path / "sae.pt").read_bytes()[:500])
    with pytest.raises(Unavailable, match="damaged"):
        load_sae(SaeSource(path=tmp_path / "half.pt"), "cpu")


def test_gemma_scope_from_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    shapes = {"W_enc": (6, 8), "W_dec": (8, 6), "b_enc": 8, "b_dec": 6}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    np.savez(tmp_path / "params.npz", **arrays, threshold=np.full(8, 0.5, np.float32))
    loaded = load_sae(SaeSource(path=tmp_path, hook_name="blocks.7.hook_resid_post"), "cpu")
    before = RESID.numpy() @ arrays["W_enc"] + arrays["b_enc"]
    wanted = before * (before > 0.5)
    np.testing.assert_allclose(loaded.encode(RESID).numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert loaded.hook_name == "blocks.7.hook_resid_post"
    with pytest.raises(BadSetup, match="hook_name"):
        load_sae(SaeSource(path=tmp_path), "cpu")


@pytest.fixture(scope="module")
def scope_2(tmp_path_factory):
    folder, tokenizer = tmp_path_factory.mktemp("scope"), gemma_tokenizer()
    write_gemma_scope_2(folder, gemma_3(len(tokenizer), 3), tokenizer, 1)
    return folder


def test_gemma_scope_2_from_a_folder_is_its_own_formula(scope_2):
    loaded, arrays = (
        load_sae(SaeSource(path=scope_2), "cpu"),
        load_file(scope_2 / "params.safetensors"),
    )
    resid = 3 * torch.randn(5, 64, generator=torch.Generator().manual_seed(3))
    before = resid @ arrays["w_enc"] + arrays["b_enc"]
    acts = before * (before > arrays["threshold"])
    assert 0 < (acts > 0).sum() < acts.numel()
    torch.testing.assert_close(loaded.encode(resid), acts)
    torch.testing.assert_close(loaded.sae.decode(acts), acts @ arrays["w_dec"] + arrays["b_dec"])
    assert loaded.hook_name == "blocks.1.hook_resid_post"
    assert loaded.trained_on("google/gemma-3-1b-it").endswith("this very model.")
    assert width_of(SaeSource(path=scope_2)) == loaded.d_sae == len(arrays["b_enc"])


@pytest.mark.parametrize(
    "said", [{"hf_hook_point_in": "model.layers.1.mlp"}, {"architecture": "topk"}, None]
)
def test_gemma_scope_2_that_does_not_say_what_it_reads_needs_a_hook(scope_2, tmp_path, said):
    (tmp_path / "params.safetensors").symlink_to(scope_2 / "params.safetensors")
    before = json.loads((scope_2 / "config.json").read_text())
    if said is not None:
        (tmp_path / "config.json").write_text(json.dumps(before | said))
    with pytest.raises(BadSetup, match="give hook_name in"):
        load_sae(SaeSource(path=tmp_path), "cpu")
    source = SaeSource(path=tmp_path, hook_name="blocks.2.hook_resid_post")
    assert load_sae(source, "cpu").hook_name == "blocks.2.hook_resid_post"
