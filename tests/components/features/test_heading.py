"""What a feature is called, and of which SAE it is."""

from dataclasses import replace

import pytest

from backend.reading.feature_page import feature_page
from components.features.heading import called, of_what


@pytest.mark.parametrize(
    ("label", "words", "tokens", "said"),
    [
        ("viruses", ["virus"], [" virus"], "viruses"),
        ("", ["virus", "a", "b", "c", "d"], [" virus"], "fires on virus, a, b, c"),
        ("", [], [",", ".\n"], "fires on “,”, “.↵”"),
        ("", [], [], "never fires in these passages"),
    ],
)
def test_a_feature_without_a_label_is_called_by_what_it_fires_on(toy, label, words, tokens, said):
    page = replace(feature_page(toy, 5), label=label, top_tokens=words, strongest_tokens=tokens)
    assert called(page) == said


def test_its_strongest_tokens_are_those_of_its_examples(toy):
    page = feature_page(toy, 5)
    assert page.strongest_tokens[0] == page.examples[0].tokens[page.examples[0].at]
    assert len(set(page.strongest_tokens)) == len(page.strongest_tokens)


def test_the_line_names_model_sae_hook_and_whose_label_it_is(toy):
    line = of_what(toy, "setup")
    assert toy.sae.hook_name in line
    assert "the setup's label" in line
    # features active on a token, by hand from the kept activations
    means = [len(s.acts.token) / s.n_counted for s in toy.atlas.corpora]
    assert f"L0 {sum(means) / 2:.0f} " in line
