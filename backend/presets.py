"""Clamp sets that a user can start from, chosen on the feature statistics alone: no question is looked at."""

import pandas as pd

from backend.clamps import Clamp, Clamps, clamp_set
from backend.errors import BadInput

RETAIN_BELOW = 0.001
"""A feature that fires on more retain tokens than this share is never chosen."""
N_FEATURES = 50
STRENGTH = 2.0
"""Clamped to minus this many times its own maximum activation."""

PRESETS = {
    "forget-biology": ("Forget biology", -STRENGTH),
    "ablate-biology": ("Ablate the same features", 0.0),
    "too-strong": ("The same, three times as strong", -3 * STRENGTH),
}
"""Name -> title, and the clamp value in multiples of each feature's maximum activation."""


def forget_features(features: pd.DataFrame, n: int = N_FEATURES, retain_below: float = RETAIN_BELOW) -> list[int]:
    """Farrell et al.'s sparsity ranking (section 4, their feature_sparsity code): of the features that fire on fewer
    than `retain_below` of the retain tokens, the n that fire on the most forget tokens.
    """
    kept = features[(features["retain_density"] < retain_below) & (features["forget_density"] > 0)]
    return kept.sort_values(["forget_density", "feature"], ascending=[False, True])["feature"].head(n).tolist()


def make_preset(name: str, features: pd.DataFrame) -> Clamps:
    """Raises BadInput for an unknown name."""
    if name not in PRESETS:
        raise BadInput(f"There is no preset '{name}'. Use one of: {', '.join(PRESETS)}.")
    multiple = PRESETS[name][1]
    max_act = features.set_index("feature")["max_act"]
    return clamp_set(Clamp(f, round(multiple * float(max_act[f]), 1) + 0.0) for f in forget_features(features))
