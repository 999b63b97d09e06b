"""How long an edit is, beside the residual it is added to. Pure."""

import torch
from jaxtyping import Float
from torch import Tensor

from backend.evaluation.recordings import Recording
from backend.interventions.edit import edit_of
from backend.interventions.gates import Opening
from backend.interventions.method import Setting
from backend.model.activations import FeatureActs

CHUNK = 8192
"""Tokens of which the edit is held at a time, to bound memory."""
NORM_SAMPLE = 20_000
"""Tokens whose residuals are looked at, where there are more."""


def overrun(
    recording: Recording,
    W_dec: Float[Tensor, "d_sae d_model"],
    setting: Setting,
    opened: Opening | None = None,
) -> float:
    """Median length of the edit where a clamp acts, as a multiple of the median length of the
    residual; 0 where none acts. Before a residual's length is kept, if the method keeps it.
    """
    lengths = edit_lengths(recording.acts, setting, W_dec, opened)
    return float(lengths.median()) / median_length(recording) if len(lengths) else 0.0


def edit_lengths(
    acts: FeatureActs,
    setting: Setting,
    W_dec: Float[Tensor, "d_sae d_model"],
    opened: Opening | None = None,
) -> Float[Tensor, " hit"]:
    """Length of what is added to the residual at each token a clamp touches."""
    edit = edit_of(acts, setting, None if opened is None else opened.tokens)
    every = torch.arange(len(edit.token))
    lengths = [
        edit.vectors(W_dec, every[begin : begin + CHUNK]).norm(dim=-1).cpu()
        for begin in range(0, len(every), CHUNK)
    ]
    return torch.cat([torch.empty(0), *lengths])


def median_length(recording: Recording) -> float:
    """Median length of the residual over the question tokens a clamp may touch (of a regular sample
    where they are many).
    """
    tokens = (~recording.exempt).nonzero().squeeze(-1)
    tokens = tokens[:: max(1, len(tokens) // NORM_SAMPLE)].to(recording.resid.device)
    return float(recording.resid[tokens].float().norm(dim=-1).median())
