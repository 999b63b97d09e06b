"""One setup at hand: its features to search and read, what to clamp, settings side by side."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import index

import pandas as pd

from backend.engine.engine import Engine, Half
from backend.engine.identity import sae_in_words
from backend.errors import BadInput
from backend.evaluation.evaluate import pooled
from backend.experiments.dose import MULTIPLES, dose_curve, points
from backend.experiments.sweep import run_settings
from backend.features.finding import find
from backend.features.search import WHY
from backend.interventions.method import PAPER, Method, Setting
from backend.interventions.rival import RivalKind
from backend.notebook.bars import bars, counted
from backend.notebook.settings import Clamped, method_in, questions_in, setting_in
from backend.notebook.shown import lines_html
from backend.notebook.tried import Read, Tried, figures_table
from backend.notices import noticed
from backend.reading.feature_page import feature_page

FOUND = {
    "forget_density": "share of forget tokens",
    "retain_density": "share of retain tokens",
    "max_act": "max activation",
    "fires_forget": "forget questions",
    "fires_retain": "retain questions",
}
"""Columns of the atlas's table that a list of features shows, and what they are called there."""


@dataclass(frozen=True, repr=False)
class Lab:
    """What backend.notebook.load gives."""

    engine: Engine
    progress: bool = False
    """Whether bars are drawn while something runs."""

    def search(self, words: str, limit: int = 20) -> pd.DataFrame:
        """Features that match any of the words, best first.

        `attrs["read_as"]` has words that nothing holds, and what they were read as. Raises BadInput
        for a text without words.
        """
        atlas = self.engine.atlas
        found = atlas.search(words)
        listed = find(atlas.table, hits=found.hits).head(limit)
        why = atlas.why(found, listed["feature"].tolist())
        out = listed[["feature", *FOUND]].rename(columns=FOUND)
        out.insert(1, "label or words", [atlas.name(feature) for feature in out["feature"]])
        out["found in"] = [
            "; ".join(f"{WHY[field]}: {', '.join(said)}" for field, said in why[feature].items())
            for feature in out["feature"]
        ]
        out.attrs["read_as"] = found.read_as
        return out

    def feature(self, feature: int, limit: int = 5) -> Read:
        """What the feature page shows, with so many examples. Raises BadInput for a feature the
        SAE does not have.
        """
        feature = index(feature)  # of a table it is numpy's
        return Read(feature_page(self.engine, feature, limit), self.engine.atlas.name(feature))

    def clamp(
        self,
        clamped: Clamped = "",
        *,
        method: Method | str | None = None,
        false_alarms: float | None = None,
        half: Half | None = None,
    ) -> Tried:
        """Clamps on: see backend.notebook.settings.Clamped. Nothing runs before `evaluate`.

        `method`: when they act, as text such as "rho:0.15,reach:all", in place of the setting's
        own; `false_alarms`: the gate's tau is found so that this share of what should stay closed
        opens. `half`: figures are over that half of each set. Raises BadInput, BadClamps or
        BadMethod.
        """
        setting, asked = setting_in(self.engine, clamped)
        if setting.rival is not None and (method, false_alarms) != (None, None):
            raise BadInput("When to act is of clamps: a rival acts always.")
        if method is not None:
            setting = self.engine.check(setting._replace(method=method_in(method)))
        if false_alarms is not None:
            setting, _ = self.engine.calibrate(setting, false_alarms, "quantile", "questions")
        half = half or asked
        questions_in(self.engine, half)
        return Tried(self.engine, setting, half, self.progress)

    def rival(self, kind: RivalKind, of: str | None = None, strength: float = 1.0) -> Tried:
        """What stands in the place of clamps: see backend.rivals.rivals.Rivals.named. Raises
        BadRival for what is not there.
        """
        setting = Setting(rival=self.engine.rivals.named(kind, of, strength))
        return Tried(self.engine, self.engine.check(setting), progress=self.progress)

    def compare(
        self, settings: Mapping[str, Clamped | Tried], half: Half | None = None
    ) -> pd.DataFrame:
        """Settings by name: all forget questions of each, then all retain questions; of a half, if
        one is asked for. They are no part of the history of what was tried.
        """
        engine, only = self.engine, questions_in(self.engine, half)
        read = {
            name: one.setting if isinstance(one, Tried) else setting_in(engine, one)[0]
            for name, one in settings.items()
        }
        wanted = dict.fromkeys(read.values())
        with bars(self.progress) as on_progress:
            runs = run_settings(engine, wanted, on_wait=on_progress)
            found = dict(counted(runs, "Evaluating the settings", len(wanted), on_progress))
        seen = {name: engine.restrict(found[setting], only) for name, setting in read.items()}
        rows = [(name, pooled(e.sets, "forget")) for name, e in seen.items()]
        rows += [(name, pooled(e.sets, "retain")) for name, e in seen.items()]
        return figures_table("setting", rows)

    def dose(
        self, feature: int, multiples: Iterable[float] = MULTIPLES, method: Method | str = PAPER
    ) -> pd.DataFrame:
        """The feature clamped to each multiple of its largest activation: what
        components.charts.dose.dose_curves draws. Raises BadInput.
        """
        multiples = tuple(multiples)
        with bars(self.progress) as on_progress:
            curve = dose_curve(
                self.engine,
                index(feature),
                multiples,
                on_wait=on_progress,
                method=method_in(method),
            )
            doses = counted(curve, "Evaluating the strengths", len(multiples), on_progress)
            return points(list(doses))

    def _lines(self) -> list[str]:
        """Which setup is open, and what there is to know of it."""
        engine, setup = self.engine, self.engine.setup
        return [
            setup.title,
            f"{setup.model.name}, {engine.dtype} on {engine.device}; "
            f"{sae_in_words(setup.sae)}, {engine.d_sae:,} features at {engine.sae.hook_name}; "
            f"{engine.n_questions:,} questions",
            f"presets: {', '.join(engine.presets)}",
            *(questions.skipped for questions in engine.sets if questions.skipped),
            *noticed(),
        ]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return lines_html(self._lines())
