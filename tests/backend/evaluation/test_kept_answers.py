"""An answer is found again exactly where the same was done to its question; and what becomes of it
in memory, on disk and beside other processes.
"""

from dataclasses import replace
from itertools import accumulate

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backend.data.questions import PREFIX, Packed
from backend.engine.engine import Engine
from backend.errors import Unavailable
from backend.evaluation import kept_answers
from backend.evaluation.change import (
    affected_questions,
    effective_edit,
    plan_of_change,
    read_after,
)
from backend.evaluation.kept_answers import KeptAnswers, answer_keys
from backend.interventions.gates import opening
from backend.interventions.method import Gate, Method, Refusal, setting_of
from backend.model.activations import by_feature
from backend.model.held import Ready
from backend.model.rows import Rows
from backend.model.split import SplitModel
from backend.notices import noticed
from backend.setups import load_setup
from tests.backend.evaluation.test_architectures import CLAMPS, METHODS
from tests.backend.evaluation.test_rows_and_hits import rows_and_hits
from tests.support.bits import need_own_bits
from tests.support.toy import D_SAE, write_setup

# -- keys ------------------------------------------------------------------------------------------


def keys_of(engine, setting, salt="") -> dict[int, bytes]:
    """Question that the setting affects -> the key of its answer."""
    recording, rates = engine.recording, engine.evaluator.rates(setting)
    rows = recording.rows
    opened = opening(rows, recording.acts, setting, rates)
    edit = effective_edit(rows, recording.acts, setting, opened)
    plan = plan_of_change(rows, edit.token, None, opened)
    places = affected_questions(recording, setting, rates).nonzero().squeeze(-1)
    keys = answer_keys(plan, edit, places, setting.method.keep_norm, salt)
    assert len(set(keys)) == len(keys), "two questions share an answer"
    return dict(zip(places.tolist(), keys, strict=True))


@pytest.fixture(scope="module")
def engine(tmp_path_factory, own_cache):
    return Engine(load_setup(write_setup(tmp_path_factory.mktemp("kept"))))


@pytest.fixture(scope="module")
def dense_acts(engine):
    """[token, d_sae]"""
    acts = torch.zeros(engine.recording.rows.n_tokens, D_SAE)
    for feature in range(D_SAE):
        token, value = engine.recording.acts.of(feature)
        acts[token, feature] = value
    return acts


def acting(engine, dense, setting) -> dict[int, tuple]:
    """Question -> all that acts on it, token by token and in the order in which it is summed, and
    what is read of it; without those on which nothing does.
    """
    rows, method = engine.recording.rows, setting.method
    opened = opening(rows, engine.recording.acts, setting, engine.evaluator.rates(setting))
    start, branch = rows.start.tolist(), rows.branch.tolist()
    first_entry, read_at = rows.score_start.tolist(), rows.read_at().tolist()
    out = {}
    for question in range(rows.n_rows):
        entries = range(first_entry[question], first_entry[question + 1])
        moved, seen = [], set()
        for token in range(start[question], start[question + 1]):
            by = {
                e
                for e in entries
                if token <= read_at[e] and branch[token] in (PREFIX, branch[read_at[e]])
            }
            if opened is not None and not opened.tokens[token]:
                continue
            fire = {f: v for f, v in setting.clamps if dense[token, f] > method.threshold}
            if not by or not fire:
                continue
            moves = dict(setting.clamps) if method.reach == "all" else fire
            if (latent := method.refusal) is not None:
                beside = {} if latent.alone else moves
                moves = {f: v for f, v in beside.items() if f != latent.feature}
                moves[latent.feature] = latent.value
            how_far = [(f, float(torch.tensor(v) - dense[token, f])) for f, v in moves.items()]
            moved.append((token, tuple(how_far)))
            seen |= {e for e in by if opened is None or opened.entries[e]}
        if seen:
            out[question] = (tuple(moved), tuple(sorted(seen)), method.keep_norm)
    return out


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_keys_are_equal_exactly_where_what_acts_is(engine, dense_acts, data):
    """A setting and one near it: another method, or one clamp more, less, or elsewhere."""
    clamps, method = data.draw(CLAMPS), data.draw(METHODS)
    change = data.draw(st.sampled_from(["method", "one more", "one less", "moved"]))
    others, other_method = dict(clamps), method
    if change == "method":
        other_method = data.draw(METHODS)
    elif change == "one more":
        others[data.draw(st.integers(0, D_SAE - 1))] = -2.0
    elif others:
        feature = data.draw(st.sampled_from(sorted(others)))
        value = others.pop(feature)
        others |= {feature: value + 1.0} if change == "moved" else {}
    assume(clamps and others)
    found = [setting_of(clamps, method), setting_of(others.items(), other_method)]
    keys = [keys_of(engine, setting) for setting in found]
    acts = [acting(engine, dense_acts, setting) for setting in found]
    assert [set(mine) for mine in keys] == [set(mine) for mine in acts]
    for question in keys[0].keys() & keys[1].keys():
        same = acts[0][question] == acts[1][question]
        assert (keys[0][question] == keys[1][question]) == same


@settings(max_examples=60, deadline=None)
@given(rows_and_hits(), st.data())
def test_at_equal_weights_the_key_is_of_tokens_and_features(drawn, data):
    """Three features that fire with 1 wherever they do, one of them otherwise at one token."""
    rows = Rows.of(drawn[0])
    pair = st.tuples(st.integers(0, rows.n_tokens - 1), st.integers(0, 2))
    one = data.draw(st.sets(pair, min_size=1))
    other = (one ^ {data.draw(pair)}) - data.draw(st.sets(st.sampled_from(sorted(one)), max_size=1))
    setting = setting_of([(f, -9.0) for f in range(3)])

    def of(fires):
        token, feature = (
            torch.tensor(column, dtype=torch.int64) for column in zip(*fires, strict=True)
        )
        acts = by_feature([(token, feature, torch.ones(len(fires)))], 3)
        edit = effective_edit(rows, acts, setting, None)
        plan = plan_of_change(rows, edit.token)
        places = (plan.entries.lengths() > 0).nonzero().squeeze(-1)
        keys = answer_keys(plan, edit, places, False, "")
        assert len(set(keys)) == len(keys), "two questions share an answer"
        return dict(zip(places.tolist(), keys, strict=True))

    def acting_in(fires, row):
        there = read_after(rows)
        return {(t, f) for t, f in fires if there[t] and rows.row_of_token()[t] == row}

    assume(other)
    keys, others = of(sorted(one)), of(sorted(other))
    for row in range(rows.n_rows):
        same = acting_in(one, row) == acting_in(other, row)
        assert (keys.get(row) == others.get(row)) == same


def test_features_at_two_tokens_are_not_those_of_another_parting():
    """Of 0, 1 and 2, in this order, two at the first token or two at the second."""
    rows = Rows.of([Packed([5, 6, 7], [PREFIX] * 3, [2], [8], [0], [1.0])])
    setting, keys = setting_of([(f, -9.0) for f in range(3)]), set()
    for tokens in ([0, 0, 1], [0, 1, 1]):
        fired = (torch.tensor(tokens), torch.arange(3), torch.ones(3))
        edit = effective_edit(rows, by_feature([fired], 3), setting, None)
        plan = plan_of_change(rows, edit.token)
        keys.update(answer_keys(plan, edit, torch.tensor([0]), False, ""))
    assert len(keys) == 2


def test_where_another_option_is_read_after_the_same_edit_the_key_is_another():
    """A feature fires at the second of five tokens before two options, of one token and of six: in
    1/6 of the one's sequence, and in 1/11 of the other's.
    """
    branch = [PREFIX] * 5 + [0] + [1] * 6
    row = Packed(list(range(12)), branch, [4, 5, 4, 11], [7] * 4, [0, 0, 1, 1], [1.0] * 4)
    rows, keys, read = Rows.of([row]), [], []
    acts = by_feature([(torch.tensor([1]), torch.tensor([0]), torch.ones(1))], 1)
    for tau in (0.0, 0.08, 0.1):
        setting = setting_of([(0, -9.0)], Method(gate=Gate("rho", tau)))
        opened = opening(rows, acts, setting)
        edit = effective_edit(rows, acts, setting, opened)
        assert edit.token.tolist() == [1]
        plan = plan_of_change(rows, edit.token, None, opened)
        keys += answer_keys(plan, edit, torch.tensor([0]), False, "")
        read.append(plan.entries.values.tolist())
    assert read == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1]]
    assert keys[0] == keys[1] != keys[2]


def rare_features(engine):
    """Those that fire, the rarest first."""
    counts = engine.recording.acts.counts()
    return sorted((f for f in range(D_SAE) if counts[f]), key=counts.__getitem__)


def touched(engine, feature):
    """Questions in which it fires where it can change the answer."""
    only = affected_questions(engine.recording, setting_of([(feature, -1.0)]))
    return set(only.nonzero().flatten().tolist())


def test_a_clamp_that_is_silent_in_a_question_leaves_its_key(engine):
    common, *_, rare = reversed(rare_features(engine))
    alone, both = (
        keys_of(engine, setting_of([(f, -9.0) for f in few])) for few in ([common], [common, rare])
    )
    fires = touched(engine, rare)
    assert fires
    assert fires < set(alone)
    assert {q for q in alone if alone[q] != both[q]} == fires


def test_a_moved_clamp_changes_the_keys_of_the_questions_it_fires_on(engine):
    rare, *_, common = rare_features(engine)
    before, after = (
        keys_of(engine, setting_of([(common, -9.0), (rare, value)])) for value in (-3.0, -3.5)
    )
    changed = {q for q in before if before[q] != after[q]}
    assert changed == touched(engine, rare) < set(before)


def test_a_gate_that_is_open_in_all_of_a_question_leaves_its_key(engine):
    """At some tau it opens some questions in all options and others in some."""
    clamps = setting_of([(f, -9.0) for f in rare_features(engine)[-3:]]).clamps
    plain, others = keys_of(engine, setting_of(clamps)), 0
    for tau in torch.linspace(0, 1, 30).tolist():
        setting = setting_of(clamps, Method(gate=Gate("rho", tau)))
        gated, opened = keys_of(engine, setting), engine.opening(setting)
        options = torch.bincount(opened.sequences.row, minlength=engine.n_questions)
        whole = set((opened.rows == options).nonzero().flatten().tolist())
        same = {q for q in gated if gated[q] == plain[q]}
        assert whole <= same
        assert set(gated) <= set((opened.rows > 0).nonzero().flatten().tolist())
        others += bool(whole) and bool(gated.keys() - same)
    assert others, "no tau opened a question in some options alone"


@pytest.mark.parametrize(
    "other",
    [
        lambda clamps: setting_of(clamps, Method(keep_norm=True)),
        lambda clamps: setting_of([(f, v - 0.5) for f, v in clamps]),
        lambda clamps: setting_of(clamps, Method(refusal=Refusal(9, -20.0))),
    ],
    ids=["length kept", "another value", "another feature"],
)
def test_another_edit_has_other_keys(engine, other):
    clamps = [(f, -9.0) for f in range(3)]
    before, after = keys_of(engine, setting_of(clamps)), keys_of(engine, other(clamps))
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_keys_hold_what_else_the_bits_depend_on(engine):
    setting = setting_of([(f, -9.0) for f in range(3)])
    one, two = (keys_of(engine, setting, salt) for salt in ("this machine", "that machine"))
    assert one == keys_of(engine, setting, "this machine")
    assert not set(one.values()) & set(two.values())


# -- runs ------------------------------------------------------------------------------------------


class Stop(Exception):
    pass


@pytest.fixture
def own(toy):
    """The toy, where it keeps answers."""
    need_own_bits(toy.runner)
    return toy


def no_more_runs(monkeypatch):
    monkeypatch.setattr(SplitModel, "read_tail", lambda *args: pytest.fail("it ran"))


SETTING = setting_of([(f, -7.0) for f in range(6)])


def test_what_was_done_to_each_question_before_is_not_run_again(own, monkeypatch):
    first = own.evaluate(SETTING)
    assert first.affected.any()
    assert not first.known.any()
    own.results.forget(SETTING)
    no_more_runs(monkeypatch)
    again = own.evaluate(SETTING)
    assert torch.equal(again.scores, first.scores)
    assert torch.equal(again.known, first.affected)
    assert again.complete
    gated = own.evaluate(setting_of(SETTING.clamps, Method(gate=Gate("rho", 0.0))))
    assert torch.equal(gated.scores, first.scores)


def test_along_other_directions_everything_runs(own):
    first = own.evaluate(SETTING)
    along = own.along("turned", own.sae.W_dec.roll(-1, 0))
    turned = along.evaluate(SETTING)
    assert not turned.known.any()
    assert not torch.equal(turned.scores, first.scores)
    along.listed.forget(SETTING)
    assert torch.equal(along.evaluate(SETTING).known, turned.affected)


def test_what_runs_anew_is_neither_looked_up_nor_kept(own):
    assert not own.evaluate(SETTING, anew=True).known.any()
    assert not own.evaluate(SETTING).known.any()
    assert not own.evaluate(SETTING, anew=True).known.any()


def test_built_one_feature_at_a_time_a_setting_runs_only_what_the_new_one_touches(own):
    features = rare_features(own)[:8]
    before, both = set(), 0
    for clamps in accumulate([(f, -9.0)] for f in features):
        made = own.evaluate(setting_of(clamps))
        anew = own.evaluate(setting_of(clamps), anew=True)
        assert torch.equal(made.scores, anew.scores)
        assert [replace(s, known=None) for s in made.sets] == [
            replace(s, known=None) for s in anew.sets
        ]
        new = touched(own, clamps[-1][0])
        assert set(made.affected.nonzero().flatten().tolist()) == before | new
        assert set(made.known.nonzero().flatten().tolist()) == before - new
        assert (made.n_known, made.n_run) == (len(before - new), len(new))
        both += bool(before - new) and bool(new)
        before |= new
    assert both, "each step touched all or nothing"


def test_a_run_that_is_stopped_keeps_what_ran(own):
    small = replace(own.evaluator, held=Ready(replace(own.runner, budget=32)))

    def stop(partial):
        ran.append(partial)
        raise Stop

    ran = []
    with pytest.raises(Stop):
        small.evaluate(SETTING, stop)
    assert 0 < int(ran[0].done.sum()) < int(ran[0].affected.sum())
    assert len(files(own.folder / "answers")) == 1
    later = own.evaluate(SETTING)
    assert torch.equal(later.known, ran[0].done)
    assert torch.equal(later.scores, own.evaluate(SETTING, anew=True).scores)


def test_another_process_finds_what_was_run_here(own, toy_toml):
    other = Engine(load_setup(toy_toml))
    first = own.evaluate(SETTING)
    other.results.forget(SETTING)
    assert torch.equal(other.evaluate(SETTING).known, first.affected)


def test_where_no_answer_can_be_written_the_run_goes_on_and_it_is_said(own, tmp_path):
    (tmp_path / "file").write_text("")
    kept = KeptAnswers(tmp_path / "file" / "answers", 4, "")
    evaluator = replace(own.evaluator, kept=kept)
    first = evaluator.evaluate(SETTING)
    [said] = [text for text in noticed() if str(tmp_path) in text]
    assert said.startswith("Answers cannot be kept")
    own.results.forget(SETTING)
    assert torch.equal(evaluator.evaluate(SETTING).known, first.affected), "in memory they are"


def test_of_rows_that_depend_on_their_batch_nothing_is_kept(own):
    runner = replace(own.runner, _tried={own.runner.step: False})
    evaluator = replace(own.evaluator, held=Ready(runner))
    for _ in range(2):
        assert not evaluator.evaluate(SETTING).known.any()
        own.results.forget(SETTING)


# -- memory and files ------------------------------------------------------------------------------


def key(n: int) -> bytes:
    return n.to_bytes(16, "little")


def scores(*numbers: int, width: int = 4) -> torch.Tensor:
    """Of each number a row of scores that no other has, with all bits of a float."""
    return torch.stack([torch.arange(width) + 1 / (3 + n) for n in numbers])


def written(folder, *numbers, width=4):
    kept = KeptAnswers(folder, width, "")
    kept.add([key(n) for n in numbers], scores(*numbers, width=width))
    kept.write()
    return kept


def found(kept, *numbers) -> list[int]:
    """Those of the numbers whose answers are there, and right."""
    known, answers = kept.find([key(n) for n in numbers])
    there = [n for n, mine in zip(numbers, known.tolist(), strict=True) if mine]
    assert answers.shape == (len(there), 4)
    assert not there or torch.equal(answers, scores(*there))
    return there


def files(folder):
    return sorted(folder.glob("*.safetensors"))


def test_answers_are_found_bit_for_bit_here_and_by_another_on_the_same_folder(tmp_path):
    kept, other = written(tmp_path, 1, 2, 3), KeptAnswers(tmp_path, 4, "")
    assert found(kept, 3, 9, 1) == found(other, 3, 9, 1) == [3, 1]
    assert found(kept) == []
    other.add([key(9)], scores(9))
    assert found(kept, 9) == [], "not before they are written"
    other.write()
    assert found(kept, 9, 2) == [9, 2]


def test_nothing_new_writes_nothing(tmp_path):
    kept = written(tmp_path, 1)
    kept.write()
    KeptAnswers(tmp_path, 4, "").write()
    assert len(files(tmp_path)) == 1


def test_a_damaged_file_is_a_miss_that_is_removed_and_said_once(tmp_path):
    written(tmp_path, 1)
    [path] = files(tmp_path)
    written(tmp_path, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for _ in range(2):
        assert found(KeptAnswers(tmp_path, 4, ""), 1, 2) == [2]
    assert not path.exists()
    assert len([text for text in noticed() if str(path) in text]) == 1


def test_a_file_in_anothers_place_is_a_miss(tmp_path):
    written(tmp_path / "one", 1)
    [path] = files(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / path.with_stem("later").name).write_bytes(path.read_bytes())
    assert found(KeptAnswers(tmp_path / "two", 4, ""), 1) == []


def test_answers_of_another_width_are_a_miss(tmp_path):
    written(tmp_path, 1, width=3)
    written(tmp_path, 2)
    assert found(KeptAnswers(tmp_path, 4, ""), 1, 2) == [2]
    assert len(files(tmp_path)) == 1


def test_many_files_become_one_that_has_them_all_and_those_of_others(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_answers, "FILES", 3)
    kept, other = KeptAnswers(tmp_path, 4, ""), written(tmp_path, 100)
    counts = []
    for n in range(5):
        kept.add([key(n)], scores(n))
        kept.write()
        counts.append(len(files(tmp_path)))
    assert counts == [2, 3, 4, 1, 2]
    numbers = [*range(5), 100]
    for mine in (kept, other, KeptAnswers(tmp_path, 4, "")):
        assert found(mine, *numbers) == numbers


def test_memory_and_disk_hold_the_latest_used(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_answers, "MOST", 5)
    monkeypatch.setattr(kept_answers, "FILES", 2)
    kept = KeptAnswers(tmp_path, 4, "")
    for n in range(9):
        kept.add([key(n)], scores(n))
        kept.write()
        assert found(kept, 0) == [0], "it is used each time"
    assert found(kept, *range(9)) == [0, 5, 6, 7, 8]
    written(tmp_path, *range(20, 24))
    assert found(kept, 0, 5, 6, 7, 8, *range(20, 24)) == [8, *range(20, 24)]
    kept.add([key(30)], scores(30))
    kept.write()
    assert len(files(tmp_path)) == 1
    assert found(KeptAnswers(tmp_path, 4, ""), 0, 8, *range(20, 24), 30) == [*range(20, 24), 30]


def test_what_was_forgotten_before_it_was_written_is_not(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(kept_answers, "MOST", 3)
        written(tmp_path, *range(7))
    assert found(KeptAnswers(tmp_path, 4, ""), *range(7)) == [4, 5, 6]


def test_a_disk_that_refuses_leaves_them_in_memory_and_it_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    kept = KeptAnswers(tmp_path / "file" / "answers", 4, "")
    kept.add([key(1)], scores(1))
    with pytest.raises(Unavailable, match="cannot be written"):
        kept.write()
    assert found(kept, 1) == [1]


def test_a_file_that_may_not_be_read_stays_where_it_is(tmp_path, monkeypatch):
    folder, key = tmp_path / "answers", b"a" * 16
    kept = KeptAnswers(folder, 4, "")
    kept.add([key], torch.ones(1, 4))
    kept.write()
    [file] = folder.glob("*.safetensors")
    with monkeypatch.context() as patch:  # root may read whatever its mode says
        patch.setattr("backend.evaluation.kept_answers.read_tensors", lambda path: None)
        patch.setattr("backend.evaluation.kept_answers.os.access", lambda *_: False)
        assert not KeptAnswers(folder, 4, "").find([key])[0].any()
    assert file.exists()
    assert KeptAnswers(folder, 4, "").find([key])[0].all()
