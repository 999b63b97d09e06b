"""A page's numbers in Neuronpedia's form."""

import json

import pytest

from backend.data.corpora import CONTEXT
from backend.reading.feature_page import feature_page
from backend.reading.neuronpedia import ALIGNED, feature_json
from tests.support.toy import D_SAE


@pytest.fixture(params=[0, 7, D_SAE - 1])
def page(request, toy):
    return feature_page(toy, request.param, 50)


@pytest.fixture
def batch(toy, page):
    return json.loads(json.dumps(feature_json(toy, page), allow_nan=False))


def test_a_batch_names_its_model_layer_and_sae(batch, toy):
    assert set(batch) == {"model_id", "layer", "sae_set", "sae_id_suffix", "features"}
    assert batch["model_id"] == toy.setup.model.name
    assert batch["layer"] == toy.model.block
    assert batch["sae_set"] == toy.sae.title


def test_the_page_is_its_one_feature(batch, page):
    (f,) = batch["features"]
    assert f["feature_index"] == page.feature
    assert f["pos_str"] == page.promoted
    assert f["neg_str"] == page.suppressed
    fired, scanned = sum(page.tokens_fired.values()), sum(page.tokens_scanned.values())
    assert f["frac_nonzero"] == pytest.approx(fired / scanned)
    assert f["n_tokens_in_prompt"] == CONTEXT
    assert f["n_prompts_total"] == 10


def test_a_bar_stands_at_its_middle(batch, page):
    (f,) = batch["features"]
    for name, bars in (("freq", page.histogram), ("logits", page.logit_histogram)):
        middles = [(a + b) / 2 for a, b in zip(bars["from"], bars["to"], strict=True)]
        assert f[f"{name}_hist_data_bar_values"] == pytest.approx(middles, abs=5e-4)
        assert f[f"{name}_hist_data_bar_heights"] == bars["tokens"]


def test_top_examples_come_first_then_those_of_the_intervals(batch, page):
    activations = batch["features"][0]["activations"]
    n_top = len(page.examples)
    of_intervals = [(i, e) for i in page.intervals for e in i.examples]
    assert len(activations) == n_top + len(of_intervals)
    for found, e in zip(activations, [*page.examples, *(e for _, e in of_intervals)], strict=True):
        assert found["tokens"] == e.tokens
        assert found["values"] == [round(v, 3) for v in e.values]
        assert found["qualifying_token_index"] == e.at
    assert all((a["bin_min"], a["bin_contains"]) == (-1, -1) for a in activations[:n_top])
    for found, (interval, _) in zip(activations[n_top:], of_intervals, strict=True):
        assert found["bin_min"] == round(interval.low, 3)
        assert found["bin_max"] == round(interval.high, 3)
        assert found["bin_contains"] == round(interval.share, 5)


def test_the_direction_is_given_whole_and_by_its_largest_coordinates(batch, page, toy):
    (f,) = batch["features"]
    direction = toy.sae.W_dec[page.feature]
    largest = direction.argsort(descending=True)[:ALIGNED]
    assert f["vector"] == pytest.approx(direction.tolist())
    assert f["neuron_alignment_indices"] == largest.tolist()
    assert f["neuron_alignment_values"] == pytest.approx(direction[largest].tolist(), abs=5e-4)


def test_names_of_neuronpedia_go_into_the_json(toy, monkeypatch):
    name = "gemma-2-2b/5-gemmascope-res-16k__l0-34"
    monkeypatch.setattr(toy.sae.sae.cfg.metadata, "neuronpedia_id", name)
    page = feature_page(toy, 1)
    batch = feature_json(toy, page)
    assert batch["model_id"] == "gemma-2-2b"
    assert batch["sae_set"] == "gemmascope-res-16k"
    assert batch["sae_id_suffix"] == "l0-34"
    assert page.neuronpedia is not None
    assert page.neuronpedia.endswith(f"/{name}/1")
