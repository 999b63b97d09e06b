"""What a setting is called, in one way everywhere. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from backend.interventions.clamps import Clamps, unit_of
from backend.interventions.method import Method, Setting, in_words
from backend.interventions.rival import format_rival
from backend.interventions.rival import in_words as rival_in_words
from backend.wording import multiple, with_minus

NO_CLAMP = "no clamp"
MOST_TOLD = 3
"""Features by which a setting is told from others."""
MaxOf = Callable[[int], float]
"""A feature's largest activation in the corpora, raw units."""


def setting_name(
    setting: Setting,
    max_act: MaxOf,
    feature_name: Callable[[int], str],
    titles: Mapping[Setting, str],
) -> str:
    """One line, such as "50 features at −3x max, gated" or "2996 · organs, heart at −3x max".

    A preset has its title from `titles`, a rival its own words. The line says what a setting is,
    not every digit of it: two settings may have the same one.
    """
    if setting in titles:
        return titles[setting]
    if setting.rival is not None:
        return rival_in_words(setting.rival)
    if not setting.clamps:
        return NO_CLAMP
    if len(setting.clamps) == 1:
        feature = setting.clamps[0].feature
        called = feature_name(feature)
        what = f"{feature} · {called}" if called else f"feature {feature}"
    else:
        what = f"{len(setting.clamps)} features"
    method = method_name(setting.method)
    return f"{what} at {strengths(setting.clamps, max_act)} max" + (f", {method}" if method else "")


def strengths(clamps: Clamps, max_act: MaxOf) -> str:
    """The multiples of their maxima that features are clamped to: "−3x", or "−8x to −2x" where they
    differ. Of at least one clamp.
    """
    low, high = span(clamps, max_act)
    return multiple(low) if low == high else f"{multiple(low)} to {multiple(high)}"


def span(clamps: Clamps, max_act: MaxOf) -> tuple[float, float]:
    """The lowest and the highest multiple, rounded for reading. Of at least one clamp."""
    found = [rounded(clamp.value / unit_of(max_act(clamp.feature))) for clamp in clamps]
    return min(found), max(found)


def rounded(times: float) -> float:
    """A multiple for reading: one decimal, below 1 two significant digits; never −0.

    A clamp's value is kept to two decimals of raw units, so further digits are noise.
    """
    return (round(times, 1) if abs(times) >= 1 else float(f"{times:.2g}")) + 0.0


def method_name(method: Method) -> str:
    """When clamps act, in a few words; empty for the paper's method."""
    refusal = method.refusal
    rest = replace(
        method,
        gate=None,
        threshold=_short(method.threshold),
        refusal=refusal and replace(refusal, value=_short(refusal.value)),
    )
    said = with_minus(in_words(rest))
    return ", ".join(part for part in ("gated" if method.gate else "", said) if part)


def told_apart(
    called: Sequence[tuple[str, Setting]], name_of: Callable[[Setting], str]
) -> list[str]:
    """The names of different settings, each with what tells it from others of its name: what it is
    where a user called two alike, how it acts, which features, which values.
    """
    names = [name for name, _ in called]
    settings = [setting for _, setting in called]
    for said in (
        lambda mine: [name_of(setting) for setting in mine],
        lambda mine: [in_words(setting.method) or "no gate" for setting in mine],
        _own_features,
        _own_values,
        lambda mine: [format_rival(setting.rival) for setting in mine],
    ):
        for places in _alike(names):
            texts = said([settings[i] for i in places])
            for i, text in zip(places, texts, strict=True):
                if len(set(texts)) > 1 and text:
                    names[i] = f"{names[i]} ({text})"
    for places in _alike(names):
        for number, i in enumerate(places[1:], 2):
            names[i] = f"{names[i]} ({number})"
    return names


def _alike(names: Sequence[str]) -> list[list[int]]:
    places: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        places.setdefault(name, []).append(i)
    return [mine for mine in places.values() if len(mine) > 1]


def _own_features(settings: Sequence[Setting]) -> list[str]:
    """The first features of each that not all of them have."""
    shared = set.intersection(*(set(setting.features) for setting in settings))
    own = [[f for f in setting.features if f not in shared] for setting in settings]
    most = next(
        (n for n in range(1, MOST_TOLD) if len({tuple(mine[:n]) for mine in own}) == len(own)),
        MOST_TOLD,
    )
    return [
        "with " + ", ".join(map(str, mine[:most])) + (", …" if len(mine) > most else "")
        if mine
        else ""
        for mine in own
    ]


def _own_values(settings: Sequence[Setting]) -> list[str]:
    """The value in raw units of the first feature that is not clamped to the same in all."""
    values = [{clamp.feature: f"{_short(clamp.value):g}" for clamp in s.clamps} for s in settings]
    for feature in sorted(set.union(*(set(mine) for mine in values))):
        said = [mine.get(feature, "") for mine in values]
        if len(set(said)) > 1:
            return [with_minus(f"{feature} at {value}") if value else "" for value in said]
    return [""] * len(values)


def values_text(clamps: Clamps) -> str:
    """Feature:value pairs in raw units to six digits, as backend.interventions.clamps.parse_clamps
    reads them.
    """
    return ",".join(f"{clamp.feature}:{_short(clamp.value):g}" for clamp in clamps)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
