"""Open questions with neutral text before them: the gate asked again, by hand."""

import pytest

from backend.data.questions import PREFIX, Packed
from backend.errors import BadInput
from backend.evaluation.recordings import record
from backend.evaluation.reference import statistic, unpacked
from backend.experiments.dilution import dilute, with_text_before
from backend.interventions.method import Gate, Method, setting_of
from backend.model.rows import Rows


def test_text_goes_after_the_first_token_where_that_begins_a_text():
    packed = Packed([0, 5, 6], [PREFIX, PREFIX, 0], [1, 2], [7, 8], [0, 0], [1.0, 1.0])
    begun = with_text_before(packed, [9, 9], frozenset([0]))
    assert (begun.ids, begun.branch) == ([0, 9, 9, 5, 6], [PREFIX] * 4 + [0])
    assert begun.score_pos == [3, 4]
    assert with_text_before(packed, [9, 9], frozenset()).ids == [9, 9, 0, 5, 6]


def gated(kind, tau):
    return setting_of([(f, -9.0) for f in range(3)], Method(gate=Gate(kind, tau, 4)))


@pytest.mark.parametrize("kind", ["rho", "window"])
def test_what_closes_is_what_the_formula_says_of_the_longer_text(toy, kind):
    opened = toy.opening(gated(kind, 0.0))
    forget = toy.sets.role("forget")
    tau = float(opened.of_row[forget].min()) / 2
    setting = gated(kind, tau)
    found = dilute(toy, setting, n_neutral=20)
    places = (forget & (toy.opening(setting).rows > 0)).nonzero().squeeze(-1).tolist()
    assert found.n == len(places) > 0
    text = [
        t for s in toy.atlas.corpora if s.corpus.role == "retain" for r in s.corpus.ids for t in r
    ]
    longer = [with_text_before(toy.packed[p], text[:20], frozenset()) for p in places]
    closed = 0
    for packed in longer:
        statistics = []
        for ids, _, _ in unpacked(packed):
            row = Packed(ids, [PREFIX] * len(ids), [], [], [], [])
            acts = record(toy.runner, Rows.of([row]), stage="", scoring=None).acts
            fires = [[t in acts.of(f)[0] for f in range(3)] for t in range(len(ids))]
            statistics.append(statistic(fires, setting.method.gate, []))
        closed += max(statistics) <= tau
    assert found.closed == closed
    assert f"{found.closed} of {found.n} open forget questions" in found.in_words()


def test_what_cannot_be_diluted_is_said(toy):
    with pytest.raises(BadInput, match="Choose a gate"):
        dilute(toy, setting_of([(1, -2.0)]))
    assert "nothing to dilute" in dilute(toy, gated("rho", 1.0)).in_words()
    with pytest.raises(BadInput, match="fewer than the 100000"):
        dilute(toy, gated("rho", 0.0), n_neutral=100_000)


def test_a_model_that_cannot_read_that_much_says_so(toy, monkeypatch):
    monkeypatch.setattr(type(toy.model), "longest", 10, raising=False)
    with pytest.raises(BadInput, match="this model reads 10"):
        dilute(toy, gated("rho", 0.0), n_neutral=20)
