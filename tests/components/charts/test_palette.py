import pytest

from components.charts.palette import (
    FORGET,
    HIGHLIGHT,
    KINDS,
    ORANGE,
    RETAIN,
    kind_scales,
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


def luminance(colour: str) -> float:
    """Of WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", ["#ffffff", "#15181c"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_out_on_light_and_dark(kind, ground):
    low, high = sorted(luminance(colour) for colour in (KINDS[kind].colour, ground))
    assert (high + 0.05) / (low + 0.05) >= 3


def test_every_kind_has_a_shape_of_its_own():
    assert len({mark.shape for mark in KINDS.values()}) == len(KINDS)


def test_kinds_that_are_there_are_named_in_their_order():
    colours, shapes = (scale.to_dict() for scale in kind_scales({"prompt", "clamps"}))
    assert colours["domain"] == shapes["domain"] == ["clamps", "prompt"]
    assert shapes["range"] == ["circle", "triangle-right"]
