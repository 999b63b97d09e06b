"""The commands build and optimise: they choose on the selection half, and say what is left."""

import json

import pytest

from backend.engine.engine import Engine
from backend.experiments.halves import best, by_half
from backend.interventions.clamps import parse_clamps
from backend.interventions.method import parse_method, setting_of
from backend.setups import load_setup
from backend.tuning.build import Recipe, candidates, grow, kept, screen
from backend.tuning.search import Search
from backend.tuning.space import Space
from tests.support.knowing import write_knowing

BUILD = ("--multiple", "-2", "--per-question", "6", "--side-effects", "2", "--cost", "40")
SEARCH = ("--settings", "6", "--rankers", "paper", "attribution", "--gates", "none", "rho")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("commands")
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        yield write_knowing(folder)


@pytest.fixture
def toml(written, monkeypatch, tmp_path):
    """Nothing was tried or tested yet."""
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    return written


def setting_in(found):
    return setting_of(parse_clamps(found["clamps"]), parse_method(found["method"]))


def check_found(engine, found, chosen):
    """What is said of it, against a run of one's own."""
    assert setting_in(found) == chosen
    halves = by_half(engine, engine.evaluate(chosen, anew=True))
    for half, figures in halves.items():
        assert found["halves"][half] == figures.plain()
    (trial,) = (t for t in engine.history.trials() if t.run.setting == chosen)
    assert trial.run.note.startswith(found["how"])


def test_a_set_is_built_reported_and_saved(run, toml):
    value = json.loads(run("build", toml, *BUILD, "--save", "mine", "--json").stdout)
    engine, recipe = Engine(load_setup(toml)), Recipe(-2.0, 6, side_effects=2)
    named = candidates(engine, recipe)
    tested = list(screen(engine, recipe, named))
    order = kept(tested, 2)
    steps = list(grow(engine, recipe, order))
    chosen = best(steps, 40)
    assert [one["feature"] for one in value["candidates"]] == [one.feature for one in named]
    assert value["tested"] == [one._asdict() for one in tested]
    assert value["kept"] == [one.feature for one in order]
    assert [step["selection"] for step in value["steps"]] == [s.half.plain() for s in steps]
    assert (value["chosen"], value["stopped"]) == (chosen.n, False)
    assert value["found"]["tried"] == len(tested) + len(steps) - 1
    check_found(engine, value["found"], chosen.setting)
    assert engine.saved_presets.all(engine.d_sae)["mine"].setting() == chosen.setting
    again = run("build", toml, *BUILD, "--resume")
    assert f"{len(named)} candidates, {len(named)} tested alone, each clamped to -2" in again.stdout
    assert value["found"]["in_words"] in again.stdout
    assert f'--clamps "{value["found"]["clamps"]}"' in again.stdout
    assert "Putting them together 100%" in again.stderr


def test_a_build_that_is_out_of_time_says_so_and_goes_on(run, toml):
    early = json.loads(run("build", toml, *BUILD, "--minutes", "0.001", "--json").stdout)
    assert early["stopped"]
    assert len(early["tested"]) <= len(early["candidates"])
    whole = json.loads(run("build", toml, *BUILD, "--json").stdout)
    assert not whole["stopped"]
    assert whole["tested"][: len(early["tested"])] == early["tested"]


def test_nothing_to_choose_is_a_sentence(run, toml):
    said = run("build", toml, "--value", "-20", "--most", "1", "--side-effects", "0")
    assert said.returncode == 0
    assert "There is nothing to choose among." in said.stdout
    run("evaluate", toml, "--clamps", ",".join(f"{feature}:-400" for feature in range(10)))
    dear = ("optimise", toml, "--settings", "1", "--cost", "0")
    value = json.loads(run(*dear, "--json").stdout)
    assert value["tried"][0]["figures"]["retain"]["change_pp"] < 0
    assert (value["chosen"], value["found"], value["saved"]) == (None, None, None)
    again = run(*dear, "--resume")
    assert again.returncode == 0
    assert "None costs at most 0 points of the retain questions" in again.stdout


def test_settings_are_searched_reported_and_resumed(run, toml):
    value = json.loads(run("optimise", toml, *SEARCH, "--cost", "40", "--json").stdout)
    engine = Engine(load_setup(toml))
    space = Space(("paper", "attribution"), gates=(None, "rho"), cost_pp=40.0)
    tried = Search.open(engine, space, resume=True).tried
    assert [one["clamps"] for one in value["tried"]] == [
        ",".join(f"{c.feature}:{c.value:g}" for c in one.setting.clamps) for one in tried
    ]
    assert [one["figures"] for one in value["tried"]] == [one.half.plain() for one in tried]
    chosen = best(tried, 40)
    assert (value["chosen"], value["found"]["tried"]) == (chosen.number, 6)
    assert value["found"]["looked"] == ""
    check_found(engine, value["found"], chosen.setting)
    more = (*SEARCH, "--cost", "40", "--resume", "--settings", "8")
    again = run("optimise", toml, *more)
    assert again.stdout.startswith("8 settings tried. Those that no other beats:")
    assert "Chosen among 8 settings on the selection half" in again.stdout
    assert '--clamps "' in again.stdout
    assert "Trying settings 100%" in again.stderr


def test_what_a_search_began_with_is_said(run, toml):
    own = "1:-20,3:-30"
    run("evaluate", toml, "--clamps", own)
    value = json.loads(run("optimise", toml, "--settings", "2", "--cost", "100", "--json").stdout)
    assert value["tried"][0]["clamps"] == own
    assert "1 setting of yours" in value["found"]["looked"]
    assert "Not blind" in value["found"]["in_words"]
    alone = ("optimise", toml, "--settings", "1", "--cost", "100", "--seed", "1", "--json")
    assert json.loads(run(*alone, "--own", "0").stdout)["found"]["looked"] == ""
    everywhere = json.loads(run(*alone, "--half", "all").stdout)["found"]["looked"]
    assert everywhere == "it was chosen on all questions, the held-out half among them"


def test_a_search_out_of_time_ends_with_its_first_setting(run, toml):
    short = ("--settings", "900", "--minutes", "0.001", "--cost", "100")
    value = json.loads(run("optimise", toml, *SEARCH, *short, "--json").stdout)
    assert value["stopped"]
    assert 1 <= len(value["tried"]) < 900
    assert value["found"]["tried"] == len(value["tried"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("build", "--multiple", "-2", "--value", "-20"), ("not allowed with",)),
        (("build", "--side-effects", "3"), ("invalid choice",)),
        (("build", "--resume"), ("nothing to go on with", "--resume")),
        (("optimise", "--rankers", "luck"), ("no ranking 'luck'", "selectivity")),
        (("optimise", "--gates", "open"), ("invalid choice",)),
        (("optimise", "--resume"), ("no such search", "--resume")),
    ],
)
def test_a_mistake_is_a_sentence(run, toml, given, words):
    command, *more = given
    run(command, toml, *more).fails(*words)
