"""What a worker does with a cell. One engine is kept between tasks, of the last cell's setup."""

import gc
import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from backend.crash import keep_traceback
from backend.engine.engine import Engine
from backend.errors import ClampboardError
from backend.evaluation.evaluate import Evaluation, SetResult, pooled
from backend.experiments.halves import HALVES
from backend.experiments.text_loss import text_loss
from backend.interventions.clamps import format_clamps
from backend.interventions.method import format_method
from backend.interventions.rival import format_rival
from backend.model.machine import bits_depend_on
from backend.model.memory import give_back
from backend.model.split import block_of
from backend.progress import OnProgress, Progress, silent
from backend.setups import load_setup
from backend.store import key
from backend.studies.cells import FORMAT, Cell
from backend.studies.settings import setting_on
from backend.studies.tasks import TOPIC

SAID_EVERY_S = 2.0
LOSS_DIGITS = 6
"""Of the loss on text: what is kept of it from before may have been summed by other threads."""


class _Kept:
    """The engine that is kept; one task at a time has it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.where = ""
        self.engine: Engine | None = None

    def opened(self, where: str, on_progress: OnProgress) -> Engine:
        if self.engine is None or self.where != where:
            self.engine = None
            gc.collect()
            give_back()
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()
            self.engine, self.where = Engine(load_setup(where), on_progress), where
        return self.engine


_KEPT = _Kept()


def answer(plain: dict[str, Any]) -> dict[str, Any]:
    """What the cell does, as `run` gives it; or {"error": a sentence, "of": "setup" or "cell"},
    where of "setup" no other cell of it can be run here either. Nothing is raised but what ends the
    process.
    """
    cell, opening = Cell.of(plain), True
    try:
        with _KEPT.lock:
            engine = _KEPT.opened(cell.where, _telling(cell.setup))
            opening = False
            return run(engine, cell)
    except ClampboardError as error:
        said = str(error)
    except Exception as error:
        out_of_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
        said = "Memory ran out on the worker." if out_of_memory else keep_traceback(error)
    return {"error": said, "of": "setup" if opening else "cell"}


def run(engine: Engine, cell: Cell) -> dict[str, Any]:
    """The cell on its setup's engine, in plain data.

    `made_of` names what the figures depend on beside the cell: the setup as it was prepared, and
    the machine. `answers` has a digit a question, the option that was chosen. Raises
    ClampboardError in words.
    """
    setting = setting_on(engine, cell)
    # All questions, named one by one: a run that is kept by its setting alone may be of a process
    # with another number of threads, and so of other bits.
    everything = torch.ones(engine.n_questions, dtype=torch.bool)
    evaluation = engine.evaluate(setting, only=everything, listed=False)
    loss = text_loss(engine, setting) if cell.text_loss else None
    setup = engine.setup
    return {
        "format": FORMAT,
        "cell": cell.key,
        "made_of": {"ingredients": ingredients(engine), "machine": bits_depend_on(engine.device)},
        "model": setup.model.name,
        "sae": setup.sae.sae_id or (setup.sae.path.name if setup.sae.path else ""),
        "block": block_of(engine.sae.hook_name),
        "dtype": engine.dtype,
        "clamps": format_clamps(evaluation.setting.clamps),
        "method": format_method(evaluation.setting.method),
        "rival": format_rival(evaluation.setting.rival),
        "text_added": None if loss is None else round(loss.added, LOSS_DIGITS),
        "figures": _figures(engine, evaluation),
        "answers": _answers(engine, evaluation),
    }


def ingredients(engine: Engine) -> str:
    """Of what was recorded and scanned, and of the halves."""
    bits = engine.recording.baseline.numpy().tobytes()
    return key(
        {
            "setup": engine.key,
            "texts": engine.rivals.texts,
            "selection": engine.half("selection").tolist(),
            "baseline": hashlib.sha256(bits).hexdigest(),
        }
    )


def _figures(engine: Engine, evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row for each half of each set, all sets of a role together first."""
    masks: dict[str, Bool[Tensor, " question"] | None] = {"all": None}
    masks |= {half: engine.half(half) for half in HALVES}
    rows = []
    for half, mask in masks.items():
        sets = engine.restrict(evaluation, mask).sets
        every: list[SetResult] = [pooled(sets, "forget"), pooled(sets, "retain"), *sets]
        rows += [
            {"half": half, "set": s.name, "title": s.title, "role": s.role, **s.figures()}
            for s in every
        ]
    return rows


def _answers(engine: Engine, evaluation: Evaluation) -> dict[str, dict[str, str]]:
    def digits(options: Tensor) -> str:
        return "".join(map(str, options.tolist()))

    before, after = evaluation.baseline.argmax(-1), evaluation.predictions()
    return {
        s.name: {
            "right": digits(engine.sets.answers[span]),
            "before": digits(before[span]),
            "after": digits(after[span]),
        }
        for s in engine.sets
        for span in [engine.sets.span(s.name)]
    }


def _telling(setup: str) -> OnProgress:
    """Tells the client, now and then, what is being prepared; silent outside a worker."""
    log = _log_of_worker()
    if log is None:
        return silent
    last = 0.0

    def tell(progress: Progress) -> None:
        nonlocal last
        waiting = not progress.total  # for another, who tells how far it is
        if progress.note or not (waiting or time.monotonic() - last < SAID_EVERY_S):
            last = time.monotonic()
            log(TOPIC, {"setup": setup, **progress._asdict()})

    return tell


def _log_of_worker() -> Callable[[str, Any], None] | None:
    with suppress(ImportError, ValueError):
        from distributed import get_worker

        return get_worker().log_event
    return None
