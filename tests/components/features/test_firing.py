"""How often a feature fires, on the toy."""

from dataclasses import replace

import pytest

from backend.reading.feature_page import feature_page
from components.features.firing import densities, strongest


def test_densities_are_in_percent_and_in_words_corpus_by_corpus(toy):
    page = feature_page(toy, 5)
    corpora = [s.corpus for s in toy.atlas.corpora]
    rows = densities(page, corpora)
    assert rows["corpus"].tolist() == [f"{c.title} ({c.role})" for c in corpora]
    assert rows["density"].tolist() == pytest.approx(
        [100 * page.forget_density, 100 * page.retain_density]
    )
    forget = rows[rows["role"] == "forget"].iloc[0]
    fired, scanned = page.tokens_fired["forget"], page.tokens_scanned["forget"]
    assert forget["said"] == f"{100 * page.forget_density:.3f} %: {fired} of {scanned}"


def test_each_strongest_activation_is_said_of_its_text(toy):
    page = feature_page(toy, 5)
    said = f"in the passages {page.max_act:.2f}, in the questions {page.questions[0].max_act:.2f}"
    assert strongest(page) == said
    assert strongest(replace(page, questions=[])).endswith("in the questions silent")
