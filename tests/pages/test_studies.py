"""Studies on the runs page, drawn by Streamlit's own AppTest; run on the toy by backend.studies."""

import shutil

import pytest

from backend.interventions.board import Board
from backend.store import cache_folder
from backend.studies import finished_studies, load_study
from backend.studies.cells import cells_of
from backend.studies.kept import Kept
from backend.studies.settings import setting_on
from backend.studies.work import run
from tests.pages.test_pages import pick, words
from tests.pages.test_rivals import plainly

SMALL = """
title = "Small <b>"
setups = ["toy.toml"]
rankers = ["selectivity", "paper"]
features = [1, 3]
strengths = [-8, 1]
rivals = ["leace"]
"""


@pytest.fixture
def make(toy, toy_toml):
    """Runs the first n cells of a study, all of them by default; returns its cells."""

    def begin(n=None, name="small", text=SMALL):
        path = toy_toml.with_name(f"{name}.toml")
        path.write_text(text)
        study = load_study(path)
        cells = cells_of(study)
        kept = Kept(study, cells)
        kept.begin()
        results = {cell.key: run(toy, cell) for cell in cells[:n]}
        for result in results.values():
            kept.write(result)
        kept.write_table(results, questions=False)
        return cells

    return begin


def studies(app):
    at = app("runs")
    at.button_group(key="runs_view").set_value("Studies").run()
    assert not at.exception
    assert not at.error
    return at


def table(at):
    return next(d for d in at.dataframe if "study_table" in d.proto.id)


def select(at, row):
    key = table(at).proto.id.split("-", 2)[-1]
    at.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    at.session_state.study_picked = "table"
    return at.run()


def test_where_no_study_was_run_the_page_says_how(app):
    at = studies(app)
    assert "No study was run yet" in words(at)
    assert [c.value for c in at.code] == ["python -m backend study demo-grid"]


def test_runs_begin_with_the_settings_that_were_tried(app, make):
    make()
    at = app("runs")
    assert at.button_group(key="runs_view").value == "Settings tried"
    assert not [s for s in at.selectbox if s.key == "study_chosen"]


def test_the_address_says_that_studies_are_shown_and_brings_them_back(app, make):
    make()
    at = studies(app)
    assert "studies" in at.query_params
    at.button_group(key="runs_view").set_value("Settings tried").run()
    assert "studies" not in at.query_params


def test_every_cell_has_a_row_with_the_figures_of_its_half(app, make):
    cells = make()
    at = studies(app)
    (study,) = finished_studies()
    for half in ("all", "held-out"):
        at.button_group(key="study_half").set_value(half).run()
        rows = study.table[(study.table["half"] == half) & (study.table["set"] == "forget")]
        shown = table(at).value
        assert shown["cell"].tolist() == [cell.key for cell in cells]
        assert shown["forget"].tolist() == pytest.approx((100 * rows["accuracy"]).tolist())
    assert shown["Strength"].tolist() == ["−8x", "1x"] * 4 + [""]


def test_a_cell_is_opened_on_the_clamp_page_and_undo_takes_that_back(app, make, toy):
    cells = make()
    at = select(studies(app), 2)
    assert "toy, after block 2: Selectivity, first 3 at −8x, always" in plainly(at)
    next(b for b in at.button if b.key == "study_open").click().run()
    assert at.title[0].value == "Clamp"
    assert at.session_state.board.setting() == setting_on(toy, cells[2])
    pick(at, "Undo").click().run()
    assert at.session_state.board == Board()


def test_a_rival_of_a_study_is_opened_as_well(app, make, toy):
    cells = make()
    at = select(studies(app), len(cells) - 1)
    next(b for b in at.button if b.key == "study_open").click().run()
    assert at.session_state.board.rival == setting_on(toy, cells[-1]).rival


def test_a_study_of_another_setup_says_how_to_open_that(app, make, toy_toml, monkeypatch):
    make()
    other = toy_toml.with_name("second.toml")
    shutil.copy(toy_toml, other)
    monkeypatch.setenv("CLAMPBOARD_SETUP", str(other))
    at = select(studies(app), 0)
    assert "Of the setup toy, which is not open here" in words(at)
    assert [c.value for c in at.code] == [f"make app SETUP={toy_toml.resolve()}"]
    assert not [b for b in at.button if b.key == "study_open"]


def test_one_that_still_runs_says_how_far_it_is_and_is_read_again(app, make):
    make(3)
    at = studies(app)
    assert [p.proto.text for p in at.get("progress")] == ["3 of 9 settings done"]
    assert len(table(at).value) == 3
    make()
    next(b for b in at.button if b.key == "study_refresh").click().run()
    assert not at.get("progress")
    assert len(table(at).value) == 9


def test_one_that_has_just_begun_says_so(app, make):
    make(0)
    assert "None of its settings is done yet." in words(studies(app))


def test_the_newest_comes_first_and_another_is_chosen(app, make):
    make()
    make(1, "larger", SMALL.replace("[1, 3]", "[1, 2, 3]"))
    at = studies(app)
    first, second = at.selectbox(key="study_chosen").options
    assert first == "Small <b> (larger, 1 of 13)"
    assert second == "Small <b> (small)"
    at.selectbox(key="study_chosen").select_index(1).run()
    assert not at.exception
    assert len(table(at).value) == 9


def test_axes_are_chosen_and_the_others_stand_at_their_best_or_where_they_are_put(app, make):
    make()
    at = studies(app)
    assert at.selectbox(key="study_x").value == "strength"
    assert "the best over ranking" in words(at)
    at.selectbox(key="study_fixed_ranking").select_index(1).run()
    assert "the best over" not in words(at)
    at.selectbox(key="study_x").set_value("ranking").run()
    assert not at.exception
    assert at.selectbox(key="study_y_ranking").options == ["Features", "Strength"]


def test_a_study_of_one_cell_is_a_table(app, make):
    one = SMALL.replace('"selectivity", ', "").replace("[1, 3]", "[1]").replace("[-8, 1]", "[-8]")
    make(text=one.replace('rivals = ["leace"]', ""))
    at = studies(app)
    assert len(table(at).value) == 1
    assert not [s for s in at.selectbox if s.key == "study_x"]


def test_a_damaged_table_is_made_again_from_the_cells(app, make):
    make()
    (path,) = cache_folder().glob("studies/*/table.parquet")
    path.write_bytes(b"no table")
    assert len(table(studies(app)).value) == 9


def test_a_showcase_shows_its_studies(app, make, monkeypatch):
    make()
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    assert len(table(studies(app)).value) == 9
