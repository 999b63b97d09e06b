"""A study's file: what is wrong in it is named, with its field and what would be right."""

import pytest
from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

from backend.data.published import published_points
from backend.errors import BadInput, BadSetup
from backend.studies import load_study, shipped_names
from backend.studies.cells import cells_of
from backend.studies.published import SETTING

RIGHT = """
title = "T"
setups = ["toy.toml"]
rankers = ["paper"]
features = [2]
strengths = [-3]
"""


@pytest.fixture
def path(toy_toml):
    return toy_toml.with_name("s.toml")


def test_what_a_grid_does_not_say_is_as_above_it(path):
    path.write_text(
        RIGHT
        + 'methods = ["", "threshold:0.1"]\n[[grid]]\nstrengths = [-5, -6]\n'
        + "[[grid]]\npicked = [[3, 4]]\nunit = 'raw'\n"
    )
    cells = cells_of(load_study(path))
    assert [(c.ranker, c.picked, c.features, c.strength, c.unit, c.method) for c in cells] == [
        ("paper", (), 2, -5, "maximum", ""),
        ("paper", (), 2, -6, "maximum", ""),
        ("paper", (), 2, -5, "maximum", "threshold:0.1"),
        ("paper", (), 2, -6, "maximum", "threshold:0.1"),
        ("picked", (3, 4), 2, -3, "raw", ""),
        ("picked", (3, 4), 2, -3, "raw", "threshold:0.1"),
    ]
    assert {c.ranker_setting for c in cells if c.ranker == "paper"} == {0.01}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "T"', "", "the field title is missing"),
        ('title = "T"', "title = 3", "title must be text, not 3"),
        ('"toy.toml"', '"nope.toml"', "setups names 'nope.toml', which is neither a shipped setup"),
        ('"toy.toml"', "", "setups is empty; name a shipped setup"),
        ('["toy.toml"]', '"toy.toml"', "setups must be a list"),
        ('"paper"', '"papers"', "rankers[0] names 'papers'; rankings are selectivity, paper"),
        ('"paper"', "3", "rankers[0] must be a table, not 3"),
        (
            '"paper"',
            '{ name = "paper", setting = 2 }',
            "rankers[0]: The setting of 'paper' can be 0",
        ),
        ('"paper"', '{ name = "selectivity", setting = 2 }', "has no setting"),
        ('"paper"', '{ name = "paper", threshold = 2 }', "rankers[0].threshold is not a known"),
        ("[2]", "[0]", "features[0] must be a whole number from 1 to 1,000, not 0"),
        ("[2]", "[1.5]", "features[0] must be a whole number"),
        ("features = [2]", "", "features is empty"),
        ('rankers = ["paper"]', "", "rankers is empty"),
        ("strengths = [-3]", "", "strengths is empty"),
        ("[-3]", "[nan]", "strengths[0] must be a number from -1e+06 to 1e+06, not nan"),
        ("[-3]", '[-3]\nunit = "volts"', "unit is 'volts'; it must be one of maximum, raw"),
        ("[-3]", '[-3]\nmethods = ["rho"]', "methods[0]: 'rho' is no part of a method"),
        ("[-3]", "[-3]\nmethods = []", "methods is empty"),
        ("[-3]", "[-3]\nmethods = [{ false_alarms = 0.05 }]", "methods[0] asks for false_alarms"),
        (
            "[-3]",
            '[-3]\nmethods = [{ method = "rho:0", false_alarms = 0.9 }]',
            "methods[0].false_alarms must be a number from 0.0001 to 0.5, not 0.9",
        ),
        ("[-3]", '[-3]\nrivals = ["rum"]', "rivals[0].kind is 'rum'; it must be one of rmu"),
        ("[-3]", '[-3]\nrivals = [{ kind = "prompt", of = "" }]', "rivals[0]: The prompt that"),
        ("[-3]", "[-3]\npicked = [[1]]", "picked stands in the place of rankers"),
        ("[-3]", "[-3]\n[[grid]]\npicked = [[1, 1]]", "grid[0].picked[0]: Feature 1 is clamped tw"),
        ("[-3]", "[-3]\n[[grid]]\npicked = [[]]", "grid[0].picked[0] is empty"),
        ("[-3]", "[-3]\n[[grid]]\nstrength = [1]", "grid[0].strength is not a known field"),
        ("[-3]", '[-3]\nscore = "best"', "score is 'best'; it must be one of saebench"),
        ("[-3]", "[-3]\nrank = 1", "rank is not a known field; known are setups, rankers"),
        ("[-3]", "[-3", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_field(path, old, new, said):
    path.write_text(RIGHT.replace(old, new, 1))
    with pytest.raises(BadInput) as error:
        load_study(path)
    assert said in str(error.value)
    assert str(error.value).startswith(f"The study {path}")


def test_a_name_there_is_no_study_of_is_told_those_there_are():
    with pytest.raises(BadInput, match="demo-grid, paper-grid, saebench"):
        load_study("grid")


def test_a_mistake_in_a_setup_is_the_setups(path):
    path.with_name("bad.toml").write_text("title = 1")
    path.write_text(RIGHT.replace("toy.toml", "bad.toml"))
    with pytest.raises(BadSetup, match="bad.toml"):
        load_study(path)


def test_setups_must_be_told_apart_by_name(path):
    other = path.parent / "other"
    other.mkdir()
    (other / "toy.toml").write_text('extends = "../toy.toml"')
    path.write_text(RIGHT.replace('"toy.toml"', '"toy.toml", "other/toy.toml"'))
    with pytest.raises(BadInput, match="two of its setups are called toy"):
        load_study(path)


def test_a_set_cannot_be_called_as_all_sets_of_a_role_are(path):
    toy = path.with_name("toy.toml")
    toy.write_text(toy.read_text().replace('name = "history"', 'name = "retain"', 1))
    path.write_text(RIGHT)
    with pytest.raises(BadInput, match="has a set 'retain'"):
        load_study(path)


def test_a_study_is_bounded(path):
    many = [n / 100 for n in range(150)]
    path.write_text(RIGHT.replace("[2]", f"{list(range(1, 20))}").replace("[-3]", f"{many}"))
    with pytest.raises(BadInput, match="more than 2,000 cells"):
        cells_of(load_study(path))


def test_every_shipped_study_can_be_read():
    counts = {name: len(cells_of(load_study(name))) for name in shipped_names()}
    assert counts == {"paper-grid": 65, "saebench": 16, "demo-grid": 65}


def test_the_papers_grid_is_the_settings_that_are_published():
    study = load_study("paper-grid")
    setups = {place.setup.name: place.setup for place in study.places.values()}
    points = published_points(setups["gemma-2-2b-it-known-farrell"])
    there = {
        (
            found["sae"],
            float(found["threshold"]) if found["feature"] is None else None,
            tuple(map(int, filter(None, [found["feature"]]))),
            int(found["n"]),
            float(found["value"]),
        )
        for setting in points.loc[points["method"] == "SAE clamp", "setting"]
        for found in [SETTING.fullmatch(setting).groupdict()]
    }
    asked = {
        (setups[c.setup].sae.sae_id, c.ranker_setting, c.picked, c.features, c.strength)
        for c in cells_of(study)
    }
    assert len(there) == 65
    assert asked == there
    known = get_pretrained_saes_directory()
    for setup in setups.values():
        assert setup.sae.sae_id in known[setup.sae.release].saes_map
        assert len(published_points(setup)) == len(points)


def test_saebenchs_settings_are_those_of_its_configuration():
    """sae_bench 0.6.0, evals/unlearning/eval_config.py."""
    cells = cells_of(load_study("saebench"))
    assert {(c.ranker_setting, c.features, c.strength) for c in cells} == {
        (threshold, n, -multiplier)
        for threshold in (0.001, 0.01)
        for n in (10, 20)
        for multiplier in (25, 50, 100, 200)
    }
    assert {(c.ranker, c.unit, c.method) for c in cells} == {("paper", "raw", "")}
