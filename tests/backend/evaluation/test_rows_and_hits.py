"""Whatever rows there are, and wherever an edit hits them, the tail runs and gives the same scores
as running every token of every row.
"""

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.data.questions import NO_QUESTIONS, PREFIX, Packed
from backend.evaluation.change import affected_questions, effective_edit, read_after
from backend.evaluation.recordings import batch_scores, record
from backend.interventions.clamps import Clamp
from backend.interventions.edit import residual_edit
from backend.interventions.method import Setting
from backend.model.activations import by_feature
from backend.model.attention import KeyValues
from backend.model.batches import Batch
from backend.model.rows import Plan, Rows
from tests.support.clamped import clamped

FEATURE = 3


@st.composite
def rows_and_hits(draw):
    """Rows of a prefix and up to four branches that read anywhere, and tokens that are hit."""
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        n_prefix = draw(st.integers(1, 4))
        sizes = draw(st.lists(st.integers(0, 3), max_size=4))
        branch = [PREFIX] * n_prefix + [b for b, size in enumerate(sizes) for _ in range(size)]
        ids = draw(st.lists(st.integers(0, 40), min_size=len(branch), max_size=len(branch)))
        read = sorted(draw(st.sets(st.integers(0, len(ids) - 1), min_size=1)))
        choice = [draw(st.integers(0, 3)) for _ in read]
        rows.append(Packed(ids, branch, read, [7] * len(read), choice, [1.0] * len(read)))
    total = sum(len(row.ids) for row in rows)
    hits = sorted(draw(st.sets(st.integers(0, total - 1), min_size=1)))
    return rows, hits


@pytest.mark.parametrize("keep_keys", [True, False])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=rows_and_hits())
def test_no_pattern_of_hits_stops_a_run_or_changes_its_scores(toy, keep_keys, drawn):
    packed, hits = drawn
    rows = Rows.of(packed)
    recording = record(toy.runner, rows, stage="", scoring="cloze")
    fired = (torch.tensor(hits), torch.full((len(hits),), FEATURE), torch.ones(len(hits)))
    keys = KeyValues(rows.n_tokens) if keep_keys else None
    recording = replace(recording, acts=by_feature([fired], toy.sae.d_sae), keys=keys)
    clamps = Setting((Clamp(FEATURE, -40.0),))

    def run():
        return clamped(toy.runner, recording, NO_QUESTIONS, clamps, "cloze")

    result = run()
    assert torch.equal(run().scores, result.scores), "with the keys that the first run kept"

    hit, edit = residual_edit(recording.acts, clamps, toy.sae.W_dec)
    resid = recording.resid.index_add(0, hit, edit)
    plan, device = Plan.whole(rows), toy.model.device
    for row in range(rows.n_rows):
        batch = Batch.of(plan, torch.tensor([row]), device)
        with torch.inference_mode():
            whole = batch_scores(toy.model, plan, batch, resid[batch.token], "cloze")
        torch.testing.assert_close(result.scores[row], whole[0], atol=1e-3, rtol=1e-4)

    # By hand: a row is affected if it reads at a token that is hit, or that sees one.
    stream = [(r, i, b) for r, row in enumerate(packed) for i, b in enumerate(row.branch)]
    struck = [stream[h] for h in hits]
    wanted = [
        any(
            r == row and i <= at and b in (PREFIX, packed[row].branch[at])
            for at in packed[row].score_pos
            for r, i, b in struck
        )
        for row in range(len(packed))
    ]
    assert affected_questions(recording, clamps).tolist() == wanted
    assert result.affected.tolist() == wanted
    assert result.complete


def test_a_text_whose_last_token_alone_is_hit_keeps_its_loss(toy):
    packed = [Packed([5, 6, 7, 8], [PREFIX] * 4, [0, 1, 2], [6, 7, 8], [0] * 3, [1.0] * 3)] * 2
    recording = record(toy.runner, Rows.of(packed), stage="", scoring="cloze")
    recording = replace(recording, keys=KeyValues(recording.rows.n_tokens))
    for last, others in (([3, 7], []), ([3], [5])):
        at = torch.tensor(sorted(last + others))
        fired = (at, torch.full((len(at),), FEATURE), torch.ones(len(at)))
        struck = replace(recording, acts=by_feature([fired], toy.sae.d_sae))
        clamps = Setting((Clamp(FEATURE, -40.0),))
        result = clamped(toy.runner, struck, NO_QUESTIONS, clamps, "cloze")
        assert result.affected.tolist() == [False, bool(others)]
        assert torch.equal(result.scores[0], recording.baseline[0])


@settings(deadline=None)
@given(rows_and_hits())
def test_an_edit_is_made_where_something_that_is_read_sees_it_or_is_it(drawn):
    packed, hits = drawn
    rows = Rows.of(packed)
    wanted = [
        any(i <= at and mine in (PREFIX, row.branch[at]) for at in row.score_pos)
        for row in packed
        for i, mine in enumerate(row.branch)
    ]
    assert read_after(rows).tolist() == wanted
    acts = by_feature([(torch.tensor(hits), torch.zeros(len(hits)), torch.ones(len(hits)))], 1)
    edit = effective_edit(rows, acts, Setting((Clamp(0, -40.0),)), None)
    assert edit.token.tolist() == [hit for hit in hits if wanted[hit]]
