"""A row being written: what one more token costs, and what is kept of those before it.

Keys and values are kept, so a new token costs one step through the head, one look of the SAE at one
position, the edit of backend.interventions.edit there, and one step through the tail.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.interventions.edit import add_edit, fired_at, residual_edit
from backend.interventions.gates import Rates, along, rounded, signal_of
from backend.interventions.method import Setting
from backend.model.activations import FeatureActs, by_feature
from backend.model.attention import Growing, Layout
from backend.model.positions import untouched
from backend.model.runner import Runner

Push = Callable[[Float[Tensor, "n d_model"]], Float[Tensor, "n d_model"]]
"""Residuals to residuals, at every token that a clamp may touch."""


class ClampedSteps:
    """A row being written: feeds tokens through head, edit and tail, and keeps what later tokens
    attend to. With a `push` there are no clamps.
    """

    def __init__(
        self,
        runner: Runner,
        setting: Setting,
        rates: Rates | None = None,
        push: Push | None = None,
    ):
        model = runner.model
        self._push = push
        self._model = model
        self._sae = runner.sae
        self._setting, self._rates = setting, rates
        self._rules = runner.untouched
        self._special = frozenset(model.tokenizer.all_special_ids)
        self._keys, self._n_prompt = Growing(), 0
        self._ids = torch.empty(1, 0, dtype=torch.int64, device=model.device)
        self._resid = torch.empty(1, 0, model.d_model, device=model.device)
        self._signal = torch.empty(0, dtype=torch.float64)
        self.edited: list[int] = []
        self.statistic: float | None = None
        self.opened_at: int | None = None

    @torch.inference_mode()
    def feed(self, ids: Sequence[int]) -> Float[Tensor, " d_vocab"]:
        """Logits after the last of these tokens."""
        new = torch.tensor([list(ids)], device=self._model.device)
        begin = self._ids.shape[1]
        self._n_prompt = self._n_prompt or len(ids)
        position = torch.arange(begin, begin + len(ids), device=self._model.device)[None]
        layout = Layout.causal(1, begin + len(ids), self._model.device, n_cached=begin)
        resid = self._model.run_head(new, layout, position, self._keys)
        self._ids = torch.cat([self._ids, new], 1)
        self._resid = torch.cat([self._resid, resid.float()], 1)
        resid = self._edit(resid, begin)
        final = self._model.run_tail(resid, layout, position, joining=self._keys)
        return self._model.logits(final[0, -1:])[0]

    def _edit(
        self, resid: Float[Tensor, "1 new d_model"], begin: int
    ) -> Float[Tensor, "1 new d_model"]:
        setting = self._setting
        if not setting and self._push is None:
            return resid
        real = torch.ones_like(self._ids, dtype=torch.bool)
        prompt = torch.arange(self._ids.shape[1], device=real.device)[None] < self._n_prompt
        exempt = untouched(self._ids, self._resid, real, self._rules, self._special, prompt)[
            0, begin:
        ]
        if self._push is not None:
            return self._pushed(resid, begin, exempt)
        acts = self._sae.encode(resid[0]).masked_fill(exempt[:, None], 0)
        token, feature = acts.nonzero(as_tuple=True)
        fired = by_feature(
            [(token.int().cpu(), feature.int().cpu(), acts[token, feature].cpu())], self._sae.d_sae
        )
        if not self._opens(fired, len(acts)):
            return resid
        hit, added = residual_edit(fired, setting, self._sae.W_dec)
        self.edited += (begin + hit).tolist()
        out = resid.clone()
        at = hit.to(resid.device)
        out[0, at] = add_edit(resid[0, at], added.to(resid.device), setting.method.keep_norm)
        return out

    def _pushed(
        self, resid: Float[Tensor, "1 new d_model"], begin: int, exempt: Bool[Tensor, " new"]
    ) -> Float[Tensor, "1 new d_model"]:
        assert self._push is not None
        at = (~exempt).nonzero().squeeze(-1)
        self.edited += (begin + at).tolist()
        out = resid.clone()
        out[0, at] = self._push(resid[0, at])
        return out

    def _opens(self, fired: FeatureActs, n_new: int) -> bool:
        """Whether the gate is open, now that these tokens have come."""
        gate = self._setting.method.gate
        if gate is None:
            return True
        at = fired_at(fired, self._setting.features, self._setting.method.threshold, n_new)
        new = signal_of(fired, self._setting, gate, at, self._rates)
        self._signal = torch.cat([self._signal, new])
        whole = self._signal[None]
        so_far = along(whole, torch.ones_like(whole, dtype=torch.bool), gate)
        self.statistic = float(rounded(so_far[0, -1]))
        if self.opened_at is None and self.statistic > gate.tau:
            self.opened_at = len(self._signal)
        return self.opened_at is not None
