"""The streaming pass: exact statistics, top rows kept whole, a fair sample of the rest."""

import pytest
import torch

from backend.features.scan import Kept, ScannedCorpus, scan_rows
from backend.model.rows import Rows
from backend.parts import Parts
from backend.reading.examples import top_examples

N_ROWS = 60
LENGTH = 10
D = 7


@pytest.fixture
def rows():
    return Rows.of_text([[1] * LENGTH] * N_ROWS)


@pytest.fixture
def dense():
    torch.manual_seed(0)
    acts = torch.rand(N_ROWS * LENGTH, D)
    return acts.masked_fill(acts < torch.linspace(0.3, 0.97, D), 0)


def fill(rows, dense, most, top_rows):
    kept = Kept(rows, D, most, top_rows)
    for chosen in torch.randperm(N_ROWS).split(4):
        token = torch.cat([torch.arange(r * LENGTH, (r + 1) * LENGTH) for r in chosen.tolist()])
        at, feature = dense[token].nonzero(as_tuple=True)
        kept.add(token[at].int(), feature.int(), dense[token[at], feature])
    return kept, *kept.finish()


def as_dense(acts):
    out = torch.zeros(N_ROWS * LENGTH, D)
    for f in range(D):
        token, value = acts.of(f)
        out[token, f] = value
    return out


def test_a_small_corpus_is_kept_whole(rows, dense):
    kept, acts, whole = fill(rows, dense, 10_000, 3)
    assert whole.all()
    assert torch.equal(as_dense(acts), dense)


def test_statistics_are_over_everything_and_what_is_kept_is_sample_and_top_rows(rows, dense):
    kept, acts, whole = fill(rows, dense, 400, 3)
    torch.testing.assert_close(kept.count, (dense > 0).sum(0))
    torch.testing.assert_close(kept.total, dense.double().sum(0))
    torch.testing.assert_close(kept.max_act, dense.max(0).values)
    by_row = dense.view(N_ROWS, LENGTH, D)
    expected = torch.zeros(N_ROWS, LENGTH, D, dtype=torch.bool)
    expected[whole] = True
    for f in range(D):
        expected[by_row[:, :, f].max(1).values.argsort(descending=True, stable=True)[:3], :, f] = (
            True
        )
    assert 0 < whole.sum() < N_ROWS
    assert torch.equal(as_dense(acts), (by_row * expected).view(-1, D))
    assert int((by_row[whole] > 0).sum()) <= 400


def test_the_sample_does_not_depend_on_the_order_of_batches(rows, dense):
    first = fill(rows, dense, 400, 3)[2]
    torch.manual_seed(5)
    assert (fill(rows, dense, 400, 3)[2] & first).sum() >= min(int(first.sum()), 1)


def scanned(toy, most):
    s = toy.atlas.corpora[0]
    rows = Rows.of_text(s.corpus.ids)
    return scan_rows(toy.runner, rows, "", Parts(None), lambda _: None, most)


def test_top_examples_of_a_thinned_corpus_are_those_of_the_whole(toy):
    s, tensors = toy.atlas.corpora[0], scanned(toy, 60)
    thin = ScannedCorpus(
        s.corpus,
        s.start,
        s.n_counted,
        s.stats,
        type(s.acts).from_tensors(tensors),
        tensors["whole"],
        int(tensors["n_whole"]),
    )
    assert not thin.complete
    assert s.complete
    assert thin.n_whole < s.n_counted == s.n_whole
    for feature in range(toy.sae.d_sae):
        assert top_examples([thin], feature, 5) == top_examples([s], feature, 5)
        token, value = thin.sampled(feature)
        all_token, all_value = s.acts.of(feature)
        mine = tensors["whole"][s.row_of(all_token)]
        assert torch.equal(token, all_token[mine])
        assert torch.equal(value, all_value[mine])
