"""Tasks for lm-evaluation-harness, written into a folder it is told of: the setup's own sets, and
its tasks on WMDP and MMLU with their data taken from a folder in place of the hub.

A task is a file of settings, and its documents a file of JSON lines. JSON is YAML, so both are
written as JSON.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxtyping import Bool
from torch import Tensor

from backend.data.prompts import cloze_context, harness_prompt
from backend.data.question_sets import read_set
from backend.data.questions import LETTERS, Question, QuestionSet, QuestionSets
from backend.data.sources import find_file
from backend.errors import BadInput
from backend.rim import shown
from backend.setups import Protocol, RowSource, SetSource

FAMILIES = ("wmdp", "mmlu")
"""The harness's tasks begin with these; so are the folders under CLAMPBOARD_DATA called."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""Of a task: it is a file's name, and lm-eval takes * and [ for a pattern."""
TASK_FILES = ("wmdp/*.yaml", "mmlu/default/*.yaml", "mmlu/continuation/*.yaml")


def write_own_tasks(
    folder: Path,
    sets: QuestionSets,
    names: Sequence[str],
    protocol: Protocol,
    only: Bool[Tensor, " question"] | None = None,
) -> None:
    """A task for each of these sets, of the same name, that asks its questions (or `only` those) in
    the setup's own words.

    Raises BadInput where lm-eval has no way to ask them so.
    """
    check_asked(names, protocol)
    for name in names:
        places = range(*sets.span(name).indices(len(sets.questions)))
        asked = [sets.at(place) for place in places if only is None or bool(only[place])]
        if not asked:
            raise BadInput(f"The set {name} has no question in that half.")
        documents = [document(s, question, protocol) for s, question in asked]
        _write(folder, name, _settings(name), {"test": documents})


def check_asked(names: Sequence[str], protocol: Protocol) -> None:
    """Raises BadInput where lm-eval has no way to ask sets of these names in these words."""
    for name in names:
        if not NAME.fullmatch(name):
            raise BadInput(
                f"lm-eval has no task of the name {shown(name)}: give the set a name of letters, "
                "digits, - and _."
            )
        if protocol.scoring == "letter" and protocol.prompt != "lm-eval":
            raise BadInput(
                f"lm-eval cannot ask {name} as this setup does: the paper's letters count by the "
                'likelier of "A" and " A". Take evaluate, or a setup with prompt = "lm-eval".'
            )


def document(s: QuestionSet, question: Question, protocol: Protocol) -> dict[str, Any]:
    """What a task asks of one question: the words before it, and what may follow them."""
    letter = protocol.scoring == "letter"
    worked = s.worked(question)
    if letter:
        context = harness_prompt(question, worked, cloze=False)
    else:
        context = cloze_context(question, protocol.prompt, worked)
    options = list(LETTERS) if letter else list(question.choices)
    return {
        "index": question.index,
        "context": context,
        "options": options,
        "answer": question.answer,
    }


def _settings(name: str) -> dict[str, Any]:
    mean = {"aggregation": "mean", "higher_is_better": True}
    return {
        "task": name,
        "output_type": "multiple_choice",
        "test_split": "test",
        "num_fewshot": 0,  # worked examples are part of the words already
        "doc_to_text": "context",
        "doc_to_choice": "options",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", **mean}, {"metric": "acc_norm", **mean}],
        "metadata": {"version": 1},
    }


class Local(NamedTuple):
    """A task of the harness whose documents come from files here."""

    task: str
    files: tuple[str, ...]


def write_local_tasks(folder: Path, wanted: Sequence[str], tasks: Path) -> list[Local]:
    """The harness's own tasks on WMDP and MMLU, among those `wanted`, that CLAMPBOARD_DATA has the
    documents of; all of them where a group, a tag or a pattern is wanted. `tasks` is the folder of
    the harness's own. A task that is in the folder already stands before it.

    A row that is no question is left out, and said. Raises BadInput for a file that cannot be read.
    """
    wanted = [name for name in wanted if name.startswith(FAMILIES)]
    if not wanted:
        return []
    from lm_eval.tasks._yaml_loader import load_yaml

    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for pattern in TASK_FILES:
        for path in sorted(tasks.glob(pattern)):
            settings = load_yaml(path, resolve_func=False)
            if isinstance(settings.get("task"), str):
                found[settings["task"]] = path, settings
    if all(name in found for name in wanted):
        found = {name: found[name] for name in wanted}
    return [
        written
        for task, (path, settings) in found.items()
        if not (folder / f"{task}.yaml").exists()
        and (written := _write_local(folder, task, path, settings)) is not None
    ]


def _write_local(folder: Path, task: str, path: Path, own: dict[str, Any]) -> Local | None:
    """None where its documents are not here."""
    config = own["dataset_name"]
    files, documents = [], {}
    for split in ("test", "dev"):
        source = _source(own["dataset_path"], config, split)
        file = _file_of(source)
        if file is not None and (split == "test" or own.get("fewshot_split") == split):
            files.append(str(file))
            documents[split] = [_row(question) for question in read_set(source).questions]
    if "test" not in documents:
        return None
    # A tag is a list of tasks, which is to stay the harness's own.
    settings = {"include": str(path), "task": task, "tag": None}
    if "dev" not in documents:
        settings["fewshot_split"] = None
    _write(folder, task, settings, documents)
    return Local(task, tuple(files))


def _source(dataset: str, config: str, split: str) -> SetSource:
    local = dataset.rpartition("/")[2]
    return SetSource(
        name=config, title=config, role="retain", dataset=dataset, config=config, local=local,
        split=split,
    )  # fmt: skip


def _file_of(source: RowSource) -> Path | None:
    folder = source.local_path()
    try:
        return None if folder is None else find_file(folder, source.config or "", source.split)
    except BadInput:
        return None


def _row(question: Question) -> dict[str, Any]:
    """As the hub has it."""
    return {
        "question": question.question,
        "subject": question.subject.replace(" ", "_"),
        "choices": list(question.choices),
        "answer": question.answer,
    }


def _write(
    folder: Path, task: str, settings: dict[str, Any], documents: dict[str, list[dict[str, Any]]]
) -> None:
    files = {}
    for split, rows in documents.items():
        file = folder / f"{task}.{split}.jsonl"
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        files[split] = str(file)
    settings = {
        **settings,
        "dataset_path": "json",
        "dataset_name": None,
        # Beside the documents, which are gone after the run, as it would be of no use then.
        "dataset_kwargs": {"data_files": files, "cache_dir": str(folder / "datasets")},
    }
    (folder / f"{task}.yaml").write_text(
        json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8"
    )
