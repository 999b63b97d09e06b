import html
import re

from hypothesis import given
from hypothesis import strategies as st

from components.token_view import examples_html, opacity, token_html, visible

HOSTILE = ["<script>alert(1)</script>", "$x$", ":smile:", "_a_", "&amp;", '" onmouseover="x', "مرحبا", "🧬", "a\nb", "x" * 1000]


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@given(st.lists(st.tuples(st.text(max_size=20) | st.sampled_from(HOSTILE), st.floats(0, 50)), min_size=1, max_size=10))
def test_text_stays_text(pairs):
    tokens, values = [t for t, _ in pairs], [v for _, v in pairs]
    markup = token_html(tokens, values, 50.0, 0)
    assert plain(markup) == "".join(visible(t) for t in tokens)
    assert set(re.findall(r"</?([a-z]+)", markup)) <= {"span"}


def test_opacity_grows_from_nothing_to_three_quarters():
    values = [opacity(v, 10.0) for v in (0, 0.01, 1, 5, 10, 20)]
    assert values[0] == 0 and values == sorted(values) and values[-1] == values[-2] == 0.75


def test_values_stand_in_tooltips_and_the_strongest_in_the_margin():
    markup = examples_html([("biology", ["a", " heart", " beats"], [0.0, 12.345, 1.0], 1)], 12.345, 12)
    assert 'title="12.345"' in markup and "<b>12.3</b>" in markup and markup.count("font-weight:700") == 1
