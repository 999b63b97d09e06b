"""Whatever is falsified in a run file is told apart; what is the same is called the same."""

import json
from dataclasses import replace

import pytest

from backend.engine.engine import Engine
from backend.interventions.board import board_of
from backend.interventions.method import NOTHING
from backend.setups import load_setup
from backend.sharing.compare import MOST_LINES, compare
from backend.sharing.export import export, to_text
from backend.sharing.run_file import RunFile, read_run_file
from tests.backend.sharing.conftest import BOARD, compared, read
from tests.support.toy import build_model, build_tokenizer, questions, write_jsonl, write_setup


def test_an_untouched_file_is_the_same(ran):
    found = compared(ran, ran.raw())
    assert found.verdict == "same"
    assert (found.n, found.changed, found.furthest) == (7, 0, 0.0)
    assert found.lines() == []
    assert "The same figures" in found.sentence()


def test_a_board_of_nothing_is_the_baseline(toy):
    text = to_text(export(toy, toy.evaluate(NOTHING), board_of(())))
    file = read_run_file(text.encode(), 24)
    assert file.setting == NOTHING
    assert compare(file, toy.evaluate(NOTHING), toy).verdict == "same"


def in_set(name, change):
    """A falsified field of the first set: `change` is given what stands there."""

    def falsify(raw):
        raw["sets"][0][name] = change(raw["sets"][0][name])

    return falsify


def in_question(name, change):
    def falsify(raw):
        question = raw["sets"][0]["questions"][0]
        question[name] = change(question[name])

    return falsify


def in_identity(name, value):
    def falsify(raw):
        raw["identity"][name] = value

    return falsify


def in_setup(name):
    def falsify(raw):
        raw["setup"][name] = "another"

    return falsify


def sets(change):
    def falsify(raw):
        raw["sets"] = change(raw["sets"])

    return falsify


def more(x):
    return x + 1


def slightly_more(x):
    return x + 0.01


def other(option):
    return (option + 1) % 4


def moved(by):
    """The likeliest option's score, moved up: no prediction changes."""

    def move(scores):
        best = max(scores)
        return [score + by if score == best else score for score in scores]

    return move


def with_headlines_recomputed(raw):
    """A set's answers turned round, and everything that follows from them claimed accordingly."""
    first = raw["sets"][0]
    for question in first["questions"]:
        if question["affected"]:
            question["scores"] = question["scores"][::-1]
            question["prediction"] = question["scores"].index(max(question["scores"]))
    computed = read_run_file(json.dumps(raw).encode(), 24).claims.sets[0].computed
    first |= computed.figures() | {"inconclusive": computed.inconclusive}


def last_question_left_out(raw):
    first = raw["sets"][0]
    first["questions"].pop()
    first["n"] -= 1


FIGURES = "other figures"
INGREDIENTS = "other ingredients"
FALSIFIED = {
    "no sets": (sets(lambda s: []), FIGURES, "'biology' is missing"),
    "a set left out": (sets(lambda s: s[1:]), FIGURES, "'biology' is missing"),
    "sets three times": (sets(lambda s: s * 3), FIGURES, "'biology' is there 3 times"),
    "a set more": (sets(lambda s: [*s, s[0] | {"name": "x"}]), FIGURES, "'x' of the file has no"),
    "a set's name": (in_set("name", lambda s: "x"), FIGURES, "'x' of the file has no counterpart"),
    "role": (in_set("role", lambda r: "retain"), FIGURES, "role is retain in the file"),
    "n": (in_set("n", more), FIGURES, "n is 5 in the file, 4 by its own"),
    "n affected": (in_set("n_affected", more), FIGURES, "n_affected is"),
    "baseline accuracy": (in_set("baseline_accuracy", slightly_more), FIGURES, "baseline_accuracy"),
    "accuracy": (in_set("accuracy", slightly_more), FIGURES, "accuracy is"),
    "lost": (in_set("lost", more), FIGURES, "lost is"),
    "gained": (in_set("gained", more), FIGURES, "gained is"),
    "change": (in_set("change_pp", slightly_more), FIGURES, "change_pp is"),
    "interval, low": (in_set("ci_low_pp", slightly_more), FIGURES, "ci_low_pp is"),
    "interval, high": (in_set("ci_high_pp", slightly_more), FIGURES, "ci_high_pp is"),
    "p": (in_set("p_value", lambda p: p / 10), FIGURES, "p_value is"),
    "inconclusive": (in_set("inconclusive", lambda i: not i), FIGURES, "inconclusive is"),
    "a prediction": (in_question("prediction", other), FIGURES, "1 of its fields 'prediction'"),
    "a prediction without clamps": (
        in_question("baseline_prediction", other),
        FIGURES,
        "1 of its fields 'baseline_prediction'",
    ),
    "what is affected": (in_question("affected", lambda a: not a), FIGURES, "n_affected is"),
    "a right answer": (in_question("answer", other), FIGURES, "other questions here"),
    "a question's row": (in_question("index", lambda i: 99), FIGURES, "other questions here"),
    "a question left out": (last_question_left_out, FIGURES, "other questions here"),
    "a score": (in_question("scores", moved(0.01)), FIGURES, "rounding does not explain"),
    "a score without clamps": (
        in_question("baseline_scores", moved(0.01)),
        FIGURES,
        "rounding does not explain",
    ),
    "scores in another order": (
        in_question("scores", lambda s: s[::-1]),
        FIGURES,
        "1 of 7 questions are answered otherwise",
    ),
    "answers, and all that follows": (
        with_headlines_recomputed,
        FIGURES,
        "questions are answered otherwise than in the file",
    ),
    "no identity": (lambda raw: raw["identity"].clear(), INGREDIENTS, "not there in the file"),
    "a hash left out": (
        lambda raw: raw["identity"].pop("the SAE"),
        INGREDIENTS,
        "The SAE: not there in the file",
    ),
    "a hash more": (in_identity("luck", "good"), INGREDIENTS, "Luck: good in the file, not there"),
    "another SAE": (in_identity("the SAE", "0" * 64), INGREDIENTS, "The SAE: 000000000000… in"),
    "another precision": (
        in_identity("the precision", "bfloat16 on cpu"),
        INGREDIENTS,
        "The precision: bfloat16 on cpu in the file, float32 on cpu here",
    ),
    "the setup": (in_setup("name"), INGREDIENTS, "The setup: another in the file, toy here"),
    "the model's name": (in_setup("model"), INGREDIENTS, "The model's name: another"),
    "the SAE's name": (in_setup("sae"), INGREDIENTS, "The SAE's name: another"),
    "the hook": (in_setup("hook"), INGREDIENTS, "The hook: another"),
}


@pytest.mark.parametrize("what", FALSIFIED)
def test_a_falsified_file_is_told_apart(ran, what):
    falsify, verdict, words = FALSIFIED[what]
    raw = ran.raw()
    falsify(raw)
    found = compared(ran, raw)
    assert found.verdict == verdict
    assert any(words in line for line in found.lines()), found.lines()


def test_a_lie_that_is_consistent_contradicts_only_this_engine(ran):
    raw = ran.raw()
    with_headlines_recomputed(raw)
    found = compared(ran, raw)
    assert found.contradictions == ()
    assert any(line.endswith(" here.") for line in found.figures)


def test_a_file_that_contradicts_itself_has_no_ingredients_for_an_excuse(ran):
    raw = ran.raw()
    raw["identity"] = {}
    raw["sets"][0]["accuracy"] += 0.01
    found = compared(ran, raw)
    assert found.verdict == "other figures"
    assert "contradicts itself" in found.sentence()


def test_what_is_said_is_never_long_and_moves_no_terminal(ran):
    raw = ran.raw()
    raw["identity"] = {f"\x1b[2J{i}{'x' * 999}": "y" * 999 for i in range(999)}
    raw["sets"] = [raw["sets"][0] | {"name": f"{i}\n{'z' * 999}"} for i in range(99)]
    lines = compared(ran, raw).lines()
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].startswith("And ")
    assert all(len(line) < 300 and line.isprintable() for line in lines)


def test_a_small_p_is_not_taken_for_a_smaller_one(ran):
    claims = read(ran.raw(), ran.engine).claims
    s = claims.sets[0].model_copy(update={"p_value": 1e-30})
    here = replace(ran.evaluation.sets[0], p_value=1e-12)
    found = compare(
        RunFile(claims.model_copy(update={"sets": [s]}), BOARD, BOARD.setting()),
        replace(ran.evaluation, sets=(here,)),
        ran.engine,
    )
    assert "The set 'biology': p_value is 1e-30 in the file, 1e-12 here." in found.figures


# -- other ingredients ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("model", "The model's weights"),
        ("settings", "The model's settings"),
        ("sae", "The SAE"),
        ("questions", "The questions of 'biology'"),
        ("untouched", "The positions no clamp touches"),
        ("halves", "The halves of the questions"),
    ],
)
def test_what_is_different_is_named_and_nothing_else(ran, tmp_path, change, named):
    more = {
        "untouched": {"untouched": ()},
        # A hook before the next block is the same place under another name.
        "sae": {"sae": {"hook_name": "blocks.2.hook_resid_pre"}},
    }
    path = write_setup(tmp_path, **more.get(change, {}))
    if change == "model":
        build_model(len(build_tokenizer()), seed=7).save_pretrained(tmp_path / "model")
    elif change == "settings":
        config = tmp_path / "model" / "config.json"
        config.write_text(config.read_text().replace("1e-06", "1e-02"))
    elif change == "questions":
        rows = questions()
        rows[0]["answer"] = 3
        write_jsonl(tmp_path / "quiz.jsonl", rows)
    elif change == "halves":
        path.write_text(f"half_seed = 3\n{path.read_text()}")
    here = Engine(load_setup(path))
    file = read(ran.raw(), here)
    found = compare(file, here.evaluate(file.setting), here)
    hashed = [line for line in found.ingredients if not line.startswith("The hook")]
    assert len(hashed) == 1, found.ingredients
    assert hashed[0].startswith(named)
    assert found.verdict == "other ingredients"
