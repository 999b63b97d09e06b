"""How the next token is chosen."""

from streamlit.testing.v1 import AppTest

from backend.experiments.generate import Sampling


def script(chosen):
    from components.texts.sampling import draw_sampling

    chosen.append(draw_sampling())


def test_at_first_it_is_the_most_likely_token():
    chosen = []
    at = AppTest.from_function(script, args=(chosen,)).run()
    assert chosen == [Sampling()]
    assert not at.slider


def test_a_sampled_token_has_a_temperature_and_a_seed():
    chosen = []
    at = AppTest.from_function(script, args=(chosen,)).run()
    at.button_group(key="words_way").set_value("sampled").run()
    at.slider(key="words_temperature").set_value(1.5)
    at.number_input(key="words_seed").set_value(3).run()
    assert chosen[-1] == Sampling(1.5, 3)
