"""One setup, loaded and prepared: the only owner of a model. Pages and commands talk to it."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.engine.evaluator import Evaluator, Turns
from backend.engine.prepare import prepare
from backend.evaluation.evaluate import Evaluation, summarise
from backend.evaluation.history import History
from backend.evaluation.results import Results
from backend.interventions.edit import Clamps
from backend.interventions.presets import PRESETS, SavedPresets, in_words, make_preset
from backend.model.sae import LoadedSae
from backend.model.split import SplitModel
from backend.progress import OnProgress, silent
from backend.setups import Setup

Half = Literal["selection", "held-out"]


class Engine:
    """Everything computed for one setup."""

    def __init__(self, setup: Setup, on_progress: OnProgress = silent):
        """Load and prepare; what was prepared before is read from cache/.

        Raises ClampboardError in words.
        """
        prepared = prepare(setup, on_progress)
        self.setup = setup
        self.weights = prepared.weights
        self.runner = prepared.runner
        self.sets = prepared.sets
        self.packed = prepared.packed
        self.key = prepared.key
        self.folder = prepared.folder
        self.recording = prepared.recording
        self.atlas = prepared.atlas
        self.text = prepared.text
        self._kept: dict[str, Results] = {}
        self.results = self._results("results")
        self.history = History(self.results, self.sets, self.recording.baseline)
        self.saved_presets = SavedPresets(self.folder / "presets")
        self._turns = Turns()
        self.evaluator = Evaluator(
            self.runner,
            self.recording,
            self.sets,
            setup.scoring,
            self._turns,
            listed=self.results,
            unlisted=self._results("unlisted"),
        )

    def _results(self, name: str) -> Results:
        """One for each folder: it also holds what could not be written there."""
        if name not in self._kept:
            self._kept[name] = Results(self.folder / name, self.recording.baseline.shape)
        return self._kept[name]

    @property
    def model(self) -> SplitModel:
        return self.runner.model

    @property
    def sae(self) -> LoadedSae:
        return self.runner.sae

    @property
    def device(self) -> str:
        return self.weights.device

    @property
    def dtype(self) -> str:
        return self.weights.dtype

    @property
    def n_questions(self) -> int:
        return len(self.packed)

    @property
    def busy(self) -> bool:
        """Whether a run holds the model."""
        return self._turns.taken

    def load_plain(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """A second copy of the model and its tokenizer, as transformers gives it: for the reference
        and for comparisons.
        """
        return self.weights.load(attention=None)

    def sizes_on_disk(self) -> dict[str, int]:
        """Bytes of each prepared file."""
        return {path.name: path.stat().st_size for path in sorted(self.folder.glob("*.*"))}

    # -- settings and questions -------------------------------------------------------------------

    def check(self, clamps: Clamps) -> Clamps:
        """The clamps, in range for this SAE. Raises BadClamps."""
        return self.evaluator.check(clamps)

    def preset(self, name: str) -> Clamps:
        """The clamps of a preset. Raises BadInput for a name there is none of."""
        return self.check(make_preset(name, self.atlas.table))

    def preset_in_words(self, name: str) -> str:
        """What a preset takes, with how many features its rule admits here. Raises BadInput for a
        name there is none of.
        """
        clamps = self.preset(name)
        return in_words(PRESETS[name], len(clamps), demo=self.setup.name == "demo")

    @cached_property
    def preset_titles(self) -> dict[Clamps, str]:
        """What each shipped preset is called, where its rules admit any feature."""
        return {
            clamps: preset.title
            for name, preset in PRESETS.items()
            if (clamps := self.preset(name))
        }

    def half(self, which: Half) -> Bool[Tensor, " question"]:
        """Questions of one half; see backend.data.questions.QuestionSets.selection."""
        selection = self.sets.selection(self.setup.half_seed)
        return selection if which == "selection" else ~selection

    def in_sets(self, names: Iterable[str]) -> Bool[Tensor, " question"]:
        """Questions of these sets. Raises BadInput for a name this setup does not have."""
        return self.sets.named(names)

    # -- running ----------------------------------------------------------------------------------

    def turn(self, on_wait: OnProgress, kind: str = "evaluation") -> AbstractContextManager[None]:
        """Hold the model: see backend.engine.evaluator.Turns."""
        return self._turns.turn(on_wait, kind)

    def finished(self, clamps: Clamps) -> Evaluation | None:
        """The complete evaluation of these clamps, if it was ever run."""
        return self.evaluator.finished(clamps)

    def evaluate(
        self,
        clamps: Clamps,
        on_partial: Callable[[Evaluation], None] = lambda _: None,
        on_wait: OnProgress = silent,
        only: Bool[Tensor, " question"] | None = None,
        listed: bool = True,
    ) -> Evaluation:
        """What the clamps do: see backend.engine.evaluator.Evaluator.evaluate."""
        return self.evaluator.evaluate(clamps, on_partial, on_wait, only, listed)

    def restrict(self, evaluation: Evaluation, only: Bool[Tensor, " question"]) -> Evaluation:
        """The same run's figures over some of the questions."""
        e = evaluation
        seen = summarise(
            self.sets, e.clamps, e.baseline, e.scores, e.affected, e.done, e.seconds, only
        )
        return replace(seen, kept=e.kept)

    def along(self, name: str, directions: Float[Tensor, "d_sae d_model"]) -> Evaluator:
        """The same with another direction for each feature to push along; what is found is kept
        under `name`.
        """
        kept = self._results(f"along/{name}")
        runner = self.runner.along(directions)
        return replace(self.evaluator, runner=runner, listed=kept, unlisted=kept)

    def evaluate_reference(
        self,
        clamps: Clamps,
        on_progress: OnProgress = silent,
        only: Bool[Tensor, " question"] | None = None,
    ) -> Evaluation:
        """The same by the slow path of backend.evaluation.reference, the baseline too.

        `seconds` are those of the pass with the clamps.
        """
        from backend.evaluation.reference import Reference

        clamps = self.check(clamps)
        only = torch.ones(self.n_questions, dtype=torch.bool) if only is None else only
        places = only.nonzero().squeeze(-1)
        packed = [self.packed[place] for place in places.tolist()]
        scoring = self.setup.scoring
        with self.turn(on_progress, "reference"):
            reference = Reference(*self.load_plain(), self.sae, self.setup.untouched)
            baseline = self.recording.baseline.clone()
            baseline[places] = reference.scores(packed, None, scoring, on_progress)
            start = time.perf_counter()
            scores = baseline.clone()
            scores[places] = reference.scores(packed, clamps, scoring, on_progress)
            seconds = time.perf_counter() - start
        return summarise(self.sets, clamps, baseline, scores, only, only, seconds, only)
