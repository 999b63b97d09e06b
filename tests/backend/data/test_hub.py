"""What is said when the hub does not give what was asked of it, against a hub on loopback."""

import errno
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import datasets
import pytest
import torch
from huggingface_hub import constants, hf_api
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import _http
from sae_lens import SAE
from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

from backend.data.hub import fetch_model
from backend.data.question_sets import read_set
from backend.errors import Unavailable
from backend.model.loading import load_hf
from backend.model.sae import load_sae
from backend.setups import SaeSource, SetSource, load_setup
from tests.support.gemma import gemma_model, gemma_tokenizer, torch_sae, write_data_sets
from tests.support.hub import COMMIT, GOOD_TOKEN, OTHER_TOKEN, serve
from tests.support.scopes import PUBLISHED, gemma_3, write_gemma_scope_2, write_qwen_scope

MODEL = "google/gemma-2b-it"
SCOPE_2, QWEN = PUBLISHED["gemma-3-1b-it"], PUBLISHED["qwen3-1.7b"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    tokenizer = gemma_tokenizer()
    for part in (gemma_model(len(tokenizer), version=1, n_blocks=2, d_model=32), tokenizer):
        part.save_pretrained(folder / MODEL)
    write_data_sets(folder)
    (folder / "eoinf/unlearning_saes/run").mkdir(parents=True)
    torch.save(torch_sae(32, 48), folder / "eoinf/unlearning_saes/run/sae.pt")
    tokenizer = gemma_tokenizer()
    scope = folder / SCOPE_2.sae / SCOPE_2.file
    write_gemma_scope_2(scope, gemma_3(len(tokenizer), 3), tokenizer, 1)
    return folder


def turn(monkeypatch, address: str, offline: bool = False) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(hf_api.api, "endpoint", address)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", address)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", offline)


@pytest.fixture(scope="module")
def server(root):
    with serve(root) as hub:
        yield hub


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    """The hub, an empty hub cache, no token, and no waiting between tries."""
    monkeypatch.setattr(
        _http,
        "time",
        SimpleNamespace(sleep=lambda _: None, time=time.time, monotonic=time.monotonic),
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_XET_CACHE", str(tmp_path / "xet"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    server.gated.clear()
    server.asked.clear()
    server.broken = 0
    turn(monkeypatch, server.address)
    return server


def load(name: str = MODEL, revision: str | None = None):
    return load_hf(str(fetch_model(name, revision)), dtype="float32", device="cpu")


def says(*words: str) -> str:
    with pytest.raises(Unavailable) as error:
        load()
    said = str(error.value)
    assert "\n" not in said and said.endswith(".")
    for word in words:
        assert word in said, said
    return said


def test_what_is_fetched_is_known_by_its_commit(hub):
    assert fetch_model(MODEL, None).name == COMMIT


def test_a_download_says_how_many_megabytes_have_come(hub, root, monkeypatch):
    weights = root / "google/large/model.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(bytes(64 << 20))
    monkeypatch.setattr("backend.data.hub.LOOK_S", 0.001)
    seen = []
    fetch_model("google/large", None, seen.append)
    done = [report.done for report in seen]
    assert seen[0].stage == "Downloading google/large, 64 MB"
    assert done[0] == 0
    assert done == sorted(done)
    assert 0 < done[-1] <= 64
    seen.clear()
    fetch_model("google/large", None, seen.append)
    assert not [p for p in seen if p.done < p.total], "what is there is not fetched again"


def test_a_download_that_nobody_waits_for_is_left_to_itself(hub, root, monkeypatch):
    monkeypatch.setattr("backend.data.hub.LOOK_S", 0.001)

    def give_up(_):
        raise KeyboardInterrupt

    weights = root / "google/left/model.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(bytes(64 << 20))
    with pytest.raises(KeyboardInterrupt):
        fetch_model("google/left", None, give_up)
    assert fetch_model("google/left", None).name == COMMIT


def test_gated_without_a_token(hub):
    hub.gated.add(MODEL)
    says("gated", f"{hub.address}/{MODEL}", "licence", "hf auth login", "HF_TOKEN")


def test_gated_with_the_token_of_someone_not_admitted(hub, monkeypatch):
    hub.gated.add(MODEL)
    monkeypatch.setenv("HF_TOKEN", OTHER_TOKEN)
    says("token is not admitted", f"{hub.address}/{MODEL}", "licence")


def test_gated_with_the_right_token(hub, monkeypatch):
    hub.gated.add(MODEL)
    monkeypatch.setenv("HF_TOKEN", GOOD_TOKEN)
    assert load()[0].config.num_hidden_layers == 2


def test_a_wrong_token(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    says("refuses your access token", "hf auth login", "HF_TOKEN")


def test_no_network(hub, monkeypatch):
    turn(monkeypatch, "http://127.0.0.1:9")
    says("cannot be reached", "http://127.0.0.1:9", "network")


def test_offline_with_and_without_a_filled_cache(hub, monkeypatch):
    turn(monkeypatch, hub.address, offline=True)
    says("HF_HUB_OFFLINE", constants.HF_HUB_CACHE)
    turn(monkeypatch, hub.address)
    load()
    hub.asked.clear()
    turn(monkeypatch, hub.address, offline=True)
    assert load()[0].config.num_hidden_layers == 2
    assert not hub.asked


def test_a_download_that_breaks_off_goes_on_where_it_was(hub):
    hub.broken = 1000
    says("broke off", "Start again")
    hub.broken = 0
    assert load()[0].config.num_hidden_layers == 2


def test_half_a_file_in_the_cache(hub):
    load()
    folder = constants.HF_HUB_CACHE + "/" + repo_folder_name(repo_id=MODEL, repo_type="model")
    weights = next(Path(folder).glob("snapshots/*/model.safetensors")).resolve()
    weights.write_bytes(weights.read_bytes()[:2000])
    says("half there", folder, "fetch it again")
    shutil.rmtree(folder)
    load()


def test_a_full_disk(hub, monkeypatch):
    from huggingface_hub import file_download

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_download, "http_get", full)
    says("disk is full", constants.HF_HUB_CACHE, "HF_HOME")


def test_no_such_model_and_no_such_revision(hub):
    said = "'google/none' is not on the hub, or is private.*hf auth login"
    with pytest.raises(Unavailable, match=said):
        load("google/none")
    with pytest.raises(Unavailable, match="no such revision"):
        load(revision="old")


def test_the_papers_sae_from_the_hub_and_gated(hub):
    source = SaeSource(release="eoinf/unlearning_saes", sae_id="run/sae.pt")
    assert load_sae(source, "cpu").hook_name == "blocks.2.hook_resid_pre"
    hub.gated.add("eoinf/unlearning_saes")
    shutil.rmtree(constants.HF_HUB_CACHE)
    with pytest.raises(Unavailable, match="SAE 'eoinf/unlearning_saes/run/sae.pt' is gated"):
        load_sae(source, "cpu")


def test_gemma_scope_2_is_what_sae_lens_makes_of_it_and_opens_without_a_network(hub, monkeypatch):
    source = load_setup("gemma-3-1b-it").sae
    ours = load_sae(source, "cpu")
    theirs = SAE.from_pretrained(source.release, source.sae_id, device="cpu", dtype="float32")
    assert ours.sae.cfg.architecture() == theirs.cfg.architecture()
    assert ours.sae.cfg.apply_b_dec_to_input == theirs.cfg.apply_b_dec_to_input is False
    for name in ("hook_name", "model_name"):
        assert getattr(ours.sae.cfg.metadata, name) == getattr(theirs.cfg.metadata, name)
    state = theirs.state_dict()
    assert ours.sae.state_dict().keys() == state.keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in ours.sae.state_dict().items())
    assert ours.neuronpedia_id == SCOPE_2.page
    turn(monkeypatch, "http://127.0.0.1:9")
    assert load_sae(source, "cpu").hook_name == "blocks.13.hook_resid_post"
    with pytest.raises(OSError):  # which is why it is not sae-lens that opens it
        SAE.from_pretrained(source.release, source.sae_id, device="cpu", dtype="float32")
    with pytest.raises(Unavailable, match="ID layer_14_width_16k_l0_medium not found in release"):
        load_sae(replace(source, sae_id="layer_14_width_16k_l0_medium"), "cpu")


def test_qwen_scope_is_topk_in_its_own_file_and_names_no_page(hub, root, monkeypatch):
    """At a width of its own: sae-lens takes 2,048 and 32,768 for granted."""
    source = load_setup("qwen3-1.7b").sae
    file = root / QWEN.sae / QWEN.file
    write_qwen_scope(file, 32, 96)
    listed = get_pretrained_saes_directory()[source.release]
    monkeypatch.setattr(listed, "config_overrides", {"d_in": 32, "d_sae": 96})
    loaded, tensors = load_sae(source, "cpu"), torch.load(file)
    resid = torch.randn(7, 32, generator=torch.Generator().manual_seed(3))
    before = resid @ tensors["W_enc"].float().T + tensors["b_enc"].float()
    least = before.sort(descending=True).values[:, 49:50]
    acts = torch.where(before >= least, before, 0).relu()
    torch.testing.assert_close(loaded.encode(resid), acts)
    torch.testing.assert_close(loaded.W_dec, tensors["W_dec"].float().T)
    assert loaded.hook_name == "blocks.13.hook_resid_post"
    assert loaded.neuronpedia_id is None
    assert loaded.trained_on("Qwen/Qwen3-1.7B-Base").endswith("this very model.")


WMDP = SetSource(
    "wmdp_bio", "WMDP-Bio", "forget", subject="biology", dataset="cais/wmdp", config="wmdp-bio"
)


def test_questions_from_the_hub_in_one_subject_and_in_all(hub):
    assert len(read_set(WMDP).questions) == 5
    mmlu = SetSource("mmlu", "All MMLU", "retain", dataset="cais/mmlu", subjects=("all",))
    assert len(read_set(mmlu).questions) == 3 * 57
    files = [a for a in hub.asked if a.startswith("GET") and a.endswith(".parquet")]
    assert len(files) == 2, "all subjects come in one file"


def test_a_gated_data_set_and_no_network(hub, monkeypatch):
    hub.gated.add("datasets/cais/wmdp")
    said = "data set 'cais/wmdp' is gated.*/datasets/cais/wmdp.*hf auth login"
    with pytest.raises(Unavailable, match=said):
        read_set(WMDP)
    turn(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="data set 'cais/wmdp'.*cannot be reached"):
        read_set(WMDP)


def test_questions_offline_from_what_was_fetched_before(hub, monkeypatch):
    before = read_set(WMDP)
    turn(monkeypatch, hub.address, offline=True)
    hub.asked.clear()
    assert read_set(WMDP) == before
    assert not hub.asked
    with pytest.raises(Unavailable, match="HF_HUB_OFFLINE"):
        read_set(SetSource("mmlu", "All MMLU", "retain", dataset="cais/mmlu", subjects=("all",)))
