"""Questions with an edit, run through the tail of the model from their recorded residuals."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.evaluation.change import changed, plan_of_change
from backend.evaluation.recordings import Recording, read_log_probs, row_scores
from backend.interventions.gates import Opening
from backend.model.attention import Joining
from backend.model.runner import Runner
from backend.setups import Scoring

Edited = Callable[[Float[Tensor, "n d_model"], Int[Tensor, " n"]], Float[Tensor, "n d_model"]]
"""Residuals at some of an edit's tokens, and which of its tokens these are, to the residuals with
the edit, in their own dtype. What one becomes depends on nothing but itself.
"""


class Tail:
    """One edit of one recording's questions; keeps the keys and values it comes by."""

    def __init__(
        self,
        runner: Runner,
        recording: Recording,
        token: Int[Tensor, " hit"],
        edited: Edited,
        opened: Opening | None,
        scoring: Scoring,
    ):
        """`token`: where the edit is made, ascending."""
        self._runner, self._recording, self._edited = runner, recording, edited
        self._scoring = scoring
        rows = recording.rows
        keeps = runner.invariant and recording.keys is not None and recording.keys.fit
        self._keys = recording.keys.of_step(runner.step) if keeps and recording.keys else None
        have = None if self._keys is None else self._keys.have
        self.plan = plan_of_change(rows, token, have, opened)
        self._changed, _ = changed(rows, token, opened)
        self._hit = torch.full((rows.n_tokens,), -1)  # (token): its place in the edit
        self._hit[token] = torch.arange(len(token))
        self._log_probs = recording.log_probs.clone()

    def run(self, chosen: Int[Tensor, " row"]) -> tuple[Tensor, Tensor]:
        """The scores of these rows, and the rows in their order."""
        runner, recording, model = self._runner, self._recording, self._runner.model
        batch = runner.batch(self.plan, chosen)
        resid = recording.resid_at(batch.token).to(model.device)
        hit = self._hit[batch.token[0]]
        at = (hit >= 0).nonzero().squeeze(-1)
        hit, at = hit[at], at.to(model.device)
        resid[0, at] = self._edited(resid[0, at], hit)
        fresh = (~self._changed[batch.tokens]).nonzero().squeeze(-1)
        joining = Joining(self._keys, batch.context, keep=self._keys is not None and len(fresh) > 0)
        entry, read = read_log_probs(model, self.plan, batch, resid, joining)
        if self._keys is not None and joining.keep:
            self._keys.put(batch.tokens[fresh], fresh, joining.own)
        self._log_probs[entry] = read
        return batch.rows, row_scores(recording.rows, batch.rows, self._log_probs, self._scoring)
