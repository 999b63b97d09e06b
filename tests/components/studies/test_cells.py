"""Cells of a hand-made table, in the form of backend.studies."""

import pandas as pd
import pytest

from backend.studies.cells import Cell
from backend.studies.schema import Against
from backend.studies.table import table_of
from components.studies.cells import (
    at,
    best_over,
    cells_of,
    group_of,
    on_front,
    rival_name,
    values_of,
    varying,
)
from components.studies.fronts import front_rows
from components.studies.maps import SHOWN, Map, change_of, map_rows, placed_on, said
from components.studies.view import named, setting_of_cell, table_rows

N = 100


def figures(half, role, lost):
    return {
        "half": half,
        "set": role,
        "title": role,
        "role": role,
        "n": N,
        "baseline_accuracy": 0.8,
        "accuracy": 0.8 - lost / N,
        "lost": lost,
        "gained": 0,
        "change_pp": -100 * lost / N,
        "ci_low_pp": -100 * lost / N - 5,
        "ci_high_pp": -100 * lost / N + 5,
        "p_value": 0.5,
    }


def result(cell, selection, held_out, *, block=7, method=""):
    """`selection` and `held_out`: questions lost, of forget and of retain."""
    every = {"selection": selection, "held-out": held_out}
    every["all"] = tuple(map(sum, zip(selection, held_out, strict=True)))
    return {
        "cell": cell.key,
        "made_of": {"ingredients": "i", "machine": "m"},
        "model": "m",
        "sae": "s",
        "block": block,
        "dtype": "float32",
        "clamps": "" if cell.rival else "1:-3,4:-8.5",
        "method": method,
        "rival": "projection:abc:1" if cell.rival else "",
        "text_added": None,
        "figures": [
            figures(half, role, lost[i])
            for half, lost in every.items()
            for i, role in enumerate(("forget", "retain"))
        ],
    }


def cell(key, ranker="paper", features=10, strength=-3.0, setup="toy", **more):
    setting = 0.01 if ranker == "paper" else None
    return Cell(setup, setup, ranker, setting, (), features, strength, key=key, **more)


CELLS = [
    cell("a", strength=-3.0),
    cell("b", strength=-8.0),
    cell("c", "selectivity", strength=-3.0),
    cell("d", "selectivity", strength=-8.0),
    cell("e", features=5, strength=-3.0),
    Cell("toy", "toy", rival=Against("projection"), key="r"),
]
LOST = {"a": (10, 1), "b": (30, 9), "c": (15, 3), "d": (12, 0), "e": (2, 0), "r": (40, 2)}
RESULTS = {c.key: result(c, LOST[c.key], (LOST[c.key][0] - 1, 0)) for c in CELLS}


@pytest.fixture(scope="module")
def table():
    return table_of(CELLS, RESULTS)


@pytest.fixture(scope="module")
def cells(table):
    return cells_of(table, "all")


def keys(cells):
    return cells["cell"].tolist()


def test_there_is_a_row_a_cell_with_the_half_asked_for_and_what_is_chosen_by(table, cells):
    assert keys(cells) == list("abcder")
    first, held_out = cells.iloc[0], cells_of(table, "held-out").iloc[0]
    assert first["forget_change_pp"] == -19.0
    assert (held_out["forget_change_pp"], held_out["forget_chosen_by"]) == (-9.0, -10.0)


def test_axes_are_said_as_people_read_them(cells):
    first = cells.iloc[0]
    assert [first[name] for name in ("block", "ranking", "features", "strength", "method")] == [
        "8",
        "Paper's sparsity, 0.01",
        "10",
        "−3x",
        "always",
    ]


def test_a_gate_is_called_by_its_rate_and_not_by_each_taus_digits():
    gated = [cell(k, strength=s, false_alarms=0.05) for k, s in (("x", -3.0), ("y", -8.0))]
    found = {
        c.key: result(c, (1, 0), (1, 0), method=f"rho:0.{i}2,reach:all")
        for i, c in enumerate(gated, 1)
    }
    cells = cells_of(table_of(gated, found), "all")
    assert set(cells["method"]) == {"gate rho, 5 % false alarms, all set where one fires"}
    assert cells["method_text"].tolist() == ["rho:0.12,reach:all", "rho:0.22,reach:all"]


def test_numbers_come_by_size_and_the_rest_as_it_came(cells):
    assert values_of(cells, "features") == ["5", "10"]
    assert values_of(cells, "strength") == ["−3x", "−8x"]
    assert values_of(cells, "ranking") == ["Paper's sparsity, 0.01", "Selectivity"]


def test_axes_that_do_not_vary_are_none(cells):
    assert varying(cells) == ["ranking", "features", "strength"]
    assert varying(at(cells, {"ranking": "Selectivity"})) == ["strength"]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([("one", 3), ("two", 7)], ["block"]),
        ([("one", 3), ("two", 3)], ["setup"]),
        ([("one", 3), ("two", 7), ("three", 7)], ["setup"]),
    ],
)
def test_of_setup_and_block_the_one_that_tells_the_other_is_enough(places, expected):
    made = [(cell(setup, setup=setup), block) for setup, block in places]
    found = {c.key: result(c, (1, 0), (1, 0), block=block) for c, block in made}
    assert varying(cells_of(table_of([c for c, _ in made], found), "all")) == expected


def test_the_best_is_what_forgets_most_on_the_selection_half_within_the_cost(cells):
    assert keys(best_over(cells[cells["rival"] == ""], ["strength"], 3.0)) == ["c", "d"]
    assert keys(best_over(cells[cells["rival"] == ""], ["strength"], 2.0)) == ["a", "d"]
    dear = at(cells, {"features": "10", "strength": "−8x", "ranking": "Paper's sparsity, 0.01"})
    assert best_over(dear, ["strength"], 3.0).empty


def by_hand(cells):
    """Every cell beside every other one."""

    def beaten(one, other):
        as_good = (
            other["forget_chosen_by"] <= one["forget_chosen_by"]
            and other["retain_chosen_by"] >= one["retain_chosen_by"]
        )
        return as_good and other["cell"] != one["cell"]

    rows = [row for _, row in cells.iterrows()]
    return [not any(beaten(one, other) for other in rows) for one in rows]


def test_the_front_is_what_no_other_beats(cells):
    assert on_front(cells).tolist() == by_hand(cells)
    assert keys(cells[on_front(cells)]) == ["d", "r"]


def test_of_equals_one_alone_is_on_the_front(cells):
    twice = pd.concat([cells, cells.assign(cell=cells["cell"] + "2")], ignore_index=True)
    assert on_front(twice).sum() == on_front(cells).sum()


def test_every_group_has_a_front_of_its_own_and_a_rival_is_a_group(cells):
    rows = front_rows(cells, "ranking")
    assert rows["group"].tolist()[-1] == "Projection × 1" == group_of(cells, "ranking").iloc[-1]
    assert rows["cell"][rows["front"]].tolist() == ["a", "b", "c", "d", "e", "r"]
    assert front_rows(cells, "features")["front"].tolist() == [False, True, True, True, True, True]
    assert rows[["forget", "retain"]].iloc[0].tolist() == pytest.approx([61.0, 79.0])


def test_a_rival_that_cannot_be_read_is_said_as_it_stands():
    assert rival_name("nonsense") == "nonsense"
    assert rival_name("") == ""


FORGET, RETAIN, CHANGE = SHOWN[0], SHOWN[1], SHOWN[2]


def test_a_place_holds_its_only_cell_or_the_best_of_several(cells):
    alone = Map(FORGET, "strength", "features", {"ranking": "Selectivity"})
    assert keys(placed_on(cells, alone, 3.0)) == ["c", "d"]
    best = Map(FORGET, "strength", "features", {})
    assert keys(placed_on(cells, best, 3.0)) == ["c", "d", "e"]
    assert keys(placed_on(cells, best, 0.0)) == ["d", "e"]


def test_a_place_says_its_figure(cells):
    drawn = Map(FORGET, "strength", "ranking", {"features": "10"})
    placed = placed_on(cells, drawn, 3.0)
    rows = map_rows(placed, drawn)
    assert rows["text"].tolist() == ["61.0", "21.0", "51.0", "57.0"]
    assert rows["x"].tolist() == ["−3x", "−8x"] * 2
    change = map_rows(placed, drawn._replace(figure=CHANGE))
    assert change["text"].tolist() == ["−19.0", "−59.0", "−29.0", "−23.0"]
    assert map_rows(placed, drawn._replace(y=None))["y"].tolist() == [""] * 4


def test_a_cell_is_said_with_its_intervals_and_over_how_many(cells):
    first = cells.iloc[0]
    assert change_of(first, "retain") == "−1.0 pp [−6.0, +4.0]"
    assert said(first) == (
        "forget 61.0 %, −19.0 pp [−24.0, −14.0], n 100; retain 79.0 %, −1.0 pp [−6.0, +4.0], n 100"
    )


def test_a_cells_setting_is_the_one_that_ran(cells):
    clamped = setting_of_cell(cells.iloc[0], 24)
    assert [tuple(clamp) for clamp in clamped.clamps] == [(1, -3.0), (4, -8.5)]
    rival = setting_of_cell(cells.iloc[-1], 24)
    assert (rival.clamps, rival.rival.kind) == ((), "projection")


def test_a_cell_is_named_by_what_it_is(cells):
    assert named(cells.iloc[0]) == (
        "toy, after block 8: Paper's sparsity, 0.01, first 10 at −3x, always"
    )
    assert named(cells.iloc[-1]) == "toy, after block 8: Projection × 1"


def test_the_table_has_the_axes_that_say_something_and_the_rivals(cells):
    shown = table_rows(cells)
    assert list(shown) == [
        "cell",
        "Ranking",
        "Features",
        "Strength",
        "When they act",
        "Rival",
        "forget",
        "forget_said",
        "retain",
        "retain_said",
    ]
    assert shown["Rival"].tolist() == [""] * 5 + ["Projection × 1"]
