"""Scores of questions as functions of the clamps' values: the edit is added to the recorded
residual, the tail of the model runs, and gradients flow back to the values alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from backend.evaluation.change import effective_edit, plan_of_change
from backend.evaluation.recordings import Recording, read_log_probs, row_scores
from backend.interventions.clamps import Clamp
from backend.interventions.edit import add_edit
from backend.interventions.gates import Opening
from backend.interventions.method import Setting
from backend.model.runner import Runner
from backend.setups import Scoring

Take = Callable[[Int[Tensor, " row"], Float[Tensor, "row choice"]], None]
"""Rows and their scores, while the graph behind them stands."""


class Slopes:
    """One set of features on one recording, by one method."""

    def __init__(
        self,
        runner: Runner,
        recording: Recording,
        setting: Setting,
        scoring: Scoring,
        opened: Opening | None = None,
    ):
        """`setting` names the features; its values are not read. `opened` restricts where the edit
        is made, at its tau.
        """
        still = tuple(Clamp(feature, 0.0) for feature in setting.features)
        zero = Setting(still, replace(setting.method, gate=None))
        rows = recording.rows
        edit = effective_edit(rows, recording.acts, zero, opened)
        self._runner, self._recording, self._scoring = runner, recording, scoring
        self._keep_norm = setting.method.keep_norm
        self._edit = edit
        self._column = torch.searchsorted(torch.tensor(setting.features), edit.feature.long())
        self._hit = torch.full((rows.n_tokens,), -1)
        self._hit[edit.token] = torch.arange(len(edit.token))
        self._plan = plan_of_change(rows, edit.token, None, opened)
        self.affected: Bool[Tensor, " row"] = self._plan.entries.lengths() > 0
        """Rows whose scores the values can change."""

    def through(
        self, values: Float[Tensor, " feature"], rows: Int[Tensor, " row"], take: Take
    ) -> Iterator[int]:
        """Runs these rows batch by batch and hands their scores to `take`, which may call backward;
        yields how many ran. Raises Unavailable where memory runs out.
        """

        def run(chosen: Tensor) -> int:
            with torch.enable_grad():
                take(*self._scores(values, chosen))
            return len(chosen)

        yield from self._runner.batches(self._plan, rows, run)

    def _scores(self, values: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        runner, recording, rows = self._runner, self._recording, self._recording.rows
        batch = runner.batch(self._plan, chosen)
        resid = recording.resid_at(batch.token).to(runner.model.device)
        hit = self._hit[batch.token[0]]
        at = (hit >= 0).nonzero().squeeze(-1)
        added = self._added(values, hit[at]).to(resid.device)
        at = at.to(resid.device)
        edited = add_edit(resid[0, at], added, self._keep_norm)
        resid = resid.index_put((torch.zeros_like(at), at), edited)
        entry, read = read_log_probs(runner.model, self._plan, batch, resid)
        log_probs = recording.log_probs.clone().index_put((entry,), read)
        return batch.rows, row_scores(rows, batch.rows, log_probs, self._scoring)

    def _added(self, values: Tensor, hits: Tensor) -> Float[Tensor, "n d_model"]:
        """As backend.interventions.edit.Edit.vectors, with the values left free."""
        edit, W_dec = self._edit, self._runner.sae.W_dec
        lengths = edit.start.diff()[hits]
        ends = lengths.cumsum(0)
        shift = torch.repeat_interleave(edit.start[hits] - ends + lengths, lengths)
        entry = shift + torch.arange(len(shift))
        if not len(entry):
            return W_dec.new_zeros(len(hits), W_dec.shape[1])
        weight = values[self._column[entry]] + edit.weight[entry]
        return embedding_bag(
            edit.feature[entry].to(W_dec.device),
            W_dec,
            (ends - lengths).to(W_dec.device),
            mode="sum",
            per_sample_weights=weight.to(W_dec),
        )
