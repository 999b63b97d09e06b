"""A search among whole settings, by Optuna: a multi-objective TPE over backend.tuning.space.

Two objectives on the selection half, forget accuracy down and retain accuracy up, with the points
that may be lost of the latter as a constraint: what costs more is worse than whatever does not. It
begins with settings of the user's own.

The sampler is drawn anew for each proposal, from the space's seed and the number of settings told
so far, and nothing else: a search proposes the same settings whether or not it was stopped in
between. So a proposal needs to be kept only once it was evaluated. All of these lie in one sealed
file, rewritten whole; Optuna's study is made from it again in memory. A kill leaves the file as it
was before the setting that ran, which is proposed again and finds the answers it already has.
(Optuna's own journal is left with a lock and half a line then; neither of its storages is sealed.)
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ConfigDict, TypeAdapter

from backend.engine.engine import Engine
from backend.evaluation.evaluate import Evaluation, pooled
from backend.evaluation.history import Trial
from backend.experiments.halves import OfHalf
from backend.interventions.method import Setting
from backend.own_files import read
from backend.progress import OnProgress, silent
from backend.store import if_it_can_be_kept, key, write_bytes
from backend.tuning.space import (
    FACTOR_STEP,
    FACTORS,
    REACHES,
    SEEDS,
    STEP,
    THIRDS,
    Params,
    Proposals,
    Row,
    Space,
    in_words,
    on_grid,
    ranked_rows,
)

if TYPE_CHECKING:
    import optuna

FORMAT = 1
"""Raise when what is stored changes its meaning."""
STARTUP = 10
"""Settings, those of the user among them, before there is anything to learn from."""
PATIENCE = 50
"""So many proposals in a row that are all known end a search: there is nothing left to try."""


class Tried(NamedTuple):
    number: int
    """From 1, in the order of trying."""
    setting: Setting
    half: OfHalf
    """The selection half; all questions where the space says so."""
    words: str
    """The parameters in a few words."""


@dataclass(frozen=True)
class Told:
    """One proposal that was evaluated; a setting that is proposed twice is told twice."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    params: dict[str, str | int | float]
    setting: Setting
    half: OfHalf


@dataclass
class Book:
    """What lies on disk."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    space: Space
    seeds: tuple[Setting, ...]
    told: list[Told] = field(default_factory=list)


BOOK = TypeAdapter(Book)


class Search:
    """One search; made by `open`."""

    def __init__(self, engine: Engine, proposals: Proposals, path: Path, book: Book):
        self._engine, self._proposals, self._path, self._book = engine, proposals, path, book

    @classmethod
    def open(
        cls,
        engine: Engine,
        space: Space,
        seeds: Sequence[Setting] = (),
        resume: bool = False,
        on_progress: OnProgress = silent,
    ) -> "Search":
        """The search of this space. `resume` goes on with what was told before, and with the seeds
        it was begun with, whatever is given; where nothing was, or without `resume`, it begins
        anew, with these. A damaged file is set aside, and said.

        The seeds are tried first, each exactly as it is, also a tau that no rate of false alarms
        stands for; which are taken says backend.tuning.space.Proposals. Raises BadInput for a space
        without a setting in it.
        """
        rows = ranked_rows(engine, space, on_progress)
        path = _path(engine, space, rows)
        book = read(path, BOOK.validate_json) if resume else None
        book = book or Book(space, tuple(seeds))
        return cls(engine, Proposals.of(engine, space, rows, book.seeds), path, book)

    @property
    def tried(self) -> list[Tried]:
        """Every setting once, in the order in which they were first tried."""
        first: dict[Setting, Told] = {}
        for told in self._book.told:
            first.setdefault(told.setting, told)
        return [self._tried(number, told) for number, told in enumerate(first.values(), 1)]

    @property
    def looked(self) -> str:
        """Why the held-out half is not blind to what is found; empty where it is."""
        if self._proposals.space.on == "all":
            return "it was chosen on all questions, the held-out half among them"
        if not (n := len(self._proposals.seeds)):
            return ""
        return (
            f"the search began with {n} setting{'' if n == 1 else 's'} of yours, which may have "
            "been chosen while looking at figures over all questions"
        )

    def run(
        self,
        n: int,
        on_partial: Callable[[Evaluation], None] = lambda _: None,
        on_wait: OnProgress = silent,
    ) -> Iterator[Tried]:
        """n more settings, each once it is evaluated; fewer where the space has no more.

        A setting that is proposed again costs nothing, and is not counted. Raising from a callback,
        or closing the generator, stops it; what was yielded stays known.
        """
        known = {told.setting: told.half for told in self._book.told}
        end, idle = len(known) + n, 0
        while len(known) < end and idle < PATIENCE:
            params = self._propose()
            setting = self._proposals.setting(self._engine, params)
            half = known.get(setting) or self._evaluate(setting, on_partial, on_wait)
            told = Told(dict(params), setting, half)
            self._book.told.append(told)
            with if_it_can_be_kept("A search"):
                write_bytes(self._path, BOOK.dump_json(self._book))
            idle += 1
            if setting not in known:
                known[setting], idle = half, 0
                yield self._tried(len(known), told)

    def _tried(self, number: int, told: Told) -> Tried:
        own = any(told.setting == seed.setting for seed in self._proposals.seeds)
        words = in_words(told.params) + (", as it was" if own else "")
        return Tried(number, told.setting, told.half, words)

    def _evaluate(
        self,
        setting: Setting,
        on_partial: Callable[[Evaluation], None],
        on_wait: OnProgress,
    ) -> OfHalf:
        engine = self._engine
        only = None if self._proposals.space.on == "all" else engine.half("selection")
        found = engine.evaluate(setting, on_partial, on_wait, only=only, listed=False)
        return OfHalf(pooled(found.sets, "forget"), pooled(found.sets, "retain"))

    def _propose(self) -> Params:
        """A function of space, seeds, and what was told."""
        told = self._book.told
        if len(told) < len(self._proposals.seeds):
            return self._proposals.seeds[len(told)].params
        distributions = _distributions(self._proposals)
        return dict(_study(self._proposals.space, distributions, told).ask(distributions).params)


def front(tried: Iterable[Tried]) -> list[Tried]:
    """Those that no other one beats: forgets at least as much and costs at most as much. By rising
    cost; of equals the first tried.
    """
    found: list[Tried] = []
    for one in sorted(tried, key=_cost_then_forget):
        if not found or one.half.forget.change_pp < found[-1].half.forget.change_pp:
            found.append(one)
    return found


def _cost_then_forget(one: Tried) -> tuple[float, float, int]:
    return -one.half.retain.change_pp, one.half.forget.change_pp, one.number


def own_settings(engine: Engine, cost_pp: float, most: int = SEEDS) -> list[Setting]:
    """The best clamps of the history, on the selection half: those that forget most at a cost of at
    most so many points first, then the others; of the same features once.
    """
    half = engine.half("selection")
    _, before = engine.history.baseline(half)

    def order(trial: Trial) -> tuple[bool, int, int]:
        dear = before.percent - trial.retain.percent > cost_pp + 1e-9
        return dear, trial.forget.right, -trial.retain.right

    found: dict[tuple[int, ...], Setting] = {}
    for trial in sorted(engine.history.trials(half), key=order):
        if trial.run.clamps:
            found.setdefault(trial.run.setting.features, trial.run.setting)
    return list(found.values())[:most]


def _distributions(proposals: Proposals) -> "dict[str, optuna.distributions.BaseDistribution]":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    space = proposals.space
    low, high = space.multiples
    gates = [gate or "none" for gate in space.gates]
    return {
        "ranker": CategoricalDistribution(list(proposals.rows)),
        "n": IntDistribution(*proposals.n, log=True),
        "multiple": FloatDistribution(low, on_grid(high, space.multiples), step=STEP),
        **{third: FloatDistribution(*FACTORS, step=FACTOR_STEP) for third in THIRDS},
        "gate": CategoricalDistribution(gates),
        "false_alarms": FloatDistribution(*space.false_alarms, log=True),
        "reach": CategoricalDistribution(REACHES),
    }


def _study(
    space: Space,
    distributions: "dict[str, optuna.distributions.BaseDistribution]",
    told: Sequence[Told],
) -> "optuna.Study":
    """Everything told, before a sampler that depends on the seed and on how much that is."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(
        seed=zlib.crc32(f"{space.seed} {len(told)}".encode()),
        n_startup_trials=STARTUP,
        multivariate=True,
        constant_liar=False,
    )
    study = optuna.create_study(sampler=sampler, directions=["minimize", "maximize"])
    study.add_trials(
        optuna.trial.create_trial(
            params=one.params,
            distributions=distributions,
            values=[one.half.forget.accuracy, one.half.retain.accuracy],
            constraints={"cost": -one.half.retain.change_pp - space.cost_pp},
        )
        for one in told
    )
    return study


def _path(engine: Engine, space: Space, rows: dict[str, Row]) -> Path:
    """Another one for whatever can make other settings of the same parameters, or other figures of
    the same settings.
    """
    named = key(
        {
            "format": FORMAT,
            "space": asdict(space),
            "rows": {name: [row.features, row.units] for name, row in rows.items()},
            "selection": engine.half("selection").tolist(),
            "bits": engine.kept_answers.salt,
        }
    )
    return engine.folder / "tuning" / f"search_{named}.json"
