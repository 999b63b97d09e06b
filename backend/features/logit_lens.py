"""What a feature promotes and suppresses: its decoder direction read straight out (logit lens,
nostalgebraist 2020).
"""

from functools import cache
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from backend.data.token_text import decoded
from backend.progress import OnProgress, Pace, silent

if TYPE_CHECKING:
    from backend.model.split import SplitModel

READ_OUT = 10
"""Tokens listed as promoted, and as suppressed."""
TOKENS_AT_ONCE = 32_768
"""Gemma's vocabulary in float32, all at once, would take 2.4 GB."""


def logit_effect(
    direction: Float[Tensor, "n d_model"],
    norm_gain: Float[Tensor, " d_model"],
    unembed: Float[Tensor, "vocab d_model"],
) -> Float[Tensor, "n vocab"]:
    """What a decoder direction adds to each token's logit when read straight out.

    The final norm's gain is applied, its division by the residual's length is not; so only the
    order means something.
    """
    return (direction * norm_gain.float()) @ unembed.float().T


def norm_gain(norm: torch.nn.Module) -> Float[Tensor, " d_model"]:
    """What the final norm multiplies each coordinate by; Gemma's norms store the gain minus one."""
    weight = norm.get_parameter("weight").float()
    return weight + 1 if type(norm).__name__.startswith("Gemma") else weight


def unembedding(model: "SplitModel") -> Float[Tensor, "vocab d_model"]:
    unembed: torch.nn.Module = model.hf.get_output_embeddings()  # type: ignore[no-untyped-call]
    return unembed.get_parameter("weight")


def effect_over_vocabulary(
    model: "SplitModel", direction: Float[Tensor, " d_model"]
) -> Float[Tensor, " vocab"]:
    """`logit_effect` of one direction on every token, on the CPU."""
    gain = norm_gain(model.norm)
    blocks = torch.split(unembedding(model), TOKENS_AT_ONCE)
    effects = [logit_effect(direction[None].to(part.device), gain, part) for part in blocks]
    return torch.cat([effect[0].cpu() for effect in effects])


def read_out(
    model: "SplitModel",
    W_dec: Float[Tensor, "d_sae d_model"],
    on_progress: OnProgress = silent,
    features: int = 1024,
    tokens: int = TOKENS_AT_ONCE,
) -> tuple[list[list[str]], list[list[str]]]:
    """The tokens each decoder direction promotes most, and suppresses most.

    `features` and `tokens` are taken at a time.
    """
    gain, unembed = norm_gain(model.norm), unembedding(model)
    pace = Pace("Reading out what the features promote", len(unembed), on_progress)
    parts = torch.split(W_dec, features)
    best = [[_Best(part, largest) for part in parts] for largest in (True, False)]
    for begin in range(0, len(unembed), tokens):
        block = unembed[begin : begin + tokens].float()
        for promoting, suppressing in zip(*best, strict=True):
            effect = logit_effect(promoting.directions, gain, block)
            promoting.take(effect, begin)
            suppressing.take(effect, begin)
        pace.advance(len(block))
    decode = cache(lambda token: decoded(model.tokenizer, [token]))
    promoted, suppressed = (
        [[decode(token) for token in row] for part in side for row in part.ids.tolist()]
        for side in best
    )
    return promoted, suppressed


class _Best:
    """The READ_OUT tokens of largest (or smallest) effect for some directions, over the blocks of
    the vocabulary seen so far.
    """

    def __init__(self, directions: Float[Tensor, "feature d_model"], largest: bool):
        self.directions, self._largest = directions, largest
        self._effect = torch.empty(len(directions), 0, device=directions.device)
        self.ids = torch.empty(len(directions), 0, dtype=torch.int64, device=directions.device)

    def take(self, effect: Float[Tensor, "feature token"], begin: int) -> None:
        found = effect.topk(min(READ_OUT, effect.shape[1]), largest=self._largest)
        values = torch.cat([self._effect, found.values], 1)
        ids = torch.cat([self.ids, found.indices + begin], 1)
        self._effect, place = values.topk(min(READ_OUT, values.shape[1]), largest=self._largest)
        self.ids = ids.gather(1, place)
