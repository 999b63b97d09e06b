"""Does a gate still see a question that stands in other text?

A share of all tokens falls as text is added: of the questions DSG's gate blocks, 1,600 tokens of
filler before the question let 90.9 % through again, 100 tokens three quarters or more (measured by
others on gemma-2-2b-it). Here open questions get neutral text before them, and the gate is asked
again. Only the head of the model and the SAE run.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from backend.data.questions import Packed
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.recordings import record
from backend.interventions.gates import opening
from backend.interventions.method import Setting
from backend.model.rows import Rows
from backend.progress import OnProgress, silent
from backend.wording import percent

N_NEUTRAL = 400
"""Tokens of retain text put before a question."""
SAMPLE = 20


@dataclass(frozen=True)
class Dilution:
    """A sample of the forget questions that a gate opens, with neutral text before each."""

    n: int
    """Questions tried; 0 where the gate opens none."""
    closed: int
    """Of them, those it no longer opens."""
    n_neutral: int
    """Tokens put before each."""

    def in_words(self) -> str:
        if not self.n:
            return "The gate opens no question to forget: there is nothing to dilute."
        return (
            f"With {self.n_neutral} tokens of other text before them, {self.closed} of {self.n} "
            f"open forget questions ({percent(self.closed / self.n, 0)}, a random sample) no "
            "longer open the gate."
        )


def dilute(
    engine: Engine,
    setting: Setting,
    n_neutral: int = N_NEUTRAL,
    sample: int = SAMPLE,
    seed: int = 0,
    on_progress: OnProgress = silent,
) -> Dilution:
    """The gate asked again about a sample of the forget questions it opens.

    Raises BadInput without a gate, without retain text, or where the model cannot read that much.
    """
    setting = engine.check(setting)
    opened = engine.opening(setting)
    if opened is None:
        raise BadInput("Without clamps and a gate there is nothing to dilute. Choose a gate.")
    forget = engine.sets.role("forget") & (opened.rows > 0)
    places = forget.nonzero().squeeze(-1).tolist()
    places = sorted(random.Random(seed).sample(places, min(sample, len(places))))
    if not places:
        return Dilution(0, 0, n_neutral)
    text = _neutral(engine, n_neutral)
    packed = [with_text_before(engine.packed[place], text, _begins(engine)) for place in places]
    longest, needed = engine.model.longest, max(len(p.ids) for p in packed)
    if longest is not None and needed > longest:
        raise BadInput(
            f"With {n_neutral} tokens more a question has {needed}; this model reads {longest}."
        )
    rows = Rows.of(packed)
    with engine.turn(on_progress, "dilution"):
        recorded = record(
            engine.runner,
            rows,
            stage="Reading diluted questions",
            scoring=None,
            on_progress=on_progress,
        )
    again = opening(rows, recorded.acts, setting, engine.evaluator.rates(setting))
    assert again is not None
    return Dilution(len(places), int((again.rows == 0).sum()), n_neutral)


def with_text_before(packed: Packed, text: Sequence[int], begins: frozenset[int]) -> Packed:
    """The question with these tokens before it, after its first token if that is one of `begins`
    (a BOS).
    """
    at = 1 if packed.ids[0] in begins else 0
    return replace(
        packed,
        ids=[*packed.ids[:at], *text, *packed.ids[at:]],
        branch=[packed.branch[0]] * len(text) + list(packed.branch),
        score_pos=[position + len(text) for position in packed.score_pos],
    )


def _begins(engine: Engine) -> frozenset[int]:
    return frozenset(engine.tokenizer.all_special_ids)


def _neutral(engine: Engine, n: int) -> list[int]:
    """The first tokens of the retain text, without what begins each of its rows."""
    begins = _begins(engine)
    rows = (
        row
        for scanned in engine.atlas.corpora
        if scanned.corpus.role == "retain"
        for row in scanned.corpus.ids
    )
    text = list(islice((token for token in chain(*rows) if token not in begins), n))
    if len(text) < n:
        raise BadInput(
            f"The retain text has {len(text)} tokens, fewer than the {n} to be put before."
        )
    return text
