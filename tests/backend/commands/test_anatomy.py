"""The anatomy command says what backend.experiments.anatomy says."""

import json
import xml.etree.ElementTree as ET

import pytest

from backend.experiments import anatomy
from backend.interventions.method import setting_of

GIVEN = ("--question", "biology:1", "--clamps", "0:-120,2:-40,13:-30")


def test_it_gives_the_curve_and_what_each_feature_has_to_do_with_the_answer(run, toy, toy_toml):
    result = run("anatomy", toy_toml, *GIVEN, "--json")
    assert result.returncode == 0, result.stderr
    value, setting = json.loads(result.stdout), setting_of([(0, -120), (2, -40), (13, -30)])
    whole = toy.evaluate(setting).scores[1]
    assert value["after"]["scores"] == pytest.approx(whole.tolist())
    assert value["curve"][0]["strength"] is None
    points = {p.strength: p for p in anatomy.curve(toy, 1, setting, anatomy.scrub_of(toy, setting))}
    for point in value["curve"]:
        assert point["scores"] == pytest.approx(points[point["strength"]].answer.scores)
    assert {c["feature"] for c in value["contributions"]} == {0, 2, 13}


def test_it_reads_well_and_draws_a_picture(run, toy, toy_toml, tmp_path):
    file = tmp_path / "card.svg"
    said = run("anatomy", toy_toml, *GIVEN, "--feature", "2", "--card", file).stdout
    assert "What has a nucleus?" in said
    assert "(as it is)" in said and "without" in said
    assert "clamped features contribute exactly 0." in said
    assert ET.parse(file).getroot().tag.endswith("svg")


def test_a_prompt_has_neither_a_curve_nor_contributions(run, toy, toy_toml):
    given = ("--question", "history:0", "--rival", "prompt", "--json")
    value = json.loads(run("anatomy", toy_toml, *given).stdout)
    assert value["curve"] == value["contributions"] == []
    assert value["before"]["scores"] != value["after"]["scores"]


def test_what_cannot_be_is_one_line(run, toy, toy_toml):
    clamps = ("--clamps", "2:-40")
    run("anatomy", toy_toml, "--question", "biology", *clamps).fails("such as biology:3")
    run("anatomy", toy_toml, "--question", "biology:99", *clamps).fails("no question 99")
    run("anatomy", toy_toml, "--question", "biology:1", *clamps, "--feature", "3").fails(
        "Feature 3 is not clamped here"
    )
