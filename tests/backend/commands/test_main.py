"""The command line: JSON alone on standard output, one line and status 2 for a wrong argument."""

import json
import os
import subprocess
import sys

import pytest

from backend.store import ROOT


def test_a_process_of_its_own(toy, toy_toml):
    command = [sys.executable, "-m", "backend", "evaluate", str(toy_toml), "--clamps", "1:-8"]
    result = subprocess.run(
        [*command, "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        timeout=240,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["clamps"] == "1:-8"


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("evaluate", "nope", "--clamps", "1:2"), "no setup 'nope'"),
        (("evaluate", "TOY", "--clamps", "abc"), "'abc' is not a clamp"),
        (("evaluate", "TOY", "--clamps", "99:1"), "no feature 99"),
        (("evaluate", "TOY", "--clamps", "1:2", "--sets", "x"), "no question set 'x'"),
        (("evaluate", "TOY", "--preset", "x"), "no preset 'x'"),
        (("evaluate", "TOY"), "--clamps"),
        (("evaluate", "--clamps", "1:2"), "Name a setup"),
        (("feature", "TOY", "24"), "no feature 24"),
        (("feature", "TOY", "abc"), "invalid int"),
        (("dose", "TOY", "24"), "no feature 24"),
        (("dose", "TOY", "2", "--multiples", "a"), "invalid float"),
        (("controls", "TOY", "--clamps", ""), "nothing to hold controls against"),
        (("sweep", "TOY", "--features", "99"), "no feature 99"),
        (("generate", "TOY", " ", "--clamps", "1:2"), "There is no prompt"),
        (
            ("generate", "TOY", "A cell", "--clamps", "1:2", "--max-tokens", "9999"),
            "length can be 1",
        ),
        (("generate", "TOY", "A cell", "--clamps", "1:2", "--temperature", "-1"), "temperature"),
        (("search", "TOY", ""), "needs a word"),
        (("search", "TOY", "x" * 10_000), "10,000 characters"),
        (("search", "TOY", "x", "--limit", "0"), "not a positive number"),
        (("search", "TOY"), "Give keywords, --text, or --rank"),
        (("search", "TOY", "x", "--rank", "fame"), "no order 'fame'"),
        (("search", "TOY", "--text", " "), "text is empty"),
        (("search", "TOY", "--text", "x" * 4001), "at most 4,000"),
        (("question", "TOY", "biology", "99"), "no question 99"),
        (("labels", "TOY", "import"), "needs FILE"),
        (("labels", "TOY", "import", "/nowhere.jsonl"), "cannot be read"),
        (("labels", "TOY", "fetch"), "names no page on Neuronpedia"),
        (("labels", "TOY", "show", "x"), "takes no FILE"),
    ],
)
def test_a_wrong_argument_is_one_line(run, toy, toy_toml, args, word):
    run(*[toy_toml if arg == "TOY" else arg for arg in args]).fails(word)
