from dataclasses import replace

import pytest

from components.figures.loss import loss_html
from tests.backend.experiments.test_text_loss import LOSS


@pytest.mark.parametrize(
    "words",
    [
        "other &lt;b&gt; text",
        "1.500 nats a token",
        "<b>1.750</b>",
        "<b>+0.250</b> [+0.100, +0.400]",
        "1,200 tokens in 12 rows, 3 touched",
    ],
)
def test_the_row_says_its_figures_over_what_and_escapes_the_title(words):
    assert words in loss_html(LOSS)


def test_where_no_clamped_feature_fires_there_is_no_change():
    markup = loss_html(replace(LOSS, n_affected=0))
    assert "no clamped feature fires on it" in markup
    assert "added" not in markup
