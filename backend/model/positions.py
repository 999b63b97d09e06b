"""Which positions no clamp touches, no statistic counts and no SAE is trained on.

Attention sinks carry residuals a hundred times the usual norm; an SAE neither reconstructs them nor
says anything about the text there. SAEBench and DSG leave out BOS alone (paper_facts: SAEBench
intervention.py); here a setup names the rules it wants.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

SINK_RATIO = 10.0
"""A position is a sink when its residual norm is this many times the median norm of its row's
prefix.
"""


def untouched(
    ids: Int[Tensor, "row pos"],
    resid: Float[Tensor, "row pos d_model"],
    real: Bool[Tensor, "row pos"],
    rules: tuple[str, ...],
    special_ids: frozenset[int],
    shared: Bool[Tensor, "row pos"] | None = None,
) -> Bool[Tensor, "row pos"]:
    """True where no clamp applies; always true on padding.

    `shared` is the row's prefix: what is not an option, another order, or text the model itself
    goes on with; all of the row without it. The sinks' median is over the prefix, so a verdict
    depends neither on the batch nor on the other options.
    """
    out = ~real
    if "first" in rules:
        out[:, 0] = True
    if "special" in rules and special_ids:
        out |= torch.isin(ids, torch.tensor(sorted(special_ids), device=ids.device))
    if "sinks" in rules:
        norms = resid.float().norm(dim=-1)
        median = (
            norms.masked_fill(~(real if shared is None else real & shared), torch.nan)
            .nanmedian(dim=-1, keepdim=True)
            .values
        )
        out |= norms > SINK_RATIO * median
    return out
