"""One JSON file that says what was run, on what, and what came out.

backend.sharing.run_file reads it back; backend.sharing.compare holds it against another run.

The file names each thing that can change a figure by the hash of its content, so that a difference
can be told apart: other weights, another SAE, other questions, another prompt, another format of
this program, another precision.
"""

import json
import time
from importlib.metadata import version
from typing import Any

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.answers import per_question
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.results import Run
from backend.interventions.board import Board, write_link
from backend.interventions.clamps import format_clamps
from backend.interventions.method import PAPER, format_method
from backend.interventions.rival import format_rival
from backend.sharing.identity import identity
from backend.sharing.run_file import FORMAT, KIND


def export(
    engine: Engine, evaluation: Evaluation, board: Board, half: str = "all"
) -> dict[str, Any]:
    """The file as a value. `evaluation` is complete, over all questions, of the board's setting."""
    clamps, method, rival = evaluation.setting
    run = engine.results.read(evaluation.setting) or Run(
        clamps, [], evaluation.seconds, time.time(), method=method, rival=rival
    )
    opened = engine.opening(evaluation.setting)
    return {
        "kind": KIND,
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "setup": {
            "name": engine.setup.name,
            "title": engine.setup.title,
            "model": engine.setup.model.name,
            "sae": engine.sae.title,
            "hook": engine.sae.hook_name,
        },
        "identity": identity(engine, rival),
        "libraries": {name: version(name) for name in ("torch", "transformers", "sae-lens")},
        "board": write_link(board),
        "half": half,
        "clamps": format_clamps(clamps),
        **({} if method == PAPER else {"method": format_method(method)}),
        **({} if rival is None else {"rival": format_rival(rival)}),
        "features": [
            {"feature": c.feature, "value": c.value, "label": engine.atlas.name(c.feature)}
            for c in clamps
        ],
        "name": run.name,
        "note": run.note,
        "star": run.star,
        "hypothesis": run.hypothesis,
        "sets": [
            {
                "name": s.name,
                "title": s.title,
                "role": s.role,
                "n": s.n,
                "n_affected": s.n_affected,
                **s.figures(),
                "inconclusive": s.inconclusive,
                "questions": per_question(engine.sets, evaluation, s.name, opened),
            }
            for s in evaluation.sets
        ],
    }


def to_text(value: dict[str, Any]) -> str:
    """Raises BadInput where a score is no finite number: JSON has none of those."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError as error:
        raise BadInput(
            "These clamps drive the model's scores beyond finite numbers: there is nothing to "
            "export. Clamp less far."
        ) from error
