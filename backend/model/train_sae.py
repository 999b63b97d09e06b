"""Train a residual-stream SAE with sae-lens's own trainer, and measure it.

Activations are those of backend.model.harvest: several SAEs can be trained, each for several
epochs, on the same tokens.
"""

import itertools
import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from sae_lens import (
    SAE,
    BatchTopKTrainingSAE,
    BatchTopKTrainingSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
)
from sae_lens.config import LoggingConfig, SAETrainerConfig
from sae_lens.constants import SAE_WEIGHTS_FILENAME
from sae_lens.training.sae_trainer import SAETrainer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from backend.errors import BadInput, Unavailable
from backend.model.harvest import LEAST_TOKENS, ROW, Acts, harvest, mixed_rows
from backend.model.loading import weights_of
from backend.model.positions import untouched
from backend.model.split import SplitModel, split
from backend.progress import OnProgress, Pace, silent
from backend.rim import kind
from backend.setups import Rule, Setup
from backend.store import cache_folder, check_room, key, sha256_of, write_json

log = logging.getLogger(__name__)

CE_ROWS = 64
"""Rows of text the cross-entropy is measured on."""
SEED = 0
MOST_WIDTH = 1_000_000
MOST_EPOCHS = 1_000
WEIGHT_BYTES = 4
"""As sae-lens writes them first."""


@dataclass(frozen=True)
class Recipe:
    """Everything that changes the trained weights, besides the text."""

    d_sae: int = 4096
    k: int = 48
    """Features active per token: exactly (topk), or on average (batchtopk, saved as JumpReLU)."""
    architecture: Literal["topk", "batchtopk"] = "topk"
    epochs: int = 2
    lr: float = 1e-3
    batch_tokens: int = 1024
    held_out: float = 0.02
    """Share of the activations, from the end, kept for measuring."""


class _Batches:
    """Endless shuffled batches over the activations; the trainer decides when to stop."""

    def __init__(self, acts: Acts, size: int) -> None:
        self._acts = acts
        self._size = size
        self._rng = np.random.default_rng(SEED)

    def __iter__(self) -> Iterator[Tensor]:
        while True:
            order = self._rng.permutation(len(self._acts))
            for i in range(0, len(order) - self._size + 1, self._size):
                yield _floats(self._acts[np.sort(order[i : i + self._size])])


def _floats(acts: Acts) -> Float[Tensor, "token d_model"]:
    return torch.from_numpy(acts.astype(np.float32))


def train(
    acts: Acts,
    hook_name: str,
    model_name: str,
    recipe: Recipe,
    out: Path,
    on_progress: OnProgress = silent,
) -> Path:
    """Train a TopK or BatchTopK SAE on the activations and save it for inference in `out`.

    Saved in float16, BatchTopK as JumpReLU. Learning rate: warm-up over 100 steps, linear decay to
    a tenth over the last quarter. b_dec starts at the mean activation. Returns `out`. Raises
    BadInput for too few activations.
    """
    torch.manual_seed(SEED)
    train_acts = acts[: int(len(acts) * (1 - recipe.held_out))]
    if len(train_acts) < recipe.batch_tokens:
        raise BadInput(
            f"{len(train_acts):,} activations are too few to train on: {recipe.batch_tokens:,} "
            "make one step. Give more text."
        )
    shape = {"d_in": acts.shape[1], "d_sae": recipe.d_sae, "k": recipe.k, "decoder_init_norm": 0.1}
    if recipe.architecture == "topk":
        sae = TopKTrainingSAE(TopKTrainingSAEConfig(**shape))
    else:
        sae = BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**shape))
    sae.cfg.metadata.hook_name = hook_name
    sae.cfg.metadata.model_name = model_name
    mean_norm = np.linalg.norm(train_acts[:8192].astype(np.float32), axis=1).mean()
    scale = float(np.sqrt(train_acts.shape[1]) / mean_norm)
    total = len(train_acts) * recipe.epochs // recipe.batch_tokens * recipe.batch_tokens
    cfg = SAETrainerConfig(
        total_training_samples=total,
        train_batch_size_samples=recipe.batch_tokens,
        lr=recipe.lr,
        lr_end=recipe.lr / 10,
        lr_warm_up_steps=100,
        lr_decay_steps=total // recipe.batch_tokens // 4,
        dead_feature_window=30,
        feature_sampling_window=500,
        logger=LoggingConfig(log_to_wandb=False),
    )
    with torch.no_grad():
        sae.b_dec.copy_(_floats(train_acts[:65536]).mean(0) * scale)
    pace = Pace(f"Training {recipe.d_sae:,} features", total, on_progress)

    def provider() -> Iterator[Tensor]:
        for batch in _Batches(train_acts, recipe.batch_tokens):
            yield batch * scale
            pace.advance(len(batch))

    SAETrainer(cfg, sae, provider()).fit()
    # Trained on activations scaled to a mean norm of sqrt(d_in): with the factor folded in, the SAE
    # reads raw residuals.
    sae.fold_activation_norm_scaling_factor(scale)
    out.mkdir(parents=True, exist_ok=True)
    sae.save_inference_model(str(out))
    _to_half(out)
    return out


def _to_half(folder: Path) -> None:
    """Store the saved weights in float16; sae-lens reads them back in the dtype it is asked for."""
    path = folder / SAE_WEIGHTS_FILENAME
    halves = {name: tensor.to(torch.float16) for name, tensor in load_file(path).items()}
    save_file({name: tensor.contiguous() for name, tensor in halves.items()}, path)


@torch.inference_mode()
def measure(sae: SAE, acts: Acts, held_out: float) -> dict[str, float]:
    """Variance explained and L0 on the held-out end of the activations, and dead features.

    Variance explained is 1 - sum |x - x̂|² / sum |x - mean|², over all held-out tokens together.
    Dead features fire on none of the first million tokens.
    """
    test = _floats(acts[int(len(acts) * (1 - held_out)) :])
    mean = test.mean(0)
    residual = 0.0
    total = 0.0
    fired = 0.0
    for batch in test.split(4096):
        feature_acts = sae.encode(batch)
        residual += (batch - sae.decode(feature_acts)).square().sum().item()
        total += (batch - mean).square().sum().item()
        fired += (feature_acts > 0).sum().item()
    counts = torch.zeros(sae.cfg.d_sae)
    for start in range(0, min(len(acts), 1_000_000), 8192):
        counts += (sae.encode(_floats(acts[start : start + 8192])) > 0).sum(0)
    return {
        "variance_explained": 1 - residual / total if total else math.nan,
        "l0": fired / len(test),
        "dead_share": (counts == 0).float().mean().item(),
        "held_out_tokens": len(test),
    }


@torch.inference_mode()
def cross_entropy_recovered(
    model: SplitModel, sae: SAE, rows: list[list[int]], rules: tuple[Rule, ...]
) -> dict[str, float]:
    """Next-token loss, in nats, with the SAE's reconstruction in place of the residual.

    And the share it recovers of what removing the residual costs: (CE_zero - CE_sae) / (CE_zero -
    CE_model). Untouched positions keep their residual.
    """
    special = frozenset(model.tokenizer.all_special_ids)
    sums = {"ce_model": 0.0, "ce_sae": 0.0, "ce_zero": 0.0}
    for row in rows:
        ids = torch.tensor([row], device=model.device)
        resid = model.run_head(ids)
        real = torch.ones_like(ids, dtype=torch.bool)
        outside = untouched(ids, resid, real, rules, special)[..., None]
        rebuilt = sae.decode(sae.encode(resid.float())).to(resid.dtype)
        for name, stream in (
            ("ce_model", resid),
            ("ce_sae", torch.where(outside, resid, rebuilt)),
            ("ce_zero", resid * outside),
        ):
            logits = model.logits(model.run_tail(stream)[0, :-1])
            sums[name] += torch.nn.functional.cross_entropy(logits, ids[0, 1:]).item() / len(rows)
    lost = sums["ce_zero"] - sums["ce_model"]
    recovered = (sums["ce_zero"] - sums["ce_sae"]) / lost if lost else math.nan
    return {**sums, "ce_recovered": recovered}


def check_training(paths: list[Path], n_tokens: int, recipe: Recipe, out: Path) -> None:
    """Raises BadInput naming what would be right."""
    if n_tokens < LEAST_TOKENS:
        raise BadInput(f"{n_tokens:,} tokens are too few to train on; take at least 2,048.")
    if not 1 <= recipe.d_sae <= MOST_WIDTH:
        raise BadInput(f"The width can be 1 to {MOST_WIDTH:,}, not {recipe.d_sae:,}.")
    if not 1 <= recipe.k <= recipe.d_sae:
        raise BadInput(
            f"k is {recipe.k:,}: of {recipe.d_sae:,} features 1 to {recipe.d_sae:,} can be active."
        )
    if not 1 <= recipe.epochs <= MOST_EPOCHS:
        raise BadInput(f"The epochs can be 1 to {MOST_EPOCHS:,}, not {recipe.epochs:,}.")
    there = kind(out)
    if there not in ("", "folder"):
        raise BadInput(f"{out} is a {there}. Name a folder that is empty, or not there yet.")
    if there == "folder" and any(out.iterdir()):
        raise BadInput(f"{out} is not empty. Name another folder, or empty it.")
    for path in paths:
        if kind(path) != "file":
            why = f"it is a {kind(path)}" if kind(path) else "there is no such file"
            raise BadInput(f"The training text {path} cannot be read: {why}.")


def train_command(
    setup: Setup,
    paths: list[Path],
    n_tokens: int,
    block: int,
    recipe: Recipe,
    out: Path,
    on_progress: OnProgress,
) -> dict[str, float]:
    """Harvest, train, measure, and write weights and `measures.json` to `out`.

    Raises BadInput, before anything is loaded, for what cannot be trained.
    """
    check_training(paths, n_tokens, recipe, out)
    weights = weights_of(setup)
    hook_name = f"blocks.{block}.hook_resid_post"
    model = split(*weights.load(), hook_name)
    text = [sha256_of(path) for path in paths]
    name = key({"model": weights.source, "dtype": weights.dtype, "text": text})
    folder = cache_folder() / "training" / name
    check_room(out, recipe.d_sae * model.d_model * 2 * WEIGHT_BYTES)
    try:
        acts = harvest(model, paths, n_tokens, setup.untouched, folder, on_progress)
        train(acts, hook_name, setup.model.name, recipe, out, on_progress)
    except (OSError, SafetensorError) as error:
        raise Unavailable(
            f"{folder} or {out} cannot be written ({getattr(error, 'strerror', None) or error}). "
            "Free some disk space; what was computed is kept."
        ) from error
    sae = SAE.load_from_disk(str(out))
    n_seen = n_tokens // ROW
    unseen = list(itertools.islice(mixed_rows(model.tokenizer, paths), n_seen, n_seen + CE_ROWS))
    measures = measure(sae, acts, recipe.held_out)
    if unseen:
        measures |= cross_entropy_recovered(model, sae, unseen, setup.untouched)
    else:
        log.warning("No text is left that was not trained on: the cross-entropy is not measured.")
    said = {**asdict(recipe), "block": block, "tokens": len(acts), **measures}
    write_json(out / "measures.json", said)
    return measures
