"""Tiny random models in the shapes of Gemma 3 and Qwen 3, and their published SAEs' own files."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from transformers import (
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tests.support.gemma import gemma_tokenizer
from tests.support.toy import BIOLOGY, OTHER, build_tokenizer

WINDOW = 512
"""Of the local layers of Gemma 3 270M and 1B."""
D_SAE = 128
QWEN_SHAPE = 2048, 32_768
"""d_in and d_sae of Qwen-Scope's SAEs of Qwen3-1.7B, which sae-lens takes for granted."""


class Published(NamedTuple):
    """What a setup asks the hub for."""

    model: str
    sae: str
    """Its repository."""
    file: str
    """Its folder there, or its file."""
    block: int
    page: str | None
    """Its pages on Neuronpedia, as model/source."""


PUBLISHED = {
    "gemma-3-270m-it": Published(
        "google/gemma-3-270m-it",
        "google/gemma-scope-2-270m-it",
        "resid_post/layer_9_width_16k_l0_medium",
        9,
        "gemma-3-270m-it/9-gemmascope-2-res-16k",
    ),
    "gemma-3-1b-it": Published(
        "google/gemma-3-1b-it",
        "google/gemma-scope-2-1b-it",
        "resid_post/layer_13_width_16k_l0_medium",
        13,
        "gemma-3-1b-it/13-gemmascope-2-res-16k",
    ),
    "gemma-3-4b-it": Published(
        "google/gemma-3-4b-it",
        "google/gemma-scope-2-4b-it",
        "resid_post/layer_17_width_16k_l0_medium",
        17,
        "gemma-3-4b-it/17-gemmascope-2-res-16k",
    ),
    "qwen3-1.7b": Published(
        "Qwen/Qwen3-1.7B-Base",
        "Qwen/SAE-Res-Qwen3-1.7B-Base-W32K-L0_50",
        "layer13.sae.pt",
        13,
        None,
    ),
}


def gemma_3_text(vocab_size: int, n_blocks: int, d_model: int = 64, **more: object) -> dict:
    """The settings of a text model: five local layers, then one that sees everything."""
    return {
        "vocab_size": vocab_size,
        "hidden_size": d_model,
        "intermediate_size": 32,
        "num_hidden_layers": n_blocks,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "query_pre_attn_scalar": 16,
        "max_position_embeddings": 2048,
        "sliding_window": WINDOW,
        "initializer_range": 0.2,
        **more,
    }


def gemma_3(vocab_size: int, n_blocks: int) -> Gemma3ForCausalLM:
    torch.manual_seed(0)
    return Gemma3ForCausalLM(Gemma3TextConfig(**gemma_3_text(vocab_size, n_blocks))).eval()


def gemma_3_with_images(vocab_size: int, n_blocks: int) -> Gemma3ForConditionalGeneration:
    """With a vision tower, and positions stretched by 8 as in the 4B."""
    torch.manual_seed(0)
    stretched = {"rope_type": "linear", "factor": 8.0}
    config = Gemma3Config(
        text_config=gemma_3_text(vocab_size, n_blocks, rope_scaling=stretched),
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
        image_token_index=5,
        boi_token_index=6,
        eoi_token_index=7,
    )
    return Gemma3ForConditionalGeneration(config).eval()


def qwen_3(vocab_size: int, n_blocks: int, d_model: int = QWEN_SHAPE[0]) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=vocab_size,
        hidden_size=d_model,
        intermediate_size=32,
        num_hidden_layers=n_blocks,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=2048,
        initializer_range=0.1,
        tie_word_embeddings=True,
    )
    return Qwen3ForCausalLM(config).eval()


@torch.inference_mode()
def write_gemma_scope_2(
    folder: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    block: int,
    name: str = "gemma-3-1b-it",
) -> None:
    """config.json and params.safetensors of 128 features, ever rarer."""
    d_in = model.config.get_text_config().hidden_size
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn(d_in, D_SAE, generator=generator) / d_in**0.5
    ids = torch.tensor([tokenizer(" ".join(BIOLOGY + OTHER))["input_ids"]])
    resid = model(ids, output_hidden_states=True).hidden_states[block + 1][0, 1:].float()
    before = resid @ directions
    rare = torch.linspace(0.5, 0.99, D_SAE)
    threshold = torch.stack(
        [before[:, f].quantile(share) for f, share in enumerate(rare.tolist())]
    ).clamp(min=1e-3)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "w_enc": directions.contiguous(),
            "w_dec": directions.T.contiguous(),
            "b_enc": torch.zeros(D_SAE),
            "b_dec": torch.randn(d_in, generator=generator),
            "threshold": threshold,
        },
        folder / "params.safetensors",
    )
    said = {
        "architecture": "jump_relu",
        "model_name": name.replace("gemma-3", "gemma-v3"),
        "hf_hook_point_in": f"model.layers.{block}.output",
        "width": D_SAE,
        "l0": 60,
    }
    (folder / "config.json").write_text(json.dumps(said))


def write_qwen_scope(file: Path, d_in: int = QWEN_SHAPE[0], d_sae: int = QWEN_SHAPE[1]) -> None:
    """A torch file of its four tensors, transposed as there; half precision, to be small."""
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn(d_sae, d_in, generator=generator).bfloat16() / d_in**0.5
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        {
            "W_enc": directions,
            "W_dec": directions.T.contiguous(),
            "b_enc": torch.zeros(d_sae, dtype=torch.bfloat16),
            "b_dec": torch.zeros(d_in, dtype=torch.bfloat16),
        },
        file,
    )


def write_published(root: Path, setup: str) -> None:
    """The model and the SAE that the setup fetches, under a hub's root; not the questions."""
    published = PUBLISHED[setup]
    of_qwen = setup.startswith("qwen")
    tokenizer = build_tokenizer() if of_qwen else gemma_tokenizer()
    made = {"gemma-3-4b-it": gemma_3_with_images, "qwen3-1.7b": qwen_3}.get(setup, gemma_3)
    model = made(len(tokenizer), published.block + 2)
    for part in (model, tokenizer):
        part.save_pretrained(root / published.model)
    place = root / published.sae / published.file
    if of_qwen:
        write_qwen_scope(place)
    else:
        write_gemma_scope_2(place, model, tokenizer, published.block, setup)
