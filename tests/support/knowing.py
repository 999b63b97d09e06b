"""A toy that answers most questions right, with enough of them to part in halves and thirds."""

from dataclasses import replace
from pathlib import Path

from backend.engine.engine import Engine
from backend.setups import load_setup
from tests.support.toy import questions, write_jsonl, write_setup

WHERE = ("", " In the old town?", " In the spring?", " On Sundays?", " By the sea?")


def write_knowing(folder: Path, **more: object) -> Path:
    """A setup of 20 forget and 15 retain questions; the model is right in all but every fifth."""
    path = write_setup(folder, **more)  # type: ignore[arg-type]
    rows = [{**row, "question": row["question"] + end} for end in WHERE for row in questions()]
    write_jsonl(folder / "quiz.jsonl", rows)
    setup = load_setup(path)
    setup = replace(setup, corpora=tuple(replace(c, documents=1) for c in setup.corpora))
    said = Engine(setup).recording.baseline.argmax(-1).tolist()
    in_sets = sorted(rows, key=lambda row: row["set"])  # as the engine has them, set by set
    for n, (row, choice) in enumerate(zip(in_sets, said, strict=True)):
        row["answer"] = choice if n % 5 else (choice + 1) % 4
    write_jsonl(folder / "quiz.jsonl", rows)
    return path
