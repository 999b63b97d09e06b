"""A question's scores are its own: the same bits whatever else runs, in whatever order and batches,
with keys that were kept and without.
"""

from dataclasses import replace
from functools import cache

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from backend.evaluation.recordings import record
from backend.model import kernel
from backend.model.attention import STEP, KeyValues
from backend.model.invariance import rows_do_not_matter
from backend.model.rows import Rows
from backend.model.runner import Runner
from backend.model.sae import load_sae
from backend.model.split import SplitModel, split
from backend.setups import SaeSource
from tests.backend.evaluation.test_architectures import (
    HOOK,
    SETTINGS,
    VOCAB,
    packed_questions,
    rates_of,
    sets_of,
)
from tests.support.bits import need_own_bits
from tests.support.clamped import clamped
from tests.support.toy import ARCHITECTURES, build_model, build_sae, build_tokenizer

DTYPES = [torch.float32, torch.bfloat16]
BUDGETS = st.integers(1, 200)


@cache
def model_of(architecture: str, dtype: torch.dtype) -> SplitModel:
    return split(build_model(VOCAB, architecture).to(dtype), build_tokenizer(), HOOK)


@pytest.fixture(scope="module")
def sae(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sae")
    build_sae(folder)
    return load_sae(SaeSource(path=folder), "cpu")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=5, deadline=None, phases=[Phase.reuse, Phase.generate])
@given(data=st.data())
def test_a_questions_scores_do_not_depend_on_what_runs_with_it(sae, architecture, dtype, data):
    runner = Runner(model_of(architecture, dtype), sae, ("first", "sinks"), budget=64)
    need_own_bits(runner)
    scoring = data.draw(st.sampled_from(["cloze", "letter"]))
    packed, setting = data.draw(packed_questions(scoring)), data.draw(SETTINGS)
    n = len(packed)

    def recorded(order):
        """These questions in this order, without keys."""
        mine = replace(runner, budget=data.draw(BUDGETS))
        rows = Rows.of([packed[question] for question in order])
        return record(mine, rows, stage="", scoring=scoring)

    def scores(recording, only=None, setting=setting):
        mine, sets = replace(runner, budget=data.draw(BUDGETS)), sets_of(recording.rows.n_rows)
        return clamped(mine, recording, sets, setting, scoring, rates_of(setting), only).scores

    whole = recorded(range(n))
    wanted = scores(whole)
    some = torch.tensor(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    assert torch.equal(scores(whole, some), torch.where(some[:, None], wanted, whole.baseline))

    order = data.draw(st.permutations(range(n)))[: data.draw(st.integers(1, n))]
    company = recorded(order)
    assert torch.equal(company.baseline, whole.baseline[order])
    assert torch.equal(scores(company), wanted[order])

    for question in range(n):
        alone = recorded([question])
        assert torch.equal(alone.baseline[0], whole.baseline[question])
        assert torch.equal(scores(alone)[0], wanted[question])

    keeping = replace(whole, keys=KeyValues(whole.rows.n_tokens))
    other = data.draw(SETTINGS)
    with_other = scores(whole, setting=other)
    for _ in range(2):
        assert torch.equal(scores(keeping, some), scores(whole, some))
        assert torch.equal(scores(keeping, setting=other), with_other)
        assert torch.equal(scores(keeping), wanted)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_on_this_machine_rows_do_not_matter(architecture, dtype):
    model = model_of(architecture, dtype)
    assert rows_do_not_matter(model, STEP)
    assert rows_do_not_matter(model, 8 * STEP)


def sums_in_halves(monkeypatch):
    """Products of many rows are summed in another order, as another kernel of a library would."""
    linear = torch.nn.functional.linear

    def spoilt(given, weight, bias=None):
        if given.shape[-2] < 10 * STEP:
            return linear(given, weight, bias)
        half = weight.shape[1] // 2
        return linear(given[..., :half], weight[:, :half], bias) + linear(
            given[..., half:], weight[:, half:]
        )

    monkeypatch.setattr(torch.nn.functional, "linear", spoilt)


def attends_by_company(monkeypatch):
    """Scores of attention are scaled by a hair more, the more rows stand in a tile."""
    attend = kernel.attend

    def spoilt(query, key, value, mask, scaling, softcap=None):
        return attend(query, key, value, mask, scaling * (1 + 0.01 * query.shape[1]), softcap)

    monkeypatch.setattr(kernel, "attend", spoilt)


def reads_by_company(monkeypatch):
    """What is read is a hair larger, the more rows are read."""
    read_tail = SplitModel.read_tail

    def spoilt(self, resid, batch, joining=None):
        return read_tail(self, resid, batch, joining) * (1 + 0.01 * len(batch.rows))

    monkeypatch.setattr(SplitModel, "read_tail", spoilt)


def keeps_other_keys(monkeypatch):
    """Values that were kept come back a hair larger."""
    of = KeyValues.of

    def spoilt(self, layer, tokens):
        key, value = of(self, layer, tokens)
        return key, value * 1.01

    monkeypatch.setattr(KeyValues, "of", spoilt)


SPOILT = [sums_in_halves, attends_by_company, reads_by_company, keeps_other_keys]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("spoil", SPOILT)
def test_it_is_seen_where_rows_do_matter(monkeypatch, spoil, dtype):
    model = model_of("llama", dtype)
    assert rows_do_not_matter(model, STEP)
    spoil(monkeypatch)
    assert not rows_do_not_matter(model, STEP)
