"""lm-evaluation-harness's own command line on the demo, in float32, question by question."""

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from backend.data.prompts import pack
from backend.data.question_sets import read_set
from backend.evaluation.recordings import record
from backend.interventions.method import NOTHING
from backend.judges.hooked_model import hooked_model
from backend.model.rows import Rows
from backend.setups import SHIPPED, Protocol, SetSource, load_setup
from backend.store import ROOT
from tests.backend.judges.test_harness_model import tokens
from tests.support.data import shared_data

pytest.importorskip(
    "lm_eval", reason="pip install --no-deps -r backend/judges/requirements-judges.txt"
)
pytestmark = pytest.mark.demo
logging.getLogger("lm_eval").setLevel(logging.ERROR)

ASKED = ["biology", "us_history", "geography"]
LIMIT = 16


@pytest.fixture(scope="module")
def exact_toml(exact, tmp_path_factory):
    """The setup of `exact`, as a file."""
    text = (SHIPPED / "demo.toml").read_text().replace('"../demo', f'"{ROOT}/backend/demo')
    loss, recipe = text.index("[text_loss]"), text.index("[rmu]")
    text = text[:loss] + text[recipe:]
    text = text.replace("[model]", '[model]\ndtype = "float32"')
    text = text.replace("[[corpora]]", "[[corpora]]\ndocuments = 8")
    for source in exact.setup.sets:
        text = text.replace(f'"{source.name}"\n', f'"{source.name}"\nlimit = {source.limit}\n', 1)
    path = tmp_path_factory.mktemp("exact") / "exact.toml"
    path.write_text(text)
    assert replace(load_setup(path), name=exact.setup.name) == exact.setup
    return path


@pytest.fixture(scope="module")
def judged(exact_toml, tmp_path_factory):
    """The command's answer, and the folder its files were asked to be put in."""
    out = tmp_path_factory.mktemp("out")
    command = [sys.executable, "-m", "backend", "lm-eval", exact_toml, "--json"]
    asked = ["--preset", "forget-biology", "--tasks", ",".join(ASKED), "--limit", LIMIT]
    further = ["--", "--output_path", out, "--log_samples"]
    done = subprocess.run(
        list(map(str, [*command, *asked, *further])),
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), out


def test_every_question_is_answered_as_on_the_board(judged, exact):
    value, out = judged
    ours = exact.evaluate(exact.preset("forget-biology"))
    moved = n = 0
    for name in ASKED:
        (file,) = out.glob(f"*/samples_{name}_*.jsonl")
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        rows.sort(key=lambda row: row["doc_id"])
        places = range(exact.n_questions)[exact.sets.span(name)][:LIMIT]
        theirs = torch.tensor([[float(x[0]) for x in row["filtered_resps"]] for row in rows])
        torch.testing.assert_close(theirs, ours.scores[places], atol=1e-3, rtol=0)
        assert torch.equal(theirs.argmax(-1), ours.predictions()[places])
        right = theirs.argmax(-1) == exact.sets.answers[places]
        assert value["tasks"][name]["acc"] == pytest.approx(float(right.double().mean()))
        moved += int((theirs.argmax(-1) != ours.baseline[places].argmax(-1)).sum())
        n += len(rows)
    assert n >= 30 and moved >= 5


def test_the_command_says_so_itself(judged):
    value, _ = judged
    assert value["dtype"] == "float32" and value["clamps"]
    assert [(c["task"], c["set_name"]) for c in value["compared"]] == [(n, n) for n in ASKED]
    for found in value["compared"]:
        assert found["board"] == found["harness"] == value["tasks"][found["task"]]["acc"]
        assert found["differing"] == 0 and 0 < found["furthest"] < 1e-3


def scored(engine, setting, packed):
    from backend.judges.harness_model import HarnessModel

    lm = HarnessModel(hooked_model(engine, setting), 4)
    found = lm._loglikelihood_tokens([pair for row in packed for pair in tokens(row)])
    return torch.tensor([score for score, _ in found]).view(-1, 4)


def test_so_is_a_gated_preset(exact):
    setting = exact.preset("forget-biology-gated")
    ours = exact.evaluate(setting)
    moved = (ours.scores - ours.baseline).abs().amax(-1) > 1e-2
    chosen = [
        *moved.nonzero().squeeze(-1).tolist()[:6],
        *(~moved).nonzero().squeeze(-1).tolist()[:4],
    ]
    assert len(chosen) == 10
    theirs = scored(exact, setting, [exact.packed[place] for place in chosen])
    torch.testing.assert_close(theirs, ours.scores[chosen], atol=1e-3, rtol=0)


CASES = {
    "wmdp, letters": ("wmdp", "wmdp-bio", Protocol("letter", "lm-eval"), 0, 4),
    "mmlu, letters, five examples": ("mmlu", "human_aging", Protocol("letter", "lm-eval"), 5, 2),
    "mmlu, continuation": ("mmlu", "nutrition", Protocol("cloze", "lm-eval"), 0, 3),
}


@pytest.mark.parametrize("case", CASES)
def test_the_model_as_it_is_agrees_on_real_questions(case, exact):
    """Whose words are the harness's own: tests/backend/judges/test_harness_tasks.py."""
    family, name, protocol, shots, n = CASES[case]
    where = {"config": name, "subject": "biology"} if family == "wmdp" else {"subjects": (name,)}
    s = read_set(
        SetSource(
            folder=shared_data() / family,
            name=name,
            title=name,
            role="forget",
            shots=shots,
            **where,
        )
    )
    packed = [pack(exact.tokenizer, q, protocol, s.worked(q)) for q in s.questions[:n]]
    runner = replace(exact.runner, untouched=("first",), budget=512)
    ours = record(runner, Rows.of(packed), stage="", scoring=protocol.scoring).baseline
    theirs = scored(exact, NOTHING, packed)
    torch.testing.assert_close(theirs, ours, atol=1e-3, rtol=0)
    assert torch.equal(theirs.argmax(-1), ours.argmax(-1))
