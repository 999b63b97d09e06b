"""A text of one's own as a row of tokens."""

from backend.reading.own_text import read_text
from components.features.own_text import row_of

TEXT = "The heart pumps blood."


def test_the_row_stands_for_the_token_on_which_the_feature_fires_strongest(toy):
    read = read_text(toy, TEXT)
    row = row_of(read, 0)
    values = read.values(0)
    assert row.mark == int(values.argmax())
    assert row.head == f"{float(values.max()):.2f}"
    assert "".join(row.tokens) == TEXT


def test_no_token_is_marked_where_the_feature_does_not_fire(toy):
    read = read_text(toy, TEXT)
    silent = next(f for f in range(toy.sae.d_sae) if not read.values(f).any())
    row = row_of(read, silent)
    assert row.mark is None
    assert row.head == "0.00"
