"""What is wrong with an argument, said before anything is loaded."""

import argparse

from backend.commands.setting import check_rival
from backend.errors import BadInput
from backend.setups import Setup
from backend.wording import no_such_set


def refuse_early(setup: Setup, args: argparse.Namespace) -> None:
    """Raises BadInput, BadClamps, BadMethod or BadRival for a preset, a set or a feature there is
    none of, and for arguments of a rival that do not go together, where that can be told without
    the model and without the SAE.
    """
    given = vars(args)
    if "rival" in given:
        check_rival(args)
    if given.get("preset") is not None:
        from backend.features.presets import preset_of, sae_name

        preset_of(sae_name(setup.sae), given["preset"])
    if given.get("sets"):
        names = [source.name for source in setup.sets]
        for name in named_sets(given["sets"]):
            if name not in names:
                raise BadInput(no_such_set(name, names))
    features, refusal = _features(given), given.get("refusal")
    if features or refusal is not None:
        from backend.interventions.clamps import check_feature
        from backend.interventions.method import Method, Refusal, checked_method
        from backend.model.sae_on_disk import width_of

        d_sae = width_of(setup.sae)
        for feature in features:
            check_feature(feature, d_sae)
        if refusal is not None:
            checked_method(Method(refusal=Refusal(*refusal)), d_sae)


def named_sets(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _features(given: dict[str, object]) -> list[int]:
    from backend.interventions.clamps import parse_clamps

    found = [given["feature"]] if isinstance(given.get("feature"), int) else []
    several = given.get("features")
    found += several if isinstance(several, list) else []
    if isinstance(clamps := given.get("clamps"), str):
        found += [clamp.feature for clamp in parse_clamps(clamps)]
    return [feature for feature in found if isinstance(feature, int)]
