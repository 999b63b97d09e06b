"""24 sessions on one engine, each with a setting of its own, twice: the figures of each alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backend.engine.engine import Engine
from backend.experiments.text_loss import text_loss
from backend.interventions.method import PAPER, Setting, setting_in_words, setting_of
from backend.setups import load_setup
from tests.hostile.box import GATED, MANY, copied, living_in, of_evaluation
from tests.hostile.counts import Counts, Share, place_of

SESSIONS = 24
ROUNDS = 2
LIMIT_S = 120.0


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()
    n = 0
    while not share.over:
        for _ in range(SESSIONS * ROUNDS):
            share.spend()
        toml = copied(box, place / f"sessions {n}")
        with living_in(toml.parent):
            _meet(counts, toml, share.seed + n)
            _in_order(counts, Engine(load_setup(toml)))
        n += 1
    return counts


def _meet(counts: Counts, toml: Path, seed: int) -> None:
    settings: list[Setting] = [
        setting_of(
            [(s % 24, -1.0 - s - seed % 1000), ((s + 7) % 24, 2.0 + r)], (PAPER, GATED, MANY)[s % 3]
        )
        for r in range(ROUNDS)
        for s in range(SESSIONS)
    ]
    shared = Engine(load_setup(toml))
    gate = threading.Barrier(SESSIONS)

    def session(s: int) -> list[tuple[str, str]]:
        out = []
        for r in range(ROUNDS):
            gate.wait()
            setting = settings[r * SESSIONS + s]
            out.append((of_evaluation(shared.evaluate(setting)), repr(text_loss(shared, setting))))
        return out

    with ThreadPoolExecutor(SESSIONS) as threads:
        running = [threads.submit(session, s) for s in range(SESSIONS)]
        came = []
        for s, future in enumerate(running):
            counts.tried += ROUNDS
            try:
                came.append(future.result(LIMIT_S))
            except TimeoutError:
                gate.abort()
                counts.note("hangs", "a session does not end", f"session {s}")
                return
            except Exception as error:
                gate.abort()
                counts.note("tracebacks", place_of(error), f"session {s}")
                return
    for setting in settings:
        shared.results.forget(setting)
    for r in range(ROUNDS):
        for s in range(SESSIONS):
            setting = settings[r * SESSIONS + s]
            if shared.text is not None:
                shared.text.results.forget(setting)
            alone = of_evaluation(shared.evaluate(setting)), repr(text_loss(shared, setting))
            if came[s][r] != alone:
                counts.note(
                    "others", "not the figures alone", f"session {s}: {setting_in_words(setting)}"
                )


def _in_order(counts: Counts, engine: Engine) -> None:
    """The model is held in the order in which it was asked for."""
    served: list[int] = []

    def ask(n: int) -> None:
        with engine.turn(lambda _: None):
            served.append(n)
            time.sleep(0.005)

    with engine.turn(lambda _: None):
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(SESSIONS)]
        for thread in threads:
            thread.start()
            time.sleep(0.01)  # so that they ask one after the other
    for thread in threads:
        thread.join(LIMIT_S)
    counts.tried += SESSIONS
    if served != list(range(SESSIONS)):
        counts.note("others", "not first come, first served", f"served: {served}")
