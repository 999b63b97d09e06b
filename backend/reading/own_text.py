"""Which features fire on text a user types: one pass of the model's head, the SAE on top."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.data.token_text import token_texts
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.recordings import Recording, record
from backend.model.activations import FeatureActs
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.progress import OnProgress, silent
from backend.rim import whole

MAX_TEXT = 4_000
"""Characters."""
DENSE = 0.01
"""Features that fire on a larger share of retain tokens say little about a text.

Neuronpedia hides the same ones by default.
"""


@dataclass(frozen=True)
class OwnText:
    """A text in tokens, with every feature's activations on them."""

    tokens: list[str]
    """Joined, they give the text back; a token the tokenizer adds (BOS) is the empty string."""
    exempt: Bool[Tensor, " token"]
    """Positions that no clamp touches: the setup's `untouched` rules."""
    acts: FeatureActs
    """Raw activations; none at exempt positions unless they were asked for."""

    def values(self, feature: int) -> Float[Tensor, " token"]:
        """One feature's activation on every token, 0 where it does not fire."""
        out = torch.zeros(len(self.tokens))
        token, value = self.acts.of(feature)
        out[token] = value
        return out


def read_text(
    engine: Engine, text: str, *, exempt_too: bool = False, on_wait: OnProgress = silent
) -> OwnText:
    """The text through the model's head and the SAE, as one row.

    `exempt_too` keeps activations at exempt positions. Raises BadInput for an empty text, and for
    one of more than MAX_TEXT characters or more tokens than the model reads.
    """
    if not text.strip():
        raise BadInput("The text is empty: type or paste a sentence.")
    if len(text) > MAX_TEXT:
        raise BadInput(
            f"The text has {len(text):,} characters; at most {MAX_TEXT:,} can be read at once."
        )
    coded = engine.tokenizer(whole(text, "The text"), return_offsets_mapping=True)
    n, longest = len(coded["input_ids"]), engine.model.longest
    if longest is not None and n > longest:
        raise BadInput(f"The text has {n:,} tokens; this model reads {longest:,} at once.")
    rows = Rows.of_text([coded["input_ids"]])

    def run(runner: Runner) -> Recording:
        return record(runner, rows, stage="Reading the text", scoring=None)

    with engine.turn(on_wait, "text"):
        made = run(engine.runner)
        acts = run(replace(engine.runner, untouched=())).acts if exempt_too else made.acts
    return OwnText(token_texts(text, coded["offset_mapping"]), made.exempt, acts)


def firing(
    read: OwnText,
    features: pd.DataFrame,
    tokens: Sequence[int] | None = None,
    densest: float | None = DENSE,
) -> pd.DataFrame:
    """Features that fire on the chosen tokens (on any, if None), strongest first.

    `features` is the atlas's table. Columns: feature; act, the largest raw activation on those
    tokens; at, the token where that is; strength, what they are ordered by: act on a whole text,
    the sum over chosen tokens, as Neuronpedia does. `densest` leaves out features that fire on more
    than that share of retain tokens; None leaves out none.
    """
    entries = _entries(read, features, densest)
    if tokens is not None:
        entries = entries[entries["token"].isin(list(tokens))]
    groups = entries.sort_values(["value", "token"], ascending=[False, True]).groupby("feature")
    strongest = groups.first()
    strength = strongest["value"] if tokens is None else groups["value"].sum()
    out = pd.DataFrame(
        {
            "feature": strongest.index,
            "act": strongest["value"].to_numpy(),
            "at": strongest["token"].to_numpy(),
            "strength": strength.to_numpy(),
        }
    )
    return out.sort_values(["strength", "feature"], ascending=[False, True], ignore_index=True)


def strongest_by_token(
    read: OwnText, features: pd.DataFrame, limit: int = 3, densest: float | None = DENSE
) -> list[list[tuple[int, float]]]:
    """For each token the features that fire strongest on it, with their raw activations."""
    out: list[list[tuple[int, float]]] = [[] for _ in read.tokens]
    best = (
        _entries(read, features, densest)
        .sort_values(["value", "feature"], ascending=[False, True])
        .groupby("token")
        .head(limit)
    )
    for row in best.itertuples():
        out[row.token].append((int(row.feature), float(row.value)))
    return out


def _entries(read: OwnText, features: pd.DataFrame, densest: float | None) -> pd.DataFrame:
    """A row for each feature on each token where it fires: feature, token, value."""
    acts = read.acts
    # (d_sae) -> (fired)
    feature = torch.repeat_interleave(torch.arange(acts.d_sae), acts.counts())
    entries = pd.DataFrame(
        {
            "feature": feature.numpy(),
            "token": acts.token.long().numpy(),
            "value": acts.value.numpy(),
        }
    )
    if densest is None:
        return entries
    density = features["retain_density"].to_numpy()[entries["feature"]]
    return entries[density <= densest]
