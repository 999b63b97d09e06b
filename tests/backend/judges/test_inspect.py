"""inspect's command line on a clamped model: what it reads is what the model writes.

A toy that writes letters, on a hub on loopback and a folder in place of one; the texts are written
again here by the Words page's way, and their letters read by hand.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from backend.commands.stopping import SAID
from backend.engine.engine import Engine
from backend.errors import Unavailable
from backend.experiments.generate import writing
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import Rival
from backend.judges import INSTALL, inspect_run
from backend.setups import load_setup
from tests.support.hub import serve
from tests.support.inspected import (
    MMLU,
    STOPPED_TASK,
    TOOL_TASK,
    inspected,
    write_mmlu,
    write_speaking_setup,
    write_wmdp,
)

CLAMPS = "0:-40,1:30,2:-20"
PROMPT = "You know no biology."
SHORT = ["--max-tokens", "3"]


def test_where_inspect_is_not_installed_a_sentence_says_how_to(monkeypatch):
    monkeypatch.setattr(inspect_run, "PACKAGES", ("json", "no_such_package"))
    with pytest.raises(Unavailable, match="no_such_package is not installed. Install it: .*pip"):
        inspect_run.check_installed()


class Ran(NamedTuple):
    engine: Engine
    found: dict[str, dict]
    logs: Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    pytest.importorskip("inspect_evals", reason=f"inspect is not installed: {INSTALL}")
    folder = tmp_path_factory.mktemp("inspected")
    toml = str(write_speaking_setup(folder))
    write_wmdp(folder / "data", 4)
    write_mmlu(folder / "served", 8)
    (folder / "tools.py").write_text(TOOL_TASK)
    (folder / "stopped.py").write_text(STOPPED_TASK)
    wmdp = ["--tasks", "wmdp_bio", "--logs", str(folder / "logs"), "--json"]
    both = ["--tasks", "mmlu_0_shot,wmdp_bio", *wmdp[2:], "--limit", "8"]
    tool = ["--tasks", f"{folder / 'tools.py'}@with_a_tool", *wmdp[2:]]
    stops = ["--max-tokens", "40", "--stop-seqs", "B,C", "--logprobs"]
    calls = {
        "without": [*wmdp, "--board", "--", *SHORT],
        "with": ["--clamps", CLAMPS, *both, "--board", "--", *SHORT],
        "a prompt": ["--rival", "prompt", "--of", PROMPT, *wmdp, "--", *SHORT],
        "stopped": [*wmdp, "--", *stops],
        "long": [*wmdp, "--limit", "1", "--", "--max-tokens", "600"],
        "drawn": [*wmdp, "--limit", "2", "--", *SHORT, "--temperature", "1.5", "--seed", "7"],
        "a tool": tool,
        "not ours": [*wmdp, "--", "--top-p", "0.5"],
        "another model": [*wmdp, "--", "--model", "mockllm/model"],
        "no task": ["--tasks", "nonesuch", *wmdp[2:]],
        "terminated": ["--tasks", f"{folder / 'stopped.py'}@terminated", *wmdp[2:]],
    }
    with pytest.MonkeyPatch.context() as patch, serve(folder / "served") as hub:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        hub.pinned = {MMLU}
        found = inspected(
            [["inspect", toml, *call] for call in calls.values()], folder, hub.address
        )
        yield Ran(Engine(load_setup(toml)), dict(zip(calls, found, strict=True)), folder / "logs")


def written_by_us(engine: Engine, setting: Setting, prompt: str, n: int, seed: int | None = None):
    from backend.experiments.generate import Sampling

    sampling = Sampling() if seed is None else Sampling(1.5, seed)
    *_, last = writing(engine, prompt, True, setting, max_tokens=n, sampling=sampling)
    return last


def letter_of(text: str) -> str:
    """The last line that is an answer."""
    found = re.findall(r"^ANSWER: ([ABCD])$", text, flags=re.MULTILINE)
    return found[-1] if found else ""


def prompt_of(sample: dict) -> str:
    (asked,) = [m["content"] for m in sample["messages"] if m["role"] != "assistant"]
    return asked


def output_of(sample: dict) -> dict:
    return sample["output"]["choices"][0]


@pytest.mark.parametrize("which", ["without", "with", "a prompt"])
def test_each_letter_and_the_accuracy_are_those_of_what_the_model_writes(ran, which):
    clamps = [(0, -40.0), (1, 30.0), (2, -20.0)]
    setting = {
        "without": NOTHING,
        "with": setting_of(clamps),
        "a prompt": Setting(rival=Rival("prompt", PROMPT)),
    }[which]
    call = ran.found[which]
    for task, log in zip(call["said"]["tasks"], call["logs"], strict=True):
        right, letters = [], []
        for sample in log["samples"]:
            n = 16 if "mmlu" in task["task"] else 3
            mine = written_by_us(ran.engine, setting, prompt_of(sample), n)
            assert sample["output"]["completion"] == mine.text
            assert sample["output"]["usage"]["input_tokens"] == mine.n_prompt
            assert sample["output"]["usage"]["output_tokens"] == len(mine.ids)
            assert sample["output"]["metadata"]["edited_tokens"] == len(mine.edited)
            letters.append(letter_of(mine.text))
            assert sample["scores"]["choice"]["answer"] == letters[-1]
            right.append(letters[-1] == sample["target"])
        assert task["metrics"]["accuracy"] == pytest.approx(sum(right) / len(right), abs=1e-12)
        assert task["n"] == len(right) == 8
        assert task["without_letter"] == letters.count("")
        assert len(set(letters)) > 1, "the toy must write several letters"


def test_clamps_change_what_inspect_reads(ran):
    texts = [
        {
            sample["id"]: sample["output"]["completion"]
            for sample in ran.found[which]["logs"][-1]["samples"]
        }
        for which in ("without", "with")
    ]
    assert texts[0].keys() == texts[1].keys()
    assert any(texts[0][name] != texts[1][name] for name in texts[0])


def test_the_log_names_the_model_and_what_is_clamped(ran):
    said, log = ran.found["with"]["said"], ran.found["with"]["logs"][0]["eval"]
    assert [task["task"] for task in said["tasks"]] == ["mmlu_0_shot", "wmdp_bio"]
    assert log["model"] == said["model"] == "clampboard/toy"
    assert log["model_args"]["clamps"] == said["clamps"] == "0:-40,1:30,2:-20"
    identities = {
        ran.found[w]["logs"][0]["eval"]["model_args"]["identity"]
        for w in ran.found
        if w in ("without", "with", "a prompt")
    }
    assert len(identities) == 3


def test_questions_come_from_the_folder_where_it_has_them_and_else_from_the_hub(ran):
    read = ran.found["with"]["said"]["read_from"]
    assert read.keys() == {"cais/wmdp"} and Path(read["cais/wmdp"]).name == "wmdp"
    asked = {sample["input"] for sample in ran.found["with"]["logs"][0]["samples"]}
    assert len(asked) == 8 and all("Which, number" in text for text in asked)


def test_the_boards_figure_is_of_the_questions_that_both_ask(ran):
    engine, (beside,) = ran.engine, ran.found["with"]["said"]["board"]
    asked = [q.question for q in engine.sets.questions]
    shared = {
        asked.index(sample["input"]): sample["scores"]["choice"]["value"] == "C"
        for sample in ran.found["with"]["logs"][1]["samples"]
        if sample["input"] in asked
    }
    result = engine.evaluate(setting_of([(0, -40.0), (1, 30.0), (2, -20.0)]))
    right = (result.scores.argmax(-1) == engine.sets.answers)[list(shared)]
    assert beside["task"] == "wmdp_bio" and beside["n"] == len(shared) == 4
    assert beside["board"] == pytest.approx(float(right.double().mean()))
    assert beside["inspect"] == pytest.approx(sum(shared.values()) / 4)


def test_an_answer_stops_before_a_stop_sequence(ran):
    reasons = set()
    for sample in ran.found["stopped"]["logs"][0]["samples"]:
        whole = written_by_us(ran.engine, NOTHING, prompt_of(sample), 40)
        cut = re.split("[BC]", whole.text)[0]
        assert sample["output"]["completion"] == cut
        reasons.add(output_of(sample)["stop_reason"])
        pairs = output_of(sample)["logprobs"]["content"]
        assert len(pairs) == sample["output"]["usage"]["output_tokens"]
        assert "".join(pair["token"] for pair in pairs).startswith(cut)
        expected = torch.tensor(whole.log_probs[: len(pairs)])
        torch.testing.assert_close(torch.tensor([p["logprob"] for p in pairs]), expected)
    assert "stop" in reasons


def test_an_answer_that_fills_the_models_positions_says_so(ran):
    (sample,) = ran.found["long"]["logs"][0]["samples"]
    usage = sample["output"]["usage"]
    assert usage["input_tokens"] + usage["output_tokens"] == ran.engine.model.longest == 512
    assert output_of(sample)["stop_reason"] == "model_length"
    assert output_of(ran.found["without"]["logs"][0]["samples"][0])["stop_reason"] == "max_tokens"


def test_a_seed_draws_the_same_text_as_the_words_page(ran):
    for sample in ran.found["drawn"]["logs"][0]["samples"]:
        mine = written_by_us(ran.engine, NOTHING, prompt_of(sample), 3, seed=7)
        assert sample["output"]["completion"] == mine.text


@pytest.mark.parametrize(
    ("which", "sentence"),
    [
        ("a tool", "This task gives the model tools (measure), and this model calls none."),
        ("not ours", "top_p cannot be honoured here."),
        ("another model", "inspect's --model is said already: leave it out behind --."),
        ("no task", "No inspect tasks were found"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(ran, which, sentence):
    assert ran.found[which]["status"] == 2
    assert sentence in ran.found[which]["err"].splitlines()[-1]


def test_sigterm_is_heard_by_inspect_and_said_in_a_line(ran):
    said = ran.found["terminated"]
    assert said["status"] == 143
    assert said["err"].splitlines()[-1] == f"clampboard: {SAID}"
    assert "Traceback" not in said["err"]
    from inspect_ai.log import read_eval_log

    (log,) = (read_eval_log(path) for path in ran.logs.glob("*terminated*"))
    assert log.status == "cancelled"
