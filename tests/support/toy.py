"""A whole setup small enough for every test: random model, random SAE, plain sentences."""

import json
from pathlib import Path

import torch
from sae_lens import (
    AbsTopKSAE,
    AbsTopKSAEConfig,
    BatchTopKTrainingSAE,
    BatchTopKTrainingSAEConfig,
    GatedSAE,
    GatedSAEConfig,
    JumpReLUSAE,
    JumpReLUSAEConfig,
    StandardSAE,
    StandardSAEConfig,
    TopKSAE,
    TopKSAEConfig,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

BIOLOGY = [
    "The heart pumps blood through the body.",
    "A cell has a nucleus and a membrane.",
    "Leaves make sugar from light, water and air.",
    "Bone and muscle move the arm.",
    "A virus is smaller than a cell. Antibodies find it.",
]
OTHER = [
    "The river runs to the sea past the old town.",
    "A program is a list of steps.",
    "The treaty was signed in the spring.",
    "She plays the piano on Sundays.",
    "Prices rose and trade fell <b>that</b> year, by $5 or :six: percent.",
]
D_MODEL = 32
N_BLOCKS = 4
BLOCK = 1
D_SAE = 24


def build_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([*BIOLOGY, *OTHER, "Question: Answer: A. B. C. D."], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>"
    )


WINDOW = 6
"""Shorter than every prompt of the toy."""
ARCHITECTURES = {
    "llama": (LlamaConfig, {}),
    "gemma": (GemmaConfig, {"head_dim": 8}),
    "gemma2": (
        Gemma2Config,
        {
            "head_dim": 8,
            "sliding_window": WINDOW,
            "attn_logit_softcapping": 3.0,
            "final_logit_softcapping": 5.0,
            "query_pre_attn_scalar": 8,
        },
    ),
    "gemma3": (
        Gemma3TextConfig,
        {
            "head_dim": 8,
            "sliding_window": WINDOW,
            "query_pre_attn_scalar": 8,
            "layer_types": [
                "sliding_attention",
                "full_attention",
                "sliding_attention",
                "full_attention",
            ],
        },
    ),
    "qwen2": (Qwen2Config, {}),
    "qwen2, sliding": (
        Qwen2Config,
        {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 2},
    ),
    "qwen3": (Qwen3Config, {"head_dim": 8}),
    "mistral, sliding": (MistralConfig, {"sliding_window": WINDOW}),
}


def build_model(vocab_size: int, architecture: str = "llama", seed: int = 0) -> PreTrainedModel:
    torch.manual_seed(seed)
    kind, special = ARCHITECTURES[architecture]
    config = kind(
        vocab_size=vocab_size,
        hidden_size=D_MODEL,
        intermediate_size=64,
        num_hidden_layers=N_BLOCKS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        **special,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    model.config.architectures = [type(model).__name__]
    return model


def build_sae(
    folder: Path,
    architecture: str = "jumprelu",
    d_in: int = D_MODEL,
    hook_name: str = f"blocks.{BLOCK}.hook_resid_post",
    **cfg,
) -> None:
    """Random weights in sae-lens's own format.

    Jumprelu features fire the less, the higher their number.
    """
    torch.manual_seed(1)
    shape = {"d_in": d_in, "d_sae": D_SAE, **cfg}
    sae = {
        "standard": lambda: StandardSAE(StandardSAEConfig(**shape)),
        "gated": lambda: GatedSAE(GatedSAEConfig(**shape)),
        "jumprelu": lambda: JumpReLUSAE(JumpReLUSAEConfig(**shape)),
        "topk": lambda: TopKSAE(TopKSAEConfig(**shape, k=6)),
        "batchtopk": lambda: BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**shape, k=6)),
        "abstopk": lambda: AbsTopKSAE(AbsTopKSAEConfig(**shape, k=6)),
    }[architecture]()
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.normal_(0, 0.3)
        if architecture == "jumprelu":
            sae.threshold.copy_(torch.linspace(0.5, 30, D_SAE))
        if architecture == "batchtopk":
            sae.topk_threshold.fill_(5.0)
    sae.cfg.metadata.hook_name = hook_name
    folder.mkdir(parents=True, exist_ok=True)
    (sae.save_inference_model if architecture == "batchtopk" else sae.save_model)(folder)


def questions() -> list[dict]:
    rows = []
    stems = {
        "biology": [
            "Which organ pumps blood?",
            "What has a nucleus?",
            "What makes sugar from light?",
            "What finds a virus?",
        ],
        "history": ["When was the treaty signed?", "What fell that year?", "Who plays the piano?"],
    }
    for name, texts in stems.items():
        for i, stem in enumerate(texts):
            rows.append(
                {
                    "set": name,
                    "topic": "t",
                    "question": stem,
                    "choices": ["The heart", "A cell", "The old town by the sea", "Air"],
                    "answer": i % 4,
                }
            )
    return rows


def write_jsonl(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_setup(
    folder: Path,
    *,
    scoring: str = "cloze",
    untouched: tuple[str, ...] = ("first",),
    sae: dict | None = None,
    prompt: str | None = None,
    more: str = "",
) -> Path:
    """Everything a setup names, under `folder`; returns the TOML's path. `more` is added to it."""
    tokenizer = build_tokenizer()
    build_model(len(tokenizer)).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    build_sae(folder / "sae", **(sae or {}))
    (folder / "labels.tsv").write_text("3\theart and vessels\n5\tviruses\n", encoding="utf-8")
    write_jsonl(folder / "quiz.jsonl", questions())
    write_jsonl(
        folder / "passages.jsonl",
        [{"role": "biology", "text": t} for t in BIOLOGY]
        + [{"role": "other", "text": t} for t in OTHER],
    )
    path = folder / "toy.toml"
    path.write_text(f"""
title = "Toy"
scoring = "{scoring}"
{f'prompt = "{prompt}"' if prompt else ""}
untouched = {json.dumps(list(untouched))}
[model]
name = "toy"
path = "model"
dtype = "float32"
device = "cpu"
[sae]
path = "sae"
labels = "labels.tsv"
[[sets]]
name = "biology"
title = "Biology"
role = "forget"
file = "quiz.jsonl"
[[sets]]
name = "history"
title = "History"
role = "retain"
file = "quiz.jsonl"
[[corpora]]
role = "forget"
title = "biology text"
file = "passages.jsonl"
where = "biology"
[[corpora]]
role = "retain"
title = "other text"
file = "passages.jsonl"
where = "other"
{more}
""")
    return path
