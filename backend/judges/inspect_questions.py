"""The questions of inspect-evals' tasks: from the hub, or from the folder that CLAMPBOARD_DATA
names where that holds WMDP or MMLU.

Its tasks ask the `datasets` library for them. For as long as they run, that library's
`load_dataset` answers for these two from the folder, and says in one sentence what the hub will not
give.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from backend.data.hub import fetching
from backend.data.question_sets import ALL_SUBJECTS, MMLU_SUBJECTS, read_set
from backend.setups import SetSource

FOLDERS = {"cais/wmdp": "wmdp", "cais/mmlu": "mmlu"}
"""Data sets on the hub, and where each lies under CLAMPBOARD_DATA."""


@contextmanager
def served_questions() -> Iterator[dict[str, str]]:
    """In the block these data sets are read from CLAMPBOARD_DATA where it has them. Gives which
    were, and from where, once they have been asked for.
    """
    import datasets

    datasets.disable_progress_bars()
    library: Any = datasets
    of_hub, found = library.load_dataset, {}

    def load_dataset(path: str, name: str | None = None, *more: Any, **asked: Any) -> Any:
        split = asked.get("split")
        source = _source(path, name, split)
        if source is None or (folder := source.local_path()) is None:
            with fetching("data set", path, path):
                return of_hub(path, name, *more, **asked)
        found[path] = str(folder)
        return datasets.Dataset.from_list(_rows(source, name))

    library.load_dataset = load_dataset
    try:
        yield found
    finally:
        library.load_dataset = of_hub


def _source(dataset: str, config: str | None, split: object) -> SetSource | None:
    """None for what is no split of these data sets."""
    if dataset not in FOLDERS or config is None or not isinstance(split, str):
        return None
    return SetSource(
        dataset=dataset,
        config=config,
        split=split,
        local=FOLDERS[dataset],
        name=config,
        title=config,
        role="forget",
    )


def _rows(source: SetSource, config: str | None) -> list[dict[str, Any]]:
    """As on the hub: MMLU's subjects in the order of their names, each row with its own."""
    parts: tuple[str | None, ...] = MMLU_SUBJECTS if config == ALL_SUBJECTS else (config,)
    return [
        {"question": q.question, "subject": part, "choices": list(q.choices), "answer": q.answer}
        for part in parts
        for q in read_set(replace(source, config=part)).questions
    ]
