"""Finished evaluations on disk: the same when read back, with what the user wrote about them."""

import time
from dataclasses import replace

import pytest
import torch

from backend.engine.engine import Engine
from backend.evaluation.results import Results, scores_of
from backend.interventions.edit import clamp_set
from backend.setups import load_setup

CLAMPS = clamp_set([(3, -77.0), (1, 0.0)])
BASELINE = torch.tensor([[0.0, -1.0, -2.0, -3.0]] * 3)
SCORES = torch.tensor([[0.1, -1.0, -2.0, -3.0], [9.0] * 4, [-1 / 3, -1.0, -7.0, -1e-7]])
AFFECTED = torch.tensor([True, False, True])


@pytest.fixture
def results(tmp_path):
    made = Results(tmp_path / "results")
    made.write(CLAMPS, SCORES, AFFECTED, 1.5)
    return made


def test_affected_questions_have_the_scores_of_the_run_and_the_others_the_baselines(results):
    run = results.read(CLAMPS)
    scores, affected = scores_of(run, BASELINE)
    assert (run.clamps, run.seconds) == (CLAMPS, 1.5)
    assert torch.equal(affected, AFFECTED)
    assert torch.equal(scores[AFFECTED], SCORES[AFFECTED])
    assert torch.equal(scores[~AFFECTED], BASELINE[~AFFECTED])


def test_what_the_user_wrote_stays_when_the_clamps_are_run_again(results):
    written = {
        "name": "mine",
        "note": "to be told",
        "star": True,
        "hypothesis": "it forgets",
        "link": (("clamps", "3:-77"),),
    }
    results.annotate(replace(results.read(CLAMPS), **written))
    results.write(CLAMPS, SCORES + 1, AFFECTED, 2.5)
    run = results.read(CLAMPS)
    assert {name: getattr(run, name) for name in written} == written
    assert torch.equal(scores_of(run, BASELINE)[0][AFFECTED], SCORES[AFFECTED] + 1)


def test_a_run_is_found_by_its_clamps_alone_until_it_is_forgotten(results):
    assert results.read(clamp_set([(3, -77.0)])) is None
    assert [results.read_file(path).clamps for path, _ in results.files()] == [CLAMPS]
    results.forget(CLAMPS)
    results.forget(CLAMPS)
    assert results.read(CLAMPS) is None
    assert list(results.files()) == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"clamps": 1}', '{"clamps": [[0, "x"]]}'])
def test_a_damaged_file_is_no_run(results, text):
    [(path, _)] = results.files()
    path.write_text(text)
    assert results.read(CLAMPS) is None


def test_a_result_comes_back_from_disk_the_same(toy, toy_toml):
    clamps = clamp_set([(4, -6.0), (7, 0.0)])
    first = toy.evaluate(clamps)
    again = Engine(load_setup(toy_toml)).evaluate(
        clamps, on_partial=lambda _: pytest.fail("it was computed again")
    )
    assert torch.equal(first.scores, again.scores)
    assert first.sets == again.sets


def test_a_damaged_result_is_a_miss(toy):
    clamps = clamp_set([(6, -2.0)])
    first = toy.evaluate(clamps)
    toy.results._path(clamps).write_text("{")
    assert toy.finished(clamps) is None
    assert torch.equal(toy.evaluate(clamps).scores, first.scores)


def test_an_expectation_written_after_the_run_does_not_count(results):
    assert not results.remember(CLAMPS, {}, "too late", time.time())
    assert results.read(CLAMPS).hypothesis == ""


def test_an_expectation_belongs_to_the_first_run_after_it(results):
    before = results.read(CLAMPS).when - 1
    assert results.remember(CLAMPS, {}, "nothing happens", before)
    assert not results.remember(CLAMPS, {}, "something else", before)
    assert results.read(CLAMPS).hypothesis == "nothing happens"


def test_nothing_is_remembered_of_clamps_that_were_not_run(results):
    other = clamp_set([(2, 1.0)])
    assert not results.remember(other, {"clamps": "2:1"}, "something", 0.0)
    assert results.read(other) is None
