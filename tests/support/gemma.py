"""Tiny random models in Gemma's shapes, and all a Gemma setup asks the hub for, in its layouts."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tokenizers import processors
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GemmaConfig,
    GemmaForCausalLM,
    PreTrainedTokenizerFast,
)

from backend.data.question_sets import MMLU_SUBJECTS
from tests.support.toy import BIOLOGY, OTHER, build_tokenizer

TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
SUBJECTS = (
    "high_school_us_history",
    "college_computer_science",
    "high_school_geography",
    "human_aging",
    "college_biology",
    "high_school_biology",
    "anatomy",
    "virology",
    "medical_genetics",
    "college_medicine",
)
D_MODEL, D_SAE = 2304, 16384
"""Gemma Scope's, which sae-lens takes for granted."""


def gemma_tokenizer() -> PreTrainedTokenizerFast:
    return as_gemmas(build_tokenizer())


def as_gemmas(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """The tokenizer with Gemma's special tokens, <bos> before every text, its chat format."""
    tokenizer.add_special_tokens(
        {
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"],
        }
    )
    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", tokenizer.bos_token_id)]
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def gemma_model(
    vocab_size: int, version: int = 2, n_blocks: int = 9, d_model: int = D_MODEL
) -> Gemma2ForCausalLM | GemmaForCausalLM:
    torch.manual_seed(0)
    shape = {
        "vocab_size": vocab_size,
        "hidden_size": d_model,
        "intermediate_size": 32,
        "num_hidden_layers": n_blocks,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 2048,
        "initializer_range": 0.1,
    }
    return (
        Gemma2ForCausalLM(Gemma2Config(**shape))
        if version == 2
        else GemmaForCausalLM(GemmaConfig(**shape))
    ).eval()


@torch.inference_mode()
def write_gemma_scope(
    folder: Path, model: Gemma2ForCausalLM, tokenizer: PreTrainedTokenizerFast, block: int
) -> None:
    """params.npz of 16,384 features in 64 directions.

    The same directions come over and over, with ever higher thresholds.
    """
    directions = torch.randn(D_MODEL, 64, generator=torch.Generator().manual_seed(1)) / D_MODEL**0.5
    ids = torch.tensor([tokenizer(" ".join(BIOLOGY + OTHER))["input_ids"]])
    resid = model(ids, output_hidden_states=True).hidden_states[block + 1][0, 1:].float()
    share = 0.4 / torch.arange(1, D_SAE // 64 + 1)
    thresholds = torch.quantile(resid @ directions, 1 - share, dim=0).flatten()
    folder.mkdir(parents=True)
    W_enc = directions.repeat(1, D_SAE // 64)  # (d_in, 64) -> (d_in, d_sae)
    np.savez_compressed(
        folder / "params.npz",
        W_enc=W_enc.numpy(),
        W_dec=np.tile(directions[:32, :].T.numpy(), (D_SAE // 64, D_MODEL // 32)),
        b_enc=np.zeros(D_SAE, np.float32),
        b_dec=np.zeros(D_MODEL, np.float32),
        threshold=thresholds.clamp(min=1e-3).numpy(),
    )


def questions(subject: str, n: int) -> pd.DataFrame:
    texts = [*BIOLOGY, *OTHER]
    return pd.DataFrame(
        [
            {
                "question": f"{texts[i % 10]} Which?",
                "subject": subject,
                "choices": ["The heart", "A cell", "Air", "The sea"],
                "answer": i % 4,
            }
            for i in range(n)
        ]
    )


def write_data_sets(root: Path, n: int = 3) -> None:
    """WMDP, MMLU, WikiText-2 and WMDP's corpora in Parquet, one folder a configuration."""

    def write(name: str, configurations: dict[str, dict[str, pd.DataFrame]]) -> None:
        lines = ""
        for configuration, splits in configurations.items():
            (root / "datasets" / name / configuration).mkdir(parents=True, exist_ok=True)
            lines += f"- config_name: {configuration}\n  data_files:\n"
            for split, table in splits.items():
                table.to_parquet(
                    root / "datasets" / name / configuration / f"{split}-00000-of-00001.parquet"
                )
                lines += f"  - split: {split}\n    path: {configuration}/{split}-*\n"
        (root / "datasets" / name / "README.md").write_text(f"---\nconfigs:\n{lines}---\n")

    write("cais/wmdp", {"wmdp-bio": {"test": questions("biology", n + 2).drop(columns="subject")}})
    subjects = {s: questions(s, n) for s in MMLU_SUBJECTS}
    write(
        "cais/mmlu",
        {
            **{s: {"test": subjects[s]} for s in SUBJECTS},
            "all": {"test": pd.concat(subjects.values())},
        },
    )
    lines = [
        " = A heading = \n",
        "",
        *(" ".join(OTHER[i:] + OTHER[:i]) + " \n" for i in range(5)),
    ] * 4
    write(
        "Salesforce/wikitext",
        {
            "wikitext-2-raw-v1": {
                "test": pd.DataFrame({"text": lines}),
                "validation": pd.DataFrame({"text": lines[: len(lines) // 4]}),
            }
        },
    )
    texts = [" ".join(BIOLOGY[i:] + BIOLOGY[:i]) for i in range(5)] * 4
    write("cais/wmdp-corpora", {"bio-retain-corpus": {"train": pd.DataFrame({"text": texts})}})


def write_hub(root: Path) -> None:
    """All that the setup gemma-2-2b-it fetches."""
    tokenizer = gemma_tokenizer()
    model = gemma_model(len(tokenizer))
    model.save_pretrained(root / "google" / "gemma-2-2b-it")
    tokenizer.save_pretrained(root / "google" / "gemma-2-2b-it")
    write_gemma_scope(
        root / "google/gemma-scope-2b-pt-res/layer_7/width_16k/average_l0_69", model, tokenizer, 7
    )
    write_data_sets(root, 2)


def torch_sae(d_in: int, d_sae: int, /, **settings: object) -> dict:
    """What the paper saves, with settings as a dict."""
    generator = torch.Generator().manual_seed(2)
    b_dec = torch.randn(d_in, generator=generator)
    state = {
        "W_enc": torch.randn(d_in, d_sae, generator=generator),
        "b_enc": torch.full((d_sae,), -1.0),
        "b_dec": b_dec,
        "b_pre": b_dec,
        "W_dec": torch.randn(d_sae, d_in, generator=generator),
    }
    cfg = {
        "hook_point": "blocks.2.hook_resid_pre",
        "d_in": d_in,
        "subtract_b_dec_from_inputs": True,
        "activation_function": "relu",
        "scale_input_norm": False,
        "use_gated_sparse_autoencoder": False,
        "different_output": False,
        **settings,
    }
    return {"cfg": cfg, "state_dict": state}
