"""One setup, loaded and prepared: the only owner of a model. Pages and commands talk to it."""

import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from backend.data.corpora import Corpus, read_corpus
from backend.data.prompts import pack, pack_text
from backend.data.question_sets import read_set
from backend.data.questions import Packed, QuestionSet, selection_half
from backend.engine.known import only_known
from backend.engine.needs import Forecast, needs
from backend.errors import BadInput, BadSetup
from backend.evaluation.evaluate import Evaluation, evaluate, summarise
from backend.evaluation.history import History
from backend.evaluation.recordings import FORMAT, Recording, record, with_keys
from backend.evaluation.results import Results, Run, scores_of
from backend.features.atlas import Atlas
from backend.features.labels import labels_of
from backend.features.scan import scan
from backend.interventions.edit import Clamps, clamp_set
from backend.interventions.presets import PRESETS, SavedPresets, make_preset
from backend.model.rows import Halving, Rows
from backend.model.sae import LoadedSae, fingerprint, load_sae
from backend.model.split import SplitModel, cpu_flags, load_hf, pick_device, pick_dtype, split
from backend.model.weights import model_source, weights_fingerprint
from backend.parts import Parts
from backend.progress import OnProgress, Progress, silent
from backend.setups import Setup
from backend.store import cache_folder, check_room, key, sweep_leftovers

log = logging.getLogger(__name__)

TOKENS_PER_BATCH = {
    ("cpu", "float32"): 256,
    ("cpu", "bfloat16"): 512,
    ("cuda", "float32"): 16384,
    ("cuda", "bfloat16"): 16384,
}
"""The fastest of 256 to 4,096 for float32 on two cores, and the one that answers first; the others
are not measured.
"""
KEYS_ROOM_CPU = 1_600_000_000
"""Bytes of keys and values kept on a CPU; what takes more is not kept."""
ROOM_SHARE = 0.3
"""On a GPU, the share of its free memory that keys and values may take, and after them the
residuals.
"""
WAIT_S = 0.1


class Engine:
    """Everything computed for one setup.

    The lock lets one evaluation run at a time: the model's modules are shared by all sessions, and
    two runs at once would each take twice as long and add up their memory. It is let go after
    success, error and cancel.
    """

    def __init__(self, setup: Setup, on_progress: OnProgress = silent):
        """Load and prepare; what was prepared before is read from cache/. Raises ClampboardError in
        words.
        """
        self.setup = setup
        self.device = pick_device(setup.model.device)
        self.dtype = pick_dtype(
            setup.model.dtype, self.device, cpu_flags() if self.device == "cpu" else set()
        )
        self.budget = TOKENS_PER_BATCH["cpu" if self.device == "cpu" else "cuda", self.dtype]
        self._halving = Halving()
        self._lock = threading.Lock()
        on_progress(Progress("Looking for the model", 0, 1, None))
        self._source = model_source(setup, on_progress)
        on_progress(Progress("Loading the SAE", 0, 1, None))
        self.sae: LoadedSae = load_sae(setup.sae, self.device)
        on_progress(Progress("Loading the model", 0, 1, None))
        hf, tokenizer = self._load_hf()
        if self.sae.d_in != hf.config.hidden_size:
            raise BadSetup(
                f"The SAE '{self.sae.title}' reads vectors of {self.sae.d_in} numbers, but the"
                f" model '{setup.model.name}' has d_model = {hf.config.hidden_size}. Name an SAE"
                " that was trained on this model."
            )
        self.model: SplitModel = split(hf, tokenizer, self.sae.hook_name)
        on_progress(Progress("Reading the questions", 0, 1, None))
        self.sets: tuple[QuestionSet, ...] = tuple(read_set(source) for source in setup.sets)
        self.sets = only_known(
            setup,
            self.sets,
            self.model,
            self.sae,
            weights_fingerprint(setup, self._source),
            self.budget,
            on_progress,
        )
        self.packed: list[Packed] = [
            pack(tokenizer, question, setup.protocol, questions.worked(question))
            for questions in self.sets
            for question in questions.questions
        ]
        self.key = key(self._spec())
        self._folder = cache_folder() / "setups" / self.key
        sweep_leftovers(self._folder)
        on_progress(Progress("Reading the texts", 0, 1, None))
        texts = [read_corpus(tokenizer, source, self._folder) for source in setup.corpora]
        loss_rows = self._loss_rows()
        on_progress = self._forecast(texts, loss_rows, on_progress)
        self.recording: Recording = self._recording(on_progress)
        corpora = [
            scan(
                self.model, self.sae, text, setup.untouched, self.budget, self._folder, on_progress
            )
            for text in texts
        ]
        labels = labels_of(setup.sae, self.sae)
        self.atlas = Atlas(
            self.model,
            self.sae,
            self.sets,
            self.recording,
            corpora,
            labels,
            self._folder,
            self.half("selection"),
            on_progress,
        )
        self.text: Recording | None = self._text(loss_rows, on_progress)
        self.results = Results(self._folder / "results")
        self._unlisted = Results(self._folder / "unlisted")
        self.history = History(self.results, self.sets, self.recording.baseline)
        self.saved_presets = SavedPresets(self._folder / "presets")

    # -- what was loaded
    # ------------------------------------------------------------------------------------------

    def _load_hf(self, **how: Any):
        return load_hf(self._source, dtype=self.dtype, device=self.device, **how)

    def load_plain(self):
        """A second copy of the model and its tokenizer, as transformers gives it: for the reference
        and for comparisons.
        """
        return self._load_hf(attention=None)

    def _spec(self) -> dict[str, Any]:
        """All that can change a recorded number."""
        return {
            "format": FORMAT,
            "model": weights_fingerprint(self.setup, self._source),
            "dtype": self.dtype,
            "device": self.device,
            "sae": fingerprint(self.setup.sae, self.sae),
            "protocol": self.setup.protocol,
            "untouched": self.setup.untouched,
            "sets": [
                [
                    s.name,
                    s.role,
                    [asdict(q) for q in s.questions],
                    [asdict(q) for q in s.examples],
                    s.shots,
                ]
                for s in self.sets
            ],
        }

    @property
    def folder(self) -> Path:
        """Where what was prepared for this setup lies."""
        return self._folder

    @property
    def n_questions(self) -> int:
        return len(self.packed)

    def sizes_on_disk(self) -> dict[str, int]:
        """Bytes of each prepared file."""
        return {path.name: path.stat().st_size for path in sorted(self._folder.glob("*.*"))}

    # -- preparing
    # ------------------------------------------------------------------------------------------------

    def _forecast(
        self, texts: Sequence[Corpus], loss_rows: Sequence[list[int]], on_progress: OnProgress
    ) -> OnProgress:
        """Say what preparing will take, where anything is left to do. Raises Unavailable if the
        disk has no room for it.
        """
        if any(self._folder.glob("features_*.parquet")):
            return on_progress
        n_recorded = sum(len(p.ids) for p in self.packed) + sum(map(len, loss_rows))
        n_scanned = sum(len(ids) for text in texts for ids in text.ids)
        size = self.model.hf.dtype.itemsize
        taken = needs(
            self.model.hf.num_parameters(),
            size,
            self.model.d_model,
            self.sae.d_sae,
            n_recorded,
            n_scanned,
        )
        check_room(self._folder, taken.disk)
        on_progress(
            Progress(
                "Measuring", 0, 1, None, f"Preparing: {taken.in_words(self.device, self._folder)}"
            )
        )
        return Forecast(n_recorded + n_scanned, on_progress)

    def _recording(self, on_progress: OnProgress) -> Recording:
        keep = sum(len(p.ids) for p in self.packed) * self.model.key_bytes() <= self._room(
            KEYS_ROOM_CPU
        )
        known = self._recorded(
            "recording",
            self.packed,
            "Recording the questions",
            self.setup.scoring,
            keep,
            on_progress,
        )
        if keep and known.keys is None:
            known = with_keys(self.model, known, self.budget, on_progress)
        return known if self.device == "cpu" else known.near(self.device, self._room(0))

    def _recorded(
        self,
        name: str,
        packed: Sequence[Packed],
        stage: str,
        scoring: str,
        keep_keys: bool,
        on_progress: OnProgress,
    ) -> Recording:
        """Read from cache/, or made, going on where it was stopped."""
        path = self._folder / f"{name}.safetensors"
        if (known := Recording.load(path)) is None:
            parts = Parts(self._folder / f"{name}.parts-{self.budget}")
            known = record(
                self.model,
                self.sae,
                Rows.of(packed),
                stage=stage,
                scoring=scoring,
                untouched_rules=self.setup.untouched,
                budget=self.budget,
                keep_keys=keep_keys,
                halving=self._halving,
                parts=parts,
                on_progress=on_progress,
            )
            known.save(path)
            parts.remove()
        return known

    def _room(self, on_cpu: int) -> float:
        """Bytes that may be kept beside the model."""
        return on_cpu if self.device == "cpu" else ROOM_SHARE * torch.cuda.mem_get_info()[0]

    def _loss_rows(self) -> list[list[int]]:
        """Tokens of the text whose loss the board shows; none for a setup without one."""
        source = self.setup.text_loss
        return (
            []
            if source is None
            else [
                row
                for row in read_corpus(self.model.tokenizer, source, self._folder).ids
                if len(row) > 1
            ]
        )

    def _text(self, rows: Sequence[list[int]], on_progress: OnProgress) -> Recording | None:
        if self.setup.text_loss is None:
            return None
        name = f"text_loss_{key({'ids': rows})}"
        self.text_results = Results(self._folder / name)
        return self._recorded(
            name,
            [pack_text(row) for row in rows],
            f"Recording {self.setup.text_loss.title}",
            "cloze",
            False,
            on_progress,
        )

    # -- what pages ask
    # -------------------------------------------------------------------------------------------

    def check(self, clamps: Clamps) -> Clamps:
        """The clamps, in range for this SAE. Raises BadClamps."""
        return clamp_set(clamps, self.sae.d_sae)

    def preset(self, name: str) -> Clamps:
        """The clamps of a preset. Raises BadInput for a name there is none of."""
        return self.check(make_preset(name, self.atlas.table))

    @cached_property
    def preset_titles(self) -> dict[Clamps, str]:
        """What each shipped preset is called, where its rules admit any feature."""
        return {
            clamps: preset.title
            for name, preset in PRESETS.items()
            if (clamps := self.preset(name))
        }

    def known(self, clamps: Clamps) -> Evaluation | None:
        """The finished evaluation of these clamps, if it was ever run."""
        run = self.results.read(self.check(clamps)) or self._unlisted.read(self.check(clamps))
        return None if run is None else self.evaluation_of(run)

    def evaluation_of(self, run: Run, only: Tensor | None = None) -> Evaluation:
        scores, affected = scores_of(run, self.recording.baseline)
        return summarise(
            self.sets,
            run.clamps,
            self.recording.baseline,
            scores,
            affected,
            affected,
            run.seconds,
            only,
        )

    def restrict(self, evaluation: Evaluation, only: Tensor) -> Evaluation:
        """The same run's figures over some of the questions."""
        e = evaluation
        return summarise(
            self.sets,
            e.clamps,
            self.recording.baseline,
            e.scores,
            e.affected,
            e.done,
            e.seconds,
            only,
        )

    def half(self, which: str) -> Tensor:
        """Questions of one half: 'selection' or 'held-out'; see
        backend.data.questions.selection_half.
        """
        return (
            torch.tensor(selection_half(self.sets, self.setup.half_seed))
            == {"selection": True, "held-out": False}[which]
        )

    def in_sets(self, names: Sequence[str]) -> Tensor:
        """Questions of these sets. Raises BadInput for a name this setup does not have."""
        known = [s.name for s in self.sets]
        if unknown := sorted(set(names) - set(known)):
            raise BadInput(
                f"There is no question set '{unknown[0]}'; this setup has {', '.join(known)}."
            )
        return torch.tensor([s.name in names for s in self.sets for _ in s.questions])

    # -- running
    # --------------------------------------------------------------------------------------------------

    def evaluate(
        self,
        clamps: Clamps,
        on_partial: Callable[[Evaluation], None] = lambda _: None,
        on_wait: OnProgress = silent,
        only: Tensor | None = None,
        listed: bool = True,
    ) -> Evaluation:
        """What the clamps do. `on_partial` is called after each batch; raising from it (or from
        `on_wait`) cancels.

        A complete run over all questions is kept and answers at once when asked again. `listed`: it
        also enters the history of what the user tried (`results`), which the points of a curve or a
        control do not.
        """
        clamps = self.check(clamps)
        if only is None and (known := self.known(clamps)) is not None:
            if listed and self.results.read(clamps) is None:
                self.results.write(clamps, known.scores, known.affected, known.seconds)
            return known
        with self.turn(on_wait):
            for result in evaluate(
                self.model,
                self.sae,
                self.recording,
                self.sets,
                clamps,
                scoring=self.setup.scoring,
                budget=self.budget,
                halving=self._halving,
                only=only,
            ):
                on_partial(result)
        if only is None:
            (self.results if listed else self._unlisted).write(
                clamps, result.scores, result.affected, result.seconds
            )
        return result

    def along(self, name: str, directions: Float[Tensor, "d_sae d_model"]) -> "Engine":
        """This engine with another direction for each feature to push along: the same model and
        turn, results of its own.
        """
        other = copy.copy(self)
        other.sae = replace(self.sae, W_dec=directions)
        other.results = other._unlisted = Results(self._folder / "along" / name)
        return other

    def evaluate_reference(
        self, clamps: Clamps, on_progress: OnProgress = silent, only: Tensor | None = None
    ) -> Evaluation:
        """The same by the slow path of backend.evaluation.reference."""
        from backend.evaluation.reference import Reference

        clamps, start = self.check(clamps), time.perf_counter()
        only = torch.ones(self.n_questions, dtype=torch.bool) if only is None else only
        with self.turn(on_progress):
            reference = Reference(*self.load_plain(), self.sae, self.setup.untouched)
            start = time.perf_counter()
            chosen = only.nonzero().squeeze(-1)
            packed = [self.packed[q] for q in chosen.tolist()]
            baseline, scores = self.recording.baseline.clone(), self.recording.baseline.clone()
            scores[chosen] = reference.scores(packed, clamps, self.setup.scoring, on_progress)
        return summarise(
            self.sets, clamps, baseline, scores, only, only, time.perf_counter() - start, only
        )

    @contextmanager
    def turn(self, on_wait: OnProgress) -> Iterator[None]:
        """Hold the model. `on_wait` is called while another run holds it; raising from it gives up
        the place in the queue.
        """
        while not self._lock.acquire(timeout=WAIT_S):
            on_wait(Progress("Waiting for another run to end", 0, 0, None))
        try:
            yield
        finally:
            self._lock.release()
