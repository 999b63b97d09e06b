"""Multipliers moved by gradient: how far each clamped feature is pushed, and a gate's tau with it.

A step is one of Adam down the slope of backend.tuning.objective, over two thirds of the selection
half. The loss on its last third chooses among the steps, and ends the tuning once a row of them
brought no lower one. Multiples of each feature's own maximum stay where a slider can go. Held-out
questions are never run.

What there is after a step lies in a sealed file under cache/, from where the same tuning goes on.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from backend.engine.engine import Engine
from backend.errors import BadInput, Unavailable
from backend.evaluation.evaluate import Evaluation, pooled
from backend.experiments.halves import OfHalf, of_half
from backend.features.table import answered_right
from backend.interventions.clamps import clamp_set, unit_of, value_of
from backend.interventions.gates import Opening
from backend.interventions.method import Setting, format_method
from backend.progress import OnProgress, Pace, silent
from backend.store import if_it_can_be_kept, key, read_tensors, write_tensors
from backend.tuning.objective import Asked, best_tau, loss, slope
from backend.tuning.slopes import Slopes
from backend.tuning.thirds import thirds

FORMAT = 1
"""Raise when what is stored changes its meaning."""
LOW, HIGH = -15.0, 2.0
"""Multiples of its maximum that a slider goes to."""
MOST_FEATURES = 200
FALSE_ALARMS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
"""Rates, on the selection half's retain questions, at which tau may stand."""


BEGAN = "it began with a setting that may have been chosen while looking at all questions"
"""Why the held-out half is not blind to what was tuned from sliders that were there."""


@dataclass(frozen=True)
class Aim:
    """What is weighed against what, and how fast."""

    retain_weight: float = 1.0
    """How many points of forgetting a point of retain is worth."""
    rate: float = 0.5
    """Of Adam, in multiples: about how far a slider moves in a step."""
    steps: int = 12
    patience: int = 4
    """So many steps without a lower loss on the last third end it."""
    move_tau: bool = True
    """Where a gate is on, its tau moves as well."""


class Moved(NamedTuple):
    """Where the sliders stand after a step; step 0 is where they began."""

    step: int
    setting: Setting
    half: OfHalf
    """The selection half, all of it."""
    stop: OfHalf
    """Its last third."""
    stop_loss: float


def in_words(moved: Moved, aim: Aim) -> str:
    """How a step's setting was found."""
    steps = f"{moved.step} step{'' if moved.step == 1 else 's'}"
    return f"tuned by gradient, {steps}, retain weighed {aim.retain_weight:g}"


class _Stand(NamedTuple):
    """Sliders and tau after a step."""

    multiples: Float[Tensor, " feature"]
    tau: float


class Tuner:
    """One setting's tuning: `step` takes the next step, until it is `done`."""

    def __init__(self, engine: Engine, setting: Setting, aim: Aim, resume: bool = False):
        """`resume`: go on where the same tuning was stopped, if it was begun.

        Raises BadInput for a setting without sliders to move, or too many; Unavailable where there
        is nothing to forget.
        """
        self._engine, self.aim = engine, aim
        self._start = _checked(engine, setting)
        self._gate = self._start.method.gate
        sets, known = engine.sets, answered_right(engine.sets, engine.recording)
        self._asked = Asked(
            engine.recording.baseline,
            sets.answers,
            sets.role("forget") & known,
            sets.role("retain"),
        )
        fit, self._stop = thirds(sets, engine.half("selection"))
        self._fit = fit & (self._asked.known | self._asked.retain)
        if not (fit & self._asked.known).any():
            raise Unavailable(
                "The model answers no forget question of the selection half right, so there is "
                "nothing to tune for."
            )
        clamps = self._start.clamps
        units = [unit_of(engine.atlas.about(clamp.feature)["max_act"]) for clamp in clamps]
        self._units = torch.tensor(units)
        values = torch.tensor([clamp.value for clamp in clamps])
        self._multiples = (values / self._units).clamp(LOW, HIGH)
        self._adam = torch.optim.Adam([self._multiples], lr=aim.rate)
        tau = self._gate.tau if self._gate else 0.0
        self._stands = [_Stand(self._multiples.clone(), tau)]
        self._moves: list[Moved] = []
        self._slopes: Slopes | None = None
        name = key(
            {
                "format": FORMAT,
                "features": list(self._start.features),
                "multiples": self._multiples.tolist(),
                "method": format_method(self._start.method),
                "aim": [aim.retain_weight, aim.rate, aim.move_tau],
                "selection": engine.half("selection").tolist(),
            }
        )
        self._path = engine.folder / "tuning" / f"multipliers_{name}.safetensors"
        if resume:
            self._read()

    @property
    def moves(self) -> list[Moved]:
        """The steps looked at so far."""
        return list(self._moves)

    @property
    def n_known(self) -> int:
        """Steps that were taken before and are looked at again without a gradient."""
        return len(self._stands) - 1

    @property
    def best(self) -> Moved | None:
        """Of the steps looked at, the one with the least loss on the last third."""
        return min(self._moves, key=lambda moved: moved.stop_loss, default=None)

    @property
    def done(self) -> bool:
        """Whether all steps are taken, or the last ones brought no lower loss."""
        if (best := self.best) is None:
            return False
        last = self._moves[-1].step
        return last >= self.aim.steps or last - best.step >= self.aim.patience

    def step(self, on_progress: OnProgress = silent) -> Moved:
        """The next step; the first call says where the sliders stand, as step 0.

        Raising from `on_progress` cancels it, and leaves all as it was.
        """
        place = len(self._moves)
        if place == len(self._stands):
            self._stands.append(self._follow(on_progress))
            self._write()
        self._moves.append(self._look(place, on_progress))
        return self._moves[-1]

    def _look(self, place: int, on_progress: OnProgress) -> Moved:
        """What the sliders do on the selection half where they stand."""
        engine = self._engine
        setting = self._setting(self._stands[place]) if place else self._start
        selection = engine.half("selection")
        found = engine.evaluate(setting, on_wait=on_progress, only=selection, listed=False)
        asked, scores = self._asked.at(self._stop), found.scores[self._stop]
        return Moved(
            place,
            found.setting,
            of_half(engine, found, "selection"),
            self._of_stop(found),
            loss(scores, asked, self.aim.retain_weight),
        )

    def _of_stop(self, found: Evaluation) -> OfHalf:
        sets = self._engine.restrict(found, self._stop).sets
        return OfHalf(pooled(sets, "forget"), pooled(sets, "retain"))

    def _setting(self, stand: _Stand) -> Setting:
        pairs = zip(
            self._start.features, stand.multiples.tolist(), self._units.tolist(), strict=True
        )
        clamps = clamp_set((f, value_of(multiple, unit)) for f, multiple, unit in pairs)
        method = self._start.method
        if method.gate is not None:
            method = replace(method, gate=replace(method.gate, tau=stand.tau))
        return Setting(clamps, method)

    def _follow(self, on_progress: OnProgress) -> _Stand:
        """One step down the gradient, and tau to where it is best."""
        engine, aim, asked = self._engine, self.aim, self._asked
        values = (self._multiples * self._units).requires_grad_(True)
        edited, counts, tau = asked.baseline.clone(), asked.at(self._fit).counts, self._tau()
        with engine.turn(on_progress, "tuning step"):
            slopes, statistic = self._ready()
            places = (self._fit & slopes.affected).nonzero().squeeze(-1)

            def take(rows: Tensor, scores: Tensor) -> None:
                edited[rows] = scores.detach()
                mine = asked.at(rows)
                mixed = torch.where(statistic[rows] > tau, scores, mine.baseline)
                slope(mixed, mine, aim.retain_weight, counts).backward()

            pace = Pace("Following the gradient", len(places), on_progress)
            for ran in slopes.through(values, places, take):
                pace.advance(ran)
        if values.grad is not None:
            self._multiples.grad = values.grad * self._units
            self._adam.step()
            self._multiples.clamp_(LOW, HIGH)
        if self._gate is not None and aim.move_tau:
            fit = self._fit
            taus = [*self._taus(), tau]
            tau = best_tau(taus, statistic[fit], edited[fit], asked.at(fit), aim.retain_weight)
        return _Stand(self._multiples.clone(), tau)

    def _ready(self) -> tuple[Slopes, Float[Tensor, "question choice"]]:
        """The edit as a function of its values, open at the least tau there may be; and the gate's
        statistic of each option, infinite without one.
        """
        engine, recording = self._engine, self._engine.recording
        opened = engine.opening(self._start)
        statistic = torch.full(recording.baseline.shape, torch.inf, dtype=torch.float64)
        if opened is not None and self._gate is not None:
            statistic = _of_choices(opened, statistic)
            least = min([self._gate.tau, *self._taus()])
            opened = replace(opened, gate=replace(self._gate, tau=least))
        if self._slopes is None:
            self._slopes = Slopes(
                engine.runner, recording, self._start, engine.setup.scoring, opened
            )
        return self._slopes, statistic

    def _tau(self) -> float:
        return self._stands[-1].tau if self._gate is not None else 0.0

    def _taus(self) -> list[float]:
        """Where tau may stand: see FALSE_ALARMS."""
        if self._gate is None or not self.aim.move_tau:
            return []
        found = []
        for rate in FALSE_ALARMS:
            setting, _ = self._engine.calibrate(self._start, rate, "quantile", "questions")
            assert setting.method.gate is not None
            found.append(setting.method.gate.tau)
        return sorted(set(found))

    def _write(self) -> None:
        moments = self._adam.state.get(self._multiples, {})
        with if_it_can_be_kept("How far a tuning is"):
            write_tensors(
                self._path,
                {
                    "multiples": torch.stack([stand.multiples for stand in self._stands]),
                    "tau": torch.tensor([stand.tau for stand in self._stands], dtype=torch.float64),
                    **{f"adam.{name}": value.clone() for name, value in moments.items()},
                },
            )

    def _read(self) -> None:
        tensors = read_tensors(self._path)
        if tensors is None or tensors["multiples"].shape[1] != len(self._multiples):
            return
        rows, taus = tensors["multiples"].clone(), tensors["tau"].tolist()
        self._stands = [_Stand(row, tau) for row, tau in zip(rows, taus, strict=True)]
        self._multiples.copy_(rows[-1])
        prefix = "adam."
        moments = {
            name.removeprefix(prefix): value.clone()
            for name, value in tensors.items()
            if name.startswith(prefix)
        }
        if moments:
            self._adam.state[self._multiples] = moments


def _checked(engine: Engine, setting: Setting) -> Setting:
    setting = engine.check(setting)
    refusal = setting.method.refusal
    if setting.rival is not None or not setting.clamps:
        raise BadInput("There are no sliders to tune: clamp some features first.")
    if refusal is not None:
        raise BadInput(
            "This setting writes a refusal latent; its sliders say where, not how far. Take the "
            "latent away to tune them."
        )
    if (n := len(setting.clamps)) > MOST_FEATURES:
        raise BadInput(f"These are {n:,} features; at most {MOST_FEATURES} are tuned at once.")
    return setting


def _of_choices(
    opened: Opening, like: Float[Tensor, "question choice"]
) -> Float[Tensor, "question choice"]:
    """The statistic of the sequence each option is read in."""
    read_in = opened.sequences.of_choice
    found = torch.full_like(like, -torch.inf)
    found[:, : read_in.shape[1]] = torch.where(
        read_in >= 0, opened.statistic[read_in.clamp(min=0)], -torch.inf
    )
    return found
