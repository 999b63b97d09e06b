"""Which questions have run, by the answers that are kept of them."""

from backend.engine.engine import Engine
from backend.interventions.method import Setting


def held_out_answers(engine: Engine, setting: Setting) -> tuple[int, int]:
    """How many held-out questions the setting changes, and of how many an answer is kept to the
    very edit it makes in them.
    """
    action = engine.evaluator.action(setting)
    places = (action.affected & engine.half("held-out")).nonzero().squeeze(-1)
    there, _ = engine.kept_answers.find(action.keys(places, engine.kept_answers.salt))
    return len(places), int(there.sum())
