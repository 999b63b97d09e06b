"""The page of published figures says what the table of results says."""

import re

import pandas as pd
import pytest

from backend.data.published import FOLDER, published_points
from backend.setups import load_setup

README = (FOLDER / "README.md").read_text(encoding="utf-8")
RESULTS = pd.read_csv(FOLDER / "results.csv", keep_default_na=False)


def section(name: str) -> str:
    return re.split(r"^## ", README.split(f"## {name}", 1)[1], flags=re.MULTILINE)[0]


def rows(name: str, before: str) -> list[list[str]]:
    """Cells of the table whose first header begins so."""
    table = section(name).split(f"| {before}", 1)[1].split("\n\n")[0]
    return [[cell.strip() for cell in row.strip("| ").split("|")] for row in table.split("\n")[2:]]


def published(source: str, begins: str, ends: str) -> pd.Series:
    of_source = RESULTS[RESULTS["source"] == source]
    at = of_source["setting"].str.startswith(begins) & of_source["setting"].str.endswith(ends)
    (found,) = (row for _, row in of_source[at].iterrows())
    return found


FARRELL = rows("Farrell", "layer, features, clamp")
SAES = {"3": "average_l0_59", "7": "average_l0_69", "11": "average_l0_70"}


@pytest.mark.parametrize("row", FARRELL, ids=lambda row: row[0])
def test_a_clamp_of_the_paper_is_as_its_results_have_it(row):
    layer, features, clamp = row[0].replace("−", "-").split(", ")
    n = "1 feature" if features.endswith("alone") else f"{features} features"
    one = published("Farrell", f"layer_{layer}/", f"{n} at {clamp}, retain threshold 0.01")
    assert SAES[layer] in one["setting"] and one["forget_n"] == 522
    assert row[1] == f"{100 * one['forget']:.1f}"
    assert row[2] in ("", f"{100 * one['retain']:.1f}")


KHORIATY = rows("Khoriaty", "features, clamp")
TOP = {"five": 5, "ten": 10}


@pytest.mark.parametrize("row", KHORIATY[1:], ids=lambda row: row[0])
def test_a_clamp_of_khoriaty_is_as_their_results_have_it(row):
    n, clamp = row[0].replace("−", "").split(", ")
    one = published("Khoriaty", f"top={TOP[n]} clamp=-{clamp} ", "method=none")
    assert one["forget_n"] == 1273
    assert row[1:3] == [f"{100 * one['forget']:.2f}", f"{100 * one['retain']:.1f}"]


@pytest.mark.parametrize("row", FARRELL + KHORIATY, ids=lambda row: row[0])
def test_what_is_to_be_expected_is_about_what_was_published(row):
    expected = [[float(end) for end in part.split(" to ")] for part in row[3].split("; ")]
    for figure, (low, high), about in zip(row[1:], expected, (2, 1), strict=False):
        published = float(figure)
        about = 1 if row[0] == "none" else about
        assert low == pytest.approx(published - about, abs=0.06)
        assert high == pytest.approx(min(100, published + about), abs=0.06)


def test_the_base_models_setup_stands_beside_their_clamps():
    points = published_points(load_setup("gemma-2-2b"))
    assert set(points["source"]) == {"Khoriaty"} and len(points) == 48
