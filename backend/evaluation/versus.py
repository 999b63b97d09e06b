"""Two settings side by side: set by set, question by question, feature by feature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import pandas as pd

from backend.data.questions import QuestionSets
from backend.evaluation.evaluate import Evaluation
from backend.interventions.clamps import Clamps
from backend.setups import Role
from backend.statistics import PairedChange, paired_change


@dataclass(frozen=True)
class Versus:
    """One set under two settings; the same questions, so the difference is paired."""

    title: str
    role: Role
    n: int
    a: float
    b: float
    only_a: int
    """Right under A and wrong under B."""
    only_b: int
    change: PairedChange
    """From A to B."""


def versus(sets: QuestionSets, a: Evaluation, b: Evaluation) -> list[Versus]:
    """Two complete evaluations, set by set."""
    out = []
    for s in sets:
        span = sets.span(s.name)
        right_a, right_b = (e.predictions()[span] == sets.answers[span] for e in (a, b))
        only_a = int((right_a & ~right_b).sum())
        only_b = int((right_b & ~right_a).sum())
        n = len(s.questions)
        change = paired_change(only_a, only_b, n)
        shares = int(right_a.sum()) / n, int(right_b.sum()) / n
        out.append(Versus(s.title, s.role, n, *shares, only_a, only_b, change))
    return out


def together(rows: Sequence[Versus]) -> list[Versus]:
    """All sets of a role as one, forget before retain: a paired difference over all their
    questions.
    """
    out = []
    for role in get_args(Role):
        mine = [r for r in rows if r.role == role]
        n, only_a, only_b = (sum(getattr(r, f) for r in mine) for f in ("n", "only_a", "only_b"))
        if n:
            a, b = (sum(getattr(r, which) * r.n for r in mine) / n for which in ("a", "b"))
            change = paired_change(only_a, only_b, n)
            out.append(Versus(f"all {role}", role, n, a, b, only_a, only_b, change))
    return out


def questions_side_by_side(sets: QuestionSets, a: Evaluation, b: Evaluation) -> pd.DataFrame:
    """Every question with its answer under A and under B, sets one after the other."""
    p_a = a.scores.softmax(-1)
    p_b = b.scores.softmax(-1)
    rows = []
    for q, (s, question) in enumerate(sets.places()):
        said_a, said_b = int(p_a[q].argmax()), int(p_b[q].argmax())
        right = (said_a == question.answer, said_b == question.answer)
        rows.append(
            {
                "right under": {
                    (True, True): "both",
                    (False, False): "neither",
                    (True, False): "only A",
                    (False, True): "only B",
                }[right],
                "question": question.question,
                "right": question.choices[question.answer],
                "a": question.choices[said_a],
                "b": question.choices[said_b],
                "p_a": float(p_a[q, question.answer]),
                "p_b": float(p_b[q, question.answer]),
                "set": s.title,
                "topic": question.topic,
            }
        )
    return pd.DataFrame(rows)


def settings_side_by_side(a: Clamps, b: Clamps) -> pd.DataFrame:
    """Features clamped in A or B, with the value in each (None where it is not clamped)."""
    values_a, values_b = dict(a), dict(b)
    features = sorted({*values_a, *values_b})
    return pd.DataFrame(
        {
            "feature": features,
            "a": [values_a.get(f) for f in features],
            "b": [values_b.get(f) for f in features],
        }
    )
