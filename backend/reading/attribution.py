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
from typing import NamedTuple

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.engine.engine import Engine
from backend.errors import BadInput, Unavailable
from backend.evaluation.recordings import Recording
from backend.features.table import answered_right
from backend.model.runner import Runner
from backend.progress import OnProgress, silent
from backend.reading.tracing import Trace
from backend.setups import Role, Scoring
from backend.store import if_it_can_be_kept, key, read_tensors, write_tensors

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
    trace = Trace.of(runner, recording, right, scoring)
    sums = [torch.zeros(runner.sae.d_sae, dtype=torch.float64) for _ in chosen]
    pace = trace.pace(chosen, on_progress)

    def run(total: Tensor, rows: Tensor) -> None:
        pushes = trace.back(rows)
        total.index_add_(0, pushes.feature, pushes.pushed)
        pace.advance(pushes.n_tokens)

    for group, total in zip(chosen, sums, strict=True):
        trace.through(group, partial(run, total))
    return sums


class Strongest(NamedTuple):
    """Each question's strongest features: those for its right answer, the strongest first, then
    those against it, the strongest first.
    """

    question: Int[Tensor, " question"]
    """Their places among all questions, ascending."""
    feature: Int[Tensor, "question most"]
    """-1 where a question has fewer of a sign."""
    attribution: Float[Tensor, "question most"]
    """float64; 0 there."""


def strongest(
    runner: Runner,
    recording: Recording,
    right: Int[Tensor, " question"],
    chosen: Bool[Tensor, " question"],
    *,
    n_each: tuple[int, int],
    among: Bool[Tensor, " d_sae"],
    scoring: Scoring,
    on_progress: OnProgress = silent,
) -> Strongest:
    """The strongest features of each chosen question, of those `among` which one may be: at most
    `n_each` for its right answer and against it.

    `right` is each question's right option. Raising from `on_progress` cancels.
    """
    trace = Trace.of(runner, recording, right, scoring)
    n_features, most = int(among.sum()), sum(n_each)
    feature = torch.full((recording.rows.n_rows, most), -1)
    attribution = torch.zeros(recording.rows.n_rows, most, dtype=torch.float64)
    pace = trace.pace([chosen], on_progress)

    def run(rows: Tensor) -> None:
        pushes = trace.back(rows)
        place = torch.full((recording.rows.n_rows,), -1)
        place[rows] = torch.arange(len(rows))
        whole = torch.zeros(len(rows), runner.sae.d_sae, dtype=torch.float64)
        whole.index_put_((place[pushes.question], pushes.feature), pushes.pushed, accumulate=True)
        whole[:, ~among] = 0
        begin = 0
        for sign, n in zip((1, -1), n_each, strict=True):
            found = (sign * whole).topk(min(n, n_features), dim=1)
            columns = slice(begin, begin + found.values.shape[1])
            feature[rows, columns] = torch.where(found.values > 0, found.indices, -1)
            attribution[rows, columns] = sign * found.values.clamp(min=0)
            begin += n
        pace.advance(pushes.n_tokens)

    trace.through(chosen, run)
    question = chosen.nonzero().squeeze(-1)
    return Strongest(question, feature[question], attribution[question])


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
    chosen = _chosen(engine)
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


def strongest_of(engine: Engine, per_question: int, on_progress: OnProgress = silent) -> Strongest:
    """Of each forget question of the selection half that the model answers right the `per_question`
    strongest features, half of them for its right answer (one more of an odd number) and half
    against it; kept, and read from disk the next time.

    A feature that never fired in the corpora has no maximum to be clamped to a multiple of, and is
    never among them; nor is one that fires in a question only where no clamp acts. Raises BadInput
    for no features at all, Unavailable when there is no such question.
    """
    if per_question < 1:
        raise BadInput(f"{per_question} features a question are none: ask for 1 or more.")
    among = torch.tensor(engine.atlas.table["max_act"].to_numpy() > 0)
    asked = {"per_question": per_question, "among": among.tolist()}
    path = _path(engine, "strongest", **asked)
    if (tensors := read_tensors(path)) is not None:
        return Strongest(**tensors)
    forget, _ = _chosen(engine)
    with engine.turn(on_progress, "attribution"):
        found = strongest(
            engine.runner,
            engine.recording,
            engine.sets.answers,
            forget,
            n_each=(per_question - per_question // 2, per_question // 2),
            among=among,
            scoring=engine.setup.scoring,
            on_progress=on_progress,
        )
    with if_it_can_be_kept("The strongest features of each question"):
        write_tensors(path, found._asdict())
    return found


def _chosen(engine: Engine) -> list[Bool[Tensor, " question"]]:
    """Questions of each role in the selection half that the model answers right.

    Raises Unavailable when there is no such forget question.
    """
    usable = engine.half("selection") & answered_right(engine.sets, engine.recording)
    chosen = [usable & engine.sets.role(role) for role in ROLES]
    if not chosen[0].any():
        raise Unavailable(
            "The model answers no forget question of the selection half right, so there is no "
            "right answer to trace back to features."
        )
    return chosen


def _path(engine: Engine, name: str = "attribution", **asked: object) -> Path:
    selection = engine.half("selection").tolist()
    named = key({"format": ATTRIBUTION_FORMAT, "selection": selection, **asked})
    return engine.folder / f"{name}_{named}.safetensors"
