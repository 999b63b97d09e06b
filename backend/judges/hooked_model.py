"""A plain transformers model with one forward hook, which clamps: what a judge is given to run.

Nothing of how the board computes is in here: no split, no packing, no recordings, no kept answers.
The edit is written from its formula (backend.interventions.edit), the gate is that of the slow
proof (backend.evaluation.reference.statistic), and which positions are left alone is the setup's
own rule (backend.model.positions), so that a figure a judge finds is a second opinion on the
board's.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.reference import statistic
from backend.interventions.method import Setting
from backend.interventions.rival import PUSHED
from backend.model.positions import untouched
from backend.model.sae import LoadedSae
from backend.model.split import block_of
from backend.progress import OnProgress, silent
from backend.setups import Rule

Push = Callable[[Float[Tensor, "n d_model"]], Float[Tensor, "n d_model"]]
"""Residuals to residuals, at every token that a clamp may touch."""


@dataclass(frozen=True)
class Edits:
    """What is done to a residual, and where it never is."""

    sae: LoadedSae
    rules: tuple[Rule, ...]
    special: frozenset[int]
    setting: Setting
    rates: tuple[tuple[float, float], ...] = ()
    """A cusum's (p, q) of each clamped feature."""
    push: Push | None = None
    """In the place of clamps."""


class Stretch:
    """One sequence as it is read: whole where it is scored, token by token where it is written.

    `n_prefix`: its first tokens, by which a sink is told; None where that is all that is read at
    first. A gate is asked about all that was read so far, and once it is open it stays open.
    """

    def __init__(self, edits: Edits, n_prefix: int | None = None):
        self._edits, self._n_prefix = edits, n_prefix
        self._ids = torch.empty(0, dtype=torch.int64)
        self._resid = torch.empty(0, edits.sae.d_in)
        self._fires: list[list[bool]] = []
        self._open = False

    def read(
        self, ids: Int[Tensor, " new"], resid: Float[Tensor, "new d_model"]
    ) -> Float[Tensor, "new d_model"]:
        """The residuals of the next tokens, as the model is to go on with them."""
        begin = len(self._ids)
        self._ids = torch.cat([self._ids.to(ids), ids])
        self._resid = torch.cat([self._resid.to(resid.device), resid.float()])
        self._n_prefix = len(self._ids) if self._n_prefix is None else self._n_prefix
        exempt = self._exempt()[begin:]
        push = self._edits.push
        if push is not None:
            return torch.where(exempt[:, None], resid, push(resid))
        return self._clamped(resid, exempt)

    def _exempt(self) -> Bool[Tensor, " pos"]:
        edits, n = self._edits, len(self._ids)
        real = torch.ones(1, n, dtype=torch.bool, device=self._ids.device)
        prefix = torch.arange(n, device=self._ids.device)[None] < (self._n_prefix or 0)
        return untouched(
            self._ids[None], self._resid[None], real, edits.rules, edits.special, prefix
        )[0]

    def _clamped(
        self, resid: Float[Tensor, "new d_model"], exempt: Bool[Tensor, " new"]
    ) -> Float[Tensor, "new d_model"]:
        sae, (clamps, method, _) = self._edits.sae, self._edits.setting
        features = list(self._edits.setting.features)
        acts = sae.encode(resid)
        own = acts[:, features]
        fires = (own > method.threshold) & ~exempt[:, None]
        self._fires += fires.tolist()
        if not self._opens():
            return resid
        hit = fires.any(-1)
        where = hit[:, None].expand_as(fires) if method.reach == "all" else fires
        values = torch.tensor([clamp.value for clamp in clamps], device=resid.device)
        change = torch.where(where, values - own, 0)
        added = torch.zeros(resid.shape, device=resid.device)
        refusal = method.refusal
        if refusal is None or not refusal.alone:
            keep = [refusal is None or f != refusal.feature for f in features]
            added = (change * torch.tensor(keep, device=resid.device)) @ sae.W_dec[features]
        if refusal is not None:
            latent = torch.where(hit, refusal.value - acts[:, refusal.feature], 0)
            added = added + latent[:, None] * sae.W_dec[refusal.feature]
        new = resid.float() + added
        if method.keep_norm:
            new = new / new.norm(dim=-1, keepdim=True) * resid.float().norm(dim=-1, keepdim=True)
        return torch.where(hit[:, None], new.to(resid.dtype), resid)

    def _opens(self) -> bool:
        gate = self._edits.setting.method.gate
        if gate is None or self._open:
            return True
        self._open = statistic(self._fires, gate, self._edits.rates) > gate.tau
        return self._open


class HookedModel:
    """The model as transformers gives it, what it does to its residuals, and what it is told of the
    sequences it is about to read.
    """

    def __init__(
        self,
        hf: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        edits: Edits | None,
        hook_name: str,
    ):
        """`edits` None: the model as it is, with no hook at all."""
        self.hf, self.tokenizer, self._edits = hf, tokenizer, edits
        self._stretches: Sequence[tuple[Stretch, int | None]] | None = None
        self._ids: Tensor | None = None
        self.calls = 0
        """Forward passes in which the hook ran."""
        if edits is not None:
            layers = hf.base_model.layers
            assert isinstance(layers, nn.ModuleList)
            hf.base_model.register_forward_pre_hook(self._given, with_kwargs=True)
            layers[block_of(hook_name)].register_forward_hook(self._hook)

    @contextmanager
    def scoring(self, rows: Sequence[tuple[int, int | None]]) -> Iterator[None]:
        """In the block one forward pass reads these rows, padded on the right: of each how many
        tokens are its own, and how many of them its prefix, None for all.
        """
        edits = self._edits
        told = [] if edits is None else [(Stretch(edits, prefix), n) for n, prefix in rows]
        with self._told(told):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """In the block one text is written: a prompt is read whole, then one token after the other,
        with keys and values kept.
        """
        with self._told([] if self._edits is None else [(Stretch(self._edits), None)]):
            yield

    @contextmanager
    def _told(self, stretches: Sequence[tuple[Stretch, int | None]]) -> Iterator[None]:
        calls, self._stretches = self.calls, stretches
        try:
            yield
        finally:
            self._stretches = None
        if stretches and self.calls == calls:
            raise RuntimeError("the hook did not run: what was read is not clamped")

    def _given(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        self._ids = args[0] if args else kwargs["input_ids"]

    def _hook(self, module: nn.Module, args: Any, out: Tensor | tuple[Tensor, ...]) -> Any:
        resid, ids = out if isinstance(out, Tensor) else out[0], self._ids
        if self._stretches is None or ids is None or ids.shape != resid.shape[:2]:
            raise RuntimeError("the model reads what the hook was not told of")
        if len(self._stretches) != len(ids):
            raise BadInput(
                "A clamped text is written one at a time: leave out num_beams and "
                "num_return_sequences."
            )
        self.calls += 1
        new = resid.clone()
        for row, (stretch, n) in enumerate(self._stretches):
            new[row, :n] = stretch.read(ids[row, :n], resid[row, :n])
        return new if isinstance(out, Tensor) else (new, *out[1:])


def hooked_model(engine: Engine, setting: Setting, on_progress: OnProgress = silent) -> HookedModel:
    """A model of its own, with the setting on it. In a turn at the engine's model, where a
    direction must be found first.

    Raises BadInput for a prompt, BadRival for a rival that is not there.
    """
    setting = engine.check(setting)
    sae, rival = engine.sae, setting.rival
    if rival is not None and rival.kind == "prompt":
        raise BadInput(
            "A judge asks in its own words, before which no prompt of ours goes: take evaluate for "
            "a prompt, or give the judge its own system message."
        )
    push, rates = None, engine.evaluator.rates(setting)
    if rival is not None and rival.kind in PUSHED:
        engine.rivals.ready(rival, on_progress)
        push = partial(engine.rivals.direction(rival).push, strength=rival.strength)
    hf, tokenizer = engine.load_plain()
    if rival is not None and rival.kind == "rmu":
        for name, matrix in engine.rivals.matrices(rival).items():
            hf.get_parameter(name).copy_(matrix)
    edits = None
    if setting.clamps or push is not None:
        pairs = (
            () if rates is None else zip(rates.forget.tolist(), rates.retain.tolist(), strict=True)
        )
        special = frozenset(tokenizer.all_special_ids)
        edits = Edits(sae, engine.setup.untouched, special, setting, tuple(pairs), push)
    return HookedModel(hf, tokenizer, edits, sae.hook_name)
