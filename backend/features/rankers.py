"""The rules by which features are chosen for forgetting, as in the literature. Pure.

Each takes the atlas's table and gives one score a feature: higher is better, NaN leaves the feature
out. Densities and means are over tokens, so corpora of different sizes compare.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from backend.errors import BadInput


class Dial(NamedTuple):
    """The one number of a ranker that a user may change."""

    title: str
    options: tuple[float, ...]
    default: float
    most: float
    """From 0."""
    unit: str = ""


class Ranker(NamedTuple):
    title: str
    what: str
    """One sentence on what comes first, and what is left out."""
    formula: str
    """LaTeX."""
    source: str
    score: Callable[[pd.DataFrame, float], pd.Series]
    """From the table and the setting's value."""
    setting: Dial | None = None
    needs_attribution: bool = False
    """Reads the columns of backend.reading.attribution as well."""


def by_selectivity(features: pd.DataFrame, _: float = 0) -> pd.Series:
    """log2 of forget over retain density (backend.features.measures.selectivity).

    Features that never fire on forget text are left out.
    """
    return features["selectivity"].where(features["forget_density"] > 0)


def by_sparsity(features: pd.DataFrame, retain_below: float = 0.01) -> pd.Series:
    """Forget density, of features whose retain density is below a threshold.

    Farrell, Lau and Conmy 2024, section 4.
    """
    forget, retain = features["forget_density"], features["retain_density"]
    return forget.where((retain < retain_below) & (forget > 0))


def by_squared_ratio(features: pd.DataFrame, percentile: float = 95) -> pd.Series:
    """Squared mean activation on forget text, of features far stronger there than on retain text.

    Their ratio to that on retain text reaches a percentile, and they are not among the 5 % weakest
    on forget text. Dynamic SAE Guardrails (Muhamed et al. 2025), feature_activation.py.
    """
    forget, retain = features["forget_mean"] ** 2, features["retain_mean"] ** 2
    ratio = forget / (retain + 1e-21)
    strong = forget >= np.percentile(forget, 5)
    stronger = ratio >= np.percentile(ratio, percentile)
    return forget.where(strong & stronger & (forget > 0))


def by_count_difference(features: pd.DataFrame, least_ratio: float = 3) -> pd.Series:
    """Tokens fired on in forget text minus those in as much retain text, as densities.

    Of features whose activations in forget text add up to at least `least_ratio` times those in
    retain text. CRISP (2025), section 3.2.
    """
    forget, retain = features["forget_density"], features["retain_density"]
    ratio = features["forget_mean"] / (features["retain_mean"] + 1e-9)
    return (forget - retain).where((ratio >= least_ratio) & (forget > 0))


def by_attribution(features: pd.DataFrame, _: float = 0) -> pd.Series:
    """Features that hold the right answers up, strongest first (backend.reading.attribution)."""
    return features["attr_forget"].where(features["attr_forget"] > 0)


def by_attribution_against(features: pd.DataFrame, _: float = 0) -> pd.Series:
    """Features that work against the right answers, the strongest first."""
    return (-features["attr_forget"]).where(features["attr_forget"] < 0)


_ATTRIBUTION = (
    r"\mathrm{attr}_f = \frac1n \sum_{q} \sum_{pos \in q} a_f(pos) \; "
    r"W_{dec}[f] \cdot \frac{\partial m_q}{\partial\, resid(pos)}"
    r"\qquad m = s_{right} - \tfrac13 \sum_{wrong} s"
)
_ATTRIBUTION_SOURCE = (
    "Farrell, Lau and Conmy 2024 (attribution on gemma-2b-it; their code sorts ascending, "
    "most negative first, while the theory of clamping wants the most positive: both are here). "
    "One backward pass over the blocks after the SAE. s is the score a question is answered by: "
    "the letter's log-probability (their difference is the difference of logits), "
    "or the sum of the option's log-probabilities in cloze. "
    "n: the forget questions of the selection half that the model answers right."
)

RANKERS = {
    "selectivity": Ranker(
        "Selectivity",
        "How many times as often the feature fires on forget text as on retain text.",
        r"\log_2 \frac{(c_{forget} + \frac12) / (n_{forget} + 1)}"
        r"{(c_{retain} + \frac12) / (n_{retain} + 1)}",
        "Clampboard's own. c: tokens on which the feature fires, n: tokens scanned.",
        by_selectivity,
    ),
    "paper": Ranker(
        "Paper's sparsity",
        "The features that fire on most forget tokens, of those that fire on few retain tokens.",
        r"d_{forget}(f) \;\text{ if }\; d_{retain}(f) < t, \text{ else left out}",
        "Farrell, Lau and Conmy 2024, section 4; also SAEBench's unlearning evaluation. "
        "d: share of tokens on which the feature fires. Their t: 1 % and 0.1 %.",
        by_sparsity,
        Dial("Retain density below", (0.001, 0.005, 0.01, 0.05), 0.01, most=1),
    ),
    "dsg": Ranker(
        "DSG's squared ratio",
        "The features with the largest squared mean activation on forget text, "
        "of those far stronger there than on retain text.",
        r"F = \bar a_{forget}^2 \;\text{ if }\; F \ge P_5(F) \;\text{ and }\; "
        r"\frac{F}{\bar a_{retain}^2 + 10^{-21}} \ge P_p",
        "Muhamed et al. 2025, Dynamic SAE Guardrails (arXiv 2504.08192). "
        "Means over all tokens, percentiles over all features. "
        "Their p: 95 for biology, 90 for cyber.",
        by_squared_ratio,
        Dial("Ratio's percentile", (80, 90, 95, 99), 95, most=100),
    ),
    "crisp": Ranker(
        "CRISP's count difference",
        "The features that fire on most more forget than retain tokens, "
        "of those that are also stronger there in sum.",
        r"\Delta\varphi = d_{forget} - d_{retain} \;\text{ if }\; "
        r"\rho = \frac{\sum a_{forget} / n_{forget}}"
        r"{\sum a_{retain} / n_{retain} + \varepsilon} \ge \tau",
        "CRISP 2025 (arXiv 2508.13650), section 3.2. They count over texts of equal size; "
        "per token, here, because the two differ. "
        "They take the k largest first and apply the ratio after. Their tau: 3.",
        by_count_difference,
        Dial("Ratio at least", (1, 2, 3, 5, 10), 3, most=1_000_000),
    ),
    "attribution": Ranker(
        "Attribution, for the answer",
        "The features whose activations hold the right answer up: "
        "taking them away should cost most.",
        _ATTRIBUTION,
        _ATTRIBUTION_SOURCE,
        by_attribution,
        needs_attribution=True,
    ),
    "attribution-against": Ranker(
        "Attribution, against it",
        "The features whose activations work against the right answer: "
        "taking them away should help it.",
        "-" + _ATTRIBUTION,
        _ATTRIBUTION_SOURCE,
        by_attribution_against,
        needs_attribution=True,
    ),
}


def check_setting(name: str, value: float) -> None:
    """Raises BadInput for a ranking without a setting, or a value it cannot have."""
    ranker = RANKERS.get(name)
    if ranker is None or ranker.setting is None:
        having = ", ".join(name for name, ranker in RANKERS.items() if ranker.setting)
        raise BadInput(f"The ranking '{name}' has no setting; {having} have one.")
    if not 0 <= value <= ranker.setting.most:
        raise BadInput(
            f"The setting of '{name}' can be 0 to {ranker.setting.most:g}, not {value:g}."
        )


def score(name: str, features: pd.DataFrame, setting: float | None = None) -> pd.Series:
    """One ranker's scores. Raises KeyError for a name there is none of."""
    ranker = RANKERS[name]
    default = ranker.setting.default if ranker.setting else 0.0
    return ranker.score(features, default if setting is None else setting)
