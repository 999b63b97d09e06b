"""A run of a rival taken away: the file, the comparison, the page; there is no program of it."""

import html
import json
import re
import shlex

import pytest
import torch

from backend.__main__ import _parser
from backend.commands.setting import engine_and_setting
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.experiments.text_loss import in_words as loss_in_words
from backend.experiments.text_loss import text_loss
from backend.interventions.board import Board, Slider, board_of, write_link
from backend.interventions.method import Gate, Method, Setting, setting_of
from backend.interventions.rival import ABOUT, KINDS, PUSHED, TITLES, Rival, format_rival, in_words
from backend.rivals.trained import folder_of
from backend.setups import load_setup
from backend.sharing.compare import compare
from backend.sharing.export import export, to_text
from backend.sharing.identity import identity
from backend.sharing.report import ASKED, HOOK, WEIGHTS, report
from backend.sharing.run_file import read_run_file
from backend.sharing.snippet import snippet
from tests.backend.experiments.test_text_loss import TEXT
from tests.support.rivals import PROMPT, rival_of, toy_of, untrained

WEIGHTS_OF = "the rival's weights"


def read(raw):
    return read_run_file(json.dumps(raw).encode(), 24)


@pytest.fixture(params=KINDS)
def rival(request, toy):
    return rival_of(toy, request.param)


def clamped_beside(rival) -> Board:
    """Sliders, a master and a method that are out of force."""
    method = Method(gate=Gate("rho", 0.25))
    return Board((Slider(3, -10.0), Slider(4, 1.0, on=False)), 1.5, 3, method, rival)


def test_a_file_reads_back_to_the_board_and_compares_as_the_same(toy, rival):
    board = clamped_beside(rival)
    evaluation = toy.evaluate(board.setting())
    raw = json.loads(to_text(export(toy, evaluation, board)))
    assert raw["rival"] == format_rival(rival)
    assert (raw["clamps"], raw["features"], "method" in raw) == ("", [], False)
    file = read(raw)
    assert file.board == board
    assert file.setting == Setting(rival=rival)
    found = compare(file, toy.evaluate(file.setting, anew=True), toy)
    assert (found.verdict, found.lines(), found.furthest) == ("same", [], 0.0)


def test_a_rival_that_is_not_the_boards_is_refused(toy, rival):
    board = board_of((), rival=rival)
    raw = export(toy, toy.evaluate(board.setting()), board)
    changed = [{key: value for key, value in raw.items() if key != "rival"}]
    for other in ("", "prompt:Another.", "leace:abc:1", "rmu:abc"):
        changed += [raw | {"rival": other}, raw | {"board": write_link(board) | {"rival": other}}]
    for file in changed:
        with pytest.raises(BadInput, match="'board' and 'rival' say different things") as error:
            read(file)
        assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"board": {"rival": "loud:abc"}}, "'board' cannot be used: The link's rival cannot be"),
        ({"board": {"rival": 1}}, "'board.rival' should be a valid string"),
        ({"rival": None}, "'rival' should be a valid string"),
        ({"clamps": "1:-2"}, "'board' and 'clamps' say different things"),
        ({"method": "rho:0.25"}, "'board' and 'method' say different things"),
        ({"features": [{"feature": 1, "value": -2.0, "label": ""}]}, "'board' and 'features' say"),
    ],
    ids=lambda changed: str(changed)[:30],
)
def test_what_a_rivals_file_cannot_say_is_refused(toy, changed, words):
    board = clamped_beside(Rival("prompt", PROMPT))
    raw = export(toy, toy.evaluate(board.setting()), board)
    with pytest.raises(BadInput, match=words) as error:
        read(raw | changed)
    assert len(str(error.value)) < 300
    assert str(error.value).isprintable()


def test_a_file_of_clamps_says_nothing_of_rivals(ran):
    raw = ran.raw()
    assert "rival" not in raw
    assert "rival" not in raw["board"]
    assert WEIGHTS_OF not in raw["identity"]


def test_what_a_rivals_figures_depend_on_is_what_clamps_do_and_its_weights(toy, rival):
    own, plain = identity(toy, rival), identity(toy)
    assert {name: own[name] for name in plain} == plain
    assert set(own) - set(plain) == ({WEIGHTS_OF} if rival.kind == "rmu" else set())
    if rival.kind == "rmu":
        [trained] = toy.rivals.trained()
        assert own[WEIGHTS_OF] == trained.about.sha256


def test_other_weights_by_the_same_recipe_are_other_ingredients(toy):
    """Files of both know each other apart, whichever of the two is here."""
    mine, theirs = untrained(toy, far=0.3), untrained(toy, far=0.1)
    assert mine.of.rpartition("-")[0] == theirs.of.rpartition("-")[0]
    evaluation = toy.evaluate(Setting(rival=mine))
    board = board_of((), rival=mine)
    raw = json.loads(to_text(export(toy, evaluation, board)))
    raw["identity"][WEIGHTS_OF] = identity(toy, theirs)[WEIGHTS_OF]
    found = compare(read(raw), evaluation, toy)
    assert found.verdict == "other ingredients"
    [line] = found.lines()
    assert line.startswith("The rival's weights: ")
    other = toy.evaluate(Setting(rival=theirs))
    assert (other.scores - evaluation.scores).abs().max() > 0.1
    del raw["identity"][WEIGHTS_OF]
    assert compare(read(raw), evaluation, toy).verdict == "other ingredients"


def test_where_the_weights_are_gone_the_file_says_so(toy, toy_toml):
    rival = untrained(toy)
    board = board_of((), rival=rival)
    evaluation = toy.evaluate(board.setting())
    raw = export(toy, evaluation, board)
    for path in folder_of(toy.weights.fingerprint).glob("*.safetensors"):
        path.unlink()
    engine = Engine(load_setup(toy_toml))
    kept = engine.evaluate(board.setting())
    assert torch.equal(kept.scores, evaluation.scores)
    found = compare(read(raw), kept, engine)
    assert found.verdict == "other ingredients"
    assert found.lines()[0].endswith(" in the file, none of that name here.")
    assert in_words(rival) in report(engine, kept)


def test_a_falsified_score_is_found_under_a_rival_too(toy, rival):
    board = board_of((), rival=rival)
    evaluation = toy.evaluate(board.setting())
    raw = json.loads(to_text(export(toy, evaluation, board)))
    question = raw["sets"][0]["questions"][0]
    question["scores"] = [score + 0.1 for score in question["scores"]]
    found = compare(read(raw), evaluation, toy)
    assert found.verdict == "other figures"
    assert "rounding does not explain" in " ".join(found.lines())


# -- the page, and no program ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A toy with text whose loss is shown."""
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        yield Engine(load_setup(toy_of(folder, more=TEXT)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_what_acts(told, kind):
    rival = rival_of(told, kind)
    evaluation = told.evaluate(Setting(rival=rival))
    page = html.unescape(report(told, evaluation))
    assert f"<title>{in_words(rival)}</title>" in page
    assert ABOUT[kind] in page
    assert f"Filled: with {TITLES[kind]}." in page
    for s in evaluation.sets:
        assert f"{100 * s.baseline_accuracy:.1f} % → <b>{100 * s.accuracy:.1f} %</b>" in page
    assert loss_in_words(text_loss(told, evaluation.setting)).strip() in page
    for untrue in ("No clamp.", "set to the value below", "features clamped", "Is it these feat"):
        assert untrue not in page
    assert ("the direction leaves these positions alone: first." in page) == (kind in PUSHED)
    assert (WEIGHTS in page, ASKED in page, HOOK in page) == (
        kind == "rmu",
        kind == "prompt",
        False,
    )
    assert ("the rival's weights <code>" in page) == (kind == "rmu")
    if kind == "rmu":
        assert "blocks 0 to 2, strength 3 times" in page
    assert ("Edit in proportion" in page) == (kind in PUSHED)


@pytest.mark.parametrize(
    "rival",
    [
        lambda toy: untrained(toy),
        lambda toy: toy.rivals.named("leace", strength=1 / 3),
        lambda toy: toy.rivals.named("random-direction"),
        lambda toy: Rival("prompt", "-Say 'nothing' <b>,\n\"$HOME\" & `no` more"),
    ],
)
def test_the_pages_command_makes_the_same_run(toy, toy_toml, monkeypatch, rival):
    monkeypatch.setattr("backend.commands.setting.open_engine", lambda setup: toy)
    setting = Setting(rival=rival(toy))
    untrained(toy, seed=9)
    page = report(toy, toy.evaluate(setting))
    assert "<b>," not in page
    [command] = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    python, dash, backend, *argv = shlex.split(html.unescape(command))
    assert (python, dash, backend) == ("python", "-m", "backend")
    args = _parser().parse_args(argv)
    _, again = engine_and_setting(load_setup(toy_toml), args)
    assert again == setting


def test_the_page_of_clamps_is_as_it_was(toy):
    page = report(toy, toy.evaluate(setting_of([(1, -120.0)])))
    for said in ("no clamp touches these positions: first.", "Is it these features, or damage?"):
        assert said in page
    assert "Hollow: without clamps. Filled: with clamps." in page
    assert HOOK in page


def test_there_is_no_program_of_a_rival(toy, rival):
    with pytest.raises(BadInput) as error:
        snippet(toy, Setting(rival=rival))
    assert str(error.value) == "The program is of clamps: what stands in their place has none."
