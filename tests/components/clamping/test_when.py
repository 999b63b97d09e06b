"""When to act: the card hands on another method, and says what it cannot find."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from backend.errors import BadMethod
from backend.evaluation.calibration import Calibration
from backend.interventions.method import PAPER, Gate, Method, Refusal, Setting, setting_of
from components.clamping.when import Hears
from components.values import FoundTau

CLAMPS = setting_of([(5, -8.0)]).clamps
RHO = Method(gate=Gate("rho", 0.3))
WINDOW = Method(gate=Gate("window", 0.4, 8))
INSTEAD = Method(refusal=Refusal(7, -9.0))
BESIDE = Method(refusal=Refusal(7, -9.0, alone=False))


def script(engine, setting, only, how):
    from components.clamping.when import draw_when

    draw_when(engine, setting, only, 0, **how)


@pytest.fixture
def card(toy):
    """Call it to draw the card; what it hands on is in its lists."""
    heard = SimpleNamespace(methods=[], found=[], problems=[], engine=toy, refuse=None)

    def start(method=PAPER, clamps=CLAMPS, found=None, problem="", only=None):
        setting = Setting(clamps, method)

        def on_method(edit):
            if heard.refuse is not None:
                raise heard.refuse
            heard.methods.append(edit(setting))

        hears = Hears(on_method, heard.found.append, heard.problems.append)
        how = {"found": found, "problem": problem, "hears": hears}
        at = AppTest.from_function(script, args=(toy, setting, only, how)).run()
        assert not at.exception, at.exception
        return at

    heard.start = start
    return heard


def captions(at):
    return [caption.value for caption in at.caption]


def picture(at):
    return [e for e in at.main if e.type == "bidi_component"]


@pytest.mark.parametrize("kind", ["rho", "window", "cusum"])
def test_a_gate_is_chosen_with_its_tau_found_at_five_percent(card, kind):
    at = card.start().button_group(key="gate_kind_0").set_value(kind).run()
    assert not at.exception
    gated = Setting(CLAMPS, Method(gate=Gate(kind, 0.0)))
    made, found = card.engine.calibrate(gated, 0.05, "quantile", "questions")
    assert card.methods == [made.method]
    assert card.found == [FoundTau(made, found)]
    assert made.method.gate.tau > 0
    assert card.problems == []


def test_what_is_written_stays_when_a_gate_is_chosen_or_taken_away(card):
    written = Method(threshold=0.5, reach="all", keep_norm=True)
    card.start(written).button_group(key="gate_kind_0").set_value("rho").run()
    assert replace(card.methods[0], gate=None) == written
    card.start(card.methods[0]).button_group(key="gate_kind_0").set_value("none").run()
    assert card.methods[1] == written


def test_everywhere_takes_the_gate_away_and_finds_nothing(card):
    card.start(RHO).button_group(key="gate_kind_0").set_value("none").run()
    assert card.methods == [PAPER]
    assert card.found == []


def test_where_nothing_is_clamped_a_gate_is_about_nothing_yet(card):
    at = card.start(clamps=())
    assert not [c for c in captions(at) if c.startswith("Clamp a feature")]
    at.button_group(key="gate_kind_0").set_value("rho").run()
    assert card.methods == [Method(gate=Gate("rho", 0.0))]
    assert card.found == []
    at = card.start(card.methods[0], clamps=())
    assert "Clamp a feature: the gate is about the clamped ones." in captions(at)
    assert not picture(at)
    assert not [b for b in at.button if b.label == "Find tau"]


def test_only_a_gate_has_a_picture(card):
    assert not picture(card.start())
    assert len(picture(card.start(RHO))) == 1


def test_the_picture_is_over_the_questions_in_view(card):
    half = card.engine.half("selection")
    opened = card.engine.opening(Setting(CLAMPS, RHO))
    for only in (None, half):
        (element,) = picture(card.start(RHO, only=only))
        for strip in json.loads(element.proto.json)["strips"]:
            mine = card.engine.sets.role(strip["role"])
            mine = mine if only is None else mine & only
            assert strip["n"] == int(mine.sum())
            assert strip["open"] == int((opened.rows[mine] > 0).sum())


def find(at, rate=None, rule=None, ground=None):
    """Asks for tau so."""
    if rate is not None:
        at.number_input(key="gate_rate").set_value(rate)
    if rule is not None:
        at.selectbox(key="gate_rule").set_value(rule)
    if ground is not None:
        at.selectbox(key="gate_ground").set_value(ground)
    return at.run().button(key="gate_find").click().run()


def test_tau_is_found_as_it_is_asked_for(card):
    find(card.start(RHO), 50.0, "conformal", "questions")
    setting = Setting(CLAMPS, RHO)
    made, found = card.engine.calibrate(setting, 0.5, "conformal", "questions")
    assert (card.methods, card.found) == ([made.method], [FoundTau(made, found)])
    find(card.start(RHO), 20.0, "quantile", "corpus")
    made, found = card.engine.calibrate(setting, 0.2, "quantile", "corpus")
    assert (card.methods[1], card.found[1]) == (made.method, FoundTau(made, found))


def test_a_rate_written_just_before_is_the_one_that_is_asked_for(card):
    """As where the button is pressed while the page is still drawn after the number."""
    at = card.start(RHO)
    at.number_input(key="gate_rate").set_value(50.0)
    at.button(key="gate_find").click().run()
    assert [found.calibration.rate for found in card.found] == [0.5]


def test_more_than_so_few_questions_can_say_is_a_problem(card):
    find(card.start(RHO), 0.01, "conformal")
    (problem,) = card.problems
    assert "are too few for a conformal tau at 0.0001: it takes 9,999." in problem
    assert card.methods == []
    assert card.found == []


def test_a_problem_is_said(card):
    assert card.start(RHO, problem="Too *few*.").warning[0].value == "Too \\*few\\*."


def test_a_method_that_is_refused_is_a_problem(card):
    card.refuse = BadMethod("It cannot be.")
    card.start().toggle(key="write_norm_0").set_value(True).run()
    assert card.problems == ["It cannot be."]


def test_where_tau_was_found_is_said_while_it_stands_there(card):
    calibration = Calibration(0.3, 0.05, "quantile", "questions", 12, 0)
    said = calibration.in_words()
    found = FoundTau(Setting(CLAMPS, RHO), calibration)
    assert said in captions(card.start(RHO, found=found))
    assert said in captions(card.start(replace(RHO, reach="all"), found=found))
    elsewhere = replace(RHO, gate=Gate("rho", 0.2))
    for other in (elsewhere, replace(RHO, threshold=0.1), WINDOW):
        assert said not in captions(card.start(other, found=found))
    more = setting_of([(5, -8.0), (6, -1.0)]).clamps
    assert said not in captions(card.start(RHO, clamps=more, found=found))


def test_a_tau_set_by_hand_says_what_it_opens_of_the_selection_half(card):
    engine = card.engine
    mine = engine.sets.role("retain") & engine.half("selection")
    n_open = int((engine.opening(Setting(CLAMPS, RHO)).rows[mine] > 0).sum())
    said = f"Of the {int(mine.sum())} retain questions of the selection half it opens {n_open}."
    assert said in captions(card.start(RHO))


def test_only_a_window_has_a_width(card):
    assert not [n for n in card.start(RHO).number_input if n.key == "gate_width_0"]
    card.start(WINDOW).number_input(key="gate_width_0").set_value(4).run()
    assert card.methods == [Method(gate=Gate("window", 0.4, 4))]


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        (PAPER, "threshold", 0.5, Method(threshold=0.5)),
        (RHO, "threshold", 0.5, replace(RHO, threshold=0.5)),
        (INSTEAD, "latent", 9, Method(refusal=Refusal(9, -9.0))),
        (INSTEAD, "value", -20.0, Method(refusal=Refusal(7, -20.0))),
    ],
)
def test_a_number_that_is_changed_is_handed_on(card, before, key, value, after):
    card.start(before).number_input(key=f"write_{key}_0").set_value(value).run()
    assert card.methods == [after]


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        (PAPER, "norm", True, Method(keep_norm=True)),
        (Method(keep_norm=True), "norm", False, PAPER),
        (RHO, "refusal", True, replace(RHO, refusal=Refusal(0, 0.0))),
        (INSTEAD, "refusal", False, PAPER),
        (INSTEAD, "alone", False, BESIDE),
        (BESIDE, "alone", True, INSTEAD),
    ],
)
def test_a_switch_that_is_changed_is_handed_on(card, before, key, value, after):
    card.start(before).toggle(key=f"write_{key}_0").set_value(value).run()
    assert card.methods == [after]


def test_the_reach_is_handed_on(card):
    card.start().button_group(key="write_reach_0").set_value("all").run()
    card.start(Method(reach="all")).button_group(key="write_reach_0").set_value("firing").run()
    assert card.methods == [Method(reach="all"), PAPER]


def test_a_refusal_latent_in_their_place_leaves_no_reach_to_choose(card):
    assert card.start(INSTEAD).button_group(key="write_reach_0").disabled
    assert not card.start(BESIDE).button_group(key="write_reach_0").disabled


def test_what_is_written_is_said(card):
    assert "Now: each feature, where it fires itself." in captions(card.start(RHO))
    said = "Now: refusal latent 7 to -9 instead, length kept."
    assert said in captions(card.start(replace(INSTEAD, keep_norm=True)))
