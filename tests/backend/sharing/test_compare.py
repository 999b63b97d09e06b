"""Whatever is falsified in a run file is told apart; what is the same is called the same."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.interventions.board import board_of
from backend.setups import load_setup
from backend.sharing.compare import MOST_LINES, compare
from backend.sharing.export import export, to_text
from backend.sharing.run_file import RunFile, read_run_file
from tests.backend.sharing.conftest import BOARD
from tests.support.toy import build_model, build_tokenizer, questions, write_jsonl, write_setup


def read(raw, engine):
    return read_run_file(json.dumps(raw).encode(), engine.sae.d_sae)


def compared(ran, raw):
    return compare(read(raw, ran.engine), ran.evaluation, ran.engine)


def test_an_untouched_file_is_the_same(ran):
    found = compared(ran, ran.raw())
    assert found.verdict == "same"
    assert (found.n, found.changed, found.furthest) == (7, 0, 0.0)
    assert found.lines() == []
    assert "The same figures" in found.sentence()


def test_a_board_of_nothing_is_the_baseline(toy):
    text = to_text(export(toy, toy.evaluate(()), board_of(())))
    file = read_run_file(text.encode(), 24)
    assert file.clamps == ()
    assert compare(file, toy.evaluate(()), toy).verdict == "same"


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
        RunFile(claims.model_copy(update={"sets": [s]}), BOARD, BOARD.clamps()),
        replace(ran.evaluation, sets=(here,)),
        ran.engine,
    )
    assert "The set 'biology': p_value is 1e-30 in the file, 1e-12 here." in found.figures


# -- half precision -------------------------------------------------------------------------------


def every(raw):
    return [question for s in raw["sets"] for question in s["questions"]]


def shaken(raw, by):
    """Every score moved as another processor's rounding would, in nats."""
    drawn = torch.Generator().manual_seed(0)
    for question in every(raw):
        before = question["baseline_scores"]
        noise = (by * torch.randn(4, generator=drawn)).tolist()
        same = question["scores"] == before
        question["baseline_scores"] = [b + x for b, x in zip(before, noise, strict=True)]
        if not same:
            noise = (by * torch.randn(4, generator=drawn)).tolist()
        question["scores"] = [s + x for s, x in zip(question["scores"], noise, strict=True)]


def test_half_precision_gives_the_same_bits_here(ran_in_half_precision):
    found = compared(ran_in_half_precision, ran_in_half_precision.raw())
    assert (found.verdict, found.furthest) == ("same", 0.0)


def test_half_precision_excuses_another_processor(ran_in_half_precision):
    raw = ran_in_half_precision.raw()
    shaken(raw, 0.03)
    found = compared(ran_in_half_precision, raw)
    assert found.verdict == "same", found.lines()
    assert found.furthest > 0.03


@pytest.mark.parametrize("by", [0.01, 0.2])
def test_half_precision_does_not_excuse_a_score_moved_by_hand(ran_in_half_precision, by):
    raw = ran_in_half_precision.raw()
    in_question("scores", moved(by))(raw)
    in_question("affected", lambda _: True)(raw)
    found = compared(ran_in_half_precision, raw)
    assert found.changed == 0
    assert any("scores of 1 of 7 questions differ" in line for line in found.figures)
    assert found.verdict == "other figures"


def test_half_precision_does_not_excuse_that_most_scores_are_far_off(ran_in_half_precision):
    raw = ran_in_half_precision.raw()
    for question in every(raw):
        for scores in ("scores", "baseline_scores"):
            question[scores] = [score + 0.2 for score in question[scores]]
    found = compared(ran_in_half_precision, raw)
    assert found.contradictions == ()
    assert found.figures == (
        "Scores of most questions differ by 0.2 nats or more: that is no rounding.",
    )


def test_the_other_precision_is_another_ingredient(ran, ran_in_half_precision):
    found = compared(ran, ran_in_half_precision.raw())
    assert found.verdict == "other ingredients"
    assert found.ingredients == (
        "The precision: bfloat16 on cpu in the file, float32 on cpu here.",
    )
    assert found.n == 7


# -- anything at all ------------------------------------------------------------------------------

INFORMATION = {
    ("made",),
    ("libraries",),
    ("half",),
    ("name",),
    ("note",),
    ("star",),
    ("hypothesis",),
    ("setup", "title"),
    ("sets", "title"),
    ("features", "label"),
    ("board", "clamps"),
}
"""Fields no figure depends on; of the board, sliders that are off."""
JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**12),
    st.floats(-100, 100),
    st.text(max_size=6),
    st.just([]),
    st.just({}),
)


def places(value, path=()):
    """Every node below a value, by its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for step, below in items:
        yield (*path, step)
        if isinstance(below, dict | list):
            yield from places(below, (*path, step))


def is_information(path):
    named = tuple(step for step in path if isinstance(step, str))
    return named[:1] in INFORMATION or named[:2] in INFORMATION


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_change_anywhere_in_a_file_passes_unseen(ran, data):
    untouched = ran.raw()
    raw = deepcopy(untouched)
    path = data.draw(st.sampled_from(list(places(raw))))
    *way, last = path
    parent = raw
    for step in way:
        parent = parent[step]
    how = data.draw(st.sampled_from(["change", "nudge", "delete", "duplicate"]))
    old = parent[last]
    if how == "delete":
        del parent[last]
    elif how == "duplicate" and isinstance(parent, list):
        parent.insert(last, deepcopy(old))
    elif how == "duplicate":
        parent[f"{last}2"] = deepcopy(old)
    elif how == "nudge" and isinstance(old, int | float):
        parent[last] = old + data.draw(st.sampled_from([-1, 1, 0.01, -0.01, 1e-6]))
    else:
        parent[last] = data.draw(JSON)
    try:
        found = compared(ran, raw)
    except BadInput as error:
        assert 10 < len(str(error)) < 400
        return
    if found.verdict == "same":
        rounded = isinstance(old, float) and abs(parent[last] - old) <= (
            1e-3 if isinstance(last, int) else 1e-9
        )
        assert raw == untouched or is_information(path) or rounded


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
    found = compare(file, here.evaluate(file.clamps), here)
    hashed = [line for line in found.ingredients if not line.startswith("The hook")]
    assert len(hashed) == 1, found.ingredients
    assert hashed[0].startswith(named)
    assert found.verdict == "other ingredients"
