"""The rivals of one setup: what there is, and what each comes to.

The only owner of changed models. A model whose matrices were changed shares all else with the
setup's own.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from backend.data.corpora import Corpus
from backend.data.questions import Packed
from backend.errors import BadRival
from backend.evaluation.action import Action
from backend.evaluation.lengths import median_length
from backend.evaluation.recordings import Recording
from backend.interventions.rival import (
    PUSHED,
    TITLES,
    Pushed,
    Rival,
    RivalKind,
    check_kind,
    checked_rival,
)
from backend.model.held import Held
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.progress import OnProgress, silent
from backend.rivals.actions import pushing, running_whole
from backend.rivals.directions import Direction, Moments, direction, fingerprint, measured
from backend.rivals.prompts import WORDINGS, asked_after, leading, prompt_tokens
from backend.rivals.trained import Trained, trained_of
from backend.setups import Scoring, Setup

if TYPE_CHECKING:
    from backend.model.split import SplitModel

LENGTH_SAMPLE = 4_096
"""Tokens of which a push is measured."""


class Rivals:
    """One setup's. What needs the model is only asked for in a turn at it."""

    def __init__(self, setup: Setup, held: Held, corpora: Sequence[Corpus], folder: Path):
        self._setup, self._held = setup, held
        self._corpora, self._folder = corpora, folder
        self._moments: Moments | None = None
        self._changed: tuple[str, SplitModel] | None = None

    # -- what there is ----------------------------------------------------------------------------

    def trained(self) -> list[Trained]:
        """Trained weights of this setup's model: those that ship with the setup first, then the
        newest.
        """
        return trained_of(self._setup, self._held.weights.fingerprint)

    @property
    def shipped(self) -> list[Trained]:
        """Those of them that ship with the setup."""
        models = () if self._setup.rmu is None else self._setup.rmu.models
        return [trained for trained in self.trained() if trained.path in models]

    @cached_property
    def texts(self) -> str:
        """What directions are called here: the text they are found from."""
        return fingerprint(self._corpora)

    def named(self, kind: RivalKind, of: str | None = None, strength: float = 1.0) -> Rival:
        """A rival as a user asks for it. `of` is the name of trained weights (the first of them if
        not given) or a prompt: a wording's title, or a text (the first wording if not given).

        Raises BadRival for what is not there.
        """
        check_kind(kind)
        if kind in PUSHED:
            return checked_rival(Rival(kind, self.texts, strength))
        if kind == "prompt":
            texts = {wording.title: wording.text for wording in WORDINGS}
            text = WORDINGS[0].text if of is None else texts.get(of, of)
            return checked_rival(Rival("prompt", text))
        if not (found := self.trained()):
            raise BadRival(
                "No RMU of this model is trained yet. Train one: "
                f"python -m backend rmu {self._setup.name}"
            )
        return Rival("rmu", self._weights_named(found[0].name if of is None else of).name)

    def _weights_named(self, name: str) -> Trained:
        found = {trained.name: trained for trained in self.trained()}
        if name not in found:
            there = f"There is {', '.join(found)}." if found else "There is none."
            raise BadRival(f"There is no RMU '{name[:80]}' of this model here. {there}")
        return found[name]

    # -- what each comes to -----------------------------------------------------------------------

    def action(self, rival: Rival, recording: Recording, scoring: Scoring) -> Action:
        """What the rival does to a recording's rows."""
        if rival.kind in PUSHED:
            return pushing(
                rival,
                recording,
                scoring,
                lambda: self._held.runner,
                lambda: self.direction(rival),
            )
        if rival.kind == "rmu":
            return running_whole(rival, recording, scoring, lambda: self.runner(rival))
        return running_whole(
            rival,
            recording,
            scoring,
            lambda: self._held.runner,
            lambda rows: self._rows(rival, rows),
        )

    def ready(self, rival: Rival, on_progress: OnProgress) -> None:
        """Make what the rival needs, where that takes long. Raises BadRival for what is not
        there.
        """
        if rival.kind in PUSHED:
            self._check_text(rival)
            self._measured(on_progress)

    def direction(self, rival: Rival) -> Direction:
        """Raises BadRival for one that was found from other text than this setup's."""
        self._check_text(rival)
        kind: Pushed = rival.kind  # type: ignore[assignment]  # one of PUSHED, as `of` is a text's
        return direction(kind, self._measured())

    def _check_text(self, rival: Rival) -> None:
        if rival.of != self.texts:
            raise BadRival(
                f"{TITLES[rival.kind]} '{rival.of}' was found from other text than this setup's, "
                f"which makes '{self.texts}'. Choose it anew."
            )

    @property
    def _path(self) -> Path:
        return self._folder / f"directions_{self.texts}.safetensors"

    def _measured(self, on_progress: OnProgress = silent) -> Moments:
        if self._moments is None:
            load = partial(getattr, self._held, "runner")
            self._moments = measured(load, self._corpora, self._path, on_progress)
        return self._moments

    def runner(self, rival: Rival) -> Runner:
        """The model a text is written with: with the rival's weights, or as it is."""
        own = self._held.runner
        return own if rival.kind != "rmu" else replace(own, model=self._model(rival.of))

    def _model(self, name: str) -> "SplitModel":
        if self._changed is None or self._changed[0] != name:
            from backend.model.split import split

            own = self._held.runner
            self._changed = None
            hf = self._weights_named(name).into(own.model.hf)
            self._changed = name, split(hf, own.model.tokenizer, own.sae.hook_name)
        return self._changed[1]

    def matrices(self, rival: Rival) -> dict[str, Tensor]:
        """The parameters that trained weights put in the place of the model's. Raises BadRival
        where they are not there.
        """
        return self._weights_named(rival.of).matrices()

    def asked(self, rival: Rival, packed: Sequence[Packed]) -> list[Packed]:
        """The questions after the prompt."""
        tokenizer = self._held.tokenizer
        before = leading(tokenizer, self._setup.protocol.prompt)
        new = prompt_tokens(tokenizer, rival.of)
        return [asked_after(question, before, new) for question in packed]

    def _rows(self, rival: Rival, rows: Rows) -> Rows:
        """The rows after the prompt. Raises BadRival where the model cannot read them whole."""
        made = Rows.of(self.asked(rival, rows.packed()))
        longest, n = self._held.weights.longest(), int(made.position.max()) + 1
        if longest is not None and n > longest:
            raise BadRival(
                f"After this prompt the longest row has {n:,} tokens, more than the "
                f"{longest:,} this model reads. Write a shorter prompt."
            )
        return made

    def times_residual(self, rival: Rival, recording: Recording) -> float | None:
        """Median length of what a direction adds at the questions' tokens, as a multiple of the
        median length of the residual there; None for other kinds, and where that would have to be
        found anew.
        """
        known = self._moments is not None or self._path.exists()
        if rival.kind not in PUSHED or rival.of != self.texts or not known:
            return None
        token = (~recording.exempt).nonzero().squeeze(-1)
        token = token[:: max(1, len(token) // LENGTH_SAMPLE)]
        added = self.direction(rival).added(recording.resid_at(token), rival.strength)
        return float(added.norm(dim=-1).median()) / median_length(recording)
