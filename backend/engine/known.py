"""Known questions: the sets cut down to what the unmodified model knows, by a published list or by
the 24 orders of the options.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from backend.data.orders import pack_orders, right
from backend.data.published import data_set_of, known_rows, model_of
from backend.data.questions import QuestionSet, QuestionSets
from backend.errors import BadInput
from backend.evaluation.recordings import Recording, record
from backend.model.held import Held
from backend.model.rows import Rows
from backend.progress import OnProgress, Pace
from backend.setups import Known, Protocol, SetSource, Setup
from backend.store import cache_folder, if_it_can_be_kept, key, read_json, write_json

FORMAT = 1
"""Raise when what is counted changes."""
CHUNK = 16
"""Questions run, and kept on disk, at a time."""


def in_words(known: Known | None) -> str:
    """What every figure is over."""
    if known is None:
        return "All questions."
    if known.by == "published":
        part = "" if known.part == "all" else f", {known.part} half"
        return (
            f"Known questions only: those of {known.source}'s published list '{known.kind}'{part}; "
            "a set without a list is whole."
        )
    return (
        f"Known questions only: the model without clamps is right in at least {known.at_least} of "
        "the 24 orders of the options (chance: 6)."
    )


def only_known(
    setup: Setup, sets: QuestionSets, held: Held, on_progress: OnProgress
) -> QuestionSets:
    """The sets as the setup's [known] wants them.

    Raises BadSetup or BadInput where nothing is left, or a list does not fit.
    """
    known = setup.known
    if known is None:
        return sets
    if known.by == "published":
        return published_only(setup, sets)

    def run(rows: Rows) -> Recording:
        return record(held.runner, rows, stage="", scoring="letter")

    about = {
        "model": held.weights.fingerprint,
        "dtype": held.weights.dtype,
        "device": held.weights.device,
        "protocol": setup.protocol,
    }
    folder = cache_folder() / "orders" / key(about)
    counts = count_right(held.tokenizer, sets, setup.protocol, run, about, folder, on_progress)
    return QuestionSets(
        tuple(
            keep(s, [n >= known.at_least for n in mine])
            for s, mine in zip(sets, counts, strict=True)
        )
    )


def published_only(setup: Setup, sets: QuestionSets) -> QuestionSets:
    """The sets with only the questions of the published list that the setup's [known] names.

    A set of data there is no list of stays whole. Raises BadSetup if there is no such list,
    BadInput if it does not fit the data.
    """
    known = setup.known
    assert known is not None
    rows = known_rows(model_of(setup), known.source or "", known.kind, known.part)
    listed = (_listed(source, s, rows) for source, s in zip(setup.sets, sets, strict=True))
    return QuestionSets(tuple(listed))


def _listed(
    source: SetSource, questions: QuestionSet, rows_of: dict[str, frozenset[int]]
) -> QuestionSet:
    rows = rows_of.get(data_set_of(source) or "")
    if rows is None:
        return replace(questions, title=f"{questions.title}, all")
    missing = rows - {question.index for question in questions.questions}
    if missing and source.limit is None:
        raise BadInput(
            f"{questions.title}: the published list names row {min(missing)}, which these data do "
            f"not have ({len(questions.questions):,} questions). The list belongs to the test "
            "split of cais/wmdp or cais/mmlu in its own order."
        )
    return keep(questions, [question.index in rows for question in questions.questions])


def keep(questions: QuestionSet, chosen: Sequence[bool]) -> QuestionSet:
    """The chosen questions, the title saying how many of how many. Raises BadInput if none is."""
    left = tuple(
        question for question, wanted in zip(questions.questions, chosen, strict=True) if wanted
    )
    if not left:
        raise BadInput(
            f"{questions.title}: not one of its {len(chosen):,} questions is known. Leave the set "
            "out, or loosen [known] in the setup."
        )
    return replace(
        questions,
        questions=left,
        title=f"{questions.title}, {len(left):,} of {len(chosen):,} known",
    )


def count_right(
    tokenizer: PreTrainedTokenizerBase,
    sets: QuestionSets,
    protocol: Protocol,
    run: Callable[[Rows], Recording],
    about: dict[str, Any],
    folder: Path,
    on_progress: OnProgress,
) -> list[list[int]]:
    """For every question of every set, in how many of the 24 orders the model without clamps is
    right.

    `run` makes the forward pass; `about` says all else that can change a number. Kept under
    `folder` a few questions at a time: what was counted before a stop is not counted again.
    """
    pace = Pace("Asking in all 24 orders", len(sets.questions), on_progress)
    counts: list[list[int]] = []
    for s in sets:
        mine: list[int] = []
        for begin in range(0, len(s.questions), CHUNK):
            part = s.questions[begin : begin + CHUNK]
            worked = [s.worked(question) for question in part]
            spec = {
                "format": FORMAT,
                **about,
                "questions": [asdict(q) for q in part],
                "worked": [[asdict(q) for q in w] for w in worked],
            }
            path = folder / f"{key(spec)}.json"
            found = read_json(path)
            if not isinstance(found, list) or len(found) != len(part):
                pairs = zip(part, worked, strict=True)
                rows = Rows.of([pack_orders(tokenizer, q, protocol, w) for q, w in pairs])
                found = right(run(rows).baseline, part).sum(1).tolist()
                with if_it_can_be_kept("How many orders are answered right"):
                    write_json(path, found)
            mine += found
            pace.advance(len(part))
        counts.append(mine)
    return counts
