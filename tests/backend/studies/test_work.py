"""Every cell's figures are those of its setting, made and evaluated by hand."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from backend.engine.engine import Engine
from backend.experiments.text_loss import text_loss
from backend.features.rankers import RANKERS
from backend.interventions.clamps import format_clamps
from backend.interventions.method import Setting, format_method, parse_method, setting_of
from backend.interventions.rival import Rival
from backend.reading.attribution import attribution
from backend.setups import load_setup
from backend.store import ROOT
from backend.studies import work
from backend.studies.cells import Cell
from backend.studies.tasks import run_cell
from backend.studies.work import answer, run
from tests.hostile.box import TEXT_LOSS
from tests.hostile.full_disk import PAGE, _cannot_mount, _leave, _mounted
from tests.support.toy import questions, write_jsonl


def _by_hand(engine: Engine, cell: Cell) -> Setting:
    if cell.rival is not None:
        if cell.rival.kind == "prompt":
            return Setting(rival=Rival("prompt", cell.rival.of))
        return Setting(rival=Rival(cell.rival.kind, engine.rivals.texts, cell.rival.strength))
    features = list(cell.picked)
    if not features:
        score = RANKERS[cell.ranker].score(engine.atlas.table, cell.ranker_setting or 0)
        there = [f for f in range(len(score)) if score[f] == score[f]]
        features = sorted(there, key=lambda f: (-score[f], f))[: cell.features]
    maximum = engine.atlas.table["max_act"]
    values = [
        round(cell.strength * (float(maximum[f]) if cell.unit == "maximum" else 1), 2)
        for f in features
    ]
    setting = setting_of(zip(features, values, strict=True), parse_method(cell.method))
    if cell.false_alarms is None:
        return setting
    return engine.calibrate(setting, cell.false_alarms, cell.rule, cell.on)[0]


def _figures_by_hand(engine: Engine, setting: Setting) -> dict[tuple[str, str], tuple]:
    """(half, set) -> n, right before, right after, lost, gained; counted one by one."""
    evaluation = engine.evaluate(setting)
    after, before = evaluation.scores.argmax(-1), engine.recording.baseline.argmax(-1)
    counts: dict[tuple[str, str], list[int]] = {}
    for place, (s, question) in enumerate(engine.sets.places()):
        half = "selection" if question.index % 2 == 0 else "held-out"
        was, is_now = (int(p[place]) == question.answer for p in (before, after))
        for key in ((h, name) for h in ("all", half) for name in (s.name, s.role)):
            found = counts.setdefault(key, [0] * 5)
            for i, true in enumerate((True, was, is_now, was and not is_now, is_now and not was)):
                found[i] += true
    return {key: tuple(found) for key, found in counts.items()}


def test_every_cell_is_its_setting_evaluated_by_hand(begin, toy):
    text = """
title = "T"
setups = ["toy.toml"]
strengths = [-3, 1]
methods = ["", { method = "window:0:4,reach:all", false_alarms = 0.3, on = "corpus" }]
rivals = ["leace", { kind = "projection", strength = 0.5 }, { kind = "prompt", of = "Forget." }]
[[grid]]
rankers = ["selectivity", { name = "paper", setting = 0.5 }, { name = "crisp", setting = 1 }]
features = [1, 4]
[[grid]]
picked = [[2, 7]]
unit = "raw"
strengths = [-20]
"""
    cells = begin(text).cells
    assert len(cells) == 3 * 2 * 2 * 2 + 1 * 1 * 2 + 3
    changed = set()
    for cell in cells:
        result = json.loads(json.dumps(run(toy, cell)))
        setting = _by_hand(toy, cell)
        assert result["clamps"] == format_clamps(setting.clamps)
        assert result["method"] == format_method(setting.method)
        found = {
            (row["half"], row["set"]): (
                row["n"],
                round(row["baseline_accuracy"] * row["n"]),
                round(row["accuracy"] * row["n"]),
                row["lost"],
                row["gained"],
            )
            for row in result["figures"]
        }
        assert found == _figures_by_hand(toy, setting)
        changed.add(found["all", "forget"])
        for name, digits in result["answers"].items():
            right = [a == b for a, b in zip(digits["right"], digits["after"], strict=True)]
            assert sum(right) == found["all", name][2]
    assert len(changed) > 2


def test_attribution_is_found_where_a_ranking_asks_for_it(begin, toy_toml):
    rows = [{**row, "answer": answer} for answer in range(4) for row in questions()]
    write_jsonl(toy_toml.with_name("quiz.jsonl"), rows)
    toy = Engine(load_setup(toy_toml))
    text = 'title = "T"\nsetups = ["toy.toml"]\nstrengths = [-3]\nfeatures = [3]\n'
    cells = begin(text + 'rankers = ["attribution", "attribution-against"]\n').cells
    mean = attribution(toy).forget
    for cell, sign in zip(cells, (1, -1), strict=True):
        best = torch.argsort(sign * mean, descending=True, stable=True)[:3]
        clamps = run(toy, cell)["clamps"]
        assert {int(pair.partition(":")[0]) for pair in clamps.split(",")} == set(best.tolist())


def test_the_loss_on_text_is_there_where_it_is_asked_for(begin, toy_toml):
    toy_toml.write_text(toy_toml.read_text() + TEXT_LOSS)
    text = 'title = "T"\nsetups = ["toy.toml"]\nstrengths = [-3]\npicked = [[0]]\n'
    (without,) = begin(text).cells
    (cell,) = begin(text + "text_loss = true\n").cells
    engine = Engine(load_setup(toy_toml))
    setting = _by_hand(engine, cell)
    assert run(engine, without)["text_added"] is None
    assert run(engine, cell)["text_added"] == pytest.approx(
        text_loss(engine, setting).added, abs=1e-6
    )


def test_what_was_kept_by_other_threads_is_not_taken(begin, toy):
    """A run that the app kept names its setting alone."""
    cell = begin().cells[0]
    want = run(toy, cell)
    setting = _by_hand(toy, cell)
    toy.results.write(setting, toy.recording.baseline.flip(1), toy.half("selection"), 1.0)
    assert toy.evaluate(setting).scores.equal(toy.recording.baseline) is False
    assert run(toy, cell) == want


def test_one_engine_is_kept_between_tasks(begin):
    first, *others = begin().cells[:3]
    assert "figures" in answer(first.plain())
    engine = work._KEPT.engine
    for cell in others:
        assert "figures" in run_cell(cell.plain())
        assert work._KEPT.engine is engine


@pytest.mark.parametrize(
    ("old", "new", "of", "said"),
    [
        ("picked = [[1]]", "picked = [[99]]", "cell", "There is no feature 99"),
        (
            "picked = [[1]]",
            'features = [1]\nrankers = [{ name = "paper", setting = 0 }]',
            "cell",
            "The ranking 'paper' leaves no feature in",
        ),
        ("picked = [[1]]", 'picked = [[1]]\nrivals = ["rmu"]', "cell", "No RMU of this model"),
        ("toy.toml", "gone.toml", "setup", "model"),
    ],
)
def test_what_cannot_be_run_is_a_sentence(begin, toy_toml, old, new, of, said):
    gone = toy_toml.with_name("gone.toml")
    gone.write_text('extends = "toy.toml"\n[model]\nname = "nobody/nothing"\npath = "sae"\n')
    text = 'title = "T"\nsetups = ["toy.toml"]\nstrengths = [-3]\npicked = [[1]]\n'
    found = answer(begin(text.replace(old, new)).cells[-1].plain())
    assert found["of"] == of
    assert said in found["error"]


def test_a_fault_of_the_program_ends_the_cell_alone(begin):
    cell = begin().cells[0].plain()
    found = answer({**cell, "unit": "raw", "strength": None})
    assert "fault of the program (AssertionError)" in found["error"]
    assert "figures" in answer(cell)


def test_a_worker_whose_disk_is_full_answers_all_the_same(begin, toy_toml, monkeypatch):
    cells = begin().cells
    want = [answer(cell.plain()) for cell in cells[:3]]
    assert all("figures" in result for result in want)
    with tempfile.TemporaryDirectory() as folder:
        if why := _cannot_mount(Path(folder)):
            pytest.skip(why)
        cache = Path(folder) / "cache"
        cache.mkdir()
        with _mounted(cache, 4_000_000):
            for path in (toy_toml.parent / "cache").glob("setups/*"):
                _copy(path, cache / "setups" / path.name)
            _leave(cache, 2 * PAGE)
            monkeypatch.setenv("CLAMPBOARD_CACHE", str(cache))
            other = {**cells[0].plain(), "where": _elsewhere(toy_toml)}
            assert "error" not in answer(other)
            assert [answer(cell.plain()) for cell in cells[:3]] == want


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(exist_ok=True)
    if path.is_dir():
        to.mkdir()
        for inner in path.iterdir():
            _copy(inner, to / inner.name)
    else:
        to.write_bytes(path.read_bytes())


def _elsewhere(toy_toml: Path) -> str:
    """Another file of the same setup, so that it is opened anew."""
    other = toy_toml.with_name("other.toml")
    other.write_text('extends = "toy.toml"')
    return str(other)


def test_a_scheduler_that_hands_tasks_on_imports_next_to_nothing():
    code = "import sys, backend.studies.tasks; sys.exit(bool({'torch', 'pandas'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
