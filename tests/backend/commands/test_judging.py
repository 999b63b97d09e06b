"""The command lm-eval: what it refuses before anything is loaded, and one run on the toy."""

import json
import sys

import pytest

from backend.engine.engine import Engine
from backend.judges import INSTALL
from backend.judges.harness import VERSION
from backend.setups import load_setup
from backend.store import ROOT
from tests.support.toy import write_setup

harness = pytest.importorskip(
    "lm_eval", reason="pip install --no-deps -r backend/judges/requirements-judges.txt"
)


def test_the_model_as_it_is_on_one_half(run, toy_toml):
    done = run(
        "lm-eval", toy_toml, "--tasks", "biology,history", "--half", "selection", "--json",
        "--", "--output_path", toy_toml.parent / "out.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert (value["clamps"], value["half"], value["lm_eval"]) == ("", "selection", "0.4.13")
    engine = Engine(load_setup(toy_toml))
    right = engine.recording.baseline.argmax(-1) == engine.sets.answers
    for found in value["compared"]:
        mine = engine.in_sets([found["task"]]) & engine.half("selection")
        assert found["n"] == int(mine.sum())
        wanted = float(right[mine].double().mean())
        assert found["harness"] == found["board"] == pytest.approx(wanted)
        assert value["tasks"][found["task"]]["acc"] == pytest.approx(wanted)
        assert found["differing"] == 0
    (file,) = toy_toml.parent.glob("out_*.json")
    recorded = json.loads(file.read_text())
    assert recorded["config"]["model_args"]["setup"] == "toy"
    assert not list(toy_toml.parent.glob("samples_*")), "samples were not asked for"


@pytest.mark.parametrize(
    ("further", "words"),
    [
        (["--use_cache", "answers"], "use_cache does not know what is clamped"),
        (["--cache_requests", "true"], "cache_requests does not know what is clamped"),
        (["--config", "mine.yaml"], "config does not know"),
        (["--model", "hf"], "model is ours to say"),
        (["--include", "tasks"], "include_path is ours to say"),
        (["--model_args", "pretrained=gpt2"], "model_args is ours to say"),
        (["--batch_size", "auto"], "batch_size is ours to say"),
        (["--log_samples"], "log_samples needs output_path"),
        (["--nonsense"], "does not take what follows --"),
    ],
)
def test_what_follows_is_the_harness_own_but_for_what_is_ours(further, words, run, toy_toml):
    run("lm-eval", toy_toml, "--tasks", "biology", "--", *further).fails(words)


def test_arguments_that_do_not_go_together_are_refused(run, toy_toml):
    halves = run("lm-eval", toy_toml, "--tasks", "biology,piqa", "--half", "held-out")
    halves.fails("leave out piqa")
    run("lm-eval", toy_toml, "--tasks", " , ").fails("name a task")
    run("lm-eval", toy_toml, "--tasks", "biology", "--clamps", "99:1").fails("99")


def test_sets_that_are_asked_by_the_papers_letters_are_refused(run, tmp_path):
    path = write_setup(tmp_path, scoring="letter", prompt="paper")
    run("lm-eval", path, "--tasks", "biology").fails("Take evaluate")


def test_a_harness_that_is_not_installed_is_one_sentence(run, toy_toml, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    run("lm-eval", toy_toml, "--tasks", "biology").fails(INSTALL)


def test_the_version_that_is_needed_is_the_one_that_is_installed():
    pins = (ROOT / INSTALL.split()[-1]).read_text().splitlines()
    assert f"lm-eval=={VERSION}" in pins
