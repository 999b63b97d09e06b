"""Finished evaluations on disk: the same when read back, with what the user wrote about them."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.engine.engine import Engine
from backend.errors import BadInput, Unavailable
from backend.evaluation.results import MOST_UNWRITTEN, Results, scores_of, setting_key
from backend.interventions.method import NOTHING, Setting, setting_of
from backend.interventions.rival import KINDS, PUSHED, Rival, format_rival
from backend.notices import noticed
from backend.setups import load_setup
from backend.store import DAMAGED, key, read_bytes, write_json
from tests.support.methods import METHODS
from tests.support.processes import in_two_processes

CLAMPS = setting_of([(3, -77.0), (1, 0.0)])
BASELINE = torch.tensor([[0.0, -1.0, -2.0, -3.0]] * 3)
SCORES = torch.tensor([[0.1, -1.0, -2.0, -3.0], [9.0] * 4, [-1 / 3, -1.0, -7.0, -1e-7]])
AFFECTED = torch.tensor([True, False, True])


@pytest.fixture
def results(tmp_path):
    made = Results(tmp_path / "results", (3, 4))
    made.write(CLAMPS, SCORES, AFFECTED, 1.5)
    return made


def test_affected_questions_have_the_scores_of_the_run_and_the_others_the_baselines(results):
    run = results.read(CLAMPS)
    scores, affected = scores_of(run, BASELINE)
    assert (run.setting, run.seconds) == (CLAMPS, 1.5)
    assert torch.equal(affected, AFFECTED)
    assert torch.equal(scores[AFFECTED], SCORES[AFFECTED])
    assert torch.equal(scores[~AFFECTED], BASELINE[~AFFECTED])


def test_what_the_user_wrote_stays_when_the_clamps_are_run_again(results):
    results.remember(CLAMPS, {"clamps": "3:-77"}, "it forgets", 0.0)
    results.annotate(CLAMPS, name="mine", note="to be told 🧬", star=True)
    before = results.read(CLAMPS)
    results.write(CLAMPS, SCORES + 1, AFFECTED, 2.5)
    run = results.read(CLAMPS)
    assert run == replace(before, rows=run.rows, seconds=2.5, when=run.when)
    assert (run.name, run.note, run.star) == ("mine", "to be told 🧬", True)
    assert (run.hypothesis, run.link) == ("it forgets", (("clamps", "3:-77"),))
    assert torch.equal(scores_of(run, BASELINE)[0][AFFECTED], SCORES[AFFECTED] + 1)


def test_a_field_is_written_without_the_others(results):
    results.annotate(CLAMPS, name="mine", star=True)
    results.annotate(CLAMPS, note="a note")
    results.annotate(CLAMPS, star=False)
    run = results.read(CLAMPS)
    assert (run.name, run.note, run.star) == ("mine", "a note", False)


def test_scores_come_back_bit_for_bit(tmp_path):
    torch.manual_seed(0)
    scores = torch.randn(500, 4) * torch.logspace(-30, 30, 500)[:, None]
    results = Results(tmp_path, (500, 4))
    results.write(NOTHING, scores, torch.ones(500, dtype=torch.bool), 0.1)
    assert torch.equal(scores_of(results.read(NOTHING), torch.zeros(500, 4))[0], scores)


def test_a_run_is_found_by_its_clamps_alone_until_it_is_forgotten(results):
    assert results.read(setting_of([(3, -77.0)])) is None
    assert [results.read_file(path).setting for path, _ in results.files()] == [CLAMPS]
    results.forget(CLAMPS)
    results.forget(CLAMPS)
    assert results.read(CLAMPS) is None
    assert list(results.files()) == []


def changed(content: bytes, kind: str) -> bytes:
    return {
        "cut": content[:-30],
        "emptied": b"",
        "a byte": content.replace(b"9.0", b"8.0", 1).replace(b"-7.0", b"-6.0", 1),
        "text": b"{",
        "not UTF-8": b"\xff" + content,
    }[kind]


@pytest.mark.parametrize("kind", ["cut", "emptied", "a byte", "text", "not UTF-8"])
def test_a_damaged_file_is_no_run_and_is_set_aside(results, kind):
    [(path, _)] = results.files()
    damage = changed(path.read_bytes(), kind)
    path.write_bytes(damage)
    assert results.read(CLAMPS) is None
    assert Path(f"{path}{DAMAGED}").read_bytes() == damage
    assert any(f"{path} is damaged" in text for text in noticed())
    results.write(CLAMPS, SCORES, AFFECTED, 1.5)
    assert results.read(CLAMPS) is not None


FITS = {"clamps": [[1, 0.0], [3, -77.0]], "rows": [[0, [0.0, 0, 0, 0]]], "seconds": 1, "when": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": [[3, [0.0] * 4]]},
        {"rows": [[-1, [0.0] * 4]]},
        {"rows": [[0, [0.0] * 4], [0, [1.0] * 4]]},
        {"rows": [[0, [0.0] * 3]]},
        {"rows": [[0, [0.0] * 5]]},
        {"rows": [[0, [0.0, 0.0, 0.0, float("nan")]]]},
        {"rows": [[0, [0.0, 0.0, 0.0, float("-inf")]]]},
        {"rows": [[0, [0.0, 0.0, 0.0, "1"]]]},
        {"rows": [[True, [0.0] * 4]]},
        {"clamps": [[3, -77.0], [1, 0.0]]},
        {"clamps": [[3, -77.0]]},
        {"clamps": [[1, 0.0], [3, -77.0], [3, -77.0]]},
        {"star": 1},
        {"note": None},
        {"more": 1},
    ],
    ids=str,
)
def test_a_run_that_does_not_fit_the_recording_or_its_name_is_none(results, wrong):
    [(path, _)] = results.files()
    write_json(path, FITS)
    assert results.read(CLAMPS) is not None
    write_json(path, FITS | wrong)
    assert results.read(CLAMPS) is None
    assert Path(f"{path}{DAMAGED}").exists()


def test_a_run_in_the_place_of_another_is_none(results):
    other = setting_of([(2, 1.0)])
    results.write(other, SCORES, AFFECTED, 1.0)
    shutil.copy(results._path(other), results._path(CLAMPS))
    assert results.read(CLAMPS) is None
    assert results.read(other) is not None


def test_two_processes_lose_nothing_of_what_they_write_about_a_run(tmp_path):
    tried = [setting_of([(feature, 1.0)]) for feature in range(40)]
    results = Results(tmp_path, (3, 4))
    for clamps in tried:
        results.write(clamps, SCORES, AFFECTED, 1.0)

    def note(i):
        results.annotate(tried[i], note=f"note {i}")

    def expect(i):
        results.remember(tried[i], {}, f"expected {i}", 0.0)

    in_two_processes(note, expect, range(len(tried)))
    kept = [(run.note, run.hypothesis) for run in map(results.read, tried)]
    assert kept == [(f"note {i}", f"expected {i}") for i in range(len(tried))]


def test_what_cannot_be_read_is_not_written_over_and_the_run_is_there_all_the_same(tmp_path):
    results = Results(tmp_path, (3, 4))
    results._path(CLAMPS).mkdir()
    with pytest.raises(Unavailable, match="not written over"):
        results.write(CLAMPS, SCORES, AFFECTED, 1.0)
    assert torch.equal(scores_of(results.read(CLAMPS), BASELINE)[0][AFFECTED], SCORES[AFFECTED])
    assert Results(tmp_path, (3, 4)).read(CLAMPS) is None


def test_scores_that_are_no_numbers_are_not_kept(tmp_path):
    results = Results(tmp_path, (3, 4))
    with pytest.raises(Unavailable, match="no finite numbers"):
        results.write(CLAMPS, SCORES * float("nan"), AFFECTED, 1.0)
    assert list(results.files()) == []


def test_a_run_that_could_not_be_written_is_when_there_is_room_again(tmp_path):
    (tmp_path / "results").write_text("")
    results = Results(tmp_path / "results", (3, 4))
    with pytest.raises(Unavailable):
        results.write(CLAMPS, SCORES, AFFECTED, 1.0)
    with pytest.raises(Unavailable):
        results.remember(CLAMPS, {"clamps": "3:-77"}, "it forgets", 0.0)
    (tmp_path / "results").unlink()
    assert results.remember(CLAMPS, {"clamps": "3:-77"}, "it forgets", 0.0)
    run = Results(tmp_path / "results", (3, 4)).read(CLAMPS)
    assert run.hypothesis == "it forgets"
    assert torch.equal(scores_of(run, BASELINE)[0][AFFECTED], SCORES[AFFECTED])


def test_only_the_latest_runs_that_could_not_be_written_are_held(tmp_path):
    (tmp_path / "file").write_text("")
    results = Results(tmp_path / "file", (3, 4))
    tried = [setting_of([(feature, 1.0)]) for feature in range(MOST_UNWRITTEN + 3)]
    for clamps in tried:
        with pytest.raises(Unavailable):
            results.write(clamps, SCORES, AFFECTED, 1.0)
    held = [clamps for clamps in tried if results.read(clamps)]
    assert held == tried[3:]


def test_half_a_character_is_refused_in_a_note(results):
    with pytest.raises(BadInput, match="The note holds half a character"):
        results.annotate(CLAMPS, note="\ud800")
    with pytest.raises(BadInput, match="half a character"):
        results.remember(CLAMPS, {}, "\ud800", 0.0)


def test_nothing_is_written_about_a_run_that_is_not_there(results):
    results.forget(CLAMPS)
    with pytest.raises(Unavailable, match="not there any more"):
        results.annotate(CLAMPS, note="x")
    assert results.read(CLAMPS) is None


def test_a_result_comes_back_from_disk_the_same(toy, toy_toml):
    clamps = setting_of([(4, -6.0), (7, 0.0)])
    first = toy.evaluate(clamps)
    again = Engine(load_setup(toy_toml)).evaluate(
        clamps, on_partial=lambda _: pytest.fail("it was computed again")
    )
    assert torch.equal(first.scores, again.scores)
    assert first.sets == again.sets


def test_a_damaged_result_is_a_miss(toy):
    clamps = setting_of([(6, -2.0)])
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
    other = setting_of([(2, 1.0)])
    assert not results.remember(other, {"clamps": "2:1"}, "something", 0.0)
    assert results.read(other) is None


def test_the_papers_runs_are_found_under_the_names_they_had_before_there_were_methods(tmp_path):
    setting = setting_of([(3, -77.0), (1, 0.0)])
    assert setting_key(setting) == key({"clamps": "1:0,3:-77"})
    assert setting_key(NOTHING) == key({"clamps": ""})
    results = Results(tmp_path, SCORES.shape)
    results.write(setting, SCORES, AFFECTED, 1.5)
    path = results._path(setting)
    old = json.loads(read_bytes(path))
    del old["method"], old["rival"]
    write_json(path, old)
    assert results.read(setting).setting == setting


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_run_by_another_method_is_another_run(tmp_path, method):
    results = Results(tmp_path, SCORES.shape)
    plain = setting_of([(3, -77.0)])
    other = setting_of(plain.clamps, method)
    results.write(other, SCORES, AFFECTED, 1.5)
    assert results.read(plain) is None
    assert results.read(other).setting == other


@pytest.mark.parametrize("kind", KINDS)
def test_a_rivals_run_is_its_own(tmp_path, kind):
    results = Results(tmp_path, SCORES.shape)
    setting = Setting(rival=Rival(kind, "abc"))
    results.write(setting, SCORES, AFFECTED, 1.5)
    others = [NOTHING, CLAMPS, Setting(rival=Rival(kind, "abd"))]
    if kind in PUSHED:
        others.append(Setting(rival=Rival(kind, "abc", 0.5)))
    assert [results.read(other) for other in others] == [None] * len(others)
    run = Results(tmp_path, SCORES.shape).read(setting)
    assert (run.setting, run.id) == (setting, setting_key(setting))
    assert run.id == key({"clamps": "", "rival": format_rival(setting.rival)})
    results.annotate(setting, note="beside the clamps")
    assert results.read(setting).note == "beside the clamps"


@pytest.mark.parametrize(
    "wrong",
    [
        {"clamps": [[1, 0.0]]},
        {"method": {"threshold": 1.0}},
        {"rival": {"kind": "leace", "of": "abd", "strength": 2.0}},
        {"rival": {"kind": "leace", "of": "abc", "strength": 101.0}},
        {"rival": {"kind": "leace", "of": "../abc", "strength": 2.0}},
        {"rival": {"kind": "loud", "of": "abc", "strength": 2.0}},
        {"rival": "leace:abc:2"},
        {"rival": None},
    ],
    ids=str,
)
def test_a_rivals_run_of_another_form_or_name_is_none(tmp_path, wrong):
    results = Results(tmp_path, SCORES.shape)
    setting = Setting(rival=Rival("leace", "abc", 2.0))
    results.write(setting, SCORES, AFFECTED, 1.5)
    [(path, _)] = results.files()
    right = json.loads(read_bytes(path))
    write_json(path, right)
    assert results.read(setting) is not None
    write_json(path, right | wrong)
    assert results.read(setting) is None
    assert Path(f"{path}{DAMAGED}").exists()
