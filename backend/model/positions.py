"""Which positions no clamp touches, no statistic counts and no SAE is trained on.

Attention sinks carry residuals a hundred times the usual norm; an SAE neither reconstructs them nor
says anything about the text there. SAEBench (its intervention.py) and DSG leave out BOS alone; here
a setup names the rules it wants.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.setups import Rule

SINK_RATIO = 10.0
"""A sink's residual norm is more than this many times the median norm of its row's prefix."""


def untouched(
    ids: Int[Tensor, "row pos"],
    resid: Float[Tensor, "row pos d_model"],
    real: Bool[Tensor, "row pos"],
    rules: tuple[Rule, ...],
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
        prefix = real if shared is None else real & shared
        median = norms.masked_fill(~prefix, torch.nan).nanmedian(dim=-1, keepdim=True).values
        out |= norms > SINK_RATIO * median
    return out
