from streamlit.testing.v1 import AppTest

from backend.evaluation.light import Light
from components.figures.lights import lights_html

FINE = Light("Fine", True, "a < b", "m", "t")
ODD = Light("Odd", False, "<b>", "means", "try this")


MISSING = Light("Missing", None, "not known", "m", "run it")


def test_those_that_need_a_look_come_first_and_those_that_passed_behind_one_line():
    markup = lights_html([FINE, MISSING, ODD])
    assert markup.index("Odd") < markup.index("Missing") < markup.index("fine")
    assert markup.count("<details") == 4, "three checks, and the line before those that passed"
    assert "? not run" in markup
    assert lights_html([ODD]).count("<details") == 1


def test_text_is_escaped():
    markup = lights_html([FINE, ODD])
    assert "&lt;b&gt;" in markup
    assert "a &lt; b" in markup


def test_they_are_told_apart_by_word_and_sign_and_say_what_to_try():
    assert "! look" in lights_html([ODD])
    assert "try this" in lights_html([ODD])
    assert "✓ ok" in lights_html([FINE])


def script(lights):
    from components.figures.lights import draw_lights

    draw_lights(lights)


def said(*lights):
    return AppTest.from_function(script, args=(lights,)).run().markdown[0].value


def test_how_many_passed_is_said_above():
    assert "1 of 2 checks passed." in said(FINE, ODD)
    assert said(FINE).endswith("1 of 1 checks passed.")
    assert said(FINE, ODD, MISSING).endswith("1 of 2 checks passed, 1 not run.")
