from components.charts.palette import FORGET, HIGHLIGHT, ORANGE, RETAIN, role_scale


def test_each_role_has_its_colour():
    scale = role_scale().to_dict()
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "forget": FORGET,
        "retain": RETAIN,
    }


def test_a_lit_token_is_of_the_histograms_orange():
    assert "#" + "".join(f"{int(part):02x}" for part in HIGHLIGHT.split(", ")) == ORANGE
