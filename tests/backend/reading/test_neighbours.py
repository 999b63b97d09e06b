"""Neighbours against brute force over all directions, and over dense activations."""

from dataclasses import replace

import pytest
import torch

from backend.reading.neighbours import Neighbour, co_firing, nearest
from tests.support.toy import D_SAE

FEATURES = [0, 1, 3, 7, D_SAE - 1]


@pytest.mark.parametrize("feature", FEATURES)
def test_the_nearest_are_those_of_the_largest_cosine(toy, feature):
    W = toy.sae.W_dec
    cosine = torch.nn.functional.cosine_similarity(W, W[feature], dim=-1)
    others = [f for f in cosine.argsort(descending=True).tolist() if f != feature][:8]
    found = nearest(W, toy.sae.dec_norms, feature, 8, str)
    assert [n.feature for n in found] == others
    assert [n.cosine for n in found] == pytest.approx(cosine[others].tolist(), abs=1e-5)


def test_the_length_of_a_direction_does_not_count_and_each_has_its_name():
    W = torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 9.0]])
    names = {1: "slanted", 2: "across"}
    assert nearest(W, W.norm(dim=-1), 0, 8, names.__getitem__) == [
        Neighbour(1, pytest.approx(0.6), "slanted"),
        Neighbour(2, 0.0, "across"),
    ]


def expected_overlaps(fires, feature):
    """Other feature -> (tokens on which both fire, the same over tokens on which either does)."""
    out = {}
    for other in range(D_SAE):
        both = int((fires[:, other] & fires[:, feature]).sum())
        either = int((fires[:, other] | fires[:, feature]).sum())
        if other != feature and both:
            out[other] = (both, both / either)
    return out


def check(found, fires, feature):
    expected = expected_overlaps(fires, feature)
    largest = sorted((overlap for _, overlap in expected.values()), reverse=True)[:8]
    assert [c.overlap for c in found] == pytest.approx(largest)
    for c in found:
        both, overlap = expected[c.feature]
        assert c.together == both
        assert c.share == pytest.approx(both / int(fires[:, feature].sum()))
        assert c.overlap == pytest.approx(overlap)
        assert c.label == str(c.feature)


@pytest.mark.parametrize("feature", FEATURES)
def test_those_that_fire_on_the_same_tokens_by_overlap(toy, dense, feature):
    fires = torch.cat([acts for rows in dense.values() for acts in rows]) > 0
    check(co_firing(toy.atlas.corpora, feature, 8, str), fires, feature)


@pytest.mark.parametrize("feature", FEATURES)
def test_of_a_corpus_kept_in_part_only_the_rows_kept_whole_count(toy, dense, feature):
    thinned, fires = [], []
    for s in toy.atlas.corpora:
        whole = torch.arange(len(s.whole)) % 2 == 0
        thinned.append(replace(s, whole=whole))
        fires += [acts > 0 for acts, kept in zip(dense[s.corpus.role], whole, strict=True) if kept]
    check(co_firing(thinned, feature, 8, str), torch.cat(fires), feature)


def test_a_feature_that_never_fires_fires_with_none(toy):
    silent = [f for f in range(D_SAE) if not toy.atlas.table.max_act[f]]
    assert silent
    assert all(co_firing(toy.atlas.corpora, f, 8, str) == [] for f in silent)
