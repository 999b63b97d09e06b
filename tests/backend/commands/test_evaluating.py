"""Evaluate, dose, sweep and controls say what the engine says; a file runs again to its figures."""

import json
import os
import re
from pathlib import Path

import pytest
import torch

from backend.evaluation.change import affected_questions
from backend.interventions.method import Setting, format_method, parse_method, setting_of
from backend.interventions.rival import KINDS, PUSHED, Rival, format_rival, in_words
from backend.rivals.prompts import WORDINGS
from backend.rivals.trained import folder_of
from tests.support.rivals import PROMPT, untrained


def value_of(result) -> dict:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_evaluate_says_what_the_engine_says(run, toy, toy_toml):
    given = ("--clamps", "2:-40,5:0", "--json", "--per-question")
    value = value_of(run("evaluate", toy_toml, *given))
    mine = toy.evaluate(setting_of([(2, -40.0), (5, 0.0)]))
    for said, result in zip(value["sets"], mine.sets, strict=True):
        figures = {name: said[name] for name in said if name not in ("margin_change", "questions")}
        assert figures == {name: getattr(result, name) for name in figures}
        assert len(figures) == 15
    scores = torch.tensor([q["scores"] for s in value["sets"] for q in s["questions"]])
    torch.testing.assert_close(scores, mine.scores)


CLAMPS = ("--clamps", "2:-40,5:0,9:-9")
METHOD_FLAGS = {
    "--gate rho --tau 0.15 --reach all": "rho:0.15,reach:all",
    "--gate window --tau 0.5 --window 12 --threshold 0.1": "threshold:0.1,window:0.5:12",
    "--gate cusum --tau 0.2": "cusum:0.2",
    "--refusal 7:-500": "refusal:7:-500",
    "--refusal 7:-500 --beside --keep-norm": "refusal:7:-500:beside,norm:kept",
}


@pytest.mark.parametrize("flags", METHOD_FLAGS)
def test_evaluate_acts_by_the_method_that_is_given(run, toy, toy_toml, flags):
    given = (*CLAMPS, *flags.split(), "--json", "--per-question")
    value = value_of(run("evaluate", toy_toml, *given))
    method = parse_method(METHOD_FLAGS[flags])
    setting = setting_of([(2, -40.0), (5, 0.0), (9, -9.0)], method)
    assert value["method"] == METHOD_FLAGS[flags] == format_method(method)
    questions = [q for s in value["sets"] for q in s["questions"]]
    scores = torch.tensor([q["scores"] for q in questions])
    torch.testing.assert_close(scores, toy.evaluate(setting).scores)
    opened = toy.opening(setting)
    assert ("gate" in value) == (opened is not None)
    for place, question in enumerate(questions):
        if opened is None:
            assert "gate" not in question
        else:
            gate = question["gate"]
            assert gate["statistic"] == float(opened.of_row[place])
            assert gate["open"] == bool(opened.rows[place])
            assert ("is not above tau" in gate["why"]) == (not gate["open"])
    if opened is not None:
        n_open = sum(q["gate"]["open"] for q in questions)
        assert sum(s["open"] for s in value["gate"]["sets"]) == n_open
        said = run("evaluate", toy_toml, *CLAMPS, *flags.split()).stdout
        assert f"   gate  {method.gate.kind} > " in said
        assert "features clamped (" in said


def test_tau_is_found_and_said(run, toy, toy_toml):
    asked = ("--gate", "rho", "--false-alarms", "0.5", "--calibrate", "conformal")
    result = run("evaluate", toy_toml, *CLAMPS, *asked, "--json")
    plain = setting_of([(2, -40.0), (5, 0.0), (9, -9.0)], parse_method("rho:0"))
    setting, found = toy.calibrate(plain, 0.5, "conformal", "questions")
    assert found.in_words() in result.stderr
    assert value_of(result)["method"] == format_method(setting.method)


def test_flags_change_what_a_preset_says(run, toy, toy_toml):
    preset = toy.preset("forget-biology-gated")
    given = ("evaluate", toy_toml, "--preset", "forget-biology-gated", "--json")
    assert value_of(run(*given))["method"] == format_method(preset.method)
    assert value_of(run(*given, "--gate", "none"))["method"] == ""
    assert value_of(run(*given, "--tau", "0.4", "--reach", "all"))["method"] == "rho:0.4,reach:all"
    found = value_of(run(*given, "--gate", "window", "--window", "3", "--false-alarms", "0.4"))
    assert found["method"].startswith("window:")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--gate rho", "Give --tau, or --false-alarms"),
        ("--tau 0.3", "--tau is of a gate"),
        ("--false-alarms 0.1", "--false-alarms is of a gate"),
        ("--gate rho --tau 0.3 --false-alarms 0.1", "not both"),
        ("--gate rho --tau 0.3 --window 4", "--window is of --gate window"),
        ("--gate rho --tau 1.5", "it can be 0 to 1"),
        ("--beside", "goes with --refusal"),
        ("--refusal 7", "no number"),
        ("--refusal 24:1", "There is no feature 24 to be a refusal latent"),
        ("--gate rho --false-alarms 0.01 --calibrate conformal", "are too few for a conformal tau"),
    ],
)
def test_flags_that_do_not_go_together_are_said(run, toy_toml, flags, said):
    run("evaluate", toy_toml, *CLAMPS, *flags.split()).fails(said)


def test_what_says_when_to_act_does_not_go_with_a_file(run, toy_toml, exported):
    run("evaluate", toy_toml, "--from", exported, "--gate", "none").fails("what says when to act")


def test_gate_says_what_opens_before_anything_runs(run, toy, toy_toml):
    given = ("gate", toy_toml, *CLAMPS, "--gate", "rho", "--tau", "0.1")
    value = value_of(run(*given, "--json"))
    setting = setting_of([(2, -40.0), (5, 0.0), (9, -9.0)], parse_method("rho:0.1"))
    opened = toy.opening(setting)
    for s in value["gate"]["sets"]:
        assert s["open"] == int((opened.rows[toy.sets.span(s["name"])] > 0).sum())
    assert value["light"]["name"] == "Opened by the subject"
    half = value_of(run(*given, "--half", "held-out", "--json"))
    assert sum(s["n"] for s in half["gate"]["sets"]) == int(toy.half("held-out").sum())
    run(*given, "--dilute").fails("The retain text has")  # the toy's is shorter than that
    run("gate", toy_toml, *CLAMPS).fails("There is no gate to look at")


def test_dose_and_sweep_and_controls_act_by_the_method(run, toy, toy_toml):
    flags = ("--gate", "rho", "--tau", "0.1", "--json")
    method = parse_method("rho:0.1")
    point = value_of(run("dose", toy_toml, "2", "--multiples", "-3", *flags))["points"][0]
    mine = toy.evaluate(setting_of([(2, point["value"])], method))
    assert [s["accuracy"] for s in point["sets"]] == [s.accuracy for s in mine.sets]
    given = ("--features", "2", "--n", "1", "--multiples", "-3")
    swept = value_of(run("sweep", toy_toml, *given, *flags))["points"][0]
    assert swept["forget"]["accuracy"] == point["forget"]["accuracy"]
    found = value_of(run("controls", toy_toml, "--clamps", "2:-40", *flags))
    assert found["method"] == "rho:0.1"
    assert any(c["name"].startswith("random, open as often") for c in found["controls"])
    swept = value_of(
        run("sweep", toy_toml, *given, "--gate", "rho", "--false-alarms", "0.3", "--json")
    )
    assert len(swept["points"]) == 1


def test_evaluate_says_the_margins_and_the_lights(run, toy_toml):
    value = value_of(run("evaluate", toy_toml, "--clamps", "2:-40", "--json"))
    lights = {light["name"] for light in value["lights"]}
    assert lights >= {"Something to forget", "Edit in proportion"}
    assert "mean" in value["sets"][0]["margin_change"]


def test_the_slow_path_says_the_same_of_one_set(run, toy_toml):
    given = ("evaluate", toy_toml, "--clamps", "1:-9", "--sets", "history", "--json")
    fast, slow = (value_of(run(*given, *more)) for more in ((), ("--reference",)))
    assert (fast["path"], slow["path"]) == ("engine", "reference")
    assert [s["name"] for s in fast["sets"]] == ["history"]
    assert fast["sets"][0]["accuracy"] == slow["sets"][0]["accuracy"]


def test_a_kept_answer_is_called_kept(run, toy_toml):
    given = ("evaluate", toy_toml, "--clamps", "2:-41")
    assert value_of(run(*given, "--json"))["kept"] is None
    again = run(*given)
    assert ", kept from 2" in again.stdout
    assert ", when it took " in again.stdout
    assert value_of(run(*given, "--json"))["kept"] > 1e9


def test_a_question_whose_edit_was_made_before_is_not_run_again(run, toy, toy_toml):
    touched = {
        f: int(affected_questions(toy.recording, setting_of([(f, 0.0)])).sum())
        for f in range(toy.d_sae)
    }
    rare = min((f for f in touched if touched[f]), key=touched.__getitem__)
    common = max(touched, key=touched.__getitem__)
    given = ("evaluate", toy_toml, "--clamps")
    first = value_of(run(*given, f"{common}:-42", "--json"))
    assert (first["questions_run"], first["questions_known"]) == (touched[common], 0)
    both = value_of(run(*given, f"{common}:-42,{rare}:-7", "--json"))
    assert both["questions_run"] == touched[rare] < touched[common]
    assert both["questions_known"] >= touched[common] - touched[rare]
    words = run(*given, f"{common}:-42,{rare}:-9").stdout
    assert re.search(rf"{touched[rare]} questions run, \d+ known from before, ", words)


def test_a_run_stops_where_it_is_sure_and_goes_on_when_asked(run, toy, toy_toml, monkeypatch):
    monkeypatch.setattr("backend.model.held.TOKENS_PER_BATCH", {("cpu", "float32"): 16})
    given = ("evaluate", toy_toml, "--clamps", "0:-43,1:-43", "--json")
    with monkeypatch.context() as patch:  # seven questions are never sure of the rest
        patch.setattr("backend.statistics.Z95", 0.1)
        sample = value_of(run(*given, "--sure", "20"))
    assert not sample["complete"]
    assert max(s["sure_pp"] for s in sample["sets"]) > 0
    assert 0 < sum(s["n_done"] for s in sample["sets"]) == sample["questions_run"]
    assert sum(s["n_affected"] for s in sample["sets"]) > sample["questions_run"]
    whole = value_of(run(*given))
    assert whole["complete"]
    assert whole["questions_known"] == sample["questions_run"]
    anew = toy.evaluate(setting_of([(0, -43.0), (1, -43.0)]), anew=True)
    assert [s["lost"] for s in whole["sets"]] == [s.lost for s in anew.sets]


def settings_file(tmp_path, *rows) -> Path:
    path = tmp_path / "settings.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_many_settings_in_one_call_say_what_each_says_alone(run, toy_toml, tmp_path):
    gated = {"clamps": "2:-44,5:0", "method": "rho:0.15,reach:all"}
    path = settings_file(tmp_path, {"clamps": "2:-44"}, "", gated, {"preset": "forget-biology"})
    value = value_of(run("evaluate", toy_toml, "--clamps-file", path, "--json"))
    assert [run_["clamps"] for run_ in value["runs"][:2]] == ["2:-44", "2:-44,5:0"]
    assert value["runs"][1]["method"] == gated["method"]
    alone = value_of(run("evaluate", toy_toml, "--clamps", "2:-44", "--json"))
    for said in ("sets", "lights"):
        assert value["runs"][0][said] == alone[said]
    words = run("evaluate", toy_toml, "--clamps-file", path).stdout
    assert words.count("features clamped") == 3
    assert "forget-biology:\n" in words


def test_the_arguments_method_is_for_lines_without_one(run, toy_toml, tmp_path):
    path = settings_file(tmp_path, {"clamps": "2:-44"}, {"clamps": "2:-44", "method": "rho:0.3"})
    given = ("evaluate", toy_toml, "--clamps-file", path, "--gate", "rho", "--tau", "0.1", "--json")
    assert [one["method"] for one in value_of(run(*given))["runs"]] == ["rho:0.1", "rho:0.3"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], ("has no line",)),
        (["{"], ("line 1", "JSON")),
        ([{"clamps": "1:2"}, {"clamps": "99:1"}], ("line 2", "no feature 99")),
        ([{"clamps": "x"}], ("line 1", "is not a clamp")),
        ([{"clamps": 3}], ("line 1", "object of texts")),
        ([[1]], ("line 1", "object of texts")),
        ([{"clamps": "1:2", "preset": "forget-biology"}], ("line 1", "One of")),
        ([{"method": "rho:0.1"}], ("line 1", "One of")),
        ([{"clamps": "1:2", "clamp": ""}], ("line 1", "no field 'clamp'")),
        ([{"preset": "x"}], ("line 1", "no preset 'x'")),
        ([{"clamps": "1:2", "method": "rho:7"}], ("line 1", "it can be 0 to 1")),
        ([{"rival": "prompt:x"}, {"rival": "leace"}], ("line 2", "'leace' is no rival")),
        ([{"rival": "leace:abc:101"}], ("line 1", "The strength of LEACE is 101")),
        ([{"rival": "prompt:x", "clamps": ""}], ("line 1", "One of")),
        ([{"rival": "prompt:x", "method": "rho:0.1"}], ("line 1", '"method" is of clamps')),
    ],
)
def test_a_line_that_is_no_setting_is_named(run, toy_toml, tmp_path, monkeypatch, rows, words):
    monkeypatch.setattr("backend.commands.evaluating.open_engine", None)
    path = settings_file(tmp_path, *rows)
    run("evaluate", toy_toml, "--clamps-file", path).fails("settings.jsonl", *words)


def test_lines_of_rivals_stand_beside_lines_of_clamps(run, toy, toy_toml, tmp_path):
    leace = format_rival(toy.rivals.named("leace", strength=0.5))
    rows = [{"clamps": "2:-44"}, {"rival": leace}, {"rival": "prompt:Forget%20it."}, {"rival": ""}]
    path = settings_file(tmp_path, *rows)
    value = value_of(
        run("evaluate", toy_toml, "--clamps-file", path, "--json", "--gate", "rho", "--tau", "0.1")
    )
    runs = value["runs"]
    assert [one.get("rival") for one in runs] == [None, leace, "prompt:Forget%20it.", None]
    assert [one["method"] for one in runs] == ["rho:0.1", "", "", ""]
    assert [one["clamps"] for one in runs] == ["2:-44", "", "", ""]
    alone = value_of(run("evaluate", toy_toml, "--rival", "leace", "--strength", "0.5", "--json"))
    assert runs[1]["sets"] == alone["sets"]
    words = run("evaluate", toy_toml, "--clamps-file", path).stdout
    assert f"{leace}:\n" in words
    assert "Prompt “Forget it.” in the place of clamps" in words


def test_a_line_of_a_rival_that_is_not_here_is_said(run, toy_toml, tmp_path):
    path = settings_file(tmp_path, {"rival": "rmu:l2-s3-a100-12345678"})
    run("evaluate", toy_toml, "--clamps-file", path).fails("no RMU 'l2-s3-a100-12345678'")
    path = settings_file(tmp_path, {"rival": "leace:0123456789ab:1"})
    run("evaluate", toy_toml, "--clamps-file", path).fails("was found from other text")


def test_a_file_of_settings_has_no_reference(run, toy_toml, tmp_path):
    path = settings_file(tmp_path, {"clamps": "2:-44"})
    run("evaluate", toy_toml, "--clamps-file", path, "--reference").fails("one setting at a time")


def test_a_preset_says_how_many_features_its_rule_gave(run, toy, toy_toml):
    n = len(toy.preset("forget-biology").clamps)
    said = run("evaluate", toy_toml, "--preset", "forget-biology").stderr
    assert f"forget-biology: {n} feature" in said
    assert "admits no more of the 30 wanted on this setup" in said


def test_dose_says_what_evaluate_says(run, toy_toml):
    value = value_of(run("dose", toy_toml, "2", "--multiples", "1", "-3", "--json"))
    assert [p["multiple"] for p in value["points"]] == [-3, 1]
    for point in value["points"]:
        clamp = f"2:{point['value']}"
        alone = value_of(run("evaluate", toy_toml, "--clamps", clamp, "--json"))
        assert [s["accuracy"] for s in alone["sets"]] == [s["accuracy"] for s in point["sets"]]


def test_a_sweep_gives_a_point_for_each_setting(run, toy, toy_toml):
    given = ["--features", "2", "9", "--n", "1", "2", "--multiples", "-3", "-6", "--json"]
    points = value_of(run("sweep", toy_toml, *given))["points"]
    assert [(p["n"], p["multiple"]) for p in points] == [(1, -3.0), (1, -6.0), (2, -3.0), (2, -6.0)]
    value = round(-3.0 * float(toy.atlas.table.max_act[2]), 2)
    mine = toy.evaluate(setting_of([(2, value)]))
    forget = next(s.accuracy for s in mine.sets if s.role == "forget")
    assert points[0]["forget"]["accuracy"] == forget


def test_controls_stand_beside_the_users_own(run, toy, toy_toml):
    controls = value_of(run("controls", toy_toml, "--clamps", "2:-40", "--json"))["controls"]
    assert len(controls) == 9
    assert [c["name"] for c in controls][::6] == ["these features", "next decoder"]
    mine = toy.evaluate(setting_of([(2, -40.0)]))
    lost = sum(s.lost for s in mine.sets if s.role == "retain")
    assert controls[0]["retain"]["lost"] == lost


@pytest.fixture
def exported(run, toy, toy_toml, tmp_path):
    """A file of two clamps."""
    file = tmp_path / "run.json"
    assert run("export", toy_toml, "--clamps", "1:-120,4:-3.7", "--out", file).returncode == 0
    return file


def test_a_file_runs_again_to_the_same_figures(run, toy_toml, exported):
    value = value_of(run("evaluate", toy_toml, "--from", exported, "--json"))
    assert value["same"]
    assert value["verdict"] == "same"
    assert value["clamps"] == "1:-120,4:-3.7"
    assert (value["questions"], value["differences"]) == (7, [])


def other_headline(raw):
    raw["sets"][0]["accuracy"] += 0.25


def other_answer(raw):
    """A prediction turned round, and claimed accordingly: the file agrees with itself there."""
    question = raw["sets"][0]["questions"][0]
    question["scores"] = question["scores"][::-1]
    question["prediction"] = question["scores"].index(max(question["scores"]))
    question["affected"] = True


def no_sets(raw):
    raw["sets"] = []


def other_sae(raw):
    raw["identity"]["the SAE"] = "0" * 64


def other_setup(raw):
    raw["setup"]["name"] = "demo"


def a_path(raw):
    raw["setup"]["name"] = "../toy.toml"


def no_number(raw):
    raw["sets"][0]["accuracy"] = float("nan")


@pytest.mark.parametrize(
    ("falsify", "status", "words"),
    [
        (other_headline, 1, "Different: The set 'biology': accuracy is"),
        (other_answer, 1, "1 of 7 questions are answered otherwise"),
        (no_sets, 1, "Different: The set 'history' is missing in the file."),
        (other_sae, 3, "Different: The SAE: 000000000000… in the file"),
        (other_setup, 3, "Different: The setup: demo in the file, toy here."),
        (a_path, 2, "'setup.name' should be a setup's name, never a path"),
        (no_number, 2, "NaN is no number of JSON"),
    ],
)
def test_each_kind_of_difference_has_its_status(run, toy_toml, exported, falsify, status, words):
    raw = json.loads(exported.read_text())
    falsify(raw)
    exported.write_text(json.dumps(raw))
    again = run("evaluate", toy_toml, "--from", exported)
    assert again.returncode == status
    assert words in again.stdout + again.stderr
    if status == 2:
        again.fails(words)
        return
    assert len(again.stdout) < 3000
    value = json.loads(run("evaluate", toy_toml, "--from", exported, "--json").stdout)
    assert value["verdict"] == {1: "other figures", 3: "other ingredients"}[status]
    assert not value["same"]


def test_the_statuses_are_in_the_help(run):
    said = " ".join(run("evaluate", "--help").stdout.split())
    for status in ("0: the same figures", "1: other figures", "2: the file", "3: other ingre"):
        assert status in said


def test_a_file_that_cannot_run_again_is_said(run, toy_toml, exported, tmp_path):
    run("evaluate", "--from", exported).fails("'toy'", "does not ship", "Name its TOML file")
    run("evaluate", "--from", tmp_path / "nothing.json").fails("cannot be read")
    run("evaluate", toy_toml, "--from", tmp_path).fails("The run file", "cannot be read")
    run("evaluate", toy_toml, "--from", exported, "--half", "held-out").fails("leave out")
    os.mkfifo(tmp_path / "pipe")
    run("evaluate", toy_toml, "--from", tmp_path / "pipe").fails("no regular file")


# -- rivals ---------------------------------------------------------------------------------------


@pytest.fixture
def given(toy):
    """Kind -> the arguments that ask for it, and what they mean."""
    mine, _ = untrained(toy, seed=1), untrained(toy, seed=2)
    wording = WORDINGS[1]
    directions = {
        kind: (["--strength", "0.5"], toy.rivals.named(kind, strength=0.5)) for kind in PUSHED
    }
    return {
        "rmu": (["--of", mine.of], mine),
        "prompt": (["--of", wording.title], Rival("prompt", wording.text)),
        **directions,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_rivals_evaluation_has_the_form_of_every_evaluation(run, toy, toy_toml, given, kind):
    asked, rival = given[kind]
    how = ("evaluate", toy_toml, "--rival", kind, *asked)
    value = value_of(run(*how, "--json", "--per-question"))
    plain = value_of(run("evaluate", toy_toml, "--clamps", "2:-40", "--json", "--per-question"))
    assert set(value) - set(plain) == {"rival"}
    assert set(plain) - set(value) == set()
    assert [set(s) for s in value["sets"]] == [set(s) for s in plain["sets"]]
    assert (value["rival"], value["clamps"], value["method"]) == (format_rival(rival), "", "")
    mine = toy.evaluate(Setting(rival=rival))
    scores = torch.tensor([q["scores"] for s in value["sets"] for q in s["questions"]])
    torch.testing.assert_close(scores, mine.scores)
    for said, result in zip(value["sets"], mine.sets, strict=True):
        assert (said["lost"], said["gained"], said["n_affected"]) == (
            result.lost,
            result.gained,
            result.n,
        )
    assert f"{in_words(rival)} in the place of clamps, kept from" in run(*how).stdout
    slow = value_of(run(*how, "--reference", "--sets", "history", "--json"))
    assert slow["path"] == "reference"
    assert slow["sets"][0]["accuracy"] == value["sets"][1]["accuracy"]


def test_what_is_not_given_of_a_rival_is_the_first_there_is(run, toy, toy_toml):
    def said(*asked):
        return value_of(run("evaluate", toy_toml, "--rival", *asked, "--json"))["rival"]

    assert said("prompt") == format_rival(Rival("prompt", WORDINGS[0].text))
    assert said("prompt", "--of", PROMPT) == format_rival(Rival("prompt", PROMPT))
    assert said("prompt", "--of=-x") == "prompt:-x"
    assert said("leace") == f"leace:{toy.rivals.texts}:1"
    mine = untrained(toy)
    assert said("rmu") == f"rmu:{mine.of}"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--clamps 1:2 --rival leace", "not allowed with argument"),
        ("--preset forget-biology --rival leace", "not allowed with argument"),
        ("--rival loud", "invalid choice: 'loud'"),
        ("--clamps 1:2 --of x", "--of is of a rival: choose one by --rival."),
        ("--clamps 1:2 --strength 2", "--strength is of a rival: choose one by --rival."),
        ("--clamps-file FILE --strength 2", "--strength is of a rival"),
        ("--from FILE --of x", "--of is of a rival"),
        ("--rival leace --gate rho --tau 0.1", "When to act is of clamps: a rival acts always."),
        ("--rival prompt --keep-norm", "When to act is of clamps: a rival acts always."),
        ("--rival rmu --refusal 7:-500", "When to act is of clamps"),
        ("--rival prompt --strength 2", "--strength is of a direction (difference-of-means, "),
        ("--rival rmu --strength 2", "--strength is of a direction (difference-of-means, "),
        ("--rival leace --of abc", "--of is of rmu and prompt: a direction is found from"),
        ("--rival leace --strength 101", "100"),
        ("--rival leace --strength -1", "0"),
        ("--rival leace --strength nan", "--strength"),
        ("--rival prompt --of=", "is empty. Write one."),
        ("--rival rmu --of ../x", "RMU has no '../x'."),
    ],
)
def test_arguments_of_rivals_that_do_not_go_together_are_said(
    run, toy_toml, tmp_path, monkeypatch, flags, said
):
    """Before anything is loaded."""
    monkeypatch.setattr("backend.commands.setting.open_engine", None)
    monkeypatch.setattr("backend.commands.evaluating.open_engine", None)
    path = settings_file(tmp_path, {"clamps": "1:2"})
    run("evaluate", toy_toml, *flags.replace("FILE", str(path)).split()).fails(said)


def test_a_rival_that_is_not_there_is_said(run, toy, toy_toml):
    how = ("evaluate", toy_toml, "--rival", "rmu")
    run(*how).fails("No RMU of this model is trained yet", "python -m backend rmu toy")
    mine = untrained(toy)
    run(*how, "--of", "other").fails("There is no RMU 'other' of this model here.", mine.of)
    long = "xq zj " * 160
    run("evaluate", toy_toml, "--rival", "prompt", "--of", long).fails("than the 512 this model")


def test_a_rivals_file_runs_again_until_its_weights_are_gone(run, toy, toy_toml, tmp_path):
    file = tmp_path / "run.json"
    mine = untrained(toy)
    said = run("export", toy_toml, "--rival", "rmu", "--out", file).stdout
    assert said == f"{file}: RMU {mine.of}, 7 questions.\n"
    again = run("evaluate", toy_toml, "--from", file, "--json")
    assert value_of(again)["verdict"] == "same"
    assert value_of(again)["rival"] == f"rmu:{mine.of}"
    raw = json.loads(file.read_text())
    raw["identity"]["the rival's weights"] = "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(raw))
    other = run("evaluate", toy_toml, "--from", tmp_path / "other.json")
    assert other.returncode == 3
    assert "Different: The rival's weights: 000000000000… in the file" in other.stdout
    for path in folder_of(toy.weights.fingerprint).glob("*.safetensors"):
        path.unlink()
    run("evaluate", toy_toml, "--from", file).fails(f"There is no RMU '{mine.of}' of this model")
