"""Every number of the feature page against brute force: dense activations, whole products."""

import json
import math

import pytest
import torch

from backend.errors import BadInput
from backend.features.logit_lens import norm_gain
from backend.reading.examples import N_INTERVALS
from backend.reading.feature_page import (
    N_NEIGHBOURS,
    feature_page,
    page_url,
    plain,
    question_tokens,
    questions_by_activation,
)
from backend.reading.neighbours import co_firing, nearest
from tests.support.toy import BIOLOGY, D_SAE


@pytest.fixture(params=[0, 1, 3, 7, D_SAE - 1])
def page(request, toy):
    return feature_page(toy, request.param, 50)


def column(dense, feature):
    """Role -> activations of the feature on each row."""
    return {role: [acts[:, feature].detach() for acts in rows] for role, rows in dense.items()}


def fired_values(dense, feature):
    """Its activations above zero on all rows of both corpora."""
    return torch.cat([row[row > 0] for rows in column(dense, feature).values() for row in rows])


def test_densities_and_counts(page, dense):
    for role, rows in column(dense, page.feature).items():
        n = sum(len(row) - 1 for row in rows)  # the first token is exempt in this setup
        fired = sum(int((row > 0).sum()) for row in rows)
        assert (page.tokens_scanned[role], page.tokens_fired[role]) == (n, fired)
        assert getattr(page, f"{role}_density") == pytest.approx(fired / n)


def test_selectivity(page):
    forget, retain = (
        (page.tokens_fired[role] + 0.5) / (page.tokens_scanned[role] + 1)
        for role in ("forget", "retain")
    )
    assert page.selectivity == pytest.approx(math.log2(forget / retain), abs=1e-4)


def test_the_maximum_is_the_largest_activation_of_both_corpora(page, dense):
    rows = [row for rows in column(dense, page.feature).values() for row in rows]
    assert page.max_act == pytest.approx(max(float(row.max()) for row in rows), rel=1e-4)


def test_histogram(page, dense):
    acts = fired_values(dense, page.feature)
    bars = page.histogram
    assert sum(bars["tokens"]) == len(acts)
    for low, high, n in list(zip(bars["from"], bars["to"], bars["tokens"], strict=True))[:-1]:
        close = int(((acts - low).abs() < 1e-3).sum() + ((acts - high).abs() < 1e-3).sum())
        assert abs(int(((acts >= low) & (acts < high)).sum()) - n) <= close
    if bars["to"]:
        assert bars["to"][-1] == pytest.approx(float(acts.max()), rel=1e-4)


def test_top_examples(page, toy, dense):
    rows = [row for rows in column(dense, page.feature).values() for row in rows]
    best = sorted((float(row.max()) for row in rows if row.max() > 0), reverse=True)
    assert [e.max_act for e in page.examples] == pytest.approx(best, rel=1e-4, abs=1e-3)
    texts = [text for s in toy.atlas.corpora for text in s.corpus.texts]
    for e in page.examples:
        row = rows[texts.index("".join(e.tokens))]
        assert e.values == pytest.approx(row.tolist(), rel=1e-3, abs=1e-3)
        assert e.values[e.at] == max(e.values) == e.max_act


def test_intervals(page, dense):
    acts = fired_values(dense, page.feature)
    if not len(acts):
        assert page.intervals == []
        return
    top = float(acts.max())
    assert [i.high for i in page.intervals] == pytest.approx(
        [top * k / N_INTERVALS for k in range(N_INTERVALS, 0, -1)], rel=1e-4
    )
    assert sum(i.n for i in page.intervals) == len(acts)
    assert sum(i.share for i in page.intervals) == pytest.approx(1)
    for i in page.intervals:
        inside = int(((acts > i.low) & (acts <= i.high)).sum())
        on_an_edge = ((acts - i.low).abs() < 1e-3).sum() + ((acts - i.high).abs() < 1e-3).sum()
        assert abs(inside - i.n) <= int(on_an_edge)
        assert i.share == pytest.approx(i.n / len(acts))


def test_promoted_and_suppressed(page, toy):
    hf, tokenizer = toy.model.hf, toy.model.tokenizer
    effect = (toy.sae.W_dec[page.feature] * hf.model.norm.weight) @ hf.lm_head.weight.T
    order = effect.argsort(descending=True)
    for name, best in (("promoted", order[:10]), ("suppressed", order.flip(0)[:10])):
        tokens = getattr(page, name)
        assert tokens == [tokenizer.decode([t]) for t in best.tolist()]
        assert tokens == list(toy.atlas.table[name].iloc[page.feature])
        assert getattr(page, f"{name}_logits") == pytest.approx(effect[best].tolist(), abs=1e-4)
    assert sum(page.logit_histogram["tokens"]) == len(effect)
    assert torch.equal(norm_gain(toy.model.norm), hf.model.norm.weight)


def test_neighbours_are_those_of_the_whole_setup_by_name(page, toy):
    atlas, sae = toy.atlas, toy.sae
    of = (page.feature, N_NEIGHBOURS, atlas.name)
    assert page.nearest == nearest(sae.W_dec, sae.dec_norms, *of)
    assert page.co_firing == co_firing(atlas.corpora, *of)


def test_questions_are_those_a_pass_over_each_options_own_text_fires_on(page, toy):
    """Without packing."""
    expected = []
    for s in toy.sets:
        for q in s.questions:
            strongest = 0.0
            for choice in q.choices:
                text = f"Question: {q.question}\nAnswer: {choice}"
                ids = toy.model.tokenizer(text)["input_ids"][:-1]  # nothing reads the last token
                states = toy.model.hf(torch.tensor([ids]), output_hidden_states=True).hidden_states
                acts = toy.sae.sae.encode(states[toy.model.block + 1][0])
                strongest = max(strongest, float(acts[1:, page.feature].max()))
            if strongest > 0:
                expected.append((s.name, q.index, strongest))
    expected.sort(key=lambda x: -x[2])
    assert {(q.set, q.index) for q in page.questions} == {(name, at) for name, at, _ in expected}
    assert [q.max_act for q in page.questions] == pytest.approx(
        [x[2] for x in expected], rel=1e-3, abs=1e-3
    )
    for s in toy.sets:
        assert page.fires_on_questions[s.name] == sum(q.set == s.name for q in page.questions)


def test_a_questions_tokens_give_its_text_and_its_strongest_activation_back(page, toy):
    for q in page.questions:
        tokens, values, options = question_tokens(
            toy.recording, toy.model.tokenizer, q.place, page.feature
        )
        question = next(s for s in toy.sets if s.name == q.set).questions[q.index]
        choices = "".join(f" {choice}" for choice in question.choices)
        assert "".join(tokens) == f"Question: {question.question}\nAnswer:{choices}"
        assert "".join(tokens[options[3] :]) == f" {question.choices[3]}"
        assert max(values) == pytest.approx(q.max_act)
        assert len(tokens) == len(values)


def test_a_feature_on_no_question_has_none(toy):
    quiet = [f for f in range(D_SAE) if not len(toy.recording.acts.of(f)[0])]
    assert quiet
    assert all(questions_by_activation(toy, f) == [] for f in quiet)


def test_the_plain_page_is_what_json_gives_back(page):
    assert json.loads(json.dumps(plain(page), allow_nan=False)) == plain(page)


def test_a_page_is_linked_only_where_the_sae_names_one(page):
    assert page.neuronpedia is None
    assert page_url(None, 3) is None
    assert page_url("", 3) is None
    assert (
        page_url("gemma-2-2b/7-gemmascope-res-16k", 12)
        == "https://www.neuronpedia.org/gemma-2-2b/7-gemmascope-res-16k/12"
    )


@pytest.mark.parametrize("feature", [-1, D_SAE])
def test_no_such_feature(toy, feature):
    with pytest.raises(BadInput, match=f"no feature {feature}"):
        feature_page(toy, feature)


def test_the_corpus_text_is_given_back_whole(toy):
    texts = {
        "".join(e.tokens)
        for feature in range(D_SAE)
        for e in feature_page(toy, feature, 50).examples
    }
    assert any(text in texts for text in BIOLOGY)
    assert texts <= {t for s in toy.atlas.corpora for t in s.corpus.texts}
