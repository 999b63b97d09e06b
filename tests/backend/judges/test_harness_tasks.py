"""Tasks as the harness reads them: its own words from local files, and the setup's from ours."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.data.prompts import pack
from backend.data.question_sets import read_set
from backend.data.questions import PREFIX, QuestionSets
from backend.errors import BadInput
from backend.judges.harness_tasks import write_local_tasks, write_own_tasks
from backend.setups import PROMPTS, Protocol, SetSource
from tests.support.data import shared_data
from tests.support.toy import build_tokenizer

lm_eval = pytest.importorskip(
    "lm_eval", reason="pip install --no-deps -r backend/judges/requirements-judges.txt"
)
LETTERS, CONTINUED = Protocol("letter", "lm-eval"), Protocol("cloze", "lm-eval")
THEIR_TASKS = Path(lm_eval.__file__).parent / "tasks"


def task_of(folder: Path, name: str, shots: int = 0):
    """The harness's own task from the file it is given."""
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    config = load_yaml(folder / f"{name}.yaml")
    task = ConfigurableTask(config={k: v for k, v in config.items() if k != "tag"})
    task.set_config(key="num_fewshot", value=task.get_config("num_fewshot") or shots)
    return task


def asked(task, tokenizer, n: int | None = None):
    """(context, option) in the tokenizer's tokens, as the harness cuts them; four a question."""
    task.build_all_requests(limit=n)
    out = []
    for instance in sorted(task.instances, key=lambda one: (one.doc_id, one.idx)):
        context, option = instance.args
        before = tokenizer(context)["input_ids"]
        out.append((before, tokenizer(context + option)["input_ids"][len(before) :]))
    return out


def ours(s, protocol, tokenizer, n: int | None = None):
    out = []
    for question in s.questions[:n]:
        packed = pack(tokenizer, question, protocol, s.worked(question))
        prefix = [i for i, b in zip(packed.ids, packed.branch, strict=True) if b == PREFIX]
        for option in range(4):
            read = zip(packed.score_token, packed.score_choice, strict=True)
            out.append((prefix, [token for token, choice in read if choice == option]))
    return out


@pytest.mark.parametrize(
    ("name", "config", "protocol", "shots", "n"),
    [
        ("wmdp_bio", "wmdp-bio", LETTERS, 0, 90),
        ("mmlu_high_school_geography", "high_school_geography", LETTERS, 0, 60),
        ("mmlu_human_aging", "human_aging", LETTERS, 5, 20),
        ("mmlu_nutrition_continuation", "nutrition", CONTINUED, 0, 60),
        ("mmlu_nutrition_continuation", "nutrition", CONTINUED, 5, 20),
    ],
)
def test_the_harness_asks_of_local_files_what_the_board_asks(
    name, config, protocol, shots, n, tmp_path, monkeypatch
):
    monkeypatch.setenv("CLAMPBOARD_DATA", str(shared_data()))
    (written,) = write_local_tasks(tmp_path, [name], THEIR_TASKS)
    at = shared_data().resolve()
    assert all(Path(file).resolve().is_relative_to(at) for file in written.files)
    family = "wmdp" if name == "wmdp_bio" else "mmlu"
    subject = {"subject": "biology"} if family == "wmdp" else {"subjects": (config,)}
    s = read_set(
        SetSource(
            folder=shared_data() / family,
            config=config if family == "wmdp" else None,
            name=config,
            title=config,
            role="forget",
            shots=shots,
            **subject,
        )
    )
    task, tokenizer = task_of(tmp_path, name, shots), build_tokenizer()
    assert [doc["answer"] for doc in task.eval_docs] == [q.answer for q in s.questions]
    assert asked(task, tokenizer, n) == ours(s, protocol, tokenizer, n)


def test_a_group_is_read_from_local_files_as_far_as_they_are_there(tmp_path, monkeypatch):
    data, folder = tmp_path / "data", tmp_path / "tasks"
    folder.mkdir()
    for split in ("test", "dev"):
        (data / "mmlu" / split).mkdir(parents=True)
        (data / "mmlu" / split / f"anatomy_{split}.csv").write_text("Which?,a,b,c,d,B\n")
    monkeypatch.setenv("CLAMPBOARD_DATA", str(data))
    written = write_local_tasks(folder, ["mmlu_stem"], THEIR_TASKS)
    assert [one.task for one in written] == ["mmlu_anatomy", "mmlu_anatomy_continuation"]


def test_nothing_is_read_from_local_files_for_other_tasks(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_DATA", str(shared_data()))
    assert write_local_tasks(tmp_path, ["piqa"], THEIR_TASKS) == []
    monkeypatch.delenv("CLAMPBOARD_DATA")
    assert write_local_tasks(tmp_path, ["wmdp_bio"], THEIR_TASKS) == []


PROTOCOLS = [
    Protocol(scoring, prompt)
    for scoring, prompts in PROMPTS.items()
    for prompt in prompts
    if not prompt.startswith("paper")
]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=" ".join)
def test_a_set_is_asked_in_the_setups_own_words(protocol, toy, tmp_path):
    odd = "  {{ question }} <b>&amp; “said” \u2028 [1]\n"
    biology = toy.sets[0]
    examples = tuple(biology.questions[:2])
    questions = (replace(biology.questions[0], question=odd), *biology.questions[1:])
    shots = 2 if protocol.prompt == "lm-eval" else 0
    s = replace(biology, questions=questions, examples=examples, shots=shots)
    write_own_tasks(tmp_path, QuestionSets((s,)), ["biology"], protocol)
    task = task_of(tmp_path, "biology")
    assert asked(task, toy.tokenizer) == ours(s, protocol, toy.tokenizer)
    assert [doc["answer"] for doc in task.eval_docs] == [q.answer for q in s.questions]


def test_one_half_is_asked_alone(toy, tmp_path):
    write_own_tasks(tmp_path, toy.sets, ["biology"], toy.setup.protocol, toy.half("held-out"))
    assert [doc["index"] for doc in task_of(tmp_path, "biology").eval_docs] == [1, 3]
    with pytest.raises(BadInput, match="no question"):
        nothing = torch.zeros(toy.n_questions, dtype=torch.bool)
        write_own_tasks(tmp_path, toy.sets, ["biology"], toy.setup.protocol, nothing)


@pytest.mark.parametrize("prompt", ["paper", "paper-chat"])
def test_the_papers_letters_are_refused(toy, tmp_path, prompt):
    with pytest.raises(BadInput, match="Take evaluate"):
        write_own_tasks(tmp_path, toy.sets, ["biology"], Protocol("letter", prompt))


def test_a_set_whose_name_is_no_tasks_is_refused(toy, tmp_path):
    odd = QuestionSets((replace(toy.sets[0], name="../biology, *"),))
    with pytest.raises(BadInput, match="give the set a name"):
        write_own_tasks(tmp_path, odd, ["../biology, *"], toy.setup.protocol)
