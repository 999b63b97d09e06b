"""One setting tried, a feature read, texts written: what a lab gives."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine, Half
from backend.errors import BadInput
from backend.evaluation.answers import question_table
from backend.evaluation.evaluate import Evaluation, SetResult
from backend.evaluation.light import passed
from backend.experiments.controls import controls_of, run_controls
from backend.experiments.effects import control_effect, own_effect
from backend.experiments.generate import Sampling, Written, writing
from backend.experiments.verdict import Verdict, verdict
from backend.interventions.method import NOTHING, Setting
from backend.notebook.bars import bars, counted, growing
from backend.notebook.settings import questions_in
from backend.notebook.shown import feature_html, lines_html, texts_html, tried_html
from backend.reading.feature_page import FeaturePage, in_words

QUESTIONS = {
    "set": "set",
    "row": "row",
    "topic": "topic",
    "question": "question",
    "right": "right",
    "before": "without",
    "after": "with",
    "touched": "touched",
    "change": "change",
    "p_before": "p_without",
    "p_after": "p_with",
    "fired": "fired",
}
"""Columns of backend.evaluation.answers.question_table, and what they are called here."""


@dataclass(frozen=True, repr=False)
class Tried:
    """What backend.notebook.lab.Lab.clamp gives."""

    engine: Engine
    setting: Setting
    half: Half | None = None
    """The questions that figures are over; None for all of them."""
    progress: bool = False

    @property
    def name(self) -> str:
        return self.engine.name_of(self.setting)

    @property
    def _only(self) -> Bool[Tensor, " question"] | None:
        return questions_in(self.engine, self.half)

    def evaluate(self) -> Evaluation:
        """What it does to every question: kept, and listed as tried, as on the Clamp page."""
        with bars(self.progress) as on_progress:
            done = self.engine.evaluate(self.setting, growing(on_progress), on_progress)
        return self.engine.restrict(done, self._only)

    def verdict(self) -> Verdict:
        """What it did, in a sentence, and all checks; with the controls, once they have run."""
        return verdict(self.engine, self.evaluate(), self._only)

    def sets(self) -> pd.DataFrame:
        """The figures of each set, with the change's 95 % interval."""
        return figures_table("set", ((s.title, s) for s in self.evaluate().sets))

    def questions(self) -> pd.DataFrame:
        """Every question: what is right, what was answered without and with the setting, whether
        it was touched, lost or gained; with a gate, its statistic, and whether it opens.
        """
        engine, done = self.engine, self.evaluate()
        opened = engine.opening(self.setting)
        table = question_table(engine.sets, engine.recording, engine.tokenizer, done, opened)
        table = table.assign(touched=done.affected.tolist())
        gate = [column for column in ("gate", "opens") if column in table]
        table = table[[*QUESTIONS, *gate]].rename(columns=QUESTIONS)
        return table if self._only is None else table[self._only.numpy()]

    def controls(self) -> pd.DataFrame:
        """The same push elsewhere: random features, other directions, ablation. Those that have
        run are kept. Raises BadInput where there is no clamp.
        """
        if not self.setting.clamps:
            raise BadInput("No clamp is on: there is nothing to hold controls against.")
        engine, effects = self.engine, [own_effect(self.evaluate())]
        n = len(controls_of(engine, self.setting))
        with bars(self.progress) as on_progress:
            runs = run_controls(engine, self.setting)
            for control, result in counted(runs, "Running the controls", n, on_progress):
                effects.append(control_effect(control, engine.restrict(result, self._only)))
        rows = [(e.name, e.forget) for e in effects] + [(e.name, e.retain) for e in effects]
        return figures_table("clamp", rows)

    def write(
        self,
        prompt: str,
        *,
        max_tokens: int = 64,
        temperature: float = 0.0,
        seed: int = 0,
        plain: bool = False,
    ) -> "Texts":
        """What the model writes to a prompt, without and with the setting: in its chat format
        where it has one, or, `plain`, as the beginning of a text. Raises BadInput.
        """
        chat = bool(self.engine.tokenizer.chat_template) and not plain
        sampling = Sampling(temperature, seed)
        texts = []
        for setting in (NOTHING, self.setting):
            with bars(self.progress) as on_progress, self.engine.turn(on_progress, "words"):
                *_, last = writing(
                    self.engine, prompt, chat, setting, max_tokens=max_tokens, sampling=sampling
                )
            texts.append(last)
        return Texts(prompt, self.name, *texts)

    def _waits(self) -> str:
        """What is said of a setting that has not run: showing it runs nothing."""
        ran = self.engine.finished(self.setting) is not None
        return "" if ran else "Not evaluated yet: evaluate() runs it."

    def __repr__(self) -> str:
        if waits := self._waits():
            return f"{self.name}\n{waits}"
        found = self.verdict()
        said = [self.name, found.sentence, found.held_out, passed(found.lights)]
        return "\n".join(filter(None, said))

    def _repr_html_(self) -> str:
        if waits := self._waits():
            return lines_html([self.name, waits])
        return tried_html(self.name, self.half, self.verdict(), self.evaluate().sets)


@dataclass(frozen=True, repr=False)
class Texts:
    """What the model wrote to one prompt."""

    prompt: str
    name: str
    """Of the setting."""
    without: Written
    clamped: Written
    """With the setting on."""

    def _titled(self) -> list[tuple[str, str]]:
        return [
            ("Without", self.without.text.strip()),
            (f"With {self.name}", self.clamped.text.strip()),
        ]

    def __repr__(self) -> str:
        return "\n\n".join(f"{title}:\n{text}" for title, text in self._titled())

    def _repr_html_(self) -> str:
        return texts_html(self.prompt, self._titled())


@dataclass(frozen=True, repr=False)
class Read:
    """A feature."""

    page: FeaturePage
    name: str
    """Its label, or the words it fires on."""

    def __repr__(self) -> str:
        return in_words(self.page)

    def _repr_html_(self) -> str:
        return feature_html(self.page, self.name)


def figures_table(named: str, rows: Iterable[tuple[str, SetResult]]) -> pd.DataFrame:
    """A row of backend.evaluation.evaluate.FIGURES for each; accuracies are shares."""
    return pd.DataFrame(
        [{named: name, "role": s.role, "touched": s.n_affected, **s.figures()} for name, s in rows]
    )
