"""How much each feature holds up the right answer: one backward pass over the tail, from the
recordings.

attr_f(pos) = a_f(pos) * (W_dec[f] . d margin / d resid(pos)), with margin = score of the right
option minus the mean score of the wrong ones (Farrell, Lau and Conmy 2024; their logit difference).
With letter scoring the scores are log-probabilities at one position, so the margin is the
difference of logits to the bit; in cloze it is the difference of the options' summed
log-probabilities. Positive: the feature's activation pushes towards the right answer, and setting
it lower should lower the margin; to first order, ablating f changes the margin by minus attr_f.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import N_CHOICES
from backend.engine.engine import Engine
from backend.errors import Unavailable
from backend.evaluation.recordings import Recording, batch_scores
from backend.features.table import answered_right
from backend.model.activations import FeatureActs
from backend.model.batches import Batch
from backend.model.rows import Plan
from backend.model.runner import Runner
from backend.progress import OnProgress, Pace, silent
from backend.setups import Role, Scoring
from backend.store import if_it_can_be_kept, key, read_tensors, write_tensors

if TYPE_CHECKING:
    from backend.model.split import SplitModel

ATTRIBUTION_FORMAT = 1
"""Raise when what is stored changes its meaning."""
ROLES: tuple[Role, ...] = ("forget", "retain")


class Attribution(NamedTuple):
    """Mean over questions of each feature's attribution, summed over the question's positions."""

    forget: Float[Tensor, " d_sae"]
    retain: Float[Tensor, " d_sae"]
    n_forget: int
    """Questions the mean is over."""
    n_retain: int

    def columns(self) -> pd.DataFrame:
        """attr_forget and attr_retain, one row a feature, for the rankers."""
        return pd.DataFrame(
            {"attr_forget": self.forget.numpy(), "attr_retain": self.retain.numpy()}
        )


def attribute(
    runner: Runner,
    recording: Recording,
    right: Int[Tensor, " question"],
    chosen: Sequence[Bool[Tensor, " question"]],
    *,
    scoring: Scoring,
    on_progress: OnProgress = silent,
) -> list[Float[Tensor, " d_sae"]]:
    """For each group of questions the sum of attributions over them (float64).

    `right` is each question's right option. Raising from `on_progress` cancels.
    """
    model, sae = runner.model, runner.sae
    start, feature, value = by_token(recording.acts, recording.rows.n_tokens)
    plan = Plan.whole(recording.rows)
    sums = [torch.zeros(sae.d_sae, dtype=torch.float64) for _ in chosen]
    n_tokens = sum(int(plan.query.lengths()[group].sum()) for group in chosen)
    pace = Pace("Tracing the right answers back to features", n_tokens, on_progress)

    def run(total: Tensor, rows: Tensor) -> None:
        batch = runner.batch(plan, rows)
        grad = margin_gradient(model, recording, plan, batch, right, scoring)
        grad = grad[0, : batch.n]
        # What one more unit of a feature does at each token: (token, d_sae).
        effect = (grad.float() @ sae.W_dec.float().T).cpu()
        token = batch.tokens
        counts = start[token + 1] - start[token]
        # The entries of these tokens, one token's after the other's: (entry).
        before = torch.repeat_interleave(start[token] - counts.cumsum(0) + counts, counts)
        entry = before + torch.arange(int(counts.sum()))
        place = torch.repeat_interleave(torch.arange(len(token)), counts)  # entry -> its token
        pushed = value[entry] * effect[place, feature[entry]]
        total.index_add_(0, feature[entry], pushed.double())
        pace.advance(len(token))

    for group, total in zip(chosen, sums, strict=True):
        for _ in runner.batches(plan, group.nonzero().squeeze(-1), partial(run, total)):
            pass
    return sums


def margin_gradient(
    model: "SplitModel",
    recording: Recording,
    plan: Plan,
    batch: Batch,
    right: Int[Tensor, " question"],
    scoring: Scoring,
) -> Float[Tensor, "1 n d_model"]:
    """The gradient of each question's margin by its own residuals at the hook."""
    resid = recording.resid_at(batch.token).to(model.device).requires_grad_(True)
    with torch.enable_grad():
        scores = batch_scores(model, plan, batch, resid, scoring)
        (grad,) = torch.autograd.grad(margin(scores, right[batch.rows]).sum(), resid)
    return grad


def margin(scores: Float[Tensor, "row choice"], right: Tensor) -> Float[Tensor, " row"]:
    """The right option's score minus the mean of the wrong ones'."""
    mine = scores.gather(1, right[:, None]).squeeze(1)
    return mine - (scores.sum(1) - mine) / (N_CHOICES - 1)


def by_token(acts: FeatureActs, n_tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same entries in the order of tokens: token t owns start[t] .. start[t + 1] of feature and
    value.
    """
    order = torch.argsort(acts.token, stable=True)
    feature = torch.repeat_interleave(torch.arange(acts.d_sae), acts.counts())[order]
    start = torch.cat(
        [
            torch.zeros(1, dtype=torch.int64),
            torch.bincount(acts.token.long(), minlength=n_tokens).cumsum(0),
        ]
    )
    return start, feature, acts.value[order].float()


def finished_attribution(engine: Engine) -> Attribution | None:
    """What `attribution` has computed before."""
    tensors = read_tensors(_path(engine))
    if tensors is None:
        return None
    n_forget, n_retain = int(tensors["n_forget"]), int(tensors["n_retain"])
    return Attribution(tensors["forget"], tensors["retain"], n_forget, n_retain)


def attribution(engine: Engine, on_progress: OnProgress = silent) -> Attribution:
    """Over the questions of the selection half that the model answers right; kept, and read from
    disk the next time.

    Raises Unavailable when there is no such forget question.
    """
    if (finished := finished_attribution(engine)) is not None:
        return finished
    usable = engine.half("selection") & answered_right(engine.sets, engine.recording)
    chosen = [usable & engine.sets.role(role) for role in ROLES]
    if not chosen[0].any():
        raise Unavailable(
            "The model answers no forget question of the selection half right, so there is no "
            "right answer to trace back to features."
        )
    with engine.turn(on_progress, "attribution"):
        sums = attribute(
            engine.runner,
            engine.recording,
            engine.sets.answers,
            chosen,
            scoring=engine.setup.scoring,
            on_progress=on_progress,
        )
    n_forget, n_retain = (int(group.sum()) for group in chosen)
    forget = (sums[0] / max(1, n_forget)).float()
    retain = (sums[1] / max(1, n_retain)).float()
    counts = {"n_forget": torch.tensor(n_forget), "n_retain": torch.tensor(n_retain)}
    with if_it_can_be_kept("The attribution"):
        write_tensors(_path(engine), {"forget": forget, "retain": retain, **counts})
    return Attribution(forget, retain, n_forget, n_retain)


def _path(engine: Engine) -> Path:
    selection = engine.half("selection").tolist()
    name = key({"format": ATTRIBUTION_FORMAT, "selection": selection})
    return engine.folder / f"attribution_{name}.safetensors"
