"""Directions against their formulas and the library's own fit, on whole arrays."""

import math
from dataclasses import replace

import pytest
import torch
from concept_erasure import LeaceEraser
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.data.corpora import Corpus
from backend.engine.engine import Engine
from backend.interventions.rival import PUSHED
from backend.model import positions
from backend.notices import noticed
from backend.rivals import directions
from backend.rivals.directions import Collected, Direction, direction, fingerprint, measured
from backend.setups import RULES, load_setup
from tests.support.rivals import Slow
from tests.support.toy import write_setup

N_FORGET, N_RETAIN, D_MODEL = 90, 140, 24


def texts(seed=0):
    """Residuals of two texts: correlated, of unlike lengths, and a little apart."""
    drawn = torch.Generator().manual_seed(seed)
    mixed = torch.randn(D_MODEL, D_MODEL, generator=drawn)
    resid = torch.randn(N_FORGET + N_RETAIN, D_MODEL, generator=drawn) @ mixed + 3.0
    forget, retain = resid[:N_FORGET], resid[N_FORGET:]
    return forget + torch.randn(D_MODEL, generator=drawn), retain


def moments_of(forget, retain):
    collected = Collected(forget.shape[1])
    collected.add("forget", forget)
    collected.add("retain", retain)
    return collected.moments()


def eraser_of(forget, retain):
    """The library's own, of whole arrays."""
    x = torch.cat([forget, retain]).double()
    z = torch.cat([torch.ones(len(forget)), torch.zeros(len(retain))]).double()
    return LeaceEraser.fit(x, z)


def means(push, forget, retain, strength=1.0):
    return [push(resid, strength).double().mean(0) for resid in (forget, retain)]


def test_the_difference_of_means_by_hand():
    forget = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    retain = torch.tensor([[0.0, 1.0], [0.0, 2.0], [3.0, 0.0]])
    found = moments_of(forget, retain)
    assert found.n.tolist() == [2, 3]
    assert found.mean.tolist() == [[2, 4], [1, 1]]
    push = direction("difference-of-means", found).push
    assert push(torch.tensor([[10.0, 10.0]]), 2.0).tolist() == [[8.0, 4.0]]
    unit = torch.tensor([1.0, 3.0]) / math.sqrt(10)
    across = torch.tensor([[3.0, -1.0]])
    project = direction("projection", found).push
    torch.testing.assert_close(project(across + 5 * unit, 1.0), across)
    torch.testing.assert_close(project(across + 5 * unit, 0.5), across + 2.5 * unit)


@pytest.mark.parametrize("kind", PUSHED)
def test_at_strength_zero_nothing_moves(kind):
    forget, retain = texts()
    assert torch.equal(direction(kind, moments_of(forget, retain)).push(forget, 0.0), forget)


def test_projection_leaves_nothing_along_the_direction_and_all_else_as_it_was():
    forget, retain = texts()
    unit = forget.mean(0) - retain.mean(0)
    unit /= unit.norm()
    resid = torch.cat([forget, retain])
    after = direction("projection", moments_of(forget, retain)).push(resid, 1.0)
    assert (resid @ unit).abs().max() > 1
    assert (after @ unit).abs().max() < 1e-5
    across = torch.eye(D_MODEL) - torch.outer(unit, unit)
    torch.testing.assert_close(after @ across, resid @ across, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_leace_is_the_librarys_of_whole_arrays(seed):
    forget, retain = texts(seed)
    eraser = eraser_of(forget, retain)
    made = direction("leace", moments_of(forget, retain))
    resid = torch.cat([forget, retain])
    whole = eraser(resid.double())
    assert (whole - resid).abs().max() > 0.1
    for strength in (1.0, 0.5, 3.0):
        wanted = resid + strength * (whole - resid)
        torch.testing.assert_close(
            made.push(resid, strength).double(), wanted, atol=1e-5, rtol=1e-5
        )


def test_after_leace_both_texts_have_the_mean_of_all_tokens():
    forget, retain = texts()
    found = moments_of(forget, retain)
    all_tokens = torch.cat([forget, retain]).double().mean(0)
    before = means(lambda resid, _: resid, forget, retain)
    assert (before[0] - before[1]).abs().max() > 0.5
    for mean in means(direction("leace", found).push, forget, retain):
        torch.testing.assert_close(mean, all_tokens, atol=1e-5, rtol=0)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_batch_by_batch_in_any_order_the_moments_are_those_of_all_at_once(data):
    forget, retain = texts()
    collected, batches = Collected(D_MODEL), []
    for role, resid in (("forget", forget), ("retain", retain)):
        cuts = sorted(data.draw(st.sets(st.integers(0, len(resid)), max_size=5)))
        begins, ends = [0, *cuts], [*cuts, len(resid)]
        batches += [(role, resid[a:b]) for a, b in zip(begins, ends, strict=True)]
    for role, resid in data.draw(st.permutations(batches)):
        collected.add(role, resid)
    made, wanted = collected.moments().tensors(), moments_of(forget, retain).tensors()
    for name in wanted:
        torch.testing.assert_close(made[name], wanted[name], atol=1e-9, rtol=1e-9)
        assert made[name].dtype == torch.float64


def test_a_random_direction_is_as_long_as_the_difference_and_lies_elsewhere():
    forget, retain = texts()
    apart = forget.mean(0) - retain.mean(0)
    found = moments_of(forget, retain)
    added = direction("random-direction", found).added(forget, 1.0)
    assert (added == added[0]).all()
    assert added[0].norm() == pytest.approx(float(apart.norm()), rel=1e-5)
    assert abs(torch.cosine_similarity(added[0], apart, dim=0)) < 0.5
    assert torch.equal(direction("random-direction", found).added(forget, 1.0), added)


def test_texts_of_one_mean_are_told_apart_by_nothing():
    same = texts()[0]
    for kind in PUSHED:
        made = direction(kind, moments_of(same, same))
        torch.testing.assert_close(made.push(same, 1.0), same, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("d_model", [1, 7, 32, 576, 2304])
def test_a_residual_moved_alone_has_the_bits_it_has_among_others(dtype, d_model):
    drawn = torch.Generator().manual_seed(0)

    def vector():
        return torch.randn(d_model, generator=drawn)

    made = Direction(vector(), vector(), vector(), vector())
    resid = (10 * torch.randn(300, d_model, generator=drawn)).to(dtype)
    among = made.push(resid, 1.3)
    assert among.dtype == dtype
    for row in range(40):
        assert torch.equal(made.push(resid[row : row + 1], 1.3)[0], among[row])
    for n in (2, 3, 15, 16, 17, 33, 128, 299):
        some = torch.randperm(300, generator=drawn)[:n]
        assert torch.equal(made.push(resid[some], 1.3), among[some])


# -- measured on a model --------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    return tmp_path / "directions.safetensors"


def corpora_of(toy) -> list[Corpus]:
    return [scanned.corpus for scanned in toy.atlas.corpora]


def test_what_was_measured_is_read_back_without_a_model(toy, path):
    reports = []
    made = measured(lambda: toy.runner, corpora_of(toy), path, reports.append)
    n_tokens = sum(len(ids) for corpus in corpora_of(toy) for ids in corpus.ids)
    assert reports[-1].done == reports[-1].total == n_tokens
    again = measured(lambda: pytest.fail("a model was loaded"), corpora_of(toy), path)
    for name, tensor in made.tensors().items():
        assert torch.equal(again.tensors()[name], tensor)


def test_a_damaged_file_is_measured_again(toy, path):
    made = measured(lambda: toy.runner, corpora_of(toy), path)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    again = measured(lambda: toy.runner, corpora_of(toy), path)
    assert torch.equal(again.sigma_xx, made.sigma_xx)


def test_a_disk_that_will_not_have_them_is_said_and_they_are_there(toy, tmp_path):
    (tmp_path / "file").write_text("")
    made = measured(lambda: toy.runner, corpora_of(toy), tmp_path / "file" / "no.safetensors")
    assert int(made.n.sum())
    assert any("The directions between the texts cannot be kept" in text for text in noticed())


def test_one_that_is_stopped_keeps_nothing(toy, path):
    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured(lambda: toy.runner, corpora_of(toy), path, stop)
    assert not path.exists()


@pytest.mark.parametrize("rules", [(), ("first",), RULES])
def test_only_tokens_that_a_clamp_may_touch_are_counted(tmp_path, monkeypatch, path, rules):
    """The toy's are prepared with its own rules; here positions are told anew."""
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(positions, "SINK_RATIO", 1.15)  # so that a random model has some
    engine = Engine(load_setup(write_setup(tmp_path, untouched=rules)))
    made = measured(lambda: replace(engine.runner, budget=32), corpora_of(engine), path)
    every = [sum(len(ids) for ids in corpus.ids) for corpus in corpora_of(engine)]
    n_first = [len(corpus.ids) if "first" in rules else 0 for corpus in corpora_of(engine)]
    forget, retain = Slow(engine, None).residuals()
    assert made.n.tolist() == [len(forget), len(retain)]
    assert (sum(every) - len(forget) - len(retain) > sum(n_first)) == ("sinks" in rules)
    for role, resid in enumerate((forget, retain)):
        torch.testing.assert_close(made.mean[role], resid.double().mean(0), atol=1e-5, rtol=0)
    x = torch.cat([forget, retain]).double()
    spread = (x - x.mean(0)).T @ (x - x.mean(0))
    torch.testing.assert_close(made.sigma_xx, spread, atol=1e-2, rtol=1e-4)


def test_of_much_text_some_rows_are_drawn(toy, path, monkeypatch):
    monkeypatch.setattr(directions, "MOST_TOKENS", 40)
    corpora = corpora_of(toy)
    made = measured(lambda: toy.runner, corpora, path)
    longest = max(len(ids) for corpus in corpora for ids in corpus.ids)
    for n, corpus in zip(made.n.tolist(), corpora, strict=True):
        assert 40 - len(corpus.ids) <= n < 40 + longest
        assert n < sum(len(ids) for ids in corpus.ids) - len(corpus.ids)


def test_a_direction_is_called_by_its_text(toy, monkeypatch):
    corpora = corpora_of(toy)
    name, (forget, retain) = fingerprint(corpora), corpora
    assert fingerprint(corpora) == name
    assert fingerprint([replace(forget, title="another"), retain]) == name
    others = {
        fingerprint([replace(forget, ids=forget.ids[1:]), retain]),
        fingerprint([replace(forget, ids=([9, *forget.ids[0]], *forget.ids[1:])), retain]),
        fingerprint([replace(forget, role="retain"), replace(retain, role="forget")]),
    }
    monkeypatch.setattr(directions, "MOST_TOKENS", 40)
    others.add(fingerprint(corpora))
    assert len(others - {name}) == 4
