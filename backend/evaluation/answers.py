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
from backend.statistics import MeanChange, mean_change


def question_table(
    sets: QuestionSets,
    recording: Recording,
    tokenizer: PreTrainedTokenizerBase,
    evaluation: Evaluation,
) -> pd.DataFrame:
    """Every question in words, sets one after the other: answers before and after, and the clamped
    features that fire on it.

    `p_` columns are the right answer's share of the four options' likelihood; `features` lists the
    clamped features that fire.
    """
    before, after = evaluation.baseline, evaluation.scores
    p_before, p_after = before.softmax(-1), after.softmax(-1)
    fired = fired_tokens(recording, tokenizer, [clamp.feature for clamp in evaluation.clamps])
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
        )
    return pd.DataFrame(rows)


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


def per_question(sets: QuestionSets, evaluation: Evaluation, set_name: str) -> list[dict[str, Any]]:
    """Every question of a set, without and with the clamps."""
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
        )
    return out
