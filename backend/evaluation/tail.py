"""Questions with an edit, run through the tail of the model from their recorded residuals."""

import torch
from jaxtyping import Int
from torch import Tensor

from backend.evaluation.change import changed, plan_of_change
from backend.evaluation.recordings import Recording, read_log_probs, row_scores
from backend.interventions.edit import Edit, add_edit
from backend.interventions.gates import Opening
from backend.interventions.method import Setting
from backend.model.attention import Joining
from backend.model.runner import Runner
from backend.setups import Scoring


class Tail:
    """One edit of one recording's questions; keeps the keys and values it comes by."""

    def __init__(
        self,
        runner: Runner,
        recording: Recording,
        setting: Setting,
        edit: Edit,
        opened: Opening | None,
        scoring: Scoring,
    ):
        self._runner, self._recording, self._edit = runner, recording, edit
        self._keep_norm, self._scoring = setting.method.keep_norm, scoring
        rows = recording.rows
        keeps = runner.invariant and recording.keys is not None and recording.keys.fit
        self._keys = recording.keys.of_step(runner.step) if keeps and recording.keys else None
        have = None if self._keys is None else self._keys.have
        self.plan = plan_of_change(rows, edit.token, have, opened)
        self._changed, _ = changed(rows, edit.token, opened)
        self._hit = torch.full((rows.n_tokens,), -1)  # (token): its place in the edit
        self._hit[edit.token] = torch.arange(len(edit.token))
        self._log_probs = recording.log_probs.clone()

    def run(self, chosen: Int[Tensor, " row"]) -> tuple[Tensor, Tensor]:
        """The scores of these rows, and the rows in their order."""
        runner, recording, model = self._runner, self._recording, self._runner.model
        batch = runner.batch(self.plan, chosen)
        resid = recording.resid_at(batch.token).to(model.device)
        hit = self._hit[batch.token[0]]
        at = (hit >= 0).nonzero().squeeze(-1)
        added = self._edit.vectors(runner.sae.W_dec, hit[at]).to(model.device)
        at = at.to(model.device)
        resid[0, at] = add_edit(resid[0, at], added, self._keep_norm)
        fresh = (~self._changed[batch.tokens]).nonzero().squeeze(-1)
        joining = Joining(self._keys, batch.context, keep=self._keys is not None and len(fresh) > 0)
        entry, read = read_log_probs(model, self.plan, batch, resid, joining)
        if self._keys is not None and joining.keep:
            self._keys.put(batch.tokens[fresh], fresh, joining.own)
        self._log_probs[entry] = read
        return batch.rows, row_scores(recording.rows, batch.rows, self._log_probs, self._scoring)
