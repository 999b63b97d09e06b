"""A toy that writes letters, questions for inspect's tasks, and what inspect finds of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import torch
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.store import ROOT
from tests.support.gemma import TEMPLATE
from tests.support.toy import BIOLOGY, OTHER, write_setup
from tests.support.toy import questions as quiz

MMLU = "c30699e8356da336a370243923dbaf21066bb9fe"
"""The revision that inspect-evals asks for."""
LETTERS = "ABCD"
LOUDER = 12.0
"""How much longer the rows of the output matrix are that write a letter."""


def write_speaking_setup(folder: Path) -> Path:
    """The toy, whose vocabulary has a line for each letter, and which writes little else. It has a
    chat format.
    """
    path = write_setup(folder)
    model = AutoModelForCausalLM.from_pretrained(folder / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    lines = [AddedToken(f"\nANSWER: {letter}\n", normalized=False) for letter in LETTERS]
    tokenizer.add_tokens(lines)
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(3)
    model.resize_token_embeddings(len(tokenizer))
    with torch.no_grad():
        rows = model.get_output_embeddings().weight
        rows[-len(LETTERS) :] = LOUDER * torch.randn(len(LETTERS), rows.shape[1])
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return path


def questions(n: int) -> list[dict]:
    texts = [*BIOLOGY, *OTHER]
    return [
        {
            "question": f"{texts[i % 10]} Which, number {i}?",
            "choices": [f"{option} {i}" for option in ("Heart", "Cell", "Town", "Air")],
            "answer": i % 4,
            "subject": "anatomy",
        }
        for i in range(n)
    ]


def write_wmdp(folder: Path, n: int) -> None:
    """The toy's own four questions on biology and `n` others, as the original has them."""
    (folder / "wmdp").mkdir(parents=True)
    rows = [row for row in quiz() if row["set"] == "biology"] + questions(n)
    rows = [{name: row[name] for name in ("question", "choices", "answer")} for row in rows]
    (folder / "wmdp" / "bio_questions.json").write_text(json.dumps(rows), encoding="utf-8")


def write_mmlu(root: Path, n: int) -> None:
    """On a hub."""
    folder = root / "datasets" / "cais" / "mmlu"
    (folder / "all").mkdir(parents=True)
    pd.DataFrame(questions(n)).to_parquet(folder / "all" / "test-00000-of-00001.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: all\n  data_files:\n"
        "  - split: test\n    path: all/test-*\n---\n"
    )


TOOL_TASK = '''
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import tool


@tool
def measure():
    async def execute(what: str) -> str:
        """Measure something.

        Args:
            what: Such as a leaf.
        """
        return "green"

    return execute


@task
def with_a_tool():
    return Task([Sample(input="What colour is a leaf?")], solver=[use_tools(measure()), generate()])
'''
STOPPED_TASK = """
import signal
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.solver import generate, solver


@solver
def stopped():
    async def solve(state, generate):
        signal.raise_signal(signal.SIGTERM)
        return state

    return solve


@task
def terminated():
    return Task([Sample(input="What colour is a leaf?")], solver=[stopped(), generate()])
"""
PROGRAM = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from backend.__main__ import main
from backend.commands.stopping import on_signals

on_signals()
found = []
for argv in json.loads(sys.argv[1]):
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(argv)
    found.append({"status": status, "err": err.getvalue()})
    if status:
        continue
    from inspect_ai.log import read_eval_log

    found[-1]["said"] = json.loads(out.getvalue())
    found[-1]["logs"] = [
        read_eval_log(task["log"]).model_dump(mode="json") for task in found[-1]["said"]["tasks"]
    ]
print(json.dumps(found))
"""


def inspected(calls: list[list[str]], folder: Path, endpoint: str) -> list[dict]:
    """What each command line comes to, in one process of its own: its status, what it says, and its
    logs as inspect reads them. `folder` takes the place of a home.
    """
    homes = {name: str(folder / "home") for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    env = {
        **os.environ,
        **homes,
        "HF_HOME": str(folder / "hub"),
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": "0",
        "CLAMPBOARD_DATA": str(folder / "data"),
        "PYTHONWARNINGS": "ignore",
    }
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(calls)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])
