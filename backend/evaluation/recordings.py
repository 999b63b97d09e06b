"""What is kept of one forward pass over every question: residuals at the hook, feature activations,
scores.

A slider move starts from here: the head of the model never runs twice over the same tokens, and
where the keys and values of the tail fit in memory, neither do the positions before the first
change.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import N_CHOICES, choice_scores
from backend.model.activations import FeatureActs, by_feature
from backend.model.attention import Joining, KeyValues
from backend.model.positions import untouched
from backend.model.rows import Batch, Plan, Rows
from backend.model.runner import Runner
from backend.model.split import SplitModel
from backend.parts import Parts
from backend.progress import OnProgress, Pace, silent
from backend.setups import Scoring
from backend.store import read_tensors, write_tensors

FORMAT = 3
"""Raise when what is recorded changes."""
LOGIT_ROWS = 512
"""Vocabulary logits are computed for this many positions at a time, to bound memory."""


@dataclass(frozen=True)
class Recording:
    rows: Rows
    exempt: Bool[Tensor, " token"]
    resid: Float[Tensor, "token d_model"]
    """At the hook, in the model's dtype; memory-mapped when read back."""
    acts: FeatureActs
    log_probs: Float[Tensor, " entry"]
    """Without a clamp."""
    baseline: Float[Tensor, "row choice"]
    """Scores without a clamp."""
    keys: KeyValues | None = None
    """Of the tail, without a clamp; never on disk."""

    def save(self, path: Path) -> None:
        write_tensors(
            path,
            {
                **{f"rows.{name}": tensor for name, tensor in self.rows.tensors().items()},
                **{f"acts.{name}": tensor for name, tensor in self.acts.tensors().items()},
                "exempt": self.exempt,
                "resid": self.resid,
                "log_probs": self.log_probs,
                "baseline": self.baseline,
            },
        )

    @classmethod
    def load(cls, path: Path) -> "Recording | None":
        """None if the file is not there or damaged."""
        tensors = read_tensors(path)
        if tensors is None:
            return None
        rows = Rows(**{name: tensors[f"rows.{name}"] for name in Rows.__dataclass_fields__})
        acts = FeatureActs(tensors["acts.start"], tensors["acts.token"], tensors["acts.value"])
        return cls(
            rows,
            tensors["exempt"],
            tensors["resid"],
            acts,
            tensors["log_probs"],
            tensors["baseline"],
        )

    def resid_at(self, token: Int[Tensor, "row q"]) -> Float[Tensor, "row q d_model"]:
        return self.resid[token.to(self.resid.device)]

    def near(self, device: str, room: float) -> "Recording":
        """With the residuals on the device if they take at most `room` bytes, else in pinned
        memory, from where copies are fast.
        """
        fits = self.resid.numel() * self.resid.element_size() <= room
        return replace(self, resid=self.resid.to(device) if fits else self.resid.pin_memory())


def read_log_probs(
    model: SplitModel,
    plan: Plan,
    batch: Batch,
    resid: Float[Tensor, "row q d_model"],
    joining: Joining | None = None,
) -> tuple[Int[Tensor, " entry"], Float[Tensor, " entry"]]:
    """Run the tail on residuals at the hook.

    Returns the plan's score entries of these rows and their log-probabilities, float32 on the CPU.
    """
    read, real = plan.read.padded(batch.rows)  # both (row, read)
    joining = Joining() if joining is None else joining
    queries = plan.column[read].to(model.device)  # (row, read): place among the row's query tokens
    final = model.run_tail(resid, batch.sight, batch.position, queries, joining)
    # (row, read, d_model) -> (row * read, d_model), without the padding
    hidden = final.flatten(0, 1)[real.flatten().nonzero().squeeze(-1).to(model.device)]
    entry, row = plan.entries.flat(batch.rows)
    first = real.sum(1).cumsum(0) - real.sum(1)  # (row): where a row's reads begin in `hidden`
    place = first[row] + plan.slot[plan.rows.read_at()[entry]]  # (entry): where its read stands
    log_probs = torch.empty(len(entry))
    for begin in range(0, len(hidden), LOGIT_ROWS):
        mine = (place >= begin) & (place < begin + LOGIT_ROWS)
        logits = model.logits(hidden[begin : begin + LOGIT_ROWS])
        at = (place[mine] - begin).to(model.device)
        chosen = logits[at, plan.rows.score_token[entry[mine]].long().to(model.device)]
        log_probs[mine] = (chosen - logits.logsumexp(-1)[at]).cpu()
    return entry, log_probs


def row_scores(
    rows: Rows, chosen: Int[Tensor, " row"], log_probs: Float[Tensor, " entry"], scoring: Scoring
) -> Float[Tensor, "row choice"]:
    """The options' scores of the chosen rows, from the log-probabilities of all entries."""
    entry, row = rows.entries().flat(chosen)
    weighted = log_probs[entry] * rows.score_weight[entry]
    return choice_scores(weighted, rows.score_choice[entry].long(), row, len(chosen), scoring)


def batch_scores(
    model: SplitModel,
    plan: Plan,
    batch: Batch,
    resid: Float[Tensor, "row q d_model"],
    scoring: Scoring,
) -> Float[Tensor, "row choice"]:
    """Scores of a batch of a whole plan from residuals at the hook; differentiable."""
    entry, read = read_log_probs(model, plan, batch, resid)
    log_probs = torch.zeros(len(plan.rows.score_pos)).index_put((entry,), read)
    return row_scores(plan.rows, batch.rows, log_probs, scoring)


@torch.inference_mode()
def record(
    runner: Runner,
    rows: Rows,
    *,
    stage: str,
    scoring: Scoring | None,
    keep_keys: bool = False,
    parts: Parts | None = None,
    on_progress: OnProgress = silent,
) -> Recording:
    """One pass over the rows; goes on after what `parts` has, and then keeps no keys.

    Without `scoring` (a text corpus) no residuals and no scores are kept.
    """
    model = runner.model
    resid = torch.empty(rows.n_tokens if scoring else 0, model.d_model, dtype=model.dtype)
    exempt = torch.zeros(rows.n_tokens, dtype=torch.bool)
    log_probs = torch.zeros(len(rows.score_pos) if scoring else 0)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    keys = KeyValues() if keep_keys else None
    parts = parts or Parts(None)
    plan = Plan.whole(rows)

    def run(chosen: Tensor) -> dict[str, Tensor]:
        seen = observe(runner, plan, chosen)
        batch, piece = seen.batch, seen.kept()
        if scoring:
            places, joining = batch.places.to(model.device), Joining(keep=keep_keys)
            entry, read = read_log_probs(model, plan, batch, seen.resid, joining)
            # (row, q, d_model) -> (token, d_model)
            piece["resid"] = seen.resid.flatten(0, 1)[places].cpu()
            piece |= {"entry": entry, "log_probs": read}
            if keys is not None:
                keys.put(rows.n_tokens, batch.tokens.to(model.device), places, joining.own)
        return piece

    batches = plan.batches(torch.arange(rows.n_rows), runner.budget)
    pace = Pace(stage, rows.n_tokens, on_progress)
    for piece in parts.through(batches, lambda chosen: runner.halving.run(chosen, run), pace):
        exempt[piece["token"]] = piece["exempt"]
        found.append((piece["fired_at"], piece["fired"], piece["value"]))
        if scoring:
            resid[piece["token"]] = piece["resid"]
            log_probs[piece["entry"]] = piece["log_probs"]
    baseline = torch.zeros(0, N_CHOICES)
    if scoring:
        baseline = row_scores(rows, torch.arange(rows.n_rows), log_probs, scoring)
    acts = by_feature(found, runner.sae.d_sae)
    kept = None if parts.resumed else keys
    return Recording(rows, exempt, resid, acts, log_probs, baseline, kept)


@torch.inference_mode()
def with_keys(runner: Runner, recording: Recording, on_progress: OnProgress = silent) -> Recording:
    """The recording with the tail's keys and values, bit for bit those that `record` keeps: the
    same batches run.
    """
    model, keys = runner.model, KeyValues()
    plan = Plan.whole(recording.rows)
    pace = Pace("Computing keys and values", recording.rows.n_tokens, on_progress)
    for chosen in plan.batches(torch.arange(recording.rows.n_rows), runner.budget):
        batch, joining = Batch.of(plan, chosen, model.device), Joining(keep=True)
        resid = recording.resid_at(batch.token).to(model.device)
        model.fill(resid, batch.sight, batch.position, joining)
        tokens, places = batch.tokens.to(model.device), batch.places.to(model.device)
        keys.put(recording.rows.n_tokens, tokens, places, joining.own)
        pace.advance(len(batch.tokens))
    return replace(recording, keys=keys)


class Observed(NamedTuple):
    """Some rows run through the head of the model and the SAE."""

    batch: Batch
    resid: Float[Tensor, "row q d_model"]
    """At the hook, on the model's device."""
    exempt: Bool[Tensor, " real"]
    """Of the batch's real tokens."""
    fired: tuple[Int[Tensor, " fired"], Int[Tensor, " fired"], Float[Tensor, " fired"]]
    """Token, feature and activation of every entry above zero; none at exempt positions."""

    def kept(self) -> dict[str, Tensor]:
        """For backend.parts."""
        token, feature, value = self.fired
        return {
            "token": self.batch.tokens,
            "exempt": self.exempt,
            "fired_at": token,
            "fired": feature,
            "value": value,
        }


@torch.inference_mode()
def observe(runner: Runner, plan: Plan, chosen: Int[Tensor, " row"]) -> Observed:
    """The one place where text becomes feature activations.

    Dense activations live no longer than this call.
    """
    model = runner.model
    batch = Batch.of(plan, chosen, model.device)
    ids = plan.rows.ids[batch.token].long().to(model.device)
    resid = model.run_head(ids, batch.sight, batch.position)
    places = batch.places.to(model.device)
    special = frozenset(model.tokenizer.all_special_ids)
    exempt = untouched(ids, resid, batch.real, runner.untouched, special, batch.shared)
    exempt = exempt.flatten()[places]  # (row, q) -> (real)
    # (row, q, d_model) -> (real, d_model) -> (real, d_sae)
    acts = runner.sae.encode(resid.flatten(0, 1)[places]).masked_fill(exempt[:, None], 0)
    at, feature = acts.nonzero(as_tuple=True)
    fired = batch.tokens[at.cpu()].int(), feature.int().cpu(), acts[at, feature].cpu()
    return Observed(batch, resid, exempt.cpu(), fired)
