"""The slow path that proves the engine: TransformerLens, whole sequences, a hook that encodes,
clamps and decodes.

Nothing is shared with backend.evaluation.evaluate but the questions' tokens: no split, no packing,
no recordings, no delta; a gate is computed from its formula, one sequence at a time.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.data.questions import PREFIX, Packed, choice_scores
from backend.errors import BadSetup
from backend.interventions.gates import DECIMALS
from backend.interventions.method import Gate, Setting
from backend.model.positions import untouched
from backend.model.sae import LoadedSae
from backend.progress import OnProgress, Pace, silent
from backend.setups import Rule, Scoring

Push = Callable[[Float[Tensor, "row pos d_model"]], Float[Tensor, "row pos d_model"]]


class Reference:
    """Owns its own copy of the model: TransformerBridge rewires the attention of the one it is
    given.
    """

    def __init__(
        self,
        hf: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        sae: LoadedSae,
        untouched_rules: tuple[Rule, ...],
    ):
        self._bridge = TransformerBridge.boot_transformers(
            hf.config._name_or_path,
            hf_model=hf,
            tokenizer=tokenizer,
            dtype=hf.dtype,
            device=str(hf.device),
        )
        self._sae, self._rules = sae, untouched_rules
        self._special = frozenset(tokenizer.all_special_ids)
        self._device = hf.device

    @torch.inference_mode()
    def scores(
        self,
        packed: Sequence[Packed],
        setting: Setting | None,
        scoring: Scoring,
        on_progress: OnProgress = silent,
        rows_per_batch: int = 16,
        rates: Sequence[tuple[float, float]] = (),
        push: Push | None = None,
    ) -> Float[Tensor, "question choice"]:
        """Scores of every question, each option as a sequence of its own, in one full forward pass
        with a hook; without one where `setting` is None. `rates` are a cusum's (p, q) of each
        clamped feature. With a `push`, that is what the hook does, and `setting` is not read.
        """
        sequences = [
            (q, *sequence) for q, question in enumerate(packed) for sequence in unpacked(question)
        ]
        sequences.sort(key=lambda sequence: len(sequence[1]))
        read: list[tuple[int, int, float]] = []
        pace = Pace("Full forward passes", len(sequences), on_progress)
        for begin in range(0, len(sequences), rows_per_batch):
            part = sequences[begin : begin + rows_per_batch]
            log_probs = self._log_probs(
                [ids for _, ids, _, _ in part], [n for _, _, n, _ in part], setting, rates, push
            )
            for row, (q, _, _, entries) in enumerate(part):
                read += [
                    (q, choice, weight * float(log_probs[row, pos, token]))
                    for pos, token, choice, weight in entries
                ]
            pace.advance(len(part))
        question, choice, value = (torch.tensor(column) for column in zip(*read, strict=True))
        return choice_scores(value.float(), choice, question, len(packed), scoring)

    def _log_probs(
        self,
        rows: Sequence[list[int]],
        n_prefix: Sequence[int],
        setting: Setting | None,
        rates: Sequence[tuple[float, float]],
        push: Push | None,
    ) -> Float[Tensor, "row pos vocab"]:
        width = max(len(ids) for ids in rows)
        padding = [width - len(row) for row in rows]
        padded = [row + [0] * n for row, n in zip(rows, padding, strict=True)]
        real_of = [[True] * len(row) + [False] * n for row, n in zip(rows, padding, strict=True)]
        ids = torch.tensor(padded, device=self._device)
        real = torch.tensor(real_of, device=self._device)
        pos = torch.arange(width, device=self._device)
        shared = pos < torch.tensor(n_prefix, device=self._device)[:, None]  # (row, pos)
        calls = 0

        def clamp(resid: Tensor, hook: object) -> Tensor:
            nonlocal calls
            calls += 1
            exempt = untouched(ids, resid, real, self._rules, self._special, shared)
            if push is not None:
                return torch.where(exempt[..., None], resid, push(resid.float()).to(resid.dtype))
            assert setting is not None
            acts = self._sae.encode(resid)
            fires = (acts[..., list(setting.features)] > setting.method.threshold) & ~exempt[
                ..., None
            ]  # (row, pos, clamp)
            edited = _written(acts, fires, setting)
            error = resid.float() - self._sae.sae.decode(acts)
            rebuilt = self._sae.sae.decode(edited) + error
            if setting.method.keep_norm:
                length = resid.float().norm(dim=-1, keepdim=True)
                rebuilt = rebuilt / rebuilt.norm(dim=-1, keepdim=True) * length
            alone = exempt | ~fires.any(-1)
            if (gate := setting.method.gate) is not None:
                for row, n in enumerate(real.sum(-1).tolist()):
                    if statistic(fires[row, :n].tolist(), gate, rates) <= gate.tau:
                        alone[row] = True
            return torch.where(alone[..., None], resid, rebuilt.to(resid.dtype))

        hooks: list[tuple[str | Callable[[str], bool], Callable[..., Any]]] = []
        if setting or push is not None:
            hooks.append((self._sae.hook_name, clamp))
        logits = self._bridge.run_with_hooks(ids, attention_mask=real.long(), fwd_hooks=hooks)
        if calls != len(hooks):  # TransformerBridge passes over a hook it does not have
            raise BadSetup(
                f"The hook '{self._sae.hook_name}' ran {calls} times in one forward pass; the "
                "reference would not be clamped."
            )
        log_probs: Tensor = logits.float().log_softmax(-1)
        return log_probs


def _written(acts: Tensor, fires: Tensor, setting: Setting) -> Tensor:
    """The activations [row, pos, d_sae] as the method sets them."""
    edited, clamps, method = acts.clone(), setting.clamps, setting.method
    hit = fires.any(-1)
    if method.refusal is None or not method.refusal.alone:
        for number, (feature, value) in enumerate(clamps):
            here = hit if method.reach == "all" else fires[..., number]
            edited[..., feature] = torch.where(here, value, acts[..., feature])
    if method.refusal is not None:
        feature, value = method.refusal.feature, method.refusal.value
        edited[..., feature] = torch.where(hit, value, acts[..., feature])
    return edited


def statistic(
    fires: Sequence[Sequence[bool]], gate: Gate, rates: Sequence[tuple[float, float]]
) -> float:
    """The gate's statistic of one sequence, [pos][feature], in plain arithmetic from the formulas
    in backend.interventions.gates; rounded as there.
    """
    any_fires = [any(position) for position in fires]
    if gate.kind == "rho":
        found = sum(any_fires) / len(any_fires)
    elif gate.kind == "window":
        width = min(gate.width, len(any_fires))
        found = max(
            sum(any_fires[begin : begin + width]) / width
            for begin in range(len(any_fires) - width + 1)
        )
    else:
        found = total = 0.0
        for position in fires:
            for fired, (p, q) in zip(position, rates, strict=True):
                total += math.log(p / q) if fired else math.log((1 - p) / (1 - q))
            total = max(0.0, total)
            found = max(found, total)
    return round(found, DECIMALS)


Entry = tuple[int, int, int, float]
"""Position, token, choice, weight."""


def unpacked(question: Packed) -> list[tuple[list[int], int, list[Entry]]]:
    """The question as plain sequences, one for each option: tokens, how many of them are the
    prefix, and the entries at their places.

    An option of one token has nothing of its own in the row: its sequence is the prefix. A row
    without branches is one sequence.
    """
    entries = list(
        zip(
            question.score_pos,
            question.score_token,
            question.score_choice,
            question.score_weight,
            strict=True,
        )
    )
    if max(question.branch, default=PREFIX) == PREFIX:
        return [(question.ids, len(question.ids), entries)]
    out = []
    for option in sorted(set(question.score_choice)):
        keep = [i for i, branch in enumerate(question.branch) if branch in (PREFIX, option)]
        place = {old: new for new, old in enumerate(keep)}
        mine = [
            (place[pos], token, choice, weight)
            for pos, token, choice, weight in entries
            if choice == option
        ]
        out.append(([question.ids[i] for i in keep], question.branch.count(PREFIX), mine))
    return out
