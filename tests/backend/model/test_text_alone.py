"""Of a Gemma 3 that reads images, the text model alone; and no model that its files do not fill."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.errors import BadSetup, Unavailable
from backend.model.loading import Weights, load_hf
from tests.support.gemma import gemma_tokenizer
from tests.support.scopes import gemma_3_with_images
from tests.support.toy import build_model

TOKENIZER = gemma_tokenizer()
IDS = torch.randint(8, 300, (2, 40), generator=torch.Generator().manual_seed(0))
VISION = ("vision_tower", "multi_modal_projector")


@pytest.fixture(scope="module")
def whole():
    return gemma_3_with_images(len(TOKENIZER), 7)


@pytest.fixture
def folder(whole, tmp_path):
    """In files of 100 KB, under the names that the hub has them by."""
    whole.save_pretrained(tmp_path, max_shard_size="100KB")
    TOKENIZER.save_pretrained(tmp_path)
    names = json.loads((tmp_path / "model.safetensors.index.json").read_text())["weight_map"]
    assert "language_model.model.layers.0.mlp.up_proj.weight" in names
    assert len(set(names.values())) > 3
    return tmp_path


def in_one_file(folder, rename=lambda name: name, **more):
    """All weights in one file; those of `more` in their place, None for none at all."""
    files = sorted(folder.glob("*.safetensors"))
    state = {name: tensor for file in files for name, tensor in load_file(file).items()} | more
    for file in (*files, folder / "model.safetensors.index.json"):
        file.unlink()
    state = {rename(name): tensor for name, tensor in state.items() if tensor is not None}
    save_file(state, folder / "model.safetensors", {"format": "pt"})


def load(folder):
    return load_hf(str(folder), dtype="float32", device="cpu")[0]


@torch.inference_mode()
def test_its_logits_are_those_of_the_whole_model_bit_for_bit(whole, folder):
    hf = load(folder)
    assert torch.equal(hf(input_ids=IDS).logits, whole(input_ids=IDS).logits)


@torch.inference_mode()
def test_so_are_those_of_a_file_with_transformers_own_names(whole, folder):
    def renamed(name):
        name = name.replace("language_model.model.", "model.language_model.", 1)
        return f"model.{name}" if name.startswith(VISION) else name

    head = whole.lm_head.weight.detach().clone()
    in_one_file(folder, renamed, **{"lm_head.weight": head})
    assert torch.equal(load(folder)(input_ids=IDS).logits, whole(input_ids=IDS).logits)


def test_nothing_that_reads_images_is_held(whole, folder):
    hf = load(folder)
    ours = {f"model.language_model.{name}" for name, _ in hf.model.named_parameters()}
    theirs = {name for name, _ in whole.named_parameters()}
    assert ours == {name for name in theirs if ".language_model." in name}
    assert hf.num_parameters() < whole.num_parameters()


def test_its_sizes_are_told_without_its_weights(folder):
    for file in folder.glob("*.safetensors"):
        file.unlink()
    assert Weights(str(folder), "", "cpu", "float32").longest() == 2048


UP = "language_model.model.layers.2.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({UP: None}, r"missing from its files, 1 of them \(model.layers.2.mlp.up_proj.weight\)"),
        ({UP: torch.zeros(3, 3)}, r"of another shape in its files, 1 of them \(model.layers.2"),
        (
            {"language_model.model.layers.2.mlp.up_proj.bias": torch.zeros(32)},
            "in its files that have no place in it, 1 of them",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_with_the_weights_name(folder, changed, said):
    in_one_file(folder, **changed)
    with pytest.raises(Unavailable, match=said) as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_a_model_of_fewer_blocks_than_its_files_have_is_refused(tmp_path):
    model = build_model(len(TOKENIZER))
    model.save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    assert load(tmp_path).config.num_hidden_layers == 4
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(said | {"num_hidden_layers": 3}))
    with pytest.raises(Unavailable, match="no place in it, 9 of them"):
        load(tmp_path)


def test_another_kind_that_reads_more_than_text_is_refused_by_name(folder):
    said = json.loads((folder / "config.json").read_text())
    text = said["text_config"] | {"model_type": "llama"}
    other = {"model_type": "llava", "text_config": text, "vision_config": {}}
    (folder / "config.json").write_text(json.dumps(other))
    with pytest.raises(BadSetup, match="reads more than text .model_type llava.*gemma3 alone"):
        load(folder)
