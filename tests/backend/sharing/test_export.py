"""The exported file: read back whole, run again to the same figures, and every difference named."""

import json

import pytest

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.interventions.board import Board, Slider, board_of
from backend.interventions.edit import clamp_set
from backend.setups import load_setup
from backend.sharing.export import (
    compare,
    differences,
    export,
    read_export,
    setup_named,
    to_text,
)
from tests.support.toy import build_model, build_tokenizer, questions, write_jsonl, write_setup

BOARD = Board((Slider(1, -120.0), Slider(4, -2.0, on=False)), 1.5)


@pytest.fixture
def file(toy):
    return to_text(export(toy, toy.evaluate(BOARD.clamps()), BOARD, "held-out"))


def test_a_file_reads_back_to_the_board_the_half_and_the_answers(toy, file):
    exported = read_export(file, toy.sae.d_sae)
    assert exported.board == BOARD
    assert exported.half == "held-out"
    assert exported.clamps == BOARD.clamps()
    assert setup_named(file) == "toy"
    evaluation = toy.evaluate(BOARD.clamps())
    for s, mine in zip(exported.sets, evaluation.sets, strict=True):
        assert (s.name, s.accuracy, s.lost, s.gained) == (
            mine.name,
            mine.accuracy,
            mine.lost,
            mine.gained,
        )
    assert differences(exported, toy) == []
    rerun = compare(exported, evaluation, toy)
    assert rerun.same
    assert rerun.n == toy.n_questions
    assert rerun.furthest < 1e-6
    assert "The same figures" in rerun.sentence()


def test_other_figures_are_told_apart(toy, file):
    raw = json.loads(file)
    question = raw["sets"][0]["questions"][0]
    question["scores"] = [-s for s in question["scores"]]
    rerun = compare(read_export(json.dumps(raw), toy.sae.d_sae), toy.evaluate(BOARD.clamps()), toy)
    assert not rerun.same
    assert rerun.changed == 1
    assert "1 of 7 questions" in rerun.sentence()
    raw = json.loads(file)
    raw["sets"][1]["name"] = "elsewhere"
    rerun = compare(read_export(json.dumps(raw), toy.sae.d_sae), toy.evaluate(BOARD.clamps()), toy)
    assert rerun.missing == ("elsewhere",)
    assert not rerun.same


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("model", "The model's weights"),
        ("sae", "The SAE"),
        ("questions", "The questions of 'biology'"),
        ("untouched", "The positions no clamp touches"),
    ],
)
def test_what_is_different_is_named_and_nothing_else(toy, file, tmp_path, change, named):
    path = write_setup(tmp_path, **({"untouched": ()} if change == "untouched" else {}))
    if change == "model":
        build_model(len(build_tokenizer()), seed=7).save_pretrained(tmp_path / "model")
    elif change == "sae":
        cfg = tmp_path / "sae" / "cfg.json"
        cfg.write_text(
            cfg.read_text().replace(f"blocks.{1}.hook_resid_post", "blocks.2.hook_resid_pre")
        )
    elif change == "questions":
        rows = questions()
        rows[0]["answer"] = 3
        write_jsonl(tmp_path / "quiz.jsonl", rows)
    other = Engine(load_setup(path))
    found = differences(read_export(file, other.sae.d_sae), other)
    assert len(found) == 1, found
    assert found[0].startswith(named), found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: "[", "not JSON"),
        (lambda raw: [], "no export of this program"),
        (lambda raw: raw | {"format": 99}, "format 99"),
        (lambda raw: raw | {"sets": "x"}, "field 'sets'"),
        (lambda raw: raw | {"sets": [{"questions": [{}]}]}, r"field 'sets\[0\]'"),
        (
            lambda raw: (
                raw
                | {
                    "sets": [
                        raw["sets"][0]
                        | {"questions": [raw["sets"][0]["questions"][0] | {"scores": [1, 2]}]}
                    ]
                }
            ),
            "four scores",
        ),
        (lambda raw: raw | {"board": {"clamps": "99:1"}}, "features 0 to 23"),
        (lambda raw: raw | {"clamps": "1:-7"}, "say different things"),
        (lambda raw: raw | {"half": "left"}, "field 'half'"),
        (lambda raw: {k: v for k, v in raw.items() if k != "setup"}, "field 'setup'"),
        (lambda raw: raw | {"name": None}, "field 'name'"),
    ],
)
def test_any_other_file_is_refused_in_words(toy, file, change, words):
    changed = change(json.loads(file))
    with pytest.raises(BadInput, match=words):
        read_export(changed if isinstance(changed, str) else json.dumps(changed), toy.sae.d_sae)


def test_a_board_of_nothing_is_the_baseline(toy):
    exported = read_export(to_text(export(toy, toy.evaluate(()), board_of(()))), toy.sae.d_sae)
    assert exported.clamps == ()
    assert compare(exported, toy.evaluate(()), toy).same


def test_no_question_text_leaves_with_the_file(toy, file):
    assert not any(q.question in file for s in toy.sets for q in s.questions)


def test_clamps_of_a_file_keep_every_digit(toy):
    board = board_of(clamp_set([(1, -0.1 - 0.2), (2, 1e-7)]))
    assert (
        read_export(to_text(export(toy, toy.evaluate(board.clamps()), board)), toy.sae.d_sae).clamps
        == board.clamps()
    )
