"""The demo's quiz and passages have the form that makes their numbers mean something."""

import json
from collections import Counter
from pathlib import Path

import pytest

import backend.demo as demo
from backend.statistics import longest_option_accuracy

FOLDER = Path(demo.__file__).parent
QUIZ = [json.loads(line) for line in (FOLDER / "quiz.jsonl").read_text().splitlines()]
PASSAGES = [json.loads(line) for line in (FOLDER / "passages.jsonl").read_text().splitlines()]
SETS = Counter(row["set"] for row in QUIZ)


def test_enough_questions_over_enough_topics():
    assert SETS["biology"] >= 200
    assert all(n >= 60 for n in SETS.values())
    assert len(SETS) == 5
    assert len({row["topic"] for row in QUIZ if row["set"] == "biology"}) >= 10


def test_four_distinct_options_and_no_stem_twice():
    assert all(
        len({choice.lower() for choice in row["choices"]}) == len(row["choices"]) == 4
        for row in QUIZ
    )
    assert len({row["question"].lower() for row in QUIZ}) == len(QUIZ)


@pytest.mark.parametrize("name", SETS)
def test_answers_are_spread_evenly(name):
    places = Counter(row["answer"] for row in QUIZ if row["set"] == name)
    assert all(0.20 <= places[place] / SETS[name] <= 0.30 for place in range(4))


@pytest.mark.parametrize("name", SETS)
def test_always_the_longest_option_scores_about_chance(name):
    rows = [row for row in QUIZ if row["set"] == name]
    assert (
        0.20
        <= longest_option_accuracy(
            [row["choices"] for row in rows], [row["answer"] for row in rows]
        )
        <= 0.32
    )


def test_enough_passages_of_the_length_of_a_paragraph():
    roles = Counter(row["role"] for row in PASSAGES)
    assert roles["biology"] >= 150
    assert roles["other"] >= 150
    assert all(90 <= len(row["text"].split()) <= 150 for row in PASSAGES)
    assert len({row["text"] for row in PASSAGES}) == len(PASSAGES)
