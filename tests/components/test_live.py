"""What is said to screen readers. That one node's text changes is in tests/browser."""

from streamlit.testing.v1 import AppTest


def test_two_sentences_of_one_page_have_a_place_each():
    def script():
        from components.live import say_live

        say_live("Biology quiz 71.1 % to 47.0 %")
        say_live("Running", key="work")

    at = AppTest.from_function(script).run()
    assert not at.exception
