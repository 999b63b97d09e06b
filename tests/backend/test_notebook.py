"""The engine in a notebook: the same figures, shown as HTML that stays HTML, without a sound."""

import html
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from backend.errors import BadClamps, BadInput, BadRival
from backend.evaluation.evaluate import FIGURES, pooled
from backend.experiments.controls import controls_of
from backend.experiments.generate import writing
from backend.experiments.verdict import verdict
from backend.interventions.board import board_of, write_link
from backend.interventions.method import NOTHING, Gate, Method, setting_of
from backend.notebook import load
from backend.notebook.lab import Lab
from backend.notebook.quiet import quiet
from backend.store import ROOT
from components.charts.board import dumbbell
from components.charts.dose import dose_curves

SETTING = setting_of([(2, -41.5), (3, -30.0), (6, -25.0)])
HOSTILE = "<script>alert(1)</script> & “viruses”"


@pytest.fixture
def lab(toy) -> Lab:
    return Lab(toy)


class Tags(HTMLParser):
    """Fails at a tag that closes another than the last that is open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def ran(program, cwd, **env):
    """Its standard output and error, of a fresh interpreter that knows where the backend is."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        timeout=600,
    )


# -- loading ---------------------------------------------------------------------------------------


def test_importing_it_loads_nothing_and_a_wrong_setup_is_said_before_anything_is(tmp_path):
    program = (
        "import sys\n"
        "from backend.notebook import load\n"
        "from backend.errors import BadSetup\n"
        "try:\n    load('nosuch')\nexcept BadSetup as error:\n    print(error)\n"
        "print({'torch', 'transformers', 'pandas', 'tqdm'} & set(sys.modules))\n"
    )
    done = ran(program, tmp_path)
    said, loaded = done.stdout.splitlines()
    assert "There is no setup" in said
    assert loaded == "set()"
    assert done.stderr == ""


def test_nothing_is_heard_of_it_but_bars_where_they_are_asked_for(toy_toml, capfd):
    lab = load(toy_toml)
    tried = lab.clamp(SETTING)
    tried.evaluate()
    for it in (lab, lab.feature(3), tried, tried.write("The heart", plain=True, max_tokens=2)):
        assert repr(it) and it._repr_html_()
    assert capfd.readouterr() == ("", "")
    loud = Lab(lab.engine, progress=True)
    loud.clamp({4: -20.0}).evaluate()
    loud.compare({"a": {5: -9.0}, "b": ""})
    out, err = capfd.readouterr()
    assert out == ""
    assert re.search(r"Evaluating: 100%\|.*\| (\d+)/\1 ", err)
    assert "Evaluating the settings: 100%" in err


def test_what_the_libraries_say_is_as_it_was_once_a_model_is_loaded():
    from transformers.utils import logging as transformers_logging

    def heard():
        bars = transformers_logging.is_progress_bar_enabled()
        return transformers_logging.get_verbosity(), bars, list(warnings.filters)

    before = heard()
    with quiet():
        assert heard()[:2] == (logging.ERROR, False)
    assert heard() == before


# -- reading ---------------------------------------------------------------------------------------


def test_a_search_is_a_table_of_what_the_page_finds(lab):
    found = lab.search("virus")
    assert list(found["feature"]) == lab.engine.atlas.search("virus").hits["feature"].tolist()
    first = found.iloc[0]
    assert (first["feature"], first["label or words"]) == (5, "viruses")
    assert "label: viruses" in first["found in"]
    assert first["share of forget tokens"] == lab.engine.atlas.summary(5)["forget_density"]
    assert lab.search("virsu").attrs["read_as"] == {"virsu": ["virus"]}


def test_a_feature_shows_where_it_fires_and_what_it_promotes(lab):
    read = lab.feature(lab.search("heart")["feature"][0])
    assert read.page.feature == 3
    shown = read._repr_html_()
    Tags(shown)
    assert "heart and vessels" in shown
    for example in read.page.examples:
        assert f"<td>{example.max_act:.1f}</td>" in shown
    marked = [float(value) for value in re.findall(r'<mark [^>]*title="([\d.]+)"', shown)]
    assert max(marked) == round(read.page.max_act, 2)
    assert html.escape(repr(read.page.promoted[0])) in shown
    assert "Neuronpedia" not in shown
    linked = replace(read.page, neuronpedia='https://x/"><b>')
    assert 'href="https://x/&quot;&gt;&lt;b&gt;"' in replace(read, page=linked)._repr_html_()
    assert f"3  {read.page.label}" in repr(read)


def test_text_of_the_corpora_stays_text(lab):
    reads = [lab.feature(feature, 20)._repr_html_() for feature in range(3)]
    for shown in reads:
        Tags(shown)
    bare = "".join(re.sub(r"</?(mark|b)\b[^>]*>", "", shown) for shown in reads)
    assert "&lt;b&gt;that&lt;/b&gt;" in bare  # a passage's own words


# -- settings --------------------------------------------------------------------------------------


def test_a_setting_can_be_said_in_every_way(lab):
    engine = lab.engine
    link = write_link(board_of(SETTING.clamps))
    engine.saved_presets.save("my: own", board_of(SETTING.clamps))
    ways = [
        "2:-41.5,3:-30,6:-25",
        {6: -25.0, 2: -41.5, 3: -30},
        SETTING,
        f"http://localhost:8501/?clamps={link['clamps']}",
        "my: own",
    ]
    for way in ways:
        assert lab.clamp(way).setting == SETTING
        assert lab.clamp(way).half is None
    assert lab.clamp().setting == NOTHING
    held_out = lab.clamp("?clamps=2:-5&half=held-out")
    assert (held_out.setting, held_out.half) == (setting_of([(2, -5.0)]), "held-out")


def test_when_it_acts_can_be_said_and_a_tau_be_found(lab):
    gated = Method(gate=Gate("rho", 0.15), reach="all")
    for method in ("rho:0.15,reach:all", gated):
        assert lab.clamp(SETTING, method=method).setting == setting_of(SETTING.clamps, gated)
    found = lab.clamp(SETTING, method="rho:0", false_alarms=0.5).setting
    by_hand, _ = lab.engine.calibrate(
        setting_of(SETTING.clamps, Method(gate=Gate("rho", 0.0))), 0.5, "quantile", "questions"
    )
    assert found == by_hand
    assert found.method.gate.tau > 0


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda lab: lab.clamp("nosuch"), BadInput, "There is no preset 'nosuch'"),
        (lambda lab: lab.clamp({2.5: -1.0}), BadInput, "says no clamps"),
        (lambda lab: lab.clamp({"2": "low"}), BadInput, "says no clamps"),
        (lambda lab: lab.clamp(7), BadInput, "says no clamps"),
        (lambda lab: lab.clamp({99: -1.0}), BadClamps, "There is no feature 99"),
        (lambda lab: lab.clamp({2: -1.0}, half="all"), BadInput, "selection, held-out"),
        (lambda lab: lab.compare({"a": ""}, half="heldout"), BadInput, "selection, held-out"),
        (lambda lab: lab.rival("lace"), BadRival, "There is no rival"),
        (lambda lab: lab.clamp("rival=prompt:Hush", method="rho:0.1"), BadInput, "acts always"),
        (lambda lab: lab.clamp().controls(), BadInput, "nothing to hold controls against"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(lab, ask, error, said):
    with pytest.raises(error, match=said) as raised:
        ask(lab)
    [shown] = raised.value._render_traceback_()  # all that IPython shows
    assert shown == f"{error.__name__}: {raised.value}"


# -- figures ---------------------------------------------------------------------------------------


def test_it_is_the_engines_own_evaluation_and_is_kept(lab):
    ours = lab.clamp(SETTING).evaluate()
    again = lab.engine.evaluate(SETTING, anew=True)
    assert ours.sets == again.sets
    assert torch.equal(ours.scores, again.scores)
    assert [t.run.setting for t in lab.engine.history.trials()] == [SETTING]


def test_a_rival_is_tried_like_clamps(lab):
    tried = lab.rival("projection", strength=2.0)
    setting = setting_of([], rival=lab.engine.rivals.named("projection", strength=2.0))
    assert tried.setting == setting
    assert tried.evaluate().sets == lab.engine.evaluate(setting, anew=True).sets
    Tags(tried._repr_html_())
    assert tried._repr_html_().startswith('<div class="clampboard">')
    assert "Projection × 2" in repr(tried)


def test_showing_a_setting_that_has_not_run_runs_nothing(lab):
    tried = lab.clamp(SETTING)
    for shown in (repr(tried), tried._repr_html_()):
        assert "Not evaluated yet" in shown
    assert lab.engine.finished(SETTING) is None


@pytest.mark.parametrize("half", [None, "held-out"])
def test_a_setting_shows_the_verdict_and_every_set(lab, half):
    tried = lab.clamp(SETTING, half=half)
    evaluation, only = tried.evaluate(), lab.engine.half(half) if half else None
    found = verdict(lab.engine, lab.engine.evaluate(SETTING), only)
    shown = tried._repr_html_()
    Tags(shown)
    assert html.escape(found.sentence) in shown
    assert found.sentence in repr(tried)
    for s in evaluation.sets:
        assert f"{s.title}<br>" in shown
        assert f"<td>{s.n}<br><small>{s.n_affected} touched</small></td>" in shown
    assert (", figures over the held-out half" in shown) == (half is not None)
    assert shown.count("<li>") == len(found.lights)


def test_what_users_wrote_stays_text_wherever_it_is_shown(lab):
    lab.engine.atlas.relabel(3, label=HOSTILE)
    tried = lab.clamp({3: -30.0})
    tried.evaluate()
    texts = tried.write("Is a < b?", plain=True, max_tokens=2)
    for it in (lab.feature(3), tried, texts, lab.clamp({3: -31.0}), lab.search("alert")):
        shown = it._repr_html_()
        Tags(shown)
        assert "<script" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in shown
    assert "Is a &lt; b?" in texts._repr_html_()


def test_every_question_has_a_row_and_the_rows_add_up_to_the_figures(lab):
    tried = lab.clamp(setting_of(SETTING.clamps, Method(gate=Gate("rho", 0.05))))
    table = tried.questions()
    assert list(table.columns[:6]) == ["set", "row", "topic", "question", "right", "without"]
    for s in tried.evaluate().sets:
        mine = table[table["set"] == s.title]
        assert len(mine) == s.n
        assert mine["touched"].sum() == s.n_affected
        assert (mine["without"] == mine["right"]).mean() == s.baseline_accuracy
        assert (mine["change"] == "lost").sum() == s.lost
        assert (mine["change"] == "gained").sum() == s.gained
    assert (table["opens"] >= table["touched"]).all()
    half = lab.clamp(SETTING, half="held-out").questions()
    assert set(half["row"] % 2) == {1}


def test_settings_beside_each_other_are_what_each_is_alone(lab):
    table = lab.compare(
        {"mine": SETTING, "as it is": "", "tried": lab.clamp({5: -60.0})}, "held-out"
    )
    assert list(table.columns) == ["setting", "role", "touched", *FIGURES]
    engine = lab.engine
    for row in table.to_dict("records"):
        setting = {"mine": SETTING, "as it is": NOTHING}.get(row["setting"], setting_of([(5, -60)]))
        sets = engine.restrict(engine.evaluate(setting, anew=True), engine.half("held-out")).sets
        assert pooled(sets, row["role"]).figures() == {name: row[name] for name in FIGURES}
    assert len(table) == 6
    assert engine.history.trials() == []


def test_controls_are_the_pages_and_the_verdict_knows_them_then(lab):
    tried = lab.clamp({2: -41.5})
    table = tried.controls()
    names = ["these features", *(c.name for c in controls_of(lab.engine, tried.setting))]
    assert list(table["clamp"]) == names * 2
    own = table[(table["clamp"] == "these features") & (table["role"] == "forget")].iloc[0]
    assert own["lost"] == tried.evaluate().sets[0].lost
    assert all(light.ok is not None for light in tried.verdict().lights)


def test_a_dose_is_what_its_chart_draws(lab):
    table = lab.dose(np.int64(2), [-5.0, 0.0], method="rho:0.01")
    drawn = dose_curves(table).to_dict()["datasets"].values()
    assert any(len(rows) == 4 and rows[0]["multiple"] == -5.0 for rows in drawn)
    value = table["value"].iloc[0]
    setting = setting_of([(2, value)], Method(gate=Gate("rho", 0.01)))
    forget = lab.engine.evaluate(setting, anew=True).sets[0]
    row = table.iloc[0]
    assert (row["role"], row["accuracy"]) == ("forget", 100 * forget.accuracy)
    assert row["low"] == 100 * forget.baseline_accuracy + forget.ci_low_pp
    assert "layer" in dumbbell(lab.clamp(SETTING).evaluate().sets).to_dict()


def test_texts_are_written_as_on_the_words_page(lab):
    texts = lab.clamp(SETTING).write("The heart", plain=True, max_tokens=6)
    for setting, written in ((NOTHING, texts.without), (SETTING, texts.clamped)):
        *_, last = writing(lab.engine, "The heart", False, setting, max_tokens=6)
        assert written == last
    assert texts.without.ids != texts.clamped.ids
    assert repr(texts).startswith("Without:\n")


# -- the README ------------------------------------------------------------------------------------

DUMPED = """
import json, pathlib
found = {
    "sets": [[s.name, s.n, s.lost, s.gained, s.accuracy] for s in clamped.evaluate().sets],
    "answers": clamped.questions()["with"].tolist(),
    "shown": clamped._repr_html_(),
}
pathlib.Path("found.json").write_text(json.dumps(found))
"""
SOME = 40
"""Questions that are answered again."""


@pytest.mark.demo
def test_the_readmes_program_runs_in_a_fresh_interpreter_elsewhere(demo, tmp_path):
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## From Python")[2]
    program = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    assert len([line for line in program.splitlines() if line]) == 8
    done = ran(program + DUMPED, tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    found = json.loads((tmp_path / "found.json").read_text())
    setting = demo.preset("forget-biology")
    own = demo.evaluate(setting)
    assert found["sets"] == [[s.name, s.n, s.lost, s.gained, s.accuracy] for s in own.sets]
    first = torch.arange(demo.n_questions) < SOME
    again = demo.evaluate(setting, only=first, anew=True)
    answers = [
        question.choices[choice]
        for question, choice in zip(demo.sets.questions, again.predictions().tolist(), strict=True)
    ]
    assert found["answers"][:SOME] == answers[:SOME]
    assert html.escape(verdict(demo, own).sentence) in found["shown"]
