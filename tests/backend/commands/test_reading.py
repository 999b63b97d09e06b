"""Search, feature and question say what the modules behind them say."""

import json

import pytest

from backend.interventions.method import setting_of
from backend.reading.own_text import firing, read_text
from tests.support.toy import write_setup


def found(run, *args) -> list[dict]:
    return json.loads(run("search", *args, "--json").stdout)["features"]


def test_search_finds_a_label_and_says_why(run, toy_toml):
    rows = found(run, toy_toml, "virus", "--limit", "3")
    assert rows[0]["feature"] == 5
    assert rows[0]["why"] == {"label": ["viruses"]}
    assert len(rows) <= 3


def test_search_says_how_a_slip_was_read(run, toy_toml):
    value = json.loads(run("search", toy_toml, "viruss", "--json").stdout)
    assert "viruses" in value["read_as"]["viruss"]
    said = run("search", toy_toml, "viruss").stdout
    assert said.startswith("'viruss' is in no label and no example; read as ")


def test_search_by_text_lists_what_fires_there(run, toy, toy_toml):
    text = "The heart pumps."
    rows = found(run, toy_toml, "--text", text, "--densest", "0.3")
    expected = firing(read_text(toy, text), toy.atlas.table, densest=0.3)
    assert [row["feature"] for row in rows] == expected["feature"].head(20).tolist()
    assert rows[0]["on_text"]["act"] == pytest.approx(expected["act"][0])


def test_search_by_a_ranking_lists_its_best_first(run, toy, toy_toml):
    rows = found(run, toy_toml, "--rank", "forget density")
    assert rows[0]["forget_density"] == toy.atlas.table.forget_density.max()


def test_nothing_found_is_said(run, toy_toml):
    assert found(run, toy_toml, "zzqx") == []
    assert run("search", toy_toml, "zzqx").stdout.startswith("No feature matches.")


def test_feature_says_what_its_page_shows(run, toy_toml):
    page = json.loads(run("feature", toy_toml, "5", "--json").stdout)
    assert page["label"] == "viruses"
    assert page["tokens_scanned"]["forget"] > 0
    assert run("feature", toy_toml, "5").stdout.startswith("5  viruses\n")


def test_question_lists_the_tokens_the_model_sees(run, toy, toy_toml):
    result = run("question", toy_toml, "biology", "1", "--clamps", "2:-40,5:3", "--json")
    assert result.returncode == 0, result.stderr
    value, mine = json.loads(result.stdout), toy.evaluate(setting_of([(2, -40.0), (5, 3.0)]))
    assert [t["id"] for t in value["tokens"]] == toy.packed[1].ids[: len(value["tokens"])]
    assert [o["after"] for o in value["options"]] == pytest.approx(mine.scores[1].tolist())
    assert value["protocol"] == {"scoring": "cloze", "prompt": "plain"}
    assert "Biology, question 1" in run("question", toy_toml, "biology", "1").stdout


def test_question_shows_what_the_gate_makes_of_it(run, toy, toy_toml):
    given = ("question", toy_toml, "biology", "1", "--clamps", "2:-40,5:3", "--gate", "rho")
    value = json.loads(run(*given, "--tau", "0.9", "--json").stdout)
    assert value["method"] == "rho:0.9"
    assert [o["after"] for o in value["options"]] == [o["before"] for o in value["options"]]
    assert len(value["gate"]["sequences"]) == 4
    assert "The gate stays closed (rho " in run(*given, "--tau", "0.9").stdout


def test_question_can_be_asked_in_all_orders(run, tmp_path):
    path = write_setup(tmp_path, scoring="letter")
    given = ("biology", "0", "--clamps", "2:-40", "--orders", "--json")
    value = json.loads(run("question", path, *given).stdout)
    orders = value["orders"]
    assert len(orders["after"]) == 24
    assert orders["right_after"] == orders["after"].count(value["question"]["answer"])
    assert sum(orders["letters_after"].values()) == 24


def test_a_cloze_question_has_no_orders(run, toy_toml):
    run("question", toy_toml, "biology", "0", "--orders").fails("letter scoring only")
