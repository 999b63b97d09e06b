"""A search: seeds exactly, nothing held out, one setting once, resumed after a kill."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from backend.engine.engine import Engine
from backend.errors import BadInput, Unavailable
from backend.evaluation.evaluate import pooled
from backend.experiments.halves import best
from backend.interventions.method import Gate, Method, setting_of
from backend.notices import noticed
from backend.setups import load_setup
from backend.tuning.search import Search, front, own_settings
from backend.tuning.space import OWN, SEEDS, Proposals, Space, own_row, ranked_rows
from tests.support.asked import held_out_answers
from tests.support.knowing import write_knowing

SPACE = Space(n=(1, 8), seed=3)
N = 14
ODD = setting_of(
    [(2, -12.3456), (5, 1.25), (9, -0.0625), (14, -44.0)],
    Method(threshold=0.75, gate=Gate("window", 0.123457, 7), reach="all"),
)
PLAIN = setting_of([(1, -20.0), (3, -30.5)])
ABLATED = setting_of([(4, 0.0), (6, 0.0), (7, 0.0)])
OWNS = (ODD, PLAIN, ABLATED)

SEARCHING = """
import sys
from backend.engine.engine import Engine
from backend.setups import load_setup
from backend.tuning.search import Search
from tests.backend.tuning.test_search import N, OWNS, SPACE

for tried in Search.open(Engine(load_setup(sys.argv[1])), SPACE, OWNS).run(N):
    print(tried.number, flush=True)
"""


@pytest.fixture(scope="module")
def toml(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_CACHE", str(folder / "cache"))
        yield write_knowing(folder)


@pytest.fixture(scope="module")
def engine(toml) -> Engine:
    return Engine(load_setup(toml))


@pytest.fixture(scope="module")
def search(engine):
    """Never stopped; it began with what a user might have."""
    found = Search.open(engine, SPACE, OWNS)
    assert [one.number for one in found.run(N)] == list(range(1, N + 1))
    return found


def counted(engine, setting, role, mine):
    run, right = engine.evaluate(setting, anew=True), engine.sets.answers
    before, after = run.baseline.argmax(-1) == right, run.predictions() == right
    mine = mine & engine.sets.role(role)
    return int((mine & before & ~after).sum()), int((mine & after & ~before).sum()), int(mine.sum())


def test_seeds_are_tried_first_exactly_as_they_are(search):
    assert [one.setting for one in search.tried[:3]] == list(OWNS)
    assert [one.words.endswith("as it was") for one in search.tried] == [True] * 3 + [False] * (
        N - 3
    )
    assert "began with 3 settings of yours" in search.looked


def test_figures_are_those_of_the_selection_half_in_whole_runs(engine, search):
    for one in search.tried[:3] + search.tried[-4:]:
        for role, figures in one.half._asdict().items():
            wanted = counted(engine, one.setting, role, engine.half("selection"))
            assert (figures.lost, figures.gained, figures.n) == wanted
    assert len({one.half.forget.lost for one in search.tried}) > 1


def test_no_held_out_question_is_run(toml):
    engine = Engine(load_setup(toml))
    search = Search.open(engine, replace(SPACE, seed=4))
    settings = [one.setting for one in search.run(8)]
    assert search.looked == ""
    assert sum(held_out_answers(engine, each)[0] for each in settings) > 20
    assert [held_out_answers(engine, each)[1] for each in settings] == [0] * 8


def test_every_setting_stays_in_the_space(engine, search):
    kinds = {"none"}
    for one in search.tried[3:]:
        assert 1 <= len(one.setting.clamps) <= 8
        assert one.setting.method.reach in ("firing", "all")
        kinds.add(gate.kind if (gate := one.setting.method.gate) else "none")
        for clamp in one.setting.clamps if "yours" not in one.words else ():
            assert -30 * engine.atlas.about(clamp.feature)["max_act"] <= clamp.value <= 0
    assert len(kinds) > 2


def test_tau_lets_no_larger_share_of_the_selection_halfs_retain_questions_through(engine):
    proposals = Proposals.of(engine, SPACE, ranked_rows(engine, SPACE), ())
    params = {
        "ranker": "selectivity",
        "n": 5,
        "multiple": -4.0,
        "first": 1.0,
        "middle": 0.5,
        "last": 0.0,
        "gate": "rho",
        "false_alarms": 0.25,
        "reach": "firing",
    }
    made = proposals.setting(engine, params)
    values = dict(made.clamps)
    row = proposals.rows["selectivity"]
    multiples = [values[f] / u for f, u in zip(row.features[:5], row.units, strict=False)]
    assert multiples == pytest.approx([-4.0, -4.0, -2.0, -2.0, 0.0], abs=0.01)
    opened = engine.opening(made)
    mine = engine.half("selection") & engine.sets.role("retain")
    read_in = opened.sequences.of_choice[mine]
    assert float((opened.statistic[read_in] > made.method.gate.tau).double().mean()) <= 0.25


def test_a_row_of_the_users_own_keeps_the_strengths_beside_each_other(engine):
    row, multiple = own_row(PLAIN, engine.atlas.table, SPACE.multiples)
    assert set(row.features) == {1, 3}
    values = {f: unit * multiple for f, unit in zip(row.features, row.units, strict=True)}
    assert values == pytest.approx({1: -20.0, 3: -30.5})
    assert -15 <= multiple < 0
    ablated, zero = own_row(ABLATED, engine.atlas.table, SPACE.multiples)
    assert zero == 0.0
    assert ablated.units == tuple(engine.atlas.about(f)["max_act"] for f in ablated.features)


def test_of_seeds_with_the_same_features_the_first_is_taken_and_none_of_another_gate(engine):
    space = Space(rankers=("paper",), gates=(None,))
    others = [setting_of([(feature, -9.0)]) for feature in range(8, 14)]
    seeds = [ODD, setting_of([(1, -1.0), (3, -1.0)]), PLAIN, *others]
    taken = Proposals.of(engine, space, ranked_rows(engine, space), seeds)
    assert [seed.setting for seed in taken.seeds] == [seeds[1], *others[: SEEDS - 1]]
    assert list(taken.rows) == ["paper", *(OWN.format(i) for i in range(1, SEEDS + 1))]


def test_what_is_chosen_is_the_best_of_all_that_was_tried(search):
    """By brute force."""
    tried = search.tried

    def beats(a, b):
        mine, others = ((-x.half.retain.change_pp, x.half.forget.change_pp) for x in (a, b))
        return mine != others and mine[0] <= others[0] and mine[1] <= others[1]

    unbeaten = [one for one in tried if not any(beats(other, one) for other in tried)]
    shown = front(tried)
    assert {(o.half.forget.lost, o.half.retain.lost) for o in shown} == {
        (o.half.forget.lost, o.half.retain.lost) for o in unbeaten
    }
    costs = [-one.half.retain.change_pp for one in shown]
    assert costs == sorted(set(costs))
    for cost in (0.0, 3.0, 30.0):
        kept = [one for one in tried if -one.half.retain.change_pp <= cost]
        chosen = best(tried, cost)
        assert chosen is None or chosen.half.forget.change_pp == min(
            one.half.forget.change_pp for one in kept
        )
        assert (chosen is None) == (not kept)


def test_the_same_seed_proposes_the_same_and_another_one_does_not(toml, search):
    again = Search.open(Engine(load_setup(toml)), SPACE, OWNS)
    assert list(again.run(N)) == search.tried
    other = Search.open(Engine(load_setup(toml)), replace(SPACE, seed=9), OWNS)
    assert [one.setting for one in other.run(6)] != [one.setting for one in search.tried[:6]]


def test_killed_it_goes_on_as_if_nothing_had_been(toml, search, tmp_path, monkeypatch):
    """A real SIGKILL, while the fifth setting runs or is about to."""
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    Engine(load_setup(toml))
    program = [sys.executable, "-c", SEARCHING, str(toml)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            if line == "4\n":
                running.send_signal(signal.SIGKILL)
                break
    assert running.returncode == -signal.SIGKILL
    resumed = Search.open(Engine(load_setup(toml)), SPACE, (), resume=True)
    before = resumed.tried
    assert 4 <= len(before) < N
    assert before == search.tried[: len(before)]
    assert list(resumed.run(N - len(before))) == search.tried[len(before) :]
    assert resumed.tried == search.tried
    assert resumed.looked == search.looked
    assert Search.open(Engine(load_setup(toml)), SPACE, (), resume=True).tried == search.tried


def test_a_setting_counts_once_however_often_it_is_proposed(engine, monkeypatch):
    """Two factors and two reaches are all there are: one feature is in the first third."""
    monkeypatch.setattr("backend.tuning.search.FACTORS", (0.5, 1.0))
    monkeypatch.setattr("backend.tuning.search.FACTOR_STEP", 0.5)
    monkeypatch.setattr("backend.tuning.search.PATIENCE", 15)
    space = Space(("selectivity",), n=(1, 1), multiples=(-2.0, -2.0), gates=(None,))
    search = Search.open(engine, space)
    tried = list(search.run(100))
    assert [one.number for one in tried] == [1, 2, 3, 4]
    assert len({one.setting for one in tried}) == 4
    assert search.tried == tried
    kept = Search.open(engine, space, resume=True)
    assert kept.tried == tried
    assert list(kept.run(5)) == []


def test_without_resume_it_begins_anew(engine):
    space = replace(SPACE, seed=11)
    list(Search.open(engine, space).run(2))
    assert Search.open(engine, space).tried == []
    assert len(Search.open(engine, space, resume=True).tried) == 2
    list(Search.open(engine, space, [PLAIN]).run(1))
    assert [o.setting for o in Search.open(engine, space, resume=True).tried] == [PLAIN]


def test_a_damaged_file_is_set_aside_and_said(engine):
    space = replace(SPACE, seed=12)
    before = set((engine.folder / "tuning").glob("search_*.json"))
    list(Search.open(engine, space).run(2))
    (path,) = set((engine.folder / "tuning").glob("search_*.json")) - before
    path.write_bytes(path.read_bytes().replace(b"forget", b"forgot", 1))
    assert Search.open(engine, space, resume=True).tried == []
    assert not path.exists()
    assert any(f"{path} is damaged" in text and "set aside" in text for text in noticed())


def test_on_all_questions_none_is_left_to_report_on(engine):
    search = Search.open(engine, replace(SPACE, on="all"))
    (one,) = search.run(1)
    everything = torch.ones(engine.n_questions, dtype=torch.bool)
    for role, figures in one.half._asdict().items():
        wanted = counted(engine, one.setting, role, everything)
        assert (figures.lost, figures.gained, figures.n) == wanted
    assert search.looked == "it was chosen on all questions, the held-out half among them"


def test_what_the_user_tried_comes_best_first_on_the_selection_half(toml, tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    engine = Engine(load_setup(toml))
    assert own_settings(engine, 3.0) == []
    tried = [setting_of([(f, -40.0), (f + 1, -9.0)]) for f in range(0, 10, 2)]
    tried += [setting_of([(0, -41.0), (1, -9.0)])]
    figures = {}
    for setting in tried:
        sets = engine.restrict(engine.evaluate(setting), engine.half("selection")).sets
        figures[setting] = pooled(sets, "forget").change_pp, pooled(sets, "retain").change_pp
    for cost in (0.0, 20.0, 100.0):
        found = own_settings(engine, cost, most=10)
        assert len(found) == 5
        assert len({setting.features for setting in found}) == 5
        order = [(-figures[s][1] > cost + 1e-9, figures[s][0], -figures[s][1]) for s in found]
        assert order == sorted(order)
    assert own_settings(engine, 100.0, most=2) == own_settings(engine, 100.0)[:2]


def test_rankings_that_cannot_be_had_are_left_out(engine, monkeypatch):
    def nothing(*_):
        raise Unavailable("no right answer")

    monkeypatch.setattr("backend.reading.ranked.attribution", nothing)
    rows = ranked_rows(engine, Space())
    assert "attribution" not in rows
    assert "selectivity" in rows
    with pytest.raises(BadInput, match="None of these rankings leaves a feature in"):
        Search.open(engine, Space(rankers=("attribution",)))


@pytest.mark.parametrize(
    "given",
    [
        {"rankers": ("luck",)},
        {"gates": ()},
        {"n": (0, 5)},
        {"n": (6, 5)},
        {"multiples": (0.0, -5.0)},
        {"false_alarms": (0.3, 0.1)},
    ],
)
def test_a_space_that_is_none_is_refused(given):
    with pytest.raises(BadInput):
        Space(**given)
