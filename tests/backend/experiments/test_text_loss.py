"""Loss added on text, against the model's own full forward pass, with and without a hook."""

import html
import math

import pytest
import torch

from backend.data.prompts import pack_text
from backend.engine.engine import Engine
from backend.errors import BadRival
from backend.evaluation.change import affected_questions
from backend.evaluation.reference import Reference
from backend.experiments.text_loss import TextLoss, in_words, summarise_loss, text_loss
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import KINDS, Rival
from backend.model.split import SplitModel
from backend.notices import noticed
from backend.setups import load_setup
from backend.sharing.report import report
from tests.support.methods import METHODS
from tests.support.rivals import Slow, rival_of
from tests.support.toy import write_setup

TEXT = (
    '[text_loss]\nrole = "retain"\ntitle = "other <b> text"\nfile = "passages.jsonl"\nwhere = '
    '"other"\n'
)
LOSS = TextLoss("other <b> text", 1200, 12, 3, 1.5, 1.75, 0.25, 0.1, 0.4)
CLAMPS = setting_of([(10, -4.0), (14, -9.0), (3, 2.0)])


@pytest.fixture(scope="module")
def engine(tmp_path_factory, own_cache):
    return Engine(load_setup(write_setup(tmp_path_factory.mktemp("loss"), more=TEXT)))


def rows_of(engine):
    rows = engine.text.recording.rows
    return [rows.ids[a:b].tolist() for a, b in zip(rows.start[:-1], rows.start[1:], strict=True)]


def test_baseline_is_the_models_own_loss(engine):
    total = n = 0
    for ids in rows_of(engine):
        out = engine.model.hf(torch.tensor([ids]), labels=torch.tensor([ids]))
        total, n = total + float(out.loss) * (len(ids) - 1), n + len(ids) - 1
    loss = text_loss(engine, NOTHING)
    assert loss.baseline == pytest.approx(total / n, abs=1e-5)
    assert loss.n_tokens == n
    assert loss.n_rows == 5
    assert (loss.added, loss.n_affected) == (0, 0)


def test_added_loss_is_that_of_a_full_forward_pass_with_a_hook(engine):
    reference = Reference(*engine.load_plain(), engine.sae, engine.setup.untouched)
    packed = [pack_text(ids) for ids in rows_of(engine)]
    slow = [reference.scores(packed, clamps, "cloze")[:, 0] for clamps in (None, CLAMPS)]
    n = sum(len(p.score_pos) for p in packed)
    loss = text_loss(engine, CLAMPS)
    assert abs(loss.added) > 1e-3
    assert loss.added == pytest.approx(float((slow[0] - slow[1]).sum()) / n, abs=1e-5)
    assert loss.clamped == pytest.approx(-float(slow[1].sum()) / n, abs=1e-5)


def test_rows_on_which_nothing_fires_keep_their_loss_bit_for_bit(engine):
    affected = affected_questions(engine.text.recording, CLAMPS)
    text_loss(engine, CLAMPS)
    run = engine.text.results.read(CLAMPS)
    assert sorted(row for row, _ in run.rows) == affected.nonzero().squeeze(-1).tolist()
    assert 0 < int(affected.sum()) <= engine.text.recording.rows.n_rows


def test_a_known_result_is_not_run_again_and_progress_counts_rows(engine):
    clamps, reports = setting_of([(5, -3.0), (6, -3.0)]), []
    first = text_loss(engine, clamps, reports.append)
    assert reports[-1].done == reports[-1].total == first.n_affected
    assert text_loss(engine, clamps, lambda _: pytest.fail("it was computed again")) == first
    assert "nats a token" in in_words(first)


def test_a_loss_that_cannot_be_kept_is_given_and_said(engine, tmp_path, monkeypatch):
    wanted = text_loss(engine, CLAMPS)
    engine.text.results.forget(CLAMPS)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(engine.text.results, "_folder", tmp_path / "file" / "loss")
    assert text_loss(engine, CLAMPS) == wanted
    assert any("A finished loss on text cannot be kept" in text for text in noticed())


def test_a_setup_without_text_has_none(toy):
    assert text_loss(toy, CLAMPS) is None


def test_interval_of_a_hand_worked_case():
    """Two rows of 10 tokens that lose 1 and 3 nats: added 0.2 a token.

    Deviations -1 and 1, so se = sqrt(2 * 2 / 1) / 20 = 0.1.
    """
    tokens, before = torch.tensor([10, 10]), torch.tensor([-20.0, -30.0])
    loss = summarise_loss("t", tokens, before, before - torch.tensor([1.0, 3.0]), 2)
    assert (loss.baseline, loss.added, loss.clamped) == pytest.approx((2.5, 0.2, 2.7))
    assert (loss.ci_low, loss.ci_high) == pytest.approx(
        (0.2 - 1.96 * 0.1, 0.2 + 1.96 * 0.1), abs=1e-4
    )
    one = summarise_loss("t", tokens[:1], before[:1], before[:1], 0)
    assert one.ci_high == math.inf


def test_the_report_has_it(engine):
    page = report(engine, engine.evaluate(CLAMPS))
    assert html.escape(in_words(text_loss(engine, CLAMPS)).strip()) in page
    assert "other <b> text" not in page


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_by_every_method_too(engine, method):
    setting = setting_of([(f, -12.0) for f in range(5)], method)
    reference = Reference(*engine.load_plain(), engine.sae, engine.setup.untouched)
    packed = [pack_text(ids) for ids in rows_of(engine)]
    rates = engine.evaluator.rates(setting)
    pairs = (
        []
        if rates is None
        else list(zip(rates.forget.tolist(), rates.retain.tolist(), strict=True))
    )
    slow = [reference.scores(packed, s, "cloze", rates=pairs)[:, 0] for s in (None, setting)]
    loss = text_loss(engine, setting)
    n = sum(len(p.score_pos) for p in packed)
    assert loss.added == pytest.approx(float((slow[0] - slow[1]).sum()) / n, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rivals_is_that_of_whole_passes(engine, kind, monkeypatch):
    rival = rival_of(engine, kind)
    packed = [pack_text(ids) for ids in rows_of(engine)]
    slow = [Slow(engine, r).scores(packed, "cloze")[:, 0] for r in (None, rival)]
    n = sum(len(p.score_pos) for p in packed)
    loss = text_loss(engine, Setting(rival=rival))
    assert abs(loss.added) > 1e-3
    assert loss.added == pytest.approx(float((slow[0] - slow[1]).sum()) / n, abs=1e-5)
    assert loss.clamped == pytest.approx(-float(slow[1].sum()) / n, abs=1e-5)
    assert loss.n_tokens == n
    assert loss.n_affected == loss.n_rows == 5
    for part in ("run_head", "read_tail"):
        monkeypatch.setattr(SplitModel, part, lambda *args: pytest.fail("it ran again"))
    assert text_loss(engine, Setting(rival=rival)) == loss
    engine.text.results.forget(Setting(rival=rival))
    if engine.runner.invariant:  # its rows' answers are kept where the run is not
        assert text_loss(engine, Setting(rival=rival)) == loss


def test_a_rival_that_is_not_there_has_no_loss(engine):
    with pytest.raises(BadRival, match="no RMU 'nothing-like-it'"):
        text_loss(engine, Setting(rival=Rival("rmu", "nothing-like-it")))
