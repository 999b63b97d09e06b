"""The charts of the report: whole XML that holds every number where it belongs."""

from xml.etree import ElementTree

import pytest

from backend.evaluation.evaluate import SetResult
from backend.evaluation.history import Pooled, Trial
from backend.evaluation.results import Run
from backend.interventions.method import setting_of
from backend.interventions.rival import Rival
from backend.sharing.svg import (
    FORGET,
    KIND_COLOURS,
    PALE,
    RETAIN,
    WIDTH,
    Axis,
    dumbbell_svg,
    trials_svg,
)
from backend.statistics import Interval

SVG = "{http://www.w3.org/2000/svg}"
LEFT, RIGHT = 210, WIDTH - 20
"""Of the dumbbells' scale, from 0 to 100 %."""


def result(title: str, role: str, before: float, after: float, low: float, high: float):
    return SetResult(
        name=title.lower(),
        title=title,
        role=role,
        n=200,
        n_affected=50,
        n_done=50,
        baseline_accuracy=before,
        baseline_interval=Interval(before, before),
        accuracy=after,
        lost=0,
        gained=0,
        change_pp=100 * (after - before),
        ci_low_pp=low,
        ci_high_pp=high,
        p_value=1.0,
        inconclusive=False,
    )


SETS = [
    result("Biology <1>", "forget", 0.8, 0.3, -60.0, -40.0),
    result("R&D", "retain", 0.5, 0.45, -8.0, -2.0),
]


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(svg).findall(SVG + tag)


def texts(svg: str) -> list[str]:
    return [element.text for element in elements(svg, "text")]


def numbers(element: ElementTree.Element, *names: str) -> tuple[float, ...]:
    return tuple(float(element.get(name)) for name in names)


def share(x: float) -> float:
    return (x - LEFT) / (RIGHT - LEFT)


def test_a_set_is_two_dots_at_its_accuracies_hollow_and_filled():
    dots = elements(dumbbell_svg(SETS), "circle")
    places = [share(float(dot.get("cx"))) for dot in dots]
    assert places == pytest.approx([0.8, 0.3, 0.5, 0.45], abs=1e-3)
    assert [dot.get("fill") for dot in dots] == ["white", FORGET, "white", RETAIN]


def test_a_changes_interval_is_a_band_around_the_accuracy_with_clamps():
    bands = [numbers(band, "x", "width") for band in elements(dumbbell_svg(SETS), "rect")]
    ends = [(share(x), share(x + width)) for x, width in bands]
    assert ends[0] == pytest.approx((0.2, 0.4), abs=1e-3)
    assert ends[1] == pytest.approx((0.42, 0.48), abs=1e-3)


def test_titles_and_ticks_are_said_whatever_a_title_holds():
    said = texts(dumbbell_svg(SETS))
    assert said[:7] == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %", "chance"]
    assert said[7:] == ["Biology <1> (forget)", "R&D (retain)"]


def test_a_band_beyond_the_scale_ends_with_it():
    (band,) = elements(dumbbell_svg([result("A", "forget", 0.1, 0.0, -30.0, 5.0)]), "rect")
    x, width = numbers(band, "x", "width")
    assert (share(x), share(x + width)) == pytest.approx((0.0, 0.15), abs=1e-3)


def trial(feature: int, forget: int, retain: int) -> Trial:
    """Of 100 questions each."""
    run = Run(clamps=setting_of([(feature, -1.0)]).clamps, rows=[], seconds=0.0, when=0.0)
    return Trial(run, Pooled(forget, 100), Pooled(retain, 100))


TRIALS = [trial(0, 70, 90), trial(1, 30, 80), trial(2, 60, 70), trial(3, 20, 50)]
"""All but the third are on the front: the second forgets more and keeps more."""
BASELINE = Pooled(92, 100)


def of_colour(svg: str, tag: str, colour: str) -> list[ElementTree.Element]:
    return [e for e in elements(svg, tag) if e.get("stroke") == colour]


def test_an_axis_takes_its_figures_from_one_end_to_the_other_with_a_margin():
    axis = Axis.over([20.0, 70.0, 45.0], 100.0, 208.0)
    assert axis.at(20.0) == pytest.approx(104.0)
    assert axis.at(45.0) == pytest.approx(154.0)
    assert axis.at(70.0) == pytest.approx(204.0)


def test_an_axis_of_one_figure_has_room_and_of_none_goes_to_a_hundred():
    assert Axis.over([50.0], 0.0, 108.0).at(51.0) == pytest.approx(104.0)
    assert Axis.over([], 0.0, 108.0)[:2] == (0.0, 100.0)


def test_every_trial_is_a_dot_right_by_what_it_retains_and_up_by_what_it_forgets_not():
    svg = trials_svg(TRIALS, None, BASELINE)
    dots = [numbers(dot, "cx", "cy") for dot in elements(svg, "circle")]
    assert len(dots) == 4
    assert sorted(dots) == [dots[3], dots[2], dots[1], dots[0]], "by retain accuracy"
    by_height = sorted(range(4), key=lambda i: dots[i][1])
    assert by_height == [0, 2, 1, 3], "the least forgotten is highest"


def test_the_current_trial_is_filled_and_drawn_last():
    svg = trials_svg(TRIALS, TRIALS[1].id, BASELINE)
    fills = [dot.get("fill") for dot in elements(svg, "circle")]
    assert fills == ["white", "white", "white", FORGET]


def test_the_front_goes_in_steps_through_the_trials_no_other_beats():
    svg = trials_svg(TRIALS, None, BASELINE)
    ends = [numbers(line, "x1", "y1", "x2", "y2") for line in of_colour(svg, "line", FORGET)]
    (x0, y0), (x1, y1), _, (x3, y3) = (numbers(d, "cx", "cy") for d in elements(svg, "circle"))
    assert ends == [
        (x0, y0, x1, y0),
        (x1, y0, x1, y1),
        (x1, y1, x3, y1),
        (x3, y1, x3, y3),
    ]


def test_the_line_of_what_is_to_be_kept_stands_at_99_percent_of_the_baseline():
    kept = [trial(0, 50, 90), trial(1, 50, 92)]
    svg = trials_svg(kept, None, Pooled(100, 100))
    (line,) = of_colour(svg, "line", RETAIN)
    at, down = numbers(line, "x1", "x2")
    (x0, _), (x1, _) = (numbers(dot, "cx", "cy") for dot in elements(svg, "circle"))
    assert at == down
    assert at == pytest.approx(x0 + (x1 - x0) * (99 - 90) / (92 - 90), abs=0.5)


def test_intervals_go_from_one_end_of_wilsons_to_the_other():
    (one,) = trials = [trial(0, 50, 80)]
    svg = trials_svg(trials, None, Pooled(80, 100))
    across, up = of_colour(svg, "line", PALE)
    x1, x2 = numbers(across, "x1", "x2")
    ((x, _),) = (numbers(dot, "cx", "cy") for dot in elements(svg, "circle"))
    low, high = one.retain.interval
    assert (x - x1) / (x2 - x1) == pytest.approx((80 - low) / (high - low), abs=0.01)
    y1, y2 = numbers(up, "y1", "y2")
    assert y1 > y2, "a larger accuracy is higher up"


def test_no_trial_is_still_a_chart():
    svg = trials_svg([], None, BASELINE)
    assert elements(svg, "circle") == []
    assert "retain accuracy, %" in texts(svg)


def rmu(name: str, forget: int, retain: int) -> Trial:
    run = Run((), [], 0.0, 0.0, rival=Rival("rmu", name))
    return Trial(run, Pooled(forget, 100), Pooled(retain, 100))


def test_another_kind_has_a_shape_a_colour_and_a_front_of_its_own_and_all_are_named():
    rivals = [rmu("a", 60, 88), rmu("b", 10, 60)]
    svg = trials_svg([*TRIALS, *rivals], rivals[1].id, BASELINE)
    triangles = of_colour(svg, "polygon", KIND_COLOURS["RMU"])
    assert [t.get("fill") for t in triangles] == ["white", KIND_COLOURS["RMU"], "white"]
    assert all(len(t.get("points").split()) == 3 for t in triangles)
    assert len(of_colour(svg, "line", KIND_COLOURS["RMU"])) == 2
    assert len(of_colour(svg, "line", FORGET)) == 4, "as without the rivals"
    assert texts(svg)[-2:] == ["clamps", "RMU"]


def test_one_kind_alone_is_not_named():
    assert "clamps" not in texts(trials_svg(TRIALS, None, BASELINE))
