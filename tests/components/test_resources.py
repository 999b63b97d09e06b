"""What all sessions share."""

from backend.experiments.generate import Written
from components.resources import Texts


def test_a_text_that_was_written_is_there_for_all_and_the_oldest_goes():
    texts = Texts(most=3)
    for i in range(4):
        texts.keep(("prompt", i), Written(str(i)))
    assert texts.find(("prompt", 0)) is None
    assert [texts.find(("prompt", i)).text for i in (1, 2, 3)] == ["1", "2", "3"]
    assert texts.find(("another", 1)) is None
