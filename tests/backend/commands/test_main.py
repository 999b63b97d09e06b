"""The command line: JSON alone on standard output, one line and status 2 for a wrong argument."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.commands import stopping
from backend.commands.terminal import one_line
from backend.store import ROOT, cache_folder


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
        (("feature", "TOY", "abc"), "FEATURE: 'abc' is no whole number from 0"),
        (("dose", "TOY", "24"), "no feature 24"),
        (("dose", "TOY", "2", "--multiples", "a"), "--multiples: 'a' is no number from"),
        (("controls", "TOY", "--clamps", ""), "nothing to hold controls against"),
        (("sweep", "TOY", "--features", "99"), "no feature 99"),
        (("generate", "TOY", " ", "--clamps", "1:2"), "There is no prompt"),
        (
            ("generate", "TOY", "A cell", "--clamps", "1:2", "--max-tokens", "9999"),
            "--max-tokens: '9999' is no whole number from 1 to 512",
        ),
        (
            ("generate", "TOY", "A cell", "--clamps", "1:2", "--temperature", "-1"),
            "--temperature: '-1' is no number from 0 to 2",
        ),
        (
            ("generate", "TOY", "A cell", "--clamps", "1:2", "--seed", str(2**64)),
            "is no whole number from 0 to 9,223,372,036,854,775,807",
        ),
        (("generate", "TOY", "x" * 900, "--clamps", "1:2", "--max-tokens", "512"), "too long"),
        (("search", "TOY", ""), "needs a word"),
        (("search", "TOY", "x" * 10_000), "10,000 characters"),
        (("search", "TOY", "x", "--limit", "0"), "--limit: '0' is no whole number from 1"),
        (("search", "TOY", "x", "--limit=--"), "-- is no value"),
        (("search", "TOY", "x", "--limit", "9" * 5_000), "is no whole number"),
        (("search", "TOY", "x", "--retain-below", "1.5"), "is no number from 0 to 1"),
        (("search", "TOY", "--text", "x", "--densest", "nan"), "is no number from 0 to 1"),
        (("search", "TOY", "--rank", "dsg", "--setting", "200"), "'dsg' can be 0 to 100, not 200"),
        (("search", "TOY", "--rank", "dsg", "--setting", "-1"), "'-1' is no number from 0"),
        (("search", "TOY", "--rank", "dsg", "--setting", "nan"), "'nan' is no number from 0"),
        (("search", "TOY", "--rank", "paper", "--setting", "2"), "'paper' can be 0 to 1, not 2"),
        (("search", "TOY", "--rank", "selectivity", "--setting", "1"), "has no setting"),
        (("search", "TOY", "\udc80"), "Argument 3 holds half a character"),
        (("search", "TOY", "a\0b"), "Argument 3 holds a zero byte"),
        (("search", "TOY", "x", "--rank", "y" * 9_999), "There is no order"),
        (("sing", "TOY"), "invalid choice: 'sing'"),
        (("search", "TOY", "x", "y\n" * 9_999), "unrecognized arguments"),
        (("dose", "TOY", "-1"), "'-1' is no whole number from 0"),
        (("dose", "TOY", "1", "--multiples", "inf"), "'inf' is no number from"),
        (("sweep", "TOY", "--features", "1", "--n", "0"), "'0' is no whole number from 1"),
        (("bench", "TOY", "--every", "0"), "'0' is no whole number from 1"),
        (("question", "TOY", "biology", "-1"), "'-1' is no whole number from 0"),
        (("evaluate", "../demo", "--clamps", ""), "There is no setup '../demo'"),
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


def test_a_line_on_what_is_wrong_is_never_long_and_never_more_than_one():
    said = one_line("a\nb\x1b[31m" + "x" * 9_999 + "the end")
    assert said.startswith("a b [31m")
    assert said.endswith("the end")
    assert len(said) < 500


def broken(error):
    def raising(*_):
        raise error

    return raising


def test_a_fault_of_the_program_is_kept_and_said_in_a_line(run, toy, toy_toml, monkeypatch):
    monkeypatch.setattr("backend.commands.making.open_engine", broken(ZeroDivisionError("by 0")))
    result = run("prepare", toy_toml)
    assert (result.returncode, result.stdout) == (70, "")
    assert result.stderr.startswith(
        "clampboard: This is a fault of the program (ZeroDivisionError)"
    )
    assert len(result.stderr.splitlines()) == 1
    (kept,) = (cache_folder() / "logs").iterdir()
    assert str(kept)[-40:] in result.stderr
    assert "ZeroDivisionError: by 0" in kept.read_text()


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "clampboard: stopped; what was finished is kept.\n"),
        (BrokenPipeError(), 0, ""),
        (MemoryError(), 2, "clampboard: Memory ran out. "),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't"), 2, "clampboard: Memory ran"),
        (ModuleNotFoundError("No module named 'torch'"), 2, "clampboard: No module named 'torch'"),
    ],
)
def test_what_is_no_fault_of_the_program_is_a_line(run, toy_toml, monkeypatch, error, status, said):
    monkeypatch.setattr("backend.commands.making.open_engine", broken(error))
    result = run("prepare", toy_toml)
    assert (result.returncode, result.stdout) == (status, "")
    assert result.stderr.startswith(said)
    assert len(result.stderr.splitlines()) == bool(said)


def test_an_output_that_cannot_be_written_is_said(run, toy, toy_toml, monkeypatch):
    full = Path("/dev/full").open("w")  # noqa: SIM115 (closing it fails, below)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        result = run("labels", toy_toml, "show")
    with pytest.raises(OSError, match="No space left"):  # of what is still to be written
        full.close()
    result.fails("Standard output cannot be written: No space left")


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_one_line_at_whatever_moment_it_comes(toy_toml, sent, status):
    """While torch is imported; the moments before and after are too short to meet."""
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "prepare", str(toy_toml)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    time.sleep(1.5)
    process.send_signal(sent)
    out, said = process.communicate(timeout=60)
    lines = [line for line in said.splitlines() if not line.startswith(("Loading", "Looking"))]
    assert (process.returncode, out) == (status, "")
    assert lines == [f"clampboard: {stopping.SAID}"]
