"""The questions behind an evaluation's figures: what was answered before and after, and which
features fired where.
"""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from backend.data.questions import QuestionSets
from backend.data.token_text import decoded
from backend.evaluation.evaluate import Evaluation
from backend.evaluation.recordings import Recording
from backend.interventions.gates import Opening
from backend.statistics import MeanChange, mean_change
from backend.wording import percent


def question_table(
    sets: QuestionSets,
    recording: Recording,
    tokenizer: PreTrainedTokenizerBase,
    evaluation: Evaluation,
    opened: Opening | None = None,
) -> pd.DataFrame:
    """Every question in words, sets one after the other: answers before and after, and the clamped
    features that fire on it.

    `p_` columns are the right answer's share of the four options' likelihood; `features` lists the
    clamped features that fire. With a gate (`opened`), `gate` is its statistic, the largest of the
    question's sequences, and `opens` whether it opens.
    """
    before, after = evaluation.baseline, evaluation.scores
    p_before, p_after = before.softmax(-1), after.softmax(-1)
    fired = fired_tokens(recording, tokenizer, evaluation.setting.features)
    rows = []
    for q, (s, question) in enumerate(sets.places()):
        was, now = int(before[q].argmax()), int(after[q].argmax())
        lost, gained = was == question.answer != now, was != question.answer == now
        rows.append(
            {
                "change": "lost" if lost else "gained" if gained else "unchanged",
                "question": question.question,
                "right": question.choices[question.answer],
                "before": question.choices[was],
                "after": question.choices[now],
                "p_before": float(p_before[q, question.answer]),
                "p_after": float(p_after[q, question.answer]),
                "fired": "; ".join(
                    f"{feature}: {', '.join(tokens)}"
                    for feature, tokens in fired.get(q, {}).items()
                ),
                "set": s.title,
                "row": question.index,
                "topic": question.topic,
                "features": list(fired.get(q, {})),
            }
            | ({} if opened is None else _gate_cells(opened, q))
        )
    return pd.DataFrame(rows)


def by_fall(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `question_table`: lost questions first, by how far the right answer's share fell,
    then those gained, by how far it rose, then the others, by how far it moved.
    """
    fall = table["p_before"] - table["p_after"]
    group = table["change"].map({"lost": 0, "gained": 1, "unchanged": 2})
    size = fall.where(group == 0, -fall).where(group < 2, fall.abs())
    order = pd.DataFrame({"group": group, "size": -size})
    return table.loc[order.sort_values(["group", "size"], kind="stable").index]


def margins(
    scores: Float[Tensor, "question choice"], answers: Int[Tensor, " question"]
) -> Float[Tensor, " question"]:
    """Score of the right answer minus that of the likeliest wrong one: above zero where the
    question is answered right.
    """
    right = scores.gather(1, answers[:, None]).squeeze(1)
    return right - scores.scatter(1, answers[:, None], -math.inf).amax(-1)


def margin_changes(
    sets: QuestionSets, evaluation: Evaluation, only: Bool[Tensor, " question"] | None = None
) -> dict[str, MeanChange]:
    """Set -> mean change of the margin, in nats.

    It moves long before an answer flips, also where a model is near chance.
    """
    before = margins(evaluation.baseline, sets.answers)
    change = margins(evaluation.scores, sets.answers) - before
    out = {}
    for s in sets:
        span = sets.span(s.name)
        mine = change[span] if only is None else change[span][only[span]]
        if len(mine):
            out[s.name] = mean_change(mine.tolist())
    return out


def fired_tokens(
    recording: Recording, tokenizer: PreTrainedTokenizerBase, features: Sequence[int]
) -> dict[int, dict[int, list[str]]]:
    """Question -> feature -> the tokens it fires at, each once."""
    rows = recording.rows
    row_of_token = rows.row_of_token()
    out: dict[int, dict[int, list[str]]] = {}
    for feature in features:
        tokens, _ = recording.acts.of(feature)
        for question, token in zip(
            row_of_token[tokens].tolist(), rows.ids[tokens].tolist(), strict=True
        ):
            text = decoded(tokenizer, [token]).strip()
            seen = out.setdefault(question, {}).setdefault(feature, [])
            if text not in seen:
                seen.append(text)
    return out


def _gate_cells(opened: Opening, place: int) -> dict[str, Any]:
    return {"gate": float(opened.of_row[place]), "opens": bool(opened.rows[place])}


def per_question(
    sets: QuestionSets, evaluation: Evaluation, set_name: str, opened: Opening | None = None
) -> list[dict[str, Any]]:
    """Every question of a set, without and with the clamps; with a gate, what it makes of each."""
    out = []
    for place in range(len(sets.questions))[sets.span(set_name)]:
        question = sets.questions[place]
        before, after = evaluation.baseline[place], evaluation.scores[place]
        out.append(
            {
                "index": question.index,
                "answer": question.answer,
                "affected": bool(evaluation.affected[place]),
                "baseline_prediction": int(before.argmax()),
                "prediction": int(after.argmax()),
                "baseline_scores": before.tolist(),
                "scores": after.tolist(),
            }
            | ({} if opened is None else {"gate": gate_of(opened, place)})
        )
    return out


def gate_of(opened: Opening, place: int) -> dict[str, Any]:
    """What a gate makes of the question at that place: the statistic, whether it opens, and why."""
    statistic, n_open = float(opened.of_row[place]), int(opened.rows[place])
    mine = int((opened.sequences.row == place).sum())
    gate = opened.gate
    side = "above" if n_open else "not above"
    of = f" in {n_open} of its {mine} sequences" if mine > 1 and n_open else ""
    why = f"{gate.kind} {statistic:.6g} is {side} tau {gate.tau:.6g}{of}"
    return {"statistic": statistic, "open": n_open > 0, "why": why}


def gate_figures(
    sets: QuestionSets, opened: Opening, only: Bool[Tensor, " question"] | None = None
) -> dict[str, Any]:
    """How many questions of each set a gate opens; `only` restricts them to some."""
    found = []
    for s in sets:
        span = sets.span(s.name)
        mine = opened.rows[span] > 0
        mine = mine if only is None else mine[only[span]]
        found.append({"name": s.name, "role": s.role, "n": len(mine), "open": int(mine.sum())})
    gate = opened.gate
    width = {"width": gate.width} if gate.kind == "window" else {}
    return {"kind": gate.kind, "tau": gate.tau, **width, "sets": found}


def gate_line(figures: dict[str, Any]) -> str:
    """One line for a terminal, from `gate_figures`."""
    roles = []
    for role in ("forget", "retain"):
        mine = [s for s in figures["sets"] if s["role"] == role]
        n, opens = sum(s["n"] for s in mine), sum(s["open"] for s in mine)
        roles.append(f"{opens} of {n} {role} questions" + (f" ({percent(opens / n)})" if n else ""))
    return f"   gate  {figures['kind']} > {figures['tau']:.4g}: open on {', '.join(roles)}"
