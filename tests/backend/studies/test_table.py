"""The long table, and what is read off it; worked by hand."""

from dataclasses import replace

import pandas as pd
import pytest

from backend.evaluation.evaluate import FIGURES
from backend.studies import load_study
from backend.studies.cells import Cell, cells_of
from backend.studies.published import beside
from backend.studies.scores import best, by_cell, saebench_score, saebench_scores
from backend.studies.table import COLUMNS, QUESTIONS, questions_of, table_of
from backend.studies.work import run

CONTRACT = [
    *("cell", "setup", "model", "sae", "block", "ranker", "ranker_setting", "features"),
    *("strength", "unit", "method", "false_alarms", "rival", "clamps", "text_added"),
    *("half", "set", "title", "role"),
]


def _figures(half: str, name: str, accuracy: float, before: float = 1.0) -> dict:
    role = "forget" if name in ("forget", "bio") else "retain"
    change = 100 * (accuracy - before)
    return {
        **{"half": half, "set": name, "title": name, "role": role},
        **dict.fromkeys(FIGURES, 0),
        **{"n": 100, "baseline_accuracy": before, "accuracy": accuracy, "change_pp": change},
    }


def _result(cell: Cell, **halves: tuple[float, float]) -> dict:
    """Accuracies of forget and of retain, over each half; of one that is not given, as all."""
    rows = []
    for half in ("all", "selection", "held-out"):
        forget, retain = halves.get(half.replace("-", "_"), halves["all"])
        rows += [_figures(half, name, forget) for name in ("forget", "bio")]
        rows += [_figures(half, name, retain) for name in ("retain", "history", "geography")]
    return {
        **{"cell": cell.key, "made_of": {"ingredients": "i", "machine": "m"}},
        **{"model": "m", "sae": "s", "block": 7, "dtype": "float32", "clamps": "1:-3"},
        **{"method": "", "rival": "", "text_added": None, "figures": rows},
        "answers": {"bio": {"right": "01", "before": "01", "after": "31"}},
    }


def _table(*accuracies: tuple[float, float], setup: str = "s") -> pd.DataFrame:
    cells = [
        Cell(setup, setup, "paper", 0.01, (), 10, -3.0, key=f"{setup}{i}")
        for i in range(len(accuracies))
    ]
    found = {c.key: _result(c, all=pair) for c, pair in zip(cells, accuracies, strict=True)}
    return table_of(cells, found)


def test_a_row_for_each_cell_half_and_set_in_the_order_of_the_cells(begin, toy):
    cells = begin().cells
    results = {cell.key: run(toy, cell) for cell in reversed(cells[:5])}
    table = table_of(cells, results)
    assert list(table) == [*CONTRACT, *FIGURES, "dtype", "machine"] == list(COLUMNS)
    assert list(dict.fromkeys(table["cell"])) == [cell.key for cell in cells[:5]]
    assert table["half"].value_counts().to_dict() == dict.fromkeys(
        ("all", "selection", "held-out"), 5 * 4
    )
    assert list(table["set"][:4]) == ["forget", "retain", "biology", "history"]
    assert table.drop_duplicates().shape == table.shape
    together = table[(table["half"] == "all") & (table["set"] == "forget")]
    assert (together["n"] == 4).all()


def test_a_table_of_nothing_has_the_columns_and_types_of_one_of_something():
    empty, full = table_of([], {}), _table((0.5, 1.0))
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    assert len(questions_of([], {})) == 0


def test_every_question_has_a_row_in_the_second_table():
    cell = Cell("s", "s", key="k")
    rows = questions_of([cell], {"k": _result(cell, all=(0.5, 1))})
    assert list(rows) == list(QUESTIONS)
    assert rows.to_numpy().tolist() == [["k", "bio", 0, 0, 0, 3], ["k", "bio", 1, 1, 1, 1]]


def test_one_row_a_cell_with_all_sets_of_a_role_together():
    cells = by_cell(_table((0.4, 0.99), (0.3, 0.5)))
    assert list(cells["forget_accuracy"]) == [0.4, 0.3]
    assert list(cells["retain_change_pp"]) == pytest.approx([-1, -50])
    assert list(cells["features"]) == [10, 10]


@pytest.mark.parametrize(
    ("accuracies", "score"),
    [
        ([(0.4, 0.99), (0.3, 0.98)], 0.6),  # 99 % is enough, as main.py's `< 0.99` has it
        ([(0.4, 0.995), (0.25, 1.0)], 0.75),
        ([(0.4, 0.989)], 0.0),
        ([(1.0, 1.0)], 0.0),
        ([], 0.0),
    ],
)
def test_saebenchs_score_worked_by_hand(accuracies, score):
    assert saebench_score(_table(*accuracies)) == pytest.approx(score)


def test_each_setup_has_its_own_score():
    table = pd.concat([_table((0.4, 1.0)), _table((0.9, 1.0), (0.1, 0.5), setup="t")])
    assert saebench_scores(table) == pytest.approx({"s": 0.6, "t": 0.1})
    assert saebench_score(table) == pytest.approx(0.6)


def test_the_best_cell_is_chosen_on_the_selection_half():
    cells = [Cell("s", "s", key=key) for key in "abc"]
    results = {
        "a": _result(cells[0], all=(0.5, 1), selection=(0.2, 0.99), held_out=(0.8, 0.9)),
        "b": _result(cells[1], all=(0.1, 1), selection=(0.3, 1.0), held_out=(0.0, 1.0)),
        "c": _result(cells[2], all=(0.0, 1), selection=(0.1, 0.98), held_out=(0.0, 1.0)),
    }
    found = best(table_of(cells, results))
    assert found["cell"] == "a"
    assert found["halves"]["held-out"]["forget_accuracy"] == 0.8
    assert found["strength"] is None
    assert best(table_of(cells[2:], results)) is None
    assert best(_table((1.0, 1.0))) is None


def test_what_was_published_stands_beside_the_very_setting():
    study = load_study("paper-grid")
    setups = {place.setup.name: place.setup for place in study.places.values()}
    cells = cells_of(study)
    results = {}
    for cell in cells:
        features = cell.picked or range(cell.features)
        results[cell.key] = {
            **_result(cell, all=(0.5, 1.0)),
            "sae": setups[cell.setup].sae.sae_id,
            "clamps": ",".join(f"{feature}:{cell.strength:g}" for feature in features),
        }
    found = beside(study, by_cell(table_of(cells, results)))
    assert len(found) == 65
    by_words = {(c.setup, c.ranker_setting, c.features, c.strength): found[c.key] for c in cells}
    layer_7 = by_words["gemma-2-2b-it-known-farrell", 0.01, 10, -50]
    assert (layer_7["forget"], layer_7["retain"]) == pytest.approx((78.74, 99.67))
    assert layer_7["loss_added"] == -0.00707
    single = by_words["gemma-2-2b-it-known-farrell-layer11", None, 1, -100]
    assert single["forget"] == pytest.approx(99.04)
    others = [replace(cell, unit="maximum") for cell in cells]
    assert beside(study, by_cell(table_of(others, results))) == {}
