"""The full forward pass written with care: what the engine is to be held against, beside the
reference, which is written to be plain.

transformers as it comes, rows sorted by length, the SAE and the edit in one hook, and vocabulary
logits only where something is read.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedModel

from backend.data.questions import Packed, choice_scores
from backend.evaluation.reference import unpacked
from backend.interventions.method import PAPER, Setting
from backend.model.positions import untouched
from backend.model.runner import Runner
from backend.setups import Scoring

ROWS = 16
"""Sequences of a batch: as fast as 8 and 32 on two cores."""


@torch.inference_mode()
def full_pass(
    plain: PreTrainedModel,
    runner: Runner,
    packed: Sequence[Packed],
    setting: Setting,
    scoring: Scoring,
) -> Float[Tensor, "question choice"]:
    """Scores of every question, each option as a sequence of its own; the paper's method only.

    `plain` is a model of its own, as transformers loads it.
    """
    if setting.method != PAPER:
        raise ValueError("only the paper's method is written here")
    sequences = [(q, *one) for q, question in enumerate(packed) for one in unpacked(question)]
    sequences.sort(key=lambda sequence: len(sequence[1]))
    read: list[tuple[int, int, float]] = []
    for begin in range(0, len(sequences), ROWS):
        part = sequences[begin : begin + ROWS]
        width = max(len(ids) for _, ids, _, _ in part)
        ids = torch.tensor([ids + [0] * (width - len(ids)) for _, ids, _, _ in part])
        real = torch.arange(width) < torch.tensor([len(ids) for _, ids, _, _ in part])[:, None]
        shared = torch.arange(width) < torch.tensor([n for _, _, n, _ in part])[:, None]
        ids, real, shared = (x.to(plain.device) for x in (ids, real, shared))
        entries = [
            (row, pos, token, q, choice, weight)
            for row, (q, _, _, scored) in enumerate(part)
            for pos, token, choice, weight in scored
        ]
        row, pos, token = (torch.tensor([e[i] for e in entries]) for i in range(3))
        with _Clamped(plain, runner, setting, ids, real, shared):
            hidden = plain.base_model(input_ids=ids, attention_mask=real.long(), use_cache=False)
        at, place = torch.unique(row * width + pos, return_inverse=True)
        final = hidden.last_hidden_state.flatten(0, 1)[at.to(plain.device)]
        log_probs = runner.model.logits(final).log_softmax(-1).cpu()[place, token]
        read += [
            (q, choice, weight * value)
            for (*_, q, choice, weight), value in zip(entries, log_probs.tolist(), strict=True)
        ]
    question, choice, value = (torch.tensor(column) for column in zip(*read, strict=True))
    return choice_scores(value.float(), choice, question, len(packed), scoring)


class _Clamped:
    """While it lasts, the block the SAE reads puts out the clamped residual."""

    def __init__(
        self,
        plain: PreTrainedModel,
        runner: Runner,
        setting: Setting,
        ids: Tensor,
        real: Tensor,
        shared: Tensor,
    ):
        layers = plain.base_model.layers
        assert isinstance(layers, nn.ModuleList)
        self._layer = layers[runner.model.block]
        special = frozenset(runner.model.tokenizer.all_special_ids)
        features = torch.tensor(setting.features, dtype=torch.int64, device=plain.device)
        values = torch.tensor([clamp.value for clamp in setting.clamps], device=plain.device)
        directions = runner.sae.W_dec[features]

        def clamp(module: nn.Module, given: object, out: Tensor | tuple[Tensor, ...]) -> object:
            resid = out if isinstance(out, Tensor) else out[0]
            exempt = untouched(ids, resid, real, runner.untouched, special, shared)
            acts = runner.sae.encode(resid)[..., features]  # (row, pos, clamp)
            delta = torch.where((acts > 0) & ~exempt[..., None], values - acts, 0) @ directions
            new = (resid.float() + delta).to(resid.dtype)
            return new if isinstance(out, Tensor) else (new, *out[1:])

        self._hook = clamp

    def __enter__(self) -> None:
        self._handle = self._layer.register_forward_hook(self._hook)

    def __exit__(self, *_: object) -> None:
        self._handle.remove()
