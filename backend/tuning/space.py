"""What a search may propose: whole settings, said by a few parameters. Pure, but for the rankings.

A setting is the first n of a row of features, each clamped to a multiple of its own maximum, times
a factor of its own for the first, the middle and the last third of them (0 ablates), behind a gate
or none, whose tau is found at a rate of false alarms on the selection half's retain questions.

Rows are those of the rankings, and the features of settings the user tried. In a row of the user's
own every feature keeps its strength beside the others: there the multiple scales them together,
and what else its method said (threshold, refusal latent, a window's width) stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal, NamedTuple, TypeVar, get_args

import pandas as pd

from backend.engine.engine import Engine
from backend.errors import BadInput, Unavailable
from backend.experiments.halves import COST_PP
from backend.features.rankers import RANKERS
from backend.interventions.clamps import MAX_CLAMPS, MAX_VALUE, clamp_set, unit_of
from backend.interventions.method import (
    KINDS,
    PAPER,
    WIDTH,
    Gate,
    GateKind,
    Method,
    Reach,
    Setting,
)
from backend.progress import OnProgress, silent
from backend.reading.ranked import ranked
from backend.wording import percent

Params = Mapping[str, str | int | float]
On = Literal["selection", "all"]
Kind = TypeVar("Kind", bound=str)
STEP = 0.1
"""Of a multiple."""
FACTORS = (0.0, 2.0)
FACTOR_STEP = 0.25
THIRDS = ("first", "middle", "last")
REACHES: tuple[Reach, ...] = get_args(Reach)
OWN = "yours {}"
"""What the user's own rows are called."""
SEEDS = 4
"""Settings of the user's that a search begins with at most."""


@dataclass(frozen=True)
class Space:
    """Everything that a search may propose, and what it is asked. Raises BadInput for ranges that
    are none.
    """

    rankers: tuple[str, ...] = tuple(RANKERS)
    n: tuple[int, int] = (5, 200)
    multiples: tuple[float, float] = (-15.0, 0.0)
    gates: tuple[GateKind | None, ...] = (None, *KINDS)
    false_alarms: tuple[float, float] = (0.005, 0.3)
    cost_pp: float = COST_PP
    """Points of the retain questions that a setting may cost."""
    seed: int = 0
    """Of the proposals."""
    on: On = "selection"
    """The questions it chooses on; of "all" none is left to report on."""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.rankers if name not in RANKERS]:
            raise BadInput(f"There is no ranking '{unknown[0]}'. Use one of: {', '.join(RANKERS)}.")
        if not self.gates:
            raise BadInput("Name at least one gate to try; none is one, too.")
        for low, high, what in (
            (*self.n, "numbers of features"),
            (*self.multiples, "multiples"),
            (*self.false_alarms, "rates of false alarms"),
        ):
            if not low <= high:
                raise BadInput(f"There are no {what} from {low:g} to {high:g}.")
        if not 1 <= self.n[0] <= self.n[1] <= MAX_CLAMPS:
            raise BadInput(f"A setting has 1 to {MAX_CLAMPS} features.")


class Row(NamedTuple):
    """Features in the order they are taken in."""

    features: tuple[int, ...]
    units: tuple[float, ...]
    """Raw units of one multiple of each."""
    method: Method = PAPER
    """What is left of it whatever is proposed: all but gate, tau and reach."""


class Seed(NamedTuple):
    """A setting of the user's, and the parameters that stand for it."""

    setting: Setting
    params: Params


class Proposals(NamedTuple):
    """From parameters to settings."""

    space: Space
    rows: dict[str, Row]
    """By the ranking's name, or OWN."""
    seeds: tuple[Seed, ...]

    @classmethod
    def of(
        cls,
        engine: Engine,
        space: Space,
        ranked: Mapping[str, Row],
        seeds: Sequence[Setting],
    ) -> "Proposals":
        """`ranked` is what `ranked_rows` gives. At most SEEDS seeds are taken, of those with the
        same features the first, and none behind a gate the space has not.

        Raises BadInput where no row is left.
        """
        rows = dict(ranked)
        taken: dict[tuple[int, ...], Setting] = {}
        for setting in map(engine.check, seeds):
            gate = setting.method.gate
            if setting.clamps and (gate.kind if gate else None) in space.gates:
                taken.setdefault(setting.features, setting)
        found = []
        for number, setting in enumerate(list(taken.values())[:SEEDS], 1):
            name = OWN.format(number)
            rows[name], multiple = own_row(setting, engine.atlas.table, space.multiples)
            found.append(Seed(setting, seed_params(engine, space, name, setting, multiple)))
        if not rows:
            raise BadInput(
                "None of these rankings leaves a feature in on this setup, and there is no setting "
                "of yours to begin with."
            )
        return cls(space, rows, tuple(found))

    @property
    def n(self) -> tuple[int, int]:
        """Enough for all features of the user's settings."""
        low, high = self.space.n
        return low, max([high, *(len(seed.setting.clamps) for seed in self.seeds)])

    def setting(self, engine: Engine, params: Params) -> Setting:
        """What the parameters stand for; those of a seed, for the user's very setting: a tau
        between two quantiles, say, is said by no rate.
        """
        for seed in self.seeds:
            if relevant(seed.params) == relevant(params):
                return seed.setting
        row = self.rows[str(params["ranker"])]
        n = min(int(params["n"]), len(row.features))
        clamps = clamp_set(
            (feature, _value(params, row.units[place], place, n))
            for place, feature in enumerate(row.features[:n])
        )
        method = replace(row.method, gate=None, reach=_one_of(REACHES, params["reach"]))
        if params["gate"] == "none":
            return engine.check(Setting(clamps, method))
        width = row.method.gate.width if row.method.gate else WIDTH
        gate = Gate(_one_of(KINDS, params["gate"]), 0.0, width)
        setting = engine.check(Setting(clamps, replace(method, gate=gate)))
        rate = float(params["false_alarms"])
        return engine.calibrate(setting, rate, "quantile", "questions")[0]


def ranked_rows(engine: Engine, space: Space, on_progress: OnProgress = silent) -> dict[str, Row]:
    """The first features of each ranking that leaves some in."""
    max_act, rows = engine.atlas.table["max_act"], {}
    for name in space.rankers:
        try:
            found = ranked(engine, name, space.n[1], on_progress=on_progress)
        except (BadInput, Unavailable):
            continue
        # One that never fired in the corpora has no maximum to be clamped to a multiple of.
        features = tuple(feature for feature in found if max_act.iloc[feature] > 0)
        if features:
            rows[name] = Row(features, tuple(float(max_act.iloc[f]) for f in features))
    return rows


def own_row(
    setting: Setting, table: pd.DataFrame, multiples: tuple[float, float]
) -> tuple[Row, float]:
    """The setting's features, those that fire most on forget text first, and the multiple that
    stands for their own values: minus the median size of these, in maxima, within the range.
    """
    density, max_act = table["forget_density"], table["max_act"]
    clamps = sorted(setting.clamps, key=lambda c: (-density.iloc[c.feature], c.feature))
    features = tuple(clamp.feature for clamp in clamps)
    maxima = [unit_of(float(max_act.iloc[feature])) for feature in features]
    sizes = [abs(clamp.value) / unit for clamp, unit in zip(clamps, maxima, strict=True)]
    low, high = multiples
    typical = -median([size for size in sizes if size] or [0.0])
    multiple = on_grid(min(max(typical, low), high), multiples)
    if not any(sizes):  # ablation: there is no strength of their own to keep
        return Row(features, tuple(maxima), setting.method), multiple
    multiple = multiple or on_grid(-STEP, multiples) or on_grid(low, multiples) or high
    units = tuple(clamp.value / multiple if multiple else 0.0 for clamp in clamps)
    return Row(features, units, setting.method), multiple


def seed_params(
    engine: Engine, space: Space, name: str, setting: Setting, multiple: float
) -> Params:
    """The rate of false alarms is the share of the selection half's retain questions that the
    setting's gate opens.
    """
    (low, high), gate = space.false_alarms, setting.method.gate
    rate = low
    if (opened := engine.opening(setting)) is not None:
        mine = engine.half("selection") & engine.sets.role("retain")
        rate = min(max(float((opened.rows[mine] > 0).double().mean()), low), high)
    return {
        "ranker": name,
        "n": max(len(setting.clamps), space.n[0]),
        "multiple": multiple,
        **dict.fromkeys(THIRDS, 1.0),
        "gate": gate.kind if gate else "none",
        "false_alarms": rate,
        "reach": setting.method.reach,
    }


def on_grid(multiple: float, multiples: tuple[float, float]) -> float:
    """The nearest that can be proposed: steps of STEP from the low end."""
    low, high = multiples
    steps = min(max(round((multiple - low) / STEP), 0), int((high - low) / STEP + 1e-9))
    return round(low + steps * STEP, 6) + 0.0


def relevant(params: Params) -> Params:
    """Without a gate there is no rate of false alarms."""
    return {
        name: value
        for name, value in params.items()
        if name != "false_alarms" or params["gate"] != "none"
    }


def in_words(params: Params) -> str:
    """The parameters on one line."""
    factors = [float(params[third]) for third in THIRDS]
    by = "" if set(factors) == {1.0} else f" (thirds x {', '.join(f'{x:g}' for x in factors)})"
    said = f"{params['ranker']}, {params['n']} features at {float(params['multiple']):g}{by}"
    if params["gate"] != "none":
        said += (
            f", gate {params['gate']} at {percent(float(params['false_alarms']), 2)} false alarms"
        )
    return said + (", all set where one fires" if params["reach"] == "all" else "")


def _value(params: Params, unit: float, place: int, n: int) -> float:
    """Raw units of the feature at this place among n, to two decimals."""
    factor = float(params[THIRDS[place * len(THIRDS) // n]])
    value = round(float(params["multiple"]) * factor * unit, 2) + 0.0
    return min(max(value, -MAX_VALUE), MAX_VALUE)


def _one_of(kinds: Sequence[Kind], name: object) -> Kind:
    return next(kind for kind in kinds if kind == name)
