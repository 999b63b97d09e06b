"""Every number of the feature page against brute force: dense activations, whole products."""

import json
import math

import pytest
import torch

from backend.data.corpora import CONTEXT
from backend.errors import BadInput
from backend.features.table import norm_gain
from backend.reading.examples import N_INTERVALS
from backend.reading.feature_page import feature_page, question_tokens, questions_fired_on
from backend.reading.neuronpedia import feature_json, page_url
from tests.support.toy import BIOLOGY, D_SAE


@pytest.fixture(scope="module", params=[0, 1, 3, 7, D_SAE - 1])
def page(request, toy):
    return feature_page(toy, request.param, 50)


def column(dense, feature):
    """Role -> activations of the feature on each row."""
    return {role: [acts[:, feature].detach() for acts in rows] for role, rows in dense.items()}


def test_densities_counts_and_maximum(page, toy, dense):
    for role, rows in column(dense, page["feature"]).items():
        n = sum(len(row) - 1 for row in rows)  # the first token is exempt in this setup
        fired = sum(int((row > 0).sum()) for row in rows)
        assert (page["tokens_scanned"][role], page["tokens_fired"][role]) == (n, fired)
        assert page[f"{role}_density"] == pytest.approx(fired / n)
    counts = [
        (page["tokens_fired"][role] + 0.5) / (page["tokens_scanned"][role] + 1)
        for role in ("forget", "retain")
    ]
    assert page["selectivity"] == pytest.approx(math.log2(counts[0] / counts[1]), abs=1e-4)
    assert page["max_act"] == pytest.approx(
        max(float(row.max()) for rows in column(dense, page["feature"]).values() for row in rows),
        rel=1e-4,
    )


def test_histogram(page, dense):
    acts = torch.cat(
        [row[row > 0] for rows in column(dense, page["feature"]).values() for row in rows]
    )
    bars = page["histogram"]
    assert sum(bars["tokens"]) == len(acts)
    for low, high, n in list(zip(bars["from"], bars["to"], bars["tokens"], strict=True))[:-1]:
        close = int(((acts - low).abs() < 1e-3).sum() + ((acts - high).abs() < 1e-3).sum())
        assert abs(int(((acts >= low) & (acts < high)).sum()) - n) <= close
    if bars["to"]:
        assert bars["to"][-1] == pytest.approx(float(acts.max()), rel=1e-4)


def test_top_examples(page, toy, dense):
    rows = [row for rows in column(dense, page["feature"]).values() for row in rows]
    best = sorted((float(row.max()) for row in rows if row.max() > 0), reverse=True)
    assert [e["max_act"] for e in page["examples"]] == pytest.approx(best, rel=1e-4, abs=1e-3)
    texts = [text for s in toy.atlas.corpora for text in s.corpus.texts]
    for e in page["examples"]:
        assert e["values"] == pytest.approx(
            rows[texts.index("".join(e["tokens"]))].tolist(), rel=1e-3, abs=1e-3
        )
        assert e["values"][e["at"]] == max(e["values"]) == e["max_act"]


def test_intervals(page, dense):
    acts = torch.cat(
        [row[row > 0] for rows in column(dense, page["feature"]).values() for row in rows]
    )
    if not len(acts):
        assert page["intervals"] == []
        return
    top = float(acts.max())
    assert [i["high"] for i in page["intervals"]] == pytest.approx(
        [top * k / N_INTERVALS for k in range(N_INTERVALS, 0, -1)], rel=1e-4
    )
    assert sum(i["n"] for i in page["intervals"]) == len(acts) and sum(
        i["share"] for i in page["intervals"]
    ) == pytest.approx(1)
    for i in page["intervals"]:
        assert abs(int(((acts > i["low"]) & (acts <= i["high"])).sum()) - i["n"]) <= int(
            ((acts - i["low"]).abs() < 1e-3).sum() + ((acts - i["high"]).abs() < 1e-3).sum()
        )
        assert i["share"] == pytest.approx(i["n"] / len(acts))


def test_promoted_and_suppressed(page, toy):
    hf, tokenizer = toy.model.hf, toy.model.tokenizer
    effect = (toy.sae.W_dec[page["feature"]] * hf.model.norm.weight) @ hf.lm_head.weight.T
    order = effect.argsort(descending=True)
    for name, best in (("promoted", order[:10]), ("suppressed", order.flip(0)[:10])):
        assert page[name] == [tokenizer.decode([t]) for t in best.tolist()]
        assert page[f"{name}_logits"] == pytest.approx(effect[best].tolist(), abs=1e-4)
        assert page[name] == list(toy.atlas.table[name].iloc[page["feature"]])
    assert sum(page["logit_histogram"]["tokens"]) == len(effect)
    assert torch.equal(norm_gain(toy.model.norm), hf.model.norm.weight)


def test_nearest_directions(page, toy):
    feature, W = page["feature"], toy.sae.W_dec
    cosine = torch.nn.functional.cosine_similarity(W, W[feature], dim=-1)
    others = [f for f in cosine.argsort(descending=True).tolist() if f != feature][:8]
    assert [n["feature"] for n in page["nearest"]] == others
    assert [n["cosine"] for n in page["nearest"]] == pytest.approx(
        cosine[others].tolist(), abs=1e-5
    )


def test_co_firing(page, dense):
    stacked = torch.cat([acts for rows in dense.values() for acts in rows]) > 0
    mine = stacked[:, page["feature"]]
    overlap = {}
    for g in range(D_SAE):
        both, either = int((stacked[:, g] & mine).sum()), int((stacked[:, g] | mine).sum())
        if g != page["feature"] and both:
            overlap[g] = both / either
    assert [c["overlap"] for c in page["co_firing"]] == pytest.approx(
        sorted(overlap.values(), reverse=True)[:8]
    )
    for c in page["co_firing"]:
        both = int((stacked[:, c["feature"]] & mine).sum())
        assert (c["together"], c["share"], c["overlap"]) == (
            both,
            pytest.approx(both / int(mine.sum())),
            pytest.approx(overlap[c["feature"]]),
        )


def test_questions_and_their_tokens(page, toy):
    """Against a forward pass over each option's own text, without packing."""
    feature, tokenizer = page["feature"], toy.model.tokenizer
    expected = []
    for s in toy.sets:
        for q in s.questions:
            strongest = 0.0
            for choice in q.choices:
                ids = tokenizer(f"Question: {q.question}\nAnswer: {choice}")["input_ids"][
                    :-1
                ]  # nothing reads the last token
                hidden = toy.model.hf(torch.tensor([ids]), output_hidden_states=True).hidden_states[
                    toy.model.block + 1
                ][0]
                strongest = max(strongest, float(toy.sae.sae.encode(hidden)[1:, feature].max()))
            if strongest > 0:
                expected.append((s.name, q.index, strongest))
    expected.sort(key=lambda x: -x[2])
    assert {(q["set"], q["index"]) for q in page["questions"]} == {
        (name, index) for name, index, _ in expected
    }
    assert [q["max_act"] for q in page["questions"]] == pytest.approx(
        [x[2] for x in expected], rel=1e-3, abs=1e-3
    )
    for s in toy.sets:
        assert page["fires_on_questions"][s.name] == sum(
            q["set"] == s.name for q in page["questions"]
        )
    for q in page["questions"]:
        tokens, values, options = question_tokens(toy.recording, tokenizer, q["place"], feature)
        question = next(s for s in toy.sets if s.name == q["set"]).questions[q["index"]]
        assert "".join(tokens) == f"Question: {question.question}\nAnswer:" + "".join(
            f" {choice}" for choice in question.choices
        )
        assert "".join(tokens[options[3] :]) == f" {question.choices[3]}"
        assert max(values) == pytest.approx(q["max_act"]) and len(tokens) == len(values)


def test_the_json_is_the_pages_numbers_in_neuronpedias_form(page, toy):
    batch = json.loads(json.dumps(feature_json(toy, page), allow_nan=False))
    assert (
        set(batch) == {"model_id", "layer", "sae_set", "sae_id_suffix", "features"}
        and batch["layer"] == toy.model.block
    )
    f = batch["features"][0]
    assert (
        f["feature_index"] == page["feature"]
        and f["pos_str"] == page["promoted"]
        and f["neg_str"] == page["suppressed"]
    )
    assert f["frac_nonzero"] == pytest.approx(
        sum(page["tokens_fired"].values()) / sum(page["tokens_scanned"].values())
    )
    assert (
        f["vector"] == pytest.approx(toy.sae.W_dec[page["feature"]].tolist())
        and f["n_tokens_in_prompt"] == CONTEXT
    )
    assert f["n_prompts_total"] == 10 and len(f["freq_hist_data_bar_values"]) == len(
        f["freq_hist_data_bar_heights"]
    )
    assert len(f["activations"]) == len(page["examples"]) + sum(
        len(i["examples"]) for i in page["intervals"]
    )
    for activation, e in zip(f["activations"], page["examples"], strict=False):
        assert (activation["bin_min"], activation["bin_contains"]) == (-1, -1) and activation[
            "tokens"
        ] == e["tokens"]
        assert activation["values"] == [round(v, 3) for v in e["values"]]
        assert (
            len(activation["values"]) == len(activation["tokens"])
            and activation["qualifying_token_index"] == e["at"]
        )
    w = toy.sae.W_dec[page["feature"]]
    assert f["neuron_alignment_indices"] == w.argsort(descending=True)[:3].tolist()


def test_a_page_is_linked_only_where_the_sae_names_one(page):
    assert page["neuronpedia"] is None and page_url(None, 3) is None and page_url("", 3) is None
    assert (
        page_url("gemma-2-2b/7-gemmascope-res-16k", 12)
        == "https://www.neuronpedia.org/gemma-2-2b/7-gemmascope-res-16k/12"
    )


def test_names_of_neuronpedia_go_into_the_json(toy, monkeypatch):
    monkeypatch.setattr(
        toy.sae.sae.cfg.metadata, "neuronpedia_id", "gemma-2-2b/5-gemmascope-res-16k__l0-34"
    )
    page = feature_page(toy, 1)
    batch = feature_json(toy, page)
    assert (batch["model_id"], batch["sae_set"], batch["sae_id_suffix"]) == (
        "gemma-2-2b",
        "gemmascope-res-16k",
        "l0-34",
    )
    assert page["neuronpedia"].endswith("/gemma-2-2b/5-gemmascope-res-16k__l0-34/1")


@pytest.mark.parametrize("feature", [-1, D_SAE])
def test_no_such_feature(toy, feature):
    with pytest.raises(BadInput, match=f"no feature {feature}"):
        feature_page(toy, feature)


def test_the_corpus_text_is_given_back_whole(toy):
    texts = {
        "".join(e["tokens"])
        for feature in range(D_SAE)
        for e in feature_page(toy, feature, 50)["examples"]
    }
    assert any(text in texts for text in BIOLOGY)
    assert texts <= {t for s in toy.atlas.corpora for t in s.corpus.texts}


def test_a_feature_on_no_question_has_none(toy):
    quiet = [f for f in range(D_SAE) if not len(toy.recording.acts.of(f)[0])]
    assert all(questions_fired_on(toy, f) == [] for f in quiet)
