from components.figures.loss import loss_html, signed
from tests.backend.experiments.test_text_loss import LOSS


def test_the_row_says_over_what_and_escapes_the_title():
    drawn = loss_html(LOSS)
    for words in (
        "other &lt;b&gt; text",
        "1.500 nats a token",
        "<b>1.750</b>",
        "<b>+0.250</b> [+0.100, +0.400]",
        "1,200 tokens in 12 rows, 3 touched",
    ):
        assert words in drawn


def test_signs():
    assert (signed(-0.0321), signed(0.0004), signed(1.0)) == ("−0.032", "0.000", "+1.000")
