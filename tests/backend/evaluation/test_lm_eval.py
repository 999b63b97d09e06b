"""lm-evaluation-harness: the same words, the same predictions, the same log-likelihoods.

Its own task files and its own HFLM class; the data are read from a folder instead of the hub.
"""

import json
import logging
from pathlib import Path

import pytest
import torch

from backend.data.prompts import pack
from backend.data.question_sets import read_set
from backend.evaluation.recordings import record
from backend.model.loading import load_hf
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.model.sae import load_sae
from backend.model.split import split
from backend.model.weights import model_source
from backend.setups import Protocol, SetSource, load_setup
from tests.support.data import shared_data

pytest.importorskip(
    "lm_eval",
    reason=(
        "lm-eval is not installed: pip install --no-deps lm-eval==0.4.13 sacrebleu portalocker "
        "tabulate colorama lxml"
    ),
)
pytestmark = pytest.mark.demo
logging.getLogger("lm_eval").setLevel(logging.ERROR)

CASES = {
    # name: task file, set, protocol, shots, questions
    "wmdp_bio": ("wmdp/wmdp_bio.yaml", "wmdp-bio", Protocol("letter", "lm-eval"), 0, 90),
    "mmlu, no example": (
        "mmlu/default/mmlu_high_school_geography.yaml",
        "high_school_geography",
        Protocol("letter", "lm-eval"),
        0,
        60,
    ),
    "mmlu, five examples": (
        "mmlu/default/mmlu_human_aging.yaml",
        "human_aging",
        Protocol("letter", "lm-eval"),
        5,
        10,
    ),
    "mmlu continuation": (
        "mmlu/continuation/mmlu_nutrition.yaml",
        "nutrition",
        Protocol("cloze", "lm-eval"),
        0,
        40,
    ),
}


@pytest.fixture(scope="module")
def model():
    setup = load_setup("demo")
    hf, tokenizer = load_hf(model_source(setup), dtype="float32", device="cpu")
    return split(hf, tokenizer, load_sae(setup.sae, "cpu").hook_name)


@pytest.fixture(scope="module")
def harness():
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=model_source(load_setup("demo")),
        dtype="float32",
        backend="causal",
        batch_size=4,
        device="cpu",
    )


def our_set(name: str, shots: int):
    folder = shared_data() / ("wmdp" if name == "wmdp-bio" else "mmlu")
    where = {"config": name, "subject": "biology"} if name == "wmdp-bio" else {"subjects": (name,)}
    return read_set(
        SetSource(folder=folder, name=name, title=name, role="forget", shots=shots, **where)
    )


def their_requests(task_file: str, questions, shots: int, n: int, tmp_path: Path):
    """The harness's own requests, from its own task file."""
    import lm_eval
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    files = {}
    for split_name, rows in (("test", questions.questions[:n]), ("dev", questions.examples)):
        files[split_name] = str(tmp_path / f"{split_name}.json")
        Path(files[split_name]).write_text(
            "".join(
                json.dumps({"question": q.question, "choices": q.choices, "answer": q.answer})
                + "\n"
                for q in rows
            )
        )
        if not rows:
            del files[split_name]
    config = load_yaml(Path(lm_eval.__file__).parent / "tasks" / task_file)
    if "dev" not in files:
        config.pop("fewshot_split", None)
    config |= {
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": files},
        "num_fewshot": shots,
    }
    config = {
        key: value
        for key, value in config.items()
        if key not in ("include", "tag", "task_alias", "group")
    }
    task = ConfigurableTask(config=config)
    task.build_all_requests()
    return sorted(task.instances, key=lambda instance: (instance.doc_id, instance.idx))


@pytest.mark.parametrize("case", CASES)
def test_same_words_predictions_and_log_likelihoods_as_the_harness(model, harness, case, tmp_path):
    task_file, name, protocol, shots, n = CASES[case]
    questions = our_set(name, shots)
    packed = [
        pack(model.tokenizer, q, protocol, questions.worked(q)) for q in questions.questions[:n]
    ]
    requests = their_requests(task_file, questions, shots, n, tmp_path)
    assert len(requests) == 4 * n
    for q, row in enumerate(packed):
        mine = [i for i, b in zip(row.ids, row.branch, strict=True) if b == -1]
        assert all(
            model.tokenizer.decode(mine) == request.args[0]
            for request in requests[4 * q : 4 * q + 4]
        )
    theirs = torch.tensor(
        [score for score, _ in harness.loglikelihood(requests, disable_tqdm=True)]
    ).view(n, 4)
    sae = load_sae(load_setup("demo").sae, "cpu")
    runner = Runner(model, sae, ("first",), budget=512)
    made = record(runner, Rows.of(packed), stage="", scoring=protocol.scoring)
    torch.testing.assert_close(made.baseline, theirs, atol=1e-3, rtol=0)
    assert torch.equal(made.baseline.argmax(-1), theirs.argmax(-1))


def test_at_least_two_hundred_questions_are_compared():
    assert sum(case[-1] for case in CASES.values()) >= 200
