"""What is kept of one forward pass over every question: residuals at the hook, feature activations,
scores.

A slider move starts from here: the head of the model never runs twice over the same tokens, and
where the keys and values of the tail fit in memory, neither do the positions before the first
change once they have run.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import N_CHOICES, choice_scores
from backend.model.activations import FeatureActs, by_feature
from backend.model.attention import Joining, KeyValues
from backend.model.batches import Batch
from backend.model.positions import untouched
from backend.model.rows import Plan, Rows
from backend.model.runner import Runner
from backend.parts import Parts
from backend.progress import OnProgress, Pace, silent
from backend.setups import Scoring
from backend.store import read_tensors, write_tensors

if TYPE_CHECKING:
    from backend.model.split import SplitModel

FORMAT = 4
"""Raise when what is recorded changes."""
LOGIT_ROWS = 128
"""Vocabulary logits are computed for this many positions at a time: few enough for a processor's
cache. Any number of them is a multiple of backend.model.attention.STEP.
"""


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
    """Of the tail, without a clamp, as far as they were computed; never on disk. None where they
    are not kept.
    """

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

    def resid_at(self, token: Int[Tensor, "*any"]) -> Float[Tensor, "*any d_model"]:
        return self.resid[token.to(self.resid.device)]

    def near(self, device: str, room: float) -> "Recording":
        """With the residuals on the device if they take at most `room` bytes, else in pinned
        memory, from where copies are fast.
        """
        fits = self.resid.numel() * self.resid.element_size() <= room
        return replace(self, resid=self.resid.to(device) if fits else self.resid.pin_memory())


def read_log_probs(
    model: "SplitModel",
    plan: Plan,
    batch: Batch,
    resid: Float[Tensor, "1 n d_model"],
    joining: Joining | None = None,
) -> tuple[Int[Tensor, " entry"], Float[Tensor, " entry"]]:
    """Run the tail on residuals at the hook.

    Returns the plan's score entries of these rows and their log-probabilities, float32 on the CPU.
    """
    hidden = model.read_tail(resid, batch, joining)  # (s, d_model)
    entry, row = plan.entries.flat(batch.rows)
    n_reads = plan.read.lengths()[batch.rows]
    first = n_reads.cumsum(0) - n_reads  # (row): where a row's reads begin in `hidden`
    place = first[row] + plan.slot[plan.rows.read_at()[entry]]  # (entry): where its read stands
    log_probs = torch.empty(len(entry))
    for begin in range(0, batch.n_read, LOGIT_ROWS):
        mine = (place >= begin) & (place < begin + LOGIT_ROWS)
        every = model.logits(hidden[begin : begin + LOGIT_ROWS]).log_softmax(-1)
        at = (place[mine] - begin).to(model.device)
        token = plan.rows.score_token[entry[mine]].long().to(model.device)
        log_probs[mine] = every[at, token].cpu()
    return entry, log_probs


def row_scores(
    rows: Rows, chosen: Int[Tensor, " row"], log_probs: Float[Tensor, " entry"], scoring: Scoring
) -> Float[Tensor, "row choice"]:
    """The options' scores of the chosen rows, from the log-probabilities of all entries."""
    entry, row = rows.entries().flat(chosen)
    weighted = log_probs[entry] * rows.score_weight[entry]
    return choice_scores(weighted, rows.score_choice[entry].long(), row, len(chosen), scoring)


def batch_scores(
    model: "SplitModel",
    plan: Plan,
    batch: Batch,
    resid: Float[Tensor, "1 n d_model"],
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
    parts: Parts | None = None,
    on_progress: OnProgress = silent,
) -> Recording:
    """One pass over the rows; goes on after what `parts` has.

    Without `scoring` (a text corpus) no residuals and no scores are kept.
    """
    model = runner.model
    resid = torch.empty(rows.n_tokens if scoring else 0, model.d_model, dtype=model.dtype)
    exempt = torch.zeros(rows.n_tokens, dtype=torch.bool)
    log_probs = torch.zeros(len(rows.score_pos) if scoring else 0)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    parts = parts or Parts(None)
    plan = Plan.whole(rows)

    def run(chosen: Tensor) -> dict[str, Tensor]:
        seen = observe(runner, plan, chosen)
        batch, piece = seen.batch, seen.kept()
        if scoring:
            entry, read = read_log_probs(model, plan, batch, seen.resid)
            piece["resid"] = seen.resid[0, : batch.n].cpu()
            piece |= {"entry": entry, "log_probs": read}
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
    return Recording(rows, exempt, resid, acts, log_probs, baseline)


class Observed(NamedTuple):
    """Some rows run through the head of the model and the SAE."""

    batch: Batch
    resid: Float[Tensor, "1 n d_model"]
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
    batch = runner.batch(plan, chosen)
    ids = plan.rows.ids[batch.token].long().to(model.device)
    resid = model.run_head(ids, batch.layout, batch.position)
    special = frozenset(model.tokenizer.all_special_ids)
    in_rows, real = batch.in_rows(resid)
    shared = batch.in_rows(batch.shared)[0]
    exempt = untouched(batch.in_rows(ids)[0], in_rows, real, runner.untouched, special, shared)[
        real
    ]  # (row, q) -> (real)
    # (real, d_model) -> (real, d_sae), in as many rows as ran: of fewer, another kernel might sum.
    acts = runner.sae.encode(resid[0])[: batch.n].masked_fill(exempt[:, None], 0)
    at, feature = acts.nonzero(as_tuple=True)
    fired = batch.tokens[at.cpu()].int(), feature.int().cpu(), acts[at, feature].cpu()
    return Observed(batch, resid, exempt.cpu(), fired)
