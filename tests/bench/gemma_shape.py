"""The benchmark on gemma-2-2b's shape with random weights: what a machine makes of it.

    CLAMPBOARD_DATA=folder python -m tests.bench.gemma_shape OUT [--limit 20]

writes the model (5.2 GB) and a Gemma Scope SAE of 16,384 features to OUT, where they are not there
yet, and runs `bench` on them: WMDP-Bio and the paper's four subjects in the paper's prompt. Times
and memory mean something, answers do not. No access to the model is needed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, Gemma2Config, Gemma2ForCausalLM, PreTrainedTokenizerFast

from backend.__main__ import main as command
from backend.data.corpora import read_corpus
from backend.data.question_sets import read_set
from backend.model.weights import model_source
from backend.setups import load_setup
from tests.support.gemma import as_gemmas

GEMMA_2_2B = {
    "vocab_size": 256_000,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
    "max_position_embeddings": 8192,
}
BLOCK, D_SAE = 7, 16_384
L0 = 69
"""Active features a token, as of the SAE in whose place this stands."""
SPARSEST = 1e-4
"""Density of the rarest feature; the others' are spread evenly on a log scale."""
SAMPLE, ROW = 4096, 256
"""Tokens the thresholds are set on, in rows of so many."""
SUBJECTS = (
    "high_school_us_history",
    "college_computer_science",
    "high_school_geography",
    "human_aging",
)
DEMO = load_setup("demo")


def write_model(
    folder: Path, shape: dict[str, int], tokenizer: PreTrainedTokenizerFast
) -> Gemma2ForCausalLM:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        model = Gemma2ForCausalLM(Gemma2Config(**shape, bos_token_id=tokenizer.bos_token_id)).eval()
    finally:
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def densities(d_sae: int, l0: float) -> torch.Tensor:
    """From SPARSEST up, evenly on a log scale, so that they add up to l0."""
    place = torch.linspace(0, 1, d_sae)
    low, high = SPARSEST, 1.0
    for _ in range(50):
        densest = (low + high) / 2
        if float((SPARSEST * (densest / SPARSEST) ** place).sum()) < l0:
            low = densest
        else:
            high = densest
    return SPARSEST * (high / SPARSEST) ** place


@torch.inference_mode()
def write_sae(
    folder: Path, model: Gemma2ForCausalLM, ids: torch.Tensor, block: int, d_sae: int, l0: float
) -> None:
    """Random directions, each with the threshold above which it fires as often as it should.

    The thresholds are set on these tokens [row, pos].
    """
    hidden = model(ids, output_hidden_states=True, logits_to_keep=1).hidden_states
    resid = hidden[block + 1][:, 1:].flatten(0, 1).float()  # (row, pos, d) -> (token, d)
    directions = torch.randn(d_sae, resid.shape[1], generator=torch.Generator().manual_seed(1))
    directions /= directions.norm(dim=-1, keepdim=True)
    rank = (densities(d_sae, l0) * len(resid)).round().long().clamp(min=1)
    strongest = [
        (resid @ part.T).sort(0, descending=True).values for part in directions.split(1024)
    ]
    # (token, feature), strongest first -> (feature, token) -> the one of its rank
    thresholds = torch.cat(strongest, 1).T.gather(1, rank[:, None]).squeeze(1)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "params.npz",
        W_enc=directions.T.contiguous().numpy(),
        W_dec=directions.numpy(),
        b_enc=np.zeros(d_sae, np.float32),
        b_dec=np.zeros(resid.shape[1], np.float32),
        threshold=thresholds.clamp(min=1e-3).numpy(),
    )


def setup_text(limit: int | None, block: int) -> str:
    """The setup's TOML."""
    some = "" if limit is None else f"limit = {limit}"
    text = f"""
title = "The shape of gemma-2-2b, random weights"
scoring = "letter"
prompt = "paper-chat"
untouched = ["first"]
[model]
name = "random/gemma-2-2b"
path = "model"
[sae]
path = "sae"
hook_name = "blocks.{block}.hook_resid_post"
[[sets]]
name = "wmdp_bio"
title = "WMDP-Bio"
role = "forget"
subject = "biology"
dataset = "cais/wmdp"
config = "wmdp-bio"
local = "wmdp"
{some}
"""
    for subject in SUBJECTS:
        text += f"""
[[sets]]
name = "{subject}"
title = "{subject}"
role = "retain"
dataset = "cais/mmlu"
subjects = ["{subject}"]
local = "mmlu"
{some}
"""
    for role, topic in (("forget", "biology"), ("retain", "other")):
        text += f"""
[[corpora]]
role = "{role}"
title = "{topic} passages"
where = "{topic}"
file = "{DEMO.corpora[0].file}"
documents = 40
"""
    return text


def write(
    folder: Path,
    shape: dict[str, int],
    limit: int | None,
    block: int = BLOCK,
    d_sae: int = D_SAE,
    l0: float = L0,
) -> Path:
    """The setup's file, with all it names; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "gemma-shape.toml"
    file.write_text(setup_text(limit, block))
    if not (folder / "sae" / "params.npz").exists():
        tokenizer = as_gemmas(AutoTokenizer.from_pretrained(model_source(DEMO)))
        model = write_model(folder / "model", shape, tokenizer)
        questions = [q.question for source in DEMO.sets for q in read_set(source).questions]
        corpora = [read_corpus(tokenizer, source, folder) for source in DEMO.corpora]
        text = "\n".join(questions)
        text += "\n".join(passage for corpus in corpora for passage in corpus.texts)
        ids = torch.tensor(tokenizer(text)["input_ids"])
        rows = ids[: len(ids) // ROW * ROW].view(-1, ROW)  # (token) -> (row, pos)
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(2))
        write_sae(folder / "sae", model, rows[order[: SAMPLE // ROW]], block, d_sae, l0)
    return file


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, help="questions of each set; all unless given")
    args = parser.parse_args()
    return command(["bench", str(write(args.out, GEMMA_2_2B, args.limit)), "--every", "1"])


if __name__ == "__main__":
    sys.exit(main())
