"""What a move costs: settings that differ a little from one another, with kept answers beside the
same runs without, bit for bit.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from backend.engine.engine import Engine
from backend.engine.evaluator import Evaluator
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.kept_answers import KeptAnswers
from backend.evaluation.results import Results
from backend.experiments.sweep import grid
from backend.features.presets import forget_features
from backend.interventions.clamps import Clamp, Clamps, clamp_set, value_of
from backend.interventions.method import Setting, setting_of
from backend.progress import OnProgress, Pace, silent

STRENGTH = -3.0
"""Times each feature's maximum."""
MOVED = 0.9
"""A moved slider's value, as a share of what it was."""
STEPS = 20
SWEEP = ((10, 20, 35, 50), (-2.0, -3.0, -4.0))
"""Numbers of features, and multiples."""


Run = Callable[[Setting], Evaluation]


class Row(NamedTuple):
    what: str
    seconds: float
    seconds_anew: float
    ratio: float
    identical: bool
    """All scores of all settings, bit for bit."""
    questions: int
    """Run, over all settings."""
    questions_anew: int


class Timed(NamedTuple):
    evaluation: Evaluation
    seconds: float


def moves(engine: Engine, every: int = 1, on_progress: OnProgress = silent) -> list[Row]:
    """Over every n-th question: one of 20 and one of 50 sliders moved, a set built one feature at a
    time, and a sweep; each against the same without kept answers. Keys and values are there for
    both.
    """
    features = _features(engine)
    only = torch.arange(engine.n_questions) % every == 0
    anew = partial(engine.evaluate, only=only, anew=True)
    pace = Pace("Moving sliders", 2 * len(features) + 4 * STEPS + 2 * 12, on_progress)
    # Keys and values come with the first runs; neither side is to pay for them.
    anew(_clamped(engine, features))
    for feature in features:
        anew(_clamped(engine, [feature]))
        pace.advance(1)

    rows = []
    for n in (STEPS, len(features)):
        with _asked_nothing(engine, only) as run:
            rows += _moved(run, anew, _clamped(engine, features[:n]), pace)
    built = [_clamped(engine, features[: n + 1]) for n in range(min(STEPS, len(features)))]
    with _asked_nothing(engine, only) as run:
        what = f"{len(built)} steps of building a set"
        rows.append(_together(run, anew, what, built, pace))
    swept = list(grid(features, lambda f: engine.atlas.about(f)["max_act"], *SWEEP))
    with _asked_nothing(engine, only) as run:
        rows.append(_together(run, anew, f"a sweep of {len(swept)} settings", swept, pace))
    return rows


@contextmanager
def _asked_nothing(engine: Engine, only: Bool[Tensor, " question"]) -> Iterator[Run]:
    """Evaluates these questions, knowing what it has run itself alone."""
    with tempfile.TemporaryDirectory() as folder:
        yield partial(with_own_answers(engine, Path(folder)).evaluate, only=only)


def _features(engine: Engine) -> list[int]:
    """Of the gated preset, fifty in the order of their numbers; or the paper's first 50."""
    preset = "forget-biology-gated"
    setting = engine.preset(preset) if preset in engine.presets else Setting()
    return list(setting.features) or forget_features(engine.atlas.table, 50, 0.01)


def _clamped(engine: Engine, features: Sequence[int]) -> Setting:
    largest = engine.atlas.about
    return setting_of(
        clamp_set(Clamp(f, value_of(STRENGTH, largest(f)["max_act"])) for f in features)
    )


def with_own_answers(engine: Engine, folder: Path) -> Evaluator:
    """The engine's evaluator as if nothing had been asked of it."""
    shape = engine.recording.baseline.shape
    results = Results(folder / "results", shape)
    kept = KeptAnswers(folder / "answers", shape[1], engine.kept_answers.salt)
    return replace(engine.evaluator, listed=results, unlisted=results, kept=kept)


def _timed(run: Run, setting: Setting, pace: Pace) -> Timed:
    start = time.perf_counter()
    evaluation = run(setting)
    pace.advance(1)
    return Timed(evaluation, time.perf_counter() - start)


def _moved(run: Run, anew: Run, setting: Setting, pace: Pace) -> list[Row]:
    """Every slider moved by itself: the median of them, and that of the most frequent feature."""
    run(setting)
    moved = [_with_moved(setting.clamps, feature) for feature in setting.features]
    timed = [_timed(run, one, pace) for one in moved]
    by_time = sorted(range(len(timed)), key=lambda i: timed[i].seconds)
    middle = by_time[len(by_time) // 2]
    most = max(range(len(timed)), key=lambda i: timed[i].evaluation.n_run)
    typical = median(run.seconds for run in timed)
    whole = {place: _timed(anew, moved[place], pace) for place in {middle, most}}
    n = len(moved)
    return [
        _row(f"one of {n} sliders moved, the median", [timed[middle]], [whole[middle]], typical),
        _row(f"one of {n} sliders moved, the most frequent", [timed[most]], [whole[most]]),
    ]


def _with_moved(clamps: Clamps, feature: int) -> Setting:
    return setting_of(clamp_set(Clamp(f, v * MOVED if f == feature else v) for f, v in clamps))


def _together(run: Run, anew: Run, what: str, settings: Sequence[Setting], pace: Pace) -> Row:
    """All settings one after the other."""
    known = [_timed(run, setting, pace) for setting in settings]
    return _row(what, known, [_timed(anew, setting, pace) for setting in settings])


def _row(
    what: str, known: Sequence[Timed], anew: Sequence[Timed], seconds: float | None = None
) -> Row:
    took = sum(run.seconds for run in known) if seconds is None else seconds
    whole = sum(run.seconds for run in anew)
    same = (
        torch.equal(a.evaluation.scores, b.evaluation.scores)
        for a, b in zip(known, anew, strict=True)
    )
    return Row(
        what,
        took,
        whole,
        whole / took,
        all(same),
        sum(run.evaluation.n_run for run in known),
        sum(run.evaluation.n_run for run in anew),
    )


def markdown(rows: Sequence[Row]) -> str:
    lines = [
        "| move | seconds | without kept answers | ratio | questions run | without | same bits |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r.what} | {r.seconds:.2f} | {r.seconds_anew:.2f} | {r.ratio:.1f} | {r.questions:,}"
            f" | {r.questions_anew:,} | {'yes' if r.identical else 'NO'} |"
        )
    return "\n".join(lines)
