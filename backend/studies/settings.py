"""What a cell comes to on its setup: features from a ranking, values from a strength, a gate's
tau.
"""

from backend.engine.engine import Engine
from backend.interventions.clamps import Clamp, value_of
from backend.interventions.method import Setting, parse_method
from backend.interventions.rival import PUSHED, Rival
from backend.progress import OnProgress, silent
from backend.reading.ranked import ranked
from backend.studies.cells import Cell
from backend.studies.schema import Against


def setting_on(engine: Engine, cell: Cell, on_progress: OnProgress = silent) -> Setting:
    """Raises ClampboardError in words: a ranking that leaves nothing in, a feature there is none
    of, a rival that is not there.
    """
    if cell.rival is not None:
        return engine.check(Setting(rival=_rival(engine, cell.rival)))
    assert cell.strength is not None
    features = cell.picked or ranked(
        engine, cell.ranker, cell.features, cell.ranker_setting, on_progress
    )
    clamps = []
    for feature in features:
        maximum = engine.atlas.summary(feature)["max_act"] if cell.unit == "maximum" else 1.0
        clamps.append(Clamp(feature, value_of(cell.strength, maximum)))
    setting = engine.check(Setting(tuple(clamps), parse_method(cell.method, engine.d_sae)))
    if cell.false_alarms is not None:
        setting, _ = engine.calibrate(setting, cell.false_alarms, cell.rule, cell.on)
    return setting


def _rival(engine: Engine, against: Against) -> Rival:
    if against.kind in PUSHED and against.of is not None:
        return Rival(against.kind, against.of, against.strength)
    return engine.rivals.named(against.kind, against.of, against.strength)
