import pytest

from components.charts.palette import (
    CHANCE_GREY,
    FORGET,
    GATES,
    HIGHLIGHT,
    KINDS,
    ORANGE,
    RAMPS,
    RETAIN,
    group_marks,
    ink,
    kind_scales,
    luminance,
    ramp,
    role_scale,
)


def test_each_role_has_its_colour():
    scale = role_scale().to_dict()
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "forget": FORGET,
        "retain": RETAIN,
    }


def test_a_lit_token_is_of_the_histograms_orange():
    assert "#" + "".join(f"{int(part):02x}" for part in HIGHLIGHT.split(", ")) == ORANGE


def contrast(one: str, other: str) -> float:
    low, high = sorted(luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # WCAG's own example


@pytest.mark.parametrize("ground", ["#ffffff", "#15181c"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_out_on_light_and_dark(kind, ground):
    assert contrast(KINDS[kind].colour, ground) >= 3


def test_every_kind_has_a_shape_of_its_own():
    assert len({mark.shape for mark in KINDS.values()}) == len(KINDS)


def test_kinds_that_are_there_are_named_in_their_order():
    colours, shapes = (scale.to_dict() for scale in kind_scales({"prompt", "clamps"}))
    assert colours["domain"] == shapes["domain"] == ["clamps", "prompt"]
    assert shapes["range"] == ["circle", "triangle-right"]


def test_every_gate_has_a_mark_of_its_own():
    assert len({mark.colour for mark in GATES.values()}) == len(GATES)
    assert len({mark.shape for mark in GATES.values()}) == len(GATES)


def test_no_two_of_many_groups_look_alike_and_none_is_grey():
    marks = group_marks([str(i) for i in range(25)])
    assert len(set(marks.values())) == 25
    assert CHANCE_GREY not in {mark.colour for mark in marks.values()}


@pytest.mark.parametrize("name", RAMPS)
def test_a_ramp_goes_through_its_colours_and_what_is_written_on_it_can_be_read(name):
    assert tuple(ramp(name, share) for share in (0.0, 0.5, 1.0)) == RAMPS[name]
    for share in range(-1, 102):
        ground = ramp(name, share / 100)
        assert contrast(ink(ground), ground) >= 4.5
