"""What each kind of rival does to a recording's rows: see backend.evaluation.action.

A direction goes through the tail from the recorded residuals, as clamps do. A changed model, and a
question asked after a prompt, have other residuals: they run whole, head and tail, and what they
are recorded by is their answers, which are kept.
"""

from collections.abc import Callable
from hashlib import blake2b

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.evaluation.action import Action, Running
from backend.evaluation.change import plan_of_change, read_after
from backend.evaluation.kept_answers import DIGEST
from backend.evaluation.recordings import Recording, read_log_probs, row_scores
from backend.evaluation.tail import Tail
from backend.interventions.rival import Rival, format_rival
from backend.model.rows import Plan, Rows
from backend.model.runner import Runner
from backend.rivals.directions import Direction
from backend.setups import Scoring


def pushing(
    rival: Rival,
    recording: Recording,
    scoring: Scoring,
    runner: Callable[[], Runner],
    direction: Callable[[], Direction],
) -> Action:
    """The residual changed along a direction, at every token a clamp may touch that can change what
    is read.
    """
    rows = recording.rows
    token = (~recording.exempt & read_after(rows)).nonzero().squeeze(-1)

    def start() -> Running:
        found = direction()

        def pushed(resid: Float[Tensor, "n d_model"], _: Int[Tensor, " n"]) -> Tensor:
            return found.push(resid, rival.strength)

        tail = Tail(runner(), recording, token, pushed, None, scoring)
        return Running(tail.plan, tail.run)

    affected = plan_of_change(rows, token).entries.lengths() > 0
    return Action(affected, _keys_of(rival), start)


def running_whole(
    rival: Rival,
    recording: Recording,
    scoring: Scoring,
    runner: Callable[[], Runner],
    rows_of: Callable[[Rows], Rows] = lambda rows: rows,
) -> Action:
    """Every row through the whole of a model, after `rows_of` made other rows of the recorded ones,
    which are scored at the same entries.
    """

    def start() -> Running:
        running, rows = runner(), rows_of(recording.rows)
        model, plan = running.model, Plan.whole(rows)
        log_probs = recording.log_probs.clone()

        def run(chosen: Int[Tensor, " row"]) -> tuple[Tensor, Tensor]:
            batch = running.batch(plan, chosen)
            ids = rows.ids[batch.token].long().to(model.device)
            resid = model.run_head(ids, batch.layout, batch.position)
            entry, read = read_log_probs(model, plan, batch, resid)
            log_probs[entry] = read
            return batch.rows, row_scores(rows, batch.rows, log_probs, scoring)

        return Running(plan, run)

    every = torch.ones(recording.rows.n_rows, dtype=torch.bool)
    return Action(every, _keys_of(rival), start)


def _keys_of(rival: Rival) -> Callable[[Int[Tensor, " row"], str], list[bytes]]:
    def keys(chosen: Int[Tensor, " row"], salt: str) -> list[bytes]:
        seed = blake2b(f"{format_rival(rival)} {salt}".encode(), digest_size=DIGEST).digest()
        return [
            blake2b(row.to_bytes(8, "little"), digest_size=DIGEST, key=seed).digest()
            for row in chosen.tolist()
        ]

    return keys
