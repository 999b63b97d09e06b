"""Attribution against finite differences of the margin, through tail and scoring."""

from dataclasses import replace

import pytest
import torch

from backend.engine.engine import Engine
from backend.errors import BadInput, Unavailable
from backend.evaluation.recordings import batch_scores
from backend.model.batches import Batch
from backend.model.rows import Plan
from backend.reading.attribution import (
    attribute,
    attribution,
    finished_attribution,
    strongest,
    strongest_of,
)
from backend.reading.tracing import by_token, margin
from backend.setups import load_setup
from tests.support.toy import D_SAE, write_setup

EPS = 1e-2


@pytest.fixture(
    scope="module",
    params=[("cloze", ("first",)), ("letter", ()), ("cloze_per_char", ("special",))],
    ids=lambda p: p[0],
)
def engine(request, tmp_path_factory, own_cache):
    return Engine(
        load_setup(
            write_setup(
                tmp_path_factory.mktemp("attribution"),
                scoring=request.param[0],
                untouched=request.param[1],
            )
        )
    )


def right_of(engine):
    return torch.tensor([question.answer for s in engine.sets for question in s.questions])


def margins(engine, question, edit):
    """The margin of one question with something added to its residuals at the hook.

    In float32; float64 would need another model.
    """
    plan = Plan.whole(engine.recording.rows)
    batch = Batch.of(plan, torch.tensor([question]), engine.model.device)
    resid = engine.recording.resid[batch.token].float() + edit[batch.token]
    with torch.inference_mode():
        return float(
            margin(
                batch_scores(engine.model, plan, batch, resid, engine.setup.scoring),
                right_of(engine)[[question]],
            )
        )


def one(engine, question):
    chosen = torch.zeros(engine.n_questions, dtype=torch.bool)
    chosen[question] = True
    return attribute(
        replace(engine.runner, budget=64),
        engine.recording,
        right_of(engine),
        [chosen],
        scoring=engine.setup.scoring,
    )[0]


def test_it_is_the_slope_of_the_margin_along_each_features_own_contribution(engine):
    checked = 0
    for question in (0, 3, 6):
        got = one(engine, question)
        for feature in range(D_SAE):
            token, value = engine.recording.acts.of(feature)
            along = torch.zeros(engine.recording.rows.n_tokens, engine.model.d_model)
            along[token] = value[:, None] * engine.sae.W_dec[feature]
            slope = (
                margins(engine, question, EPS * along) - margins(engine, question, -EPS * along)
            ) / (2 * EPS)
            assert float(got[feature]) == pytest.approx(slope, abs=2e-2, rel=2e-2), (
                question,
                feature,
            )
            checked += abs(slope) > 0.1
    assert checked > 10, "nothing but zeros was compared"


def test_groups_are_sums_over_their_questions_whatever_the_batches(engine):
    chosen = torch.zeros(engine.n_questions, dtype=torch.bool)
    chosen[[0, 2, 5]] = True
    group = attribute(
        replace(engine.runner, budget=10_000),
        engine.recording,
        right_of(engine),
        [chosen, ~chosen],
        scoring=engine.setup.scoring,
    )
    torch.testing.assert_close(
        group[0], one(engine, 0) + one(engine, 2) + one(engine, 5), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(
        group[1],
        one(engine, 1) + one(engine, 3) + one(engine, 4) + one(engine, 6),
        atol=1e-4,
        rtol=1e-4,
    )


@pytest.mark.parametrize("budget", [64, 10_000])
def test_a_questions_strongest_features_are_those_of_the_question_alone(engine, budget):
    chosen = torch.zeros(engine.n_questions, dtype=torch.bool)
    chosen[[0, 2, 3, 6]] = True
    among = torch.ones(D_SAE, dtype=torch.bool)
    among[one(engine, 2).argmax()] = False
    found = strongest(
        replace(engine.runner, budget=budget),
        engine.recording,
        right_of(engine),
        chosen,
        n_each=(3, 2),
        among=among,
        scoring=engine.setup.scoring,
    )
    assert found.question.tolist() == [0, 2, 3, 6]
    rows = zip(found.question.tolist(), found.feature, found.attribution, strict=True)
    for question, features, sizes in rows:
        alone = [
            (float(size), f) for f, size in enumerate(one(engine, question)) if among[f] and size
        ]
        best = [pair for pair in sorted(alone, reverse=True)[:3] if pair[0] > 0]
        worst = [pair for pair in sorted(alone)[:2] if pair[0] < 0]
        wanted = [f for _, f in best] + [-1] * (3 - len(best))
        wanted += [f for _, f in worst] + [-1] * (2 - len(worst))
        assert features.tolist() == wanted
        there = features >= 0
        torch.testing.assert_close(
            sizes[there],
            torch.tensor([size for size, _ in best + worst], dtype=torch.float64),
            atol=1e-4,
            rtol=1e-4,
        )
        assert not sizes[~there].any()


def test_the_margin_by_hand():
    scores = torch.tensor([[1.0, 2.0, 4.0, 6.0], [0.0, 0.0, 0.0, -3.0]])
    assert margin(scores, torch.tensor([3, 3])).tolist() == pytest.approx([6 - 7 / 3, -3.0])


def test_by_token_holds_the_same_entries(toy):
    acts = toy.recording.acts
    start, feature, value = by_token(acts, toy.recording.rows.n_tokens)
    same = {
        (int(t), f, float(v)) for f in range(acts.d_sae) for t, v in zip(*acts.of(f), strict=True)
    }
    mine = {
        (t, int(feature[i]), float(value[i]))
        for t in range(len(start) - 1)
        for i in range(int(start[t]), int(start[t + 1]))
    }
    assert mine == same


def test_it_is_over_right_answers_of_the_selection_half_and_kept(toy, monkeypatch):
    right = torch.tensor([True, True, True, False, True, True, True])
    monkeypatch.setattr("backend.reading.attribution.answered_right", lambda *_: right)
    reports = []
    first = attribution(toy, reports.append)
    assert reports[-1].done == reports[-1].total > 0
    assert (first.n_forget, first.n_retain) == (2, 2)
    torch.testing.assert_close(
        first.forget, ((one(toy, 0) + one(toy, 2)) / 2).float(), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(
        first.retain, ((one(toy, 4) + one(toy, 6)) / 2).float(), atol=1e-4, rtol=1e-4
    )
    assert torch.equal(finished_attribution(toy).forget, first.forget)
    assert list(first.columns().columns) == ["attr_forget", "attr_retain"]


def test_questions_name_features_that_can_be_clamped_once_and_for_all(toy, monkeypatch):
    right = torch.tensor([True, True, True, False, True, True, True])
    monkeypatch.setattr("backend.reading.attribution.answered_right", lambda *_: right)
    strong = int(one(toy, 0).argmax())
    toy.atlas.table.loc[strong, "max_act"] = 0.0
    found = strongest_of(toy, 5)
    assert found.question.tolist() == [0, 2]
    assert found.feature.shape == (2, 5)
    assert (found.attribution[:, :3] >= 0).all()
    assert (found.attribution[:, 3:] <= 0).all()
    assert strong not in found.feature
    monkeypatch.setattr(
        "backend.reading.attribution.strongest", lambda *_, **__: pytest.fail("it ran again")
    )
    for kept, made in zip(strongest_of(toy, 5), found, strict=True):
        assert torch.equal(kept, made)
    with pytest.raises(BadInput, match="ask for 1 or more"):
        strongest_of(toy, 0)


def test_without_a_right_answer_there_is_nothing_to_trace(toy, monkeypatch):
    monkeypatch.setattr("backend.reading.attribution.finished_attribution", lambda _: None)
    monkeypatch.setattr(
        "backend.reading.attribution.answered_right", lambda *_: torch.zeros(7, dtype=torch.bool)
    )
    for trace in (attribution, lambda engine: strongest_of(engine, 20)):
        with pytest.raises(Unavailable, match="no forget question"):
            trace(toy)


def test_it_can_be_stopped_and_frees_the_model(toy, monkeypatch):
    class Stop(BaseException):
        pass

    def stop(_):
        raise Stop

    monkeypatch.setattr("backend.reading.attribution.finished_attribution", lambda _: None)
    monkeypatch.setattr(
        "backend.reading.attribution.answered_right", lambda *_: torch.ones(7, dtype=torch.bool)
    )
    with pytest.raises(Stop):
        attribution(toy, stop)
    assert not toy.busy
