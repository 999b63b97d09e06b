"""One setup, loaded and prepared: the only owner of a model. Pages and commands talk to it."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from backend.data.questions import Packed
from backend.engine.evaluator import Evaluator, Turns
from backend.engine.gating import Gating
from backend.engine.prepare import prepare
from backend.errors import BadInput
from backend.evaluation.calibration import Calibration, Ground, Rule
from backend.evaluation.evaluate import Evaluation, summarise, sure_to
from backend.evaluation.history import History
from backend.evaluation.lengths import median_length, overrun
from backend.evaluation.light import Light
from backend.evaluation.lights import lights
from backend.evaluation.results import Results
from backend.features.presets import (
    Preset,
    clamps_of,
    in_words,
    preset_of,
    presets_for,
    sae_name,
)
from backend.interventions.gates import Opening
from backend.interventions.method import Setting, setting_of
from backend.interventions.names import setting_name
from backend.interventions.presets import SavedPresets
from backend.interventions.rival import PUSHED
from backend.interventions.visits import Visits
from backend.model.runner import Runner
from backend.progress import OnProgress, silent
from backend.rim import shown
from backend.rivals.rivals import Rivals
from backend.setups import Setup

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from backend.evaluation.reference import Reference
    from backend.model.sae import LoadedSae
    from backend.model.split import SplitModel

Half = Literal["selection", "held-out"]


class Engine:
    """Everything computed for one setup."""

    def __init__(self, setup: Setup, on_progress: OnProgress = silent):
        """Load and prepare; what was prepared before is read from cache/.

        Raises ClampboardError in words.
        """
        prepared = prepare(setup, on_progress)
        self.setup = setup
        self._held = prepared.held
        self.weights = prepared.held.weights
        self.sets = prepared.sets
        self.packed = prepared.packed
        self.key = prepared.key
        self.folder = prepared.folder
        self.recording = prepared.recording
        self.atlas = prepared.atlas
        self.text = prepared.text
        self._kept: dict[str, Results] = {}
        self.results = self._results("results")
        self.kept_answers = prepared.kept
        self.swept = self._results("swept")
        self.history = History(self.results, self.sets, self.recording.baseline, self.swept)
        self.saved_presets = SavedPresets(self.folder / "presets")
        self.visits = Visits(self.folder / "visits", self.recording.acts.d_sae)
        corpora = [scanned.corpus for scanned in self.atlas.corpora]
        self.rivals = Rivals(setup, prepared.held, corpora, self.folder)
        self._turns = Turns()
        self.evaluator = Evaluator(
            prepared.held,
            self.recording,
            self.sets,
            setup.scoring,
            self._turns,
            listed=self.results,
            unlisted=self._results("unlisted"),
            selection=self.half("selection"),
            kept=self.kept_answers,
            rivals=self.rivals,
        )
        self._made_presets: dict[str, Setting] = {}
        self._gating = Gating(self.evaluator, self.atlas.corpora)
        prepared.held.on_progress = silent

    def _results(self, name: str) -> Results:
        """One for each folder: it also holds what could not be written there."""
        if name not in self._kept:
            self._kept[name] = Results(self.folder / name, self.recording.baseline.shape)
        return self._kept[name]

    @property
    def runner(self) -> Runner:
        """The model, loaded when it is first asked for. Raises Unavailable or BadSetup."""
        return self._held.runner

    @property
    def model(self) -> "SplitModel":
        return self.runner.model

    @property
    def sae(self) -> "LoadedSae":
        """Loaded without the model."""
        return self._held.sae

    @property
    def d_sae(self) -> int:
        return self.recording.acts.d_sae

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Loaded without the model."""
        return self._held.tokenizer

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

    def load_plain(self) -> tuple["PreTrainedModel", PreTrainedTokenizerBase]:
        """A second copy of the model and its tokenizer, as transformers gives it: for the reference
        and for comparisons.
        """
        return self.weights.load()

    def load(self) -> None:
        """The model, now rather than when it is first needed; and whether batches matter to it."""
        _ = self.runner.invariant

    def sizes_on_disk(self) -> dict[str, int]:
        """Bytes of each prepared file."""
        return {path.name: path.stat().st_size for path in sorted(self.folder.glob("*.*"))}

    # -- settings and questions -------------------------------------------------------------------

    def check(self, setting: Setting) -> Setting:
        """The setting, in range for this SAE. Raises BadClamps, BadMethod or BadRival."""
        return self.evaluator.check(setting)

    @cached_property
    def residual_length(self) -> float:
        """Median length of the residual at the hook, over the question tokens a clamp may touch."""
        return median_length(self.recording)

    def residual_unit(self, feature: int) -> float:
        """Raw activation units of a feature that add a vector as long as the residual's median."""
        return self.residual_length / max(float(self.sae.W_dec[feature].norm()), 1e-12)

    @cached_property
    def presets(self) -> dict[str, Preset]:
        """The shipped presets that are about this SAE, by name."""
        return presets_for(sae_name(self.setup.sae))

    def preset(self, name: str) -> Setting:
        """The setting of a preset, with its tau as found here. Raises BadInput for a name there is
        none of.
        """
        preset = preset_of(sae_name(self.setup.sae), name)
        if name not in self._made_presets:
            self._made_presets[name] = self._make_preset(preset)
        return self._made_presets[name]

    def _make_preset(self, preset: Preset) -> Setting:
        setting = setting_of(clamps_of(preset, self.atlas.table), preset.method, d_sae=self.d_sae)
        if setting and preset.false_alarms is not None:
            setting, _ = self.calibrate(setting, *preset.false_alarms)
        return setting

    def preset_in_words(self, name: str) -> str:
        """What a preset takes, with how many features its rule admits here. Raises BadInput for a
        name there is none of.
        """
        n = len(self.preset(name).clamps)
        return in_words(self.presets[name], n, demo=self.setup.name == "demo")

    @cached_property
    def preset_titles(self) -> dict[Setting, str]:
        """What each shipped preset is called, where its rules admit any feature."""
        return {
            setting: preset.title
            for name, preset in self.presets.items()
            if (setting := self.preset(name))
        }

    def max_act(self, feature: int) -> float:
        """A feature's largest activation in the corpora, raw units."""
        return float(self.atlas.table["max_act"].to_numpy()[feature])

    def name_of(self, setting: Setting) -> str:
        """What a setting is called: see backend.interventions.names."""
        return setting_name(setting, self.max_act, self.atlas.name, self.preset_titles)

    def opening(self, setting: Setting) -> Opening | None:
        """What a gate opens: see backend.engine.gating.Gating."""
        return self._gating.opening(self.check(setting))

    def calibrate(
        self, setting: Setting, rate: float, rule: Rule, ground: Ground
    ) -> tuple[Setting, Calibration]:
        """Tau at a rate of false alarms: see backend.engine.gating.Gating."""
        return self._gating.calibrate(self.check(setting), rate, rule, ground)

    def half(self, which: Half) -> Bool[Tensor, " question"]:
        """Questions of one half; see backend.data.questions.QuestionSets.selection. Raises
        BadInput for a half there is not.
        """
        if which not in get_args(Half):
            there = ", ".join(get_args(Half))
            raise BadInput(f"There is no half {shown(which)}: it can be {there}.")
        selection = self.sets.selection(self.setup.half_seed)
        return selection if which == "selection" else ~selection

    def in_sets(self, names: Iterable[str]) -> Bool[Tensor, " question"]:
        """Questions of these sets. Raises BadInput for a name this setup does not have."""
        return self.sets.named(names)

    # -- running ----------------------------------------------------------------------------------

    def turn(self, on_wait: OnProgress, kind: str = "evaluation") -> AbstractContextManager[None]:
        """Hold the model: see backend.engine.evaluator.Turns."""
        return self._turns.turn(on_wait, kind)

    def finished(self, setting: Setting) -> Evaluation | None:
        """The complete evaluation of this setting, if it was ever run."""
        return self.evaluator.finished(setting)

    def evaluate(
        self,
        setting: Setting,
        on_partial: Callable[[Evaluation], None] = lambda _: None,
        on_wait: OnProgress = silent,
        only: Bool[Tensor, " question"] | None = None,
        listed: bool = True,
        anew: bool = False,
        enough: Callable[[Evaluation], bool] = lambda _: False,
    ) -> Evaluation:
        """What the setting does: see backend.engine.evaluator.Evaluator.evaluate."""
        return self.evaluator.evaluate(setting, on_partial, on_wait, only, listed, anew, enough)

    def sure_to(self, evaluation: Evaluation, only: Bool[Tensor, " question"] | None) -> float:
        """How sure its figures over these questions are, in points: see `evaluate.sure_to`."""
        return sure_to(self.restrict(evaluation, only).sets)

    def restrict(
        self, evaluation: Evaluation, only: Bool[Tensor, " question"] | None
    ) -> Evaluation:
        """The same run's figures over some of the questions; None is all of them."""
        if only is None:
            return evaluation
        e = evaluation
        seen = summarise(
            self.sets, e.setting, e.baseline, e.scores, e.affected, e.done, e.seconds, only, e.known
        )
        return replace(seen, kept=e.kept)

    def lights(
        self, evaluation: Evaluation, only: Bool[Tensor, " question"] | None = None
    ) -> list[Light]:
        """All checks of a complete run: see backend.evaluation.lights."""
        setting = evaluation.setting
        return lights(
            self.sets,
            self.recording,
            evaluation,
            self.setup.scoring == "letter",
            only,
            self.opening(setting),
            self.times_residual(setting),
        )

    def times_residual(self, setting: Setting) -> float | None:
        """How many times the residual's length the edit is: see `lengths.overrun` and
        `Rivals.times_residual`.
        """
        if setting.rival is not None:
            return self.rivals.times_residual(setting.rival, self.recording)
        return overrun(self.recording, self.sae.W_dec, setting, self.opening(setting))

    def along(self, name: str, directions: Float[Tensor, "d_sae d_model"]) -> Evaluator:
        """The same with another direction for each feature to push along; what is found is kept
        under `name`.
        """
        kept = self._results(f"along/{name}")
        along = self._held.along(directions)
        return replace(self.evaluator, held=along, listed=kept, unlisted=kept, pushing=name)

    def finished_along(self, name: str, setting: Setting) -> bool:
        """Whether the setting was ever run along other directions, kept under `name`."""
        return self._results(f"along/{name}").read(setting) is not None

    def evaluate_reference(
        self,
        setting: Setting,
        on_progress: OnProgress = silent,
        only: Bool[Tensor, " question"] | None = None,
    ) -> Evaluation:
        """The same by the slow path of backend.evaluation.reference, the baseline too.

        `seconds` are those of the pass with the setting.
        """
        from backend.evaluation.reference import Reference

        setting = self.check(setting)
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
            scores[places] = self._by_reference(reference, packed, setting, on_progress)
            seconds = time.perf_counter() - start
        return summarise(self.sets, setting, baseline, scores, only, only, seconds, only)

    def _by_reference(
        self,
        reference: "Reference",
        packed: list[Packed],
        setting: Setting,
        on_progress: OnProgress,
    ) -> Float[Tensor, "question choice"]:
        """Scores by the setting; other weights go into a second copy of the model."""
        from backend.evaluation.reference import Reference

        scoring, rival = self.setup.scoring, setting.rival
        if rival is None:
            rates = self.evaluator.rates(setting)
            pairs = [] if rates is None else [rates.forget.tolist(), rates.retain.tolist()]
            return reference.scores(
                packed, setting, scoring, on_progress, rates=list(zip(*pairs, strict=True))
            )
        if rival.kind in PUSHED:
            self.rivals.ready(rival, on_progress)
            push = partial(self.rivals.direction(rival).push, strength=rival.strength)
            return reference.scores(packed, None, scoring, on_progress, push=push)
        if rival.kind == "prompt":
            asked = self.rivals.asked(rival, packed)
            return reference.scores(asked, None, scoring, on_progress)
        hf, tokenizer = self.load_plain()
        for name, matrix in self.rivals.matrices(rival).items():
            hf.get_parameter(name).copy_(matrix)
        changed = Reference(hf, tokenizer, self.sae, self.setup.untouched)
        return changed.scores(packed, None, scoring, on_progress)
