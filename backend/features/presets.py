"""Settings a user can start from: shipped ones, and the paper's grid. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from backend.errors import BadInput
from backend.evaluation.calibration import Ground, Rule
from backend.features.rankers import by_squared_ratio
from backend.features.tuned import BIOLOGY, DEMO, read_tuned
from backend.interventions.board import MAX_SLIDER
from backend.interventions.clamps import Clamp, Clamps, clamp_set
from backend.interventions.method import PAPER, Gate, Method, Refusal
from backend.setups import SaeSource


class FalseAlarms(NamedTuple):
    """How a preset's tau is found on the setup it is loaded in."""

    rate: float
    rule: Rule
    ground: Ground


@dataclass(frozen=True)
class Preset:
    title: str
    n_features: int
    choose: Callable[[pd.DataFrame], Sequence[int]]
    """Features from the atlas's table, no more than `n_features`."""
    rule: str
    """What it takes, in words that go on after how many that is."""
    multiple: float | None = None
    """Clamped to this many times each feature's own maximum activation; 0 ablates."""
    value: float = 0.0
    """Without a multiple: clamped to this, in raw activation units."""
    values: Mapping[int, float] = field(default_factory=dict)
    """Each feature's own value, before both."""
    method: Method = PAPER
    false_alarms: FalseAlarms | None = None
    """The gate's tau is found by this; None takes the method as it is."""
    saes: tuple[str, ...] = ()
    """Release and id of the SAEs it is about begin with one of these; empty is any."""
    on_demo: str = ""
    """What is known of it on the demo alone."""

    def is_for(self, sae: str) -> bool:
        """`sae` is a release and an id, such as gemma-scope-2b-pt-res/layer_3/..."""
        return not self.saes or sae.startswith(self.saes)


def forget_features(
    features: pd.DataFrame,
    n: int,
    retain_below: float,
    min_selectivity: float | None = None,
    at_most_questions: int | None = None,
    by: str = "forget_density",
) -> list[int]:
    """The n features that fire on the most forget tokens (or lead by another column), of those the
    rules admit.

    `retain_below`: they fire on a smaller share of the retain corpus' tokens. `min_selectivity`:
    log2 of their forget to their retain density is at least this. `at_most_questions`: they fire
    on no more retain questions of the selection half.

    With neither of the last two rules this is the sparsity ranking of Farrell, Lau and Conmy (2024,
    section 4). On so little text it lets through common words that happen to stand in biology a
    little more often (the rule on selectivity stops those), and features of the question form, rare
    in prose but in every question (the rule on questions does).
    """
    kept = features[(features["retain_density"] < retain_below) & (features["forget_density"] > 0)]
    if min_selectivity is not None:
        kept = kept[kept["selectivity"] >= min_selectivity]
    if at_most_questions is not None:
        kept = kept[kept["fires_retain_selection"] <= at_most_questions]
    best_first = kept.sort_values([by, "feature"], ascending=[False, True])
    return [int(feature) for feature in best_first["feature"].head(n)]


def squared_ratio_features(features: pd.DataFrame, n: int) -> list[int]:
    """The first n of DSG's ranking (backend.features.rankers)."""
    scores = by_squared_ratio(features).dropna().sort_values(ascending=False, kind="stable")
    return [int(features["feature"].loc[row]) for row in scores.index[:n]]


_biology = partial(
    forget_features,
    n=30,
    retain_below=0.01,
    min_selectivity=1.5,
    at_most_questions=4,
    by="fires_forget_selection",
)
_BIOLOGY = (
    "those that fire on the most forget questions of the selection half, "
    "of those that fire at least 2.8 times as often on text to forget as on other text, "
    "on fewer than 1 % of the other tokens, "
    "and on at most 4 of the retain questions in the selection half. "
    "The rule does not read the held-out half. "
)
_wider = partial(forget_features, n=50, retain_below=0.01, min_selectivity=1.5, at_most_questions=6)
PRIME = (11766, 9723, 4788, 1709, 9186)
HARMFUL = (*PRIME, 3058, 13381, 14050, 11078, 16246)
"""Of layer 7: Khoriaty et al. 2025, their selected configurations."""
DEMO_SAE = "demo"
UNPUBLISHED = ("gemma-scope-2-", "qwen-scope-")
"""Of these SAEs no setting is published that could be a preset."""
LAYER_7 = (
    "gemma-scope-2b-pt-res-canonical/layer_7/width_16k/canonical",
    "gemma-scope-2b-pt-res/layer_7/width_16k/average_l0_69",
)


def _those(numbers: Sequence[int], features: pd.DataFrame) -> list[int]:
    return [number for number in numbers if number < len(features)]


def _found(path: Path, title: str, saes: tuple[str, ...]) -> Preset:
    tuned = read_tuned(path)
    return Preset(
        title=title,
        n_features=len(tuned.clamps),
        choose=partial(_those, [clamp.feature for clamp in tuned.clamps]),
        values=dict(tuned.clamps),
        method=tuned.method,
        rule=tuned.how,
        saes=saes,
    )


PRESETS = {
    "forget-biology": Preset(
        title="Forget biology",
        n_features=30,
        choose=_biology,
        multiple=-4.0,
        rule=f"{_BIOLOGY}Clamped to −4 times their maxima.",
        on_demo=(
            "The edit is then still shorter than the residual, and a random direction in its place "
            "does half as much."
        ),
    ),
    "forget-biology-gated": Preset(
        title="Forget biology, gated",
        n_features=50,
        choose=_wider,
        multiple=-5.0,
        method=Method(gate=Gate("rho", 0.0)),
        false_alarms=FalseAlarms(0.05, "quantile", "questions"),
        rule=(
            "those that fire on the most tokens of the text to forget, by the rules of Forget "
            "biology but for up to 6 of the retain questions, to −5 times their maxima; only where "
            "one of them fires at a larger share of the tokens than in 95 % of what the model "
            "reads of the retain questions in the selection half."
        ),
        on_demo=(
            "Everywhere, the same clamps forget a little more and cost the other questions six "
            "times as much: a question that stays closed keeps its answer."
        ),
    ),
    "forget-biology-tuned": _found(BIOLOGY, "Forget biology, tuned", (DEMO_SAE,)),
    "ablate-biology": Preset(
        title="Ablate the same features",
        n_features=30,
        choose=_biology,
        multiple=0.0,
        rule=(
            "those of Forget biology, set to 0: the paper's finding that ablation does not forget."
        ),
    ),
    "dsg": Preset(
        title="Dynamic SAE Guardrails",
        n_features=20,
        choose=partial(squared_ratio_features, n=20),
        value=-500.0,
        method=Method(gate=Gate("rho", 0.0), reach="all"),
        false_alarms=FalseAlarms(0.05, "quantile", "corpus"),
        saes=("gemma-scope-2b-pt-res",),
        rule=(
            "the first of DSG's squared-ratio ranking (Muhamed et al. 2025), all set to −500 "
            "wherever one fires, in texts where they fire at a larger share of the tokens than in "
            "95 % of the rows of retain text."
        ),
    ),
    "clamp-prime": Preset(
        title="Clamp Prime",
        n_features=len(PRIME),
        choose=partial(_those, PRIME),
        value=-300.0,
        saes=LAYER_7,
        rule="the five of Khoriaty et al. 2025 at layer 7, set to −300 where they fire.",
    ),
    "refusal-clamp": Preset(
        title="Refusal Clamp",
        n_features=len(HARMFUL),
        choose=partial(_those, HARMFUL),
        method=Method(threshold=0.05, refusal=Refusal(15864, -500.0)),
        saes=LAYER_7,
        rule=(
            "the ten of Khoriaty et al. 2025 at layer 7, left as they are; where one is above "
            "0.05, feature 15864 is set to −500 (the sign of the authors' own table)."
        ),
    ),
    "starting-point": Preset(
        title="Starting point",
        n_features=20,
        choose=partial(forget_features, n=20, retain_below=0.01),
        multiple=-4.0,
        method=Method(gate=Gate("rho", 0.0)),
        false_alarms=FalseAlarms(0.05, "quantile", "questions"),
        saes=UNPUBLISHED,
        rule=(
            "the first of the paper's sparsity ranking (fewer than 1 % of the other tokens), to −4 "
            "times their maxima; only where one of them fires at a larger share of the tokens than "
            "in 95 % of what the model reads of the retain questions in the selection half. "
            "A place to begin, not a published result: nobody has said what works on this SAE."
        ),
    ),
    "too-strong": Preset(
        title="Too much",
        n_features=100,
        choose=partial(forget_features, n=100, retain_below=0.01),
        multiple=-20.0,
        rule=(
            "the first of the paper's sparsity ranking as it stands (fewer than 1 % of the other "
            "tokens), far below zero: general damage."
        ),
    ),
}


def presets_for(sae: str) -> dict[str, Preset]:
    """Those that are about this SAE, or about any; see `Preset.is_for`."""
    return {name: preset for name, preset in PRESETS.items() if preset.is_for(sae)}


def sae_name(source: SaeSource) -> str:
    """What presets know an SAE by."""
    if source.path is not None:
        return DEMO_SAE if source.path.resolve() == (DEMO / "sae").resolve() else ""
    return f"{source.release}/{source.sae_id}"


def preset_of(sae: str, name: str) -> Preset:
    """Raises BadInput for a name there is none of."""
    found = presets_for(sae)
    if name not in found:
        raise BadInput(f"There is no preset '{name}'. Use one of: {', '.join(found)}.")
    return found[name]


def in_words(preset: Preset, n: int, demo: bool = False) -> str:
    """How many features the rule admits on this setup, n, and the rule."""
    count = f"{n} feature{'' if n == 1 else 's'}" if n else "No feature"
    if n < preset.n_features:
        fewer = "no more" if n else "none"
        count += f", as the rule admits {fewer} of the {preset.n_features} wanted on this setup"
    return f"{count}: {preset.rule}" + (f" {preset.on_demo}" if demo and preset.on_demo else "")


def clamps_of(preset: Preset, features: pd.DataFrame) -> Clamps:
    """What the preset clamps, by the atlas's table; no further than a slider can go, as maxima of
    Gemma 3 4B may be tens of thousands.
    """
    max_act = features.set_index("feature")["max_act"]

    def value(feature: int) -> float:
        if feature in preset.values:
            return preset.values[feature]
        if preset.multiple is None:
            return preset.value
        wanted = round(preset.multiple * float(max_act[feature]), 1) + 0.0
        return max(-MAX_SLIDER, min(MAX_SLIDER, wanted))

    return clamp_set(Clamp(feature, value(feature)) for feature in preset.choose(features))


GRID_N = (10, 20, 50)
GRID_C = (20, 25, 50, 100, 200)
"""Farrell, Lau and Conmy 2024 and SAEBench's unlearning evaluation: how many features, and c of the
clamp at -c, in raw units.
"""


def grid_preset(ranked: Sequence[int], n: int, c: float) -> Clamps:
    """The first n of a ranking, each clamped at -c.

    Raises BadInput for a ranking that leaves no feature in.
    """
    if not ranked:
        raise BadInput("This ranking leaves no feature in. Choose another.")
    return clamp_set(Clamp(feature, -c + 0.0) for feature in ranked[:n])
