"""SAEs as loaded: what their decoder rows are, which are refused, how they are told apart."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.errors import BadSetup, ClampboardError, Unavailable
from backend.model.sae import _page_of_same_weights, load_sae
from backend.model.sae_on_disk import fingerprint
from backend.setups import SaeSource, load_setup
from tests.support.gemma import torch_sae
from tests.support.scopes import PUBLISHED
from tests.support.toy import BLOCK, D_MODEL, D_SAE, build_sae

HUB = SaeSource(release="release", sae_id="id")


def load(folder, **sae):
    build_sae(folder, **sae)
    return load_sae(SaeSource(path=folder), "cpu")


@pytest.mark.parametrize(
    "sae",
    [
        {"architecture": "standard"},
        {"architecture": "gated"},
        {"architecture": "jumprelu"},
        {"architecture": "topk"},
        {"architecture": "topk", "rescale_acts_by_decoder_norm": True},
        {"architecture": "batchtopk"},
    ],
    ids=lambda sae: " ".join(map(str, sae.values())),
)
def test_a_decoder_row_is_what_one_unit_of_its_feature_adds(tmp_path, sae):
    loaded = load(tmp_path, **sae)
    nothing = loaded.sae.decode(torch.zeros(1, D_SAE))
    torch.testing.assert_close(loaded.sae.decode(torch.eye(D_SAE)) - nothing, loaded.W_dec)
    torch.testing.assert_close(loaded.dec_norms, loaded.W_dec.square().sum(1).sqrt())


def test_an_sae_says_its_sizes_its_hook_and_its_folder(tmp_path):
    loaded = load(tmp_path / "mine")
    assert (loaded.d_in, loaded.d_sae) == (D_MODEL, D_SAE)
    assert loaded.hook_name == f"blocks.{BLOCK}.hook_resid_post"
    assert loaded.title == "mine"


def test_activations_are_in_float32_whatever_the_models_dtype(tmp_path):
    loaded = load(tmp_path)
    resid = torch.randn(3, D_MODEL).bfloat16()
    acts = loaded.encode(resid)
    assert acts.dtype == torch.float32
    assert torch.equal(acts, loaded.encode(resid.float()))
    assert not acts.requires_grad


@pytest.mark.parametrize(
    ("sae", "said"),
    [
        (
            {"architecture": "abstopk"},
            "is of architecture 'abstopk'; clamps are exact for standard, gated, topk, jumprelu",
        ),
        (
            {"normalize_activations": "layer_norm"},
            "normalises or reshapes its input .*'layer_norm', reshape_activations = 'none'",
        ),
        (
            {"reshape_activations": "hook_z", "hook_name": "blocks.1.attn.hook_z"},
            "normalises or reshapes its input .*'none', reshape_activations = 'hook_z'",
        ),
        ({"hook_name": ""}, "does not say which hook it reads"),
    ],
)
def test_an_sae_whose_edit_would_not_be_exact_is_refused(tmp_path, sae, said):
    with pytest.raises(BadSetup, match=said):
        load(tmp_path, **sae)


def test_a_folder_without_an_sae_says_what_was_expected(tmp_path):
    with pytest.raises(Unavailable, match=r"no SAE in .*cfg.json and sae_weights.*params.npz"):
        load_sae(SaeSource(path=tmp_path), "cpu")


def test_a_file_cut_off_is_damaged(tmp_path):
    build_sae(tmp_path)
    weights = tmp_path / "sae_weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(Unavailable, match=r"SAE '.*' is damaged or only half there"):
        load_sae(SaeSource(path=tmp_path), "cpu")


@pytest.mark.parametrize(
    ("trained", "said"),
    [
        (None, False),
        ("gemma-2-2b-it", False),
        ("Google/Gemma-2-2b-it", False),
        ("gemma-2-2b", True),
    ],
)
def test_an_sae_of_another_model_says_so(tmp_path, trained, said):
    loaded = load(tmp_path)
    loaded.sae.cfg.metadata.model_name = trained
    wanted = "The SAE was trained on gemma-2-2b and is used here on google/gemma-2-2b-it."
    assert loaded.used_elsewhere("google/gemma-2-2b-it") == (wanted if said else "")
    own = "The SAE was trained on this very model." if trained else ""
    assert loaded.trained_on("google/gemma-2-2b-it") == (wanted if said else own)


@pytest.mark.parametrize(
    ("setup", "page"),
    [
        ("gemma-2-2b-it", "gemma-2-2b/7-gemmascope-res-16k"),
        ("gemma-2-2b-it-layer13-l0-84", "gemma-2-2b/13-gemmascope-res-16k"),
        ("gemma-2-2b-it-layer3-l0-142", None),
        *((setup, published.page) for setup, published in PUBLISHED.items()),
        ("demo", None),
    ],
)
def test_neuronpedia_is_found_where_another_release_names_the_very_same_file(setup, page):
    assert _page_of_same_weights(load_setup(setup).sae) == page


def not_asked():
    pytest.fail("the weights were asked for")


def test_a_local_sae_is_told_by_its_files(tmp_path):
    source = SaeSource(path=tmp_path)
    load(tmp_path)
    before = fingerprint(source, not_asked)
    (tmp_path / "README.md").write_text("not a part of it")
    assert fingerprint(source, not_asked) == before
    cfg = json.loads((tmp_path / "cfg.json").read_text())
    (tmp_path / "cfg.json").write_text(json.dumps({**cfg, "more": 1}))
    assert fingerprint(source, not_asked) != before


def test_a_torch_file_is_told_by_its_bytes(tmp_path):
    source = SaeSource(path=tmp_path / "sae.pt")
    torch.save(torch_sae(6, 8), source.path)
    before = fingerprint(source, not_asked)
    (tmp_path / "other.pt").write_bytes(b"")
    assert fingerprint(source, not_asked) == before
    source.path.write_bytes(source.path.read_bytes() + b"\0")
    assert fingerprint(source, not_asked) != before


def test_an_sae_from_the_hub_is_told_by_its_weights(tmp_path):
    loaded, same = load(tmp_path / "a"), load(tmp_path / "b")
    assert fingerprint(HUB, loaded.sae.state_dict) == fingerprint(HUB, same.sae.state_dict)
    with torch.no_grad():
        same.sae.b_dec[0] += 1
    assert fingerprint(HUB, loaded.sae.state_dict) != fingerprint(HUB, same.sae.state_dict)


def rewritten(folder, **tensors):
    path = folder / "sae_weights.safetensors"
    save_file(load_file(path) | tensors, path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "cfg.json").write_text("null"), "do not fit together"),
        (lambda f: (f / "cfg.json").write_text("{}"), "do not fit together"),
        (lambda f: (f / "cfg.json").write_text("[" * 99_999), "cannot be loaded|fit together"),
        (lambda f: (f / "cfg.json").unlink() or os.mkfifo(f / "cfg.json"), "no regular file"),
        (lambda f: rewritten(f, W_dec=torch.zeros(3, 3)), "cannot be loaded|fit together"),
        (
            lambda f: rewritten(f, W_dec=torch.full((D_SAE, D_MODEL), torch.nan)),
            "weights that are no finite numbers",
        ),
        (lambda f: rewritten(f, threshold=torch.full((D_SAE,), torch.nan)), "no finite numbers"),
        (lambda f: named(f, model_name=3), "metadata.model_name = 3"),
        (lambda f: named(f, hook_name="b" * 999), "metadata.hook_name = 'b"),
    ],
)
def test_a_folder_that_is_no_sae_is_a_sentence(tmp_path, damage, said):
    build_sae(tmp_path)
    damage(tmp_path)
    with pytest.raises(ClampboardError, match=said) as error:
        load_sae(SaeSource(path=tmp_path), "cpu")
    assert len(str(error.value)) < 600


def named(folder, **metadata):
    value = json.loads((folder / "cfg.json").read_text())
    value["metadata"] |= metadata
    (folder / "cfg.json").write_text(json.dumps(value))


def test_a_feature_may_have_an_infinite_threshold(tmp_path):
    build_sae(tmp_path)
    rewritten(tmp_path, threshold=torch.full((D_SAE,), torch.inf))
    assert not load_sae(SaeSource(path=tmp_path), "cpu").encode(torch.randn(3, D_MODEL)).any()
