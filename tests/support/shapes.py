"""What the published models' shapes come to: the arithmetic behind the tables in
backend/setups/README.md, none of it measured.
"""

from typing import NamedTuple

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    PretrainedConfig,
    Qwen3Config,
)

from backend.engine.needs import FIRED_BYTES, GUESSED_L0, Needs, needs

QUESTIONS, ASKED, CHAT = 3_026, 331_456, 10
"""Of the setups' seven sets: how many, their tokens in the prompt `paper` by the demo's tokenizer,
and what a chat format adds to one.
"""
LOSS, SCANNED = 512 * 128, 2_048 * 1_024 + 294_912
"""Tokens of the text loss, and of the two corpora; WikiText-2's by the demo's tokenizer."""
PACE = 0.82 * 0.43e12
"""Multiply-adds count as two: 82 % of the matmul peak of two cores in bfloat16, as measured on
gemma-2-2b's shape, and that peak by the row of 20 features in letters (13,148 tokens through 17
blocks of 3.54 million parameters in 6.47 s at 57 %): tests/bench/README.md.
"""
IN_FLOAT32 = 2
"""How much longer a product takes in float32, in which the SAE runs."""
SCANS = 250_000_000
"""Bytes that two corpora take on disk, at most: backend/README.md, features."""


class Shape(NamedTuple):
    config: PretrainedConfig
    block: int
    d_sae: int = 16_384
    chat: bool = True
    in_files: int | None = None
    """Parameters that are downloaded, where the text model is not all of them."""


def _gemma_3(width: int, inner: int, blocks: int, heads: int, keys: int, vocabulary: int):
    return Gemma3TextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        num_key_value_heads=keys,
        head_dim=256,
    )


SHAPES = {
    "gemma-2-2b-it": Shape(Gemma2Config(vocab_size=256_000), 7),
    "gemma-3-270m-it": Shape(_gemma_3(640, 2048, 18, 4, 1, 262_144), 9),
    "gemma-3-1b-it": Shape(_gemma_3(1152, 6912, 26, 4, 1, 262_144), 13),
    "gemma-3-4b-it": Shape(_gemma_3(2560, 10240, 34, 8, 4, 262_208), 17, in_files=4_300_079_472),
    "qwen3-1.7b": Shape(
        Qwen3Config(
            vocab_size=151_936,
            hidden_size=2048,
            intermediate_size=6144,
            num_hidden_layers=28,
            num_attention_heads=16,
            num_key_value_heads=8,
            head_dim=128,
            tie_word_embeddings=True,
        ),
        13,
        d_sae=32_768,
        chat=False,
    ),
}


class Cost(NamedTuple):
    parameters: int
    needs: Needs
    """In bfloat16."""
    download: int
    kept: int
    """Bytes on disk once all is prepared."""
    hours: float
    """Of preparing, on two cores."""


def cost(shape: Shape) -> Cost:
    config = shape.config
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    parameters, width = model.num_parameters(), config.hidden_size
    block = sum(p.numel() for p in model.model.layers[0].parameters())
    recorded = ASKED + (CHAT * QUESTIONS if shape.chat else 0) + LOSS
    taken = needs(parameters, 2, width, shape.d_sae, recorded, SCANNED)
    sae = taken.model - 2 * parameters
    products = (
        recorded * config.num_hidden_layers * block
        + SCANNED * (shape.block + 1) * block
        + (recorded + SCANNED) * width * shape.d_sae * IN_FLOAT32
        + (LOSS + QUESTIONS) * width * config.vocab_size
    )
    return Cost(
        parameters,
        taken,
        2 * (shape.in_files or parameters) + sae,
        recorded * (2 * width + GUESSED_L0 * FIRED_BYTES) + SCANS,
        2 * products / PACE / 3600,
    )
