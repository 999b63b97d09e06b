"""Question sets: what is a question and what is not, samples, and worked examples."""

import decimal
import json
import math
from dataclasses import replace

import pandas as pd
import pytest

from backend.data.question_sets import MMLU_SUBJECTS, read_set
from backend.data.questions import QuestionSet
from backend.errors import BadInput
from backend.setups import SetSource
from tests.backend.data.forms import FORMS, QUESTIONS, as_csv, as_json, as_jsonl
from tests.support.data import shared_data

GOOD = QUESTIONS[0]


def read(file, **options) -> QuestionSet:
    return read_set(SetSource("quiz", "Quiz", "forget", file=file, **options))


def plain(questions: QuestionSet) -> list[dict]:
    return [
        {"question": q.question, "choices": list(q.choices), "answer": q.answer}
        for q in questions.questions
    ]


@pytest.mark.parametrize("form", FORMS)
def test_questions_are_the_same_in_every_form_and_their_text_is_kept(tmp_path, form):
    (tmp_path / "q").write_bytes(FORMS[form](QUESTIONS))
    questions = read(tmp_path / "q")
    assert plain(questions) == QUESTIONS
    assert [q.index for q in questions.questions] == [0, 1, 2]
    assert questions.skipped == ""


def test_several_subjects_are_one_set_and_each_names_its_own_questions(tmp_path):
    for subject in ("virology", "us_history"):
        (tmp_path / f"{subject}.json").write_bytes(as_json(QUESTIONS[:2]))
    subjects = ("virology", "us_history")
    read = read_set(SetSource("s", "S", "retain", folder=tmp_path, subjects=subjects))
    about = [(q.index, q.subject) for q in read.questions]
    assert about == [(0, "virology"), (1, "virology"), (2, "us history"), (3, "us history")]


def test_several_parts_under_one_subject_are_its_topics(tmp_path):
    named = [{**row, "subject": "anatomy"} for row in QUESTIONS[:2]]
    for part, rows in (("virology", QUESTIONS[:1]), ("human_anatomy", named)):
        (tmp_path / f"{part}.json").write_bytes(as_json(rows))
    parts = ("virology", "human_anatomy")
    source = SetSource("s", "S", "forget", folder=tmp_path, subjects=parts, subject="life_science")
    about = [(q.topic, q.subject) for q in read_set(source).questions]
    assert about == [
        ("virology", "life science"),
        ("anatomy", "life science"),
        ("anatomy", "life science"),
    ]


def test_subjects_are_left_out_and_the_title_counts_what_stays(tmp_path):
    for n, part in enumerate("abc", 1):
        (tmp_path / f"{part}.json").write_bytes(as_json(QUESTIONS[:n]))

    def without(*names: str, **more) -> QuestionSet:
        source = SetSource("s", "S", "retain", folder=tmp_path, subjects=("a", "b", "c"), **more)
        return read_set(replace(source, without=names))

    assert [q.subject for q in without("b").questions] == ["a", "c", "c", "c"]
    assert without("b").title == "S, 4 in 2 subjects"
    assert without("b", limit=2).title == "S, 2 of 4 in 2 subjects"
    assert without().title == "S"
    with pytest.raises(
        BadInput, match="set 's' .*without 'B', .* none of its .*; there are a, b, c"
    ):
        without("B")
    with pytest.raises(BadInput, match="without all of its subjects"):
        without("a", "b", "c")


@pytest.mark.parametrize(
    ("answer", "option"),
    [("0", 0), ("3", 3), (" 2 ", 2), (2, 2), ("A", 0), ("D", 3), (" C", 2)],
)
def test_an_answer_is_a_number_from_0_as_such_or_as_text_or_a_letter(tmp_path, answer, option):
    (tmp_path / "q").write_bytes(as_json([{**GOOD, "answer": answer}]))
    assert read(tmp_path / "q").questions[0].answer == option


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({**GOOD, "choices": ["a", "b", "c"]}, "four choices"),
        ({**GOOD, "choices": ["a", "b", "c", " "]}, "four choices"),
        ({**GOOD, "choices": ["a", "b", "c", 4]}, "four choices"),
        ({**GOOD, "choices": "abcd"}, "four choices"),
        ({**GOOD, "answer": 4}, "answer is '4'"),
        ({**GOOD, "answer": True}, "answer is 'True'"),
        ({**GOOD, "answer": "E"}, "answer is 'E'"),
        ({**GOOD, "answer": ""}, "answer is ''"),
        ({**GOOD, "answer": "4"}, "answer is '4', not 0 to 3 or A to D"),
        ({**GOOD, "answer": "-1"}, "answer is '-1'"),
        ({**GOOD, "answer": "01"}, "answer is '01'"),
        ({**GOOD, "answer": "²"}, "answer is '²'"),
        ({**GOOD, "answer": 2.0}, "answer is '2.0'"),
        ({**GOOD, "answer": 10**400}, "answer is '1000"),
        ({**GOOD, "answer": 10**4299}, "answer is '1000"),
        ({**GOOD, "answer": math.inf}, "answer is 'inf'"),
        ({**GOOD, "answer": math.nan}, "answer is 'nan'"),
        ({**GOOD, "answer": [[[0]]]}, "answer is '[[[0]]]'"),
        ({**GOOD, "question": "a \ud800 b"}, "question holds half a character"),
        ({**GOOD, "choices": ["a", "b", "c", "\udfff"]}, "choices holds half a character"),
        ({**GOOD, "subject": "\ud800"}, "subject holds half a character"),
        ({**GOOD, "topic": {"a": 1}}, "topic is no text"),
        ({**GOOD, "question": "x" * 200_001}, "question has 200,001 characters"),
        ({**GOOD, "question": ["q"]}, "question is no text"),
        ({**GOOD, "question": "  "}, "question is no text"),
        ({"choices": ["a", "b", "c", "d"], "answer": 0}, "no question"),
        ([1, 2], "2 cells"),
        ("text", "no object"),
        (None, "no object"),
    ],
)
@pytest.mark.parametrize("form", [as_json, as_jsonl])
def test_a_row_that_does_not_fit_is_named_and_left_out_and_moves_no_other(
    tmp_path, caplog, row, why, form
):
    (tmp_path / "q").write_bytes(form([GOOD, row, GOOD]))
    questions = read(tmp_path / "q")
    assert plain(questions) == [GOOD, GOOD]
    assert [q.index for q in questions.questions] == [0, 2]
    assert questions.skipped.startswith("Quiz: 1 row left out (row 2: ")
    assert why in questions.skipped
    assert questions.skipped in caplog.text


def test_a_line_that_is_no_json_and_a_csv_row_of_other_length_are_left_out(tmp_path):
    (tmp_path / "a").write_bytes(as_jsonl([GOOD]) + b"\n{half\n" + as_jsonl([GOOD]))
    (tmp_path / "b").write_bytes(as_csv([GOOD]) + b"only,three,cells\r\n" + as_csv([GOOD]))
    for name, why in (("a", "row 2: not JSON"), ("b", "row 2: it has 3 cells")):
        questions = read(tmp_path / name)
        assert len(questions.questions) == 2
        assert why in questions.skipped


def test_a_table_of_other_types_has_no_question_and_says_why(tmp_path):
    rows = {"question": [b"q"], "choices": [[1, 2, 3, 4]], "answer": [decimal.Decimal(1)]}
    pd.DataFrame(rows).to_parquet(tmp_path / "q")
    with pytest.raises(BadInput, match="Row 1: its question is no text"):
        read(tmp_path / "q")


def test_many_left_out_rows_are_counted_and_the_first_named(tmp_path):
    (tmp_path / "q").write_bytes(as_json([GOOD, *[{}] * 7]))
    said = read(tmp_path / "q").skipped
    assert said.startswith("Quiz: 7 rows left out (row 2: ")
    assert "row 6: it has no question; and 2 more)" in said
    assert "row 7" not in said


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "no question"), (b"[]", "no question"), (b"[{}]", "no question.*Row 1: it has no q")],
)
def test_a_file_without_questions_is_refused(tmp_path, content, says):
    (tmp_path / "q").write_bytes(content)
    with pytest.raises(BadInput, match=says):
        read(tmp_path / "q")


def test_of_a_file_of_several_sets_only_its_own_rows_are_read(tmp_path):
    rows = [{**GOOD, "set": "quiz"}, {**GOOD, "set": "other"}, QUESTIONS[1]]
    (tmp_path / "q").write_bytes(as_json(rows))
    assert plain(read(tmp_path / "q")) == [GOOD, QUESTIONS[1]]


def test_a_limit_is_the_same_sample_every_time_and_keeps_row_numbers(tmp_path):
    rows = [{**GOOD, "question": f"Number {i}?"} for i in range(200)]
    (tmp_path / "q").write_bytes(as_json(rows))
    first, again = read(tmp_path / "q", limit=60), read(tmp_path / "q", limit=60)
    indices = [q.index for q in first.questions]
    assert first == again
    assert first.title == "Quiz, 60 of 200"
    assert len(indices) == 60
    assert indices == sorted(set(indices))
    assert all(q.question == f"Number {q.index}?" for q in first.questions)
    assert 15 <= sum(index % 2 for index in indices) <= 45


def test_texts_are_kept_as_they_are_and_carry_their_subject(tmp_path):
    file = tmp_path / "quiz.jsonl"
    rows = [
        {"question": " q ", "choices": ["a ", "b", "c", "d"], "answer": 0},
        {"question": "q", "choices": list("abcd"), "answer": 1, "subject": "us_history"},
    ]
    file.write_bytes(as_jsonl(rows))
    mine = read_set(SetSource("school_biology", "Biology", "forget", file=file))
    assert (mine.questions[0].question, mine.questions[0].choices[0]) == (" q ", "a ")
    assert [q.subject for q in mine.questions] == ["school biology", "us history"]
    assert read(file, subject="biology").questions[0].subject == "biology"


def test_too_few_worked_examples_are_said(tmp_path):
    file, examples = tmp_path / "quiz.jsonl", tmp_path / "dev.jsonl"
    row = {"question": "q", "choices": list("abcd"), "answer": 0}
    file.write_text(json.dumps(row) + "\n")
    examples.write_bytes(as_jsonl([row, {**row, "subject": "other"}]))
    asked = read(file, examples=examples, shots=2)
    said = "2 worked examples about quiz were asked for, but there are 1"
    with pytest.raises(BadInput, match=said):
        asked.worked(asked.questions[0])


def test_worked_examples_come_from_the_dev_split_of_the_same_folder(tmp_path):
    for split in ("test", "dev"):
        (tmp_path / split).mkdir()
        rows = [{**row, "question": f"{split} {row['question']}"} for row in QUESTIONS]
        (tmp_path / split / f"virology_{split}.csv").write_bytes(as_csv(rows))
    read = read_set(SetSource("v", "V", "retain", folder=tmp_path, subjects=("virology",), shots=2))
    assert [q.question[:4] for q in read.worked(read.questions[0])] == ["dev ", "dev "]


def test_wmdp_bio_and_mmlu_whole(monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_DATA", str(shared_data()))
    bio = {"dataset": "cais/wmdp", "config": "wmdp-bio", "local": "wmdp"}
    mmlu = {"dataset": "cais/mmlu", "local": "mmlu", "subjects": ("all",)}
    wmdp = read_set(SetSource("wmdp_bio", "WMDP-Bio", "forget", subject="biology", **bio))
    assert (len(wmdp.questions), wmdp.skipped) == (1273, "")
    test = read_set(SetSource("mmlu", "All MMLU", "retain", **mmlu))
    assert (len(test.questions), test.skipped) == (14042, "")
    subjects = [*dict.fromkeys(q.subject for q in test.questions)]
    assert subjects == [s.replace("_", " ") for s in MMLU_SUBJECTS]
    biology = ("college_biology", "high_school_biology", "medical_genetics", "virology")
    rest = read_set(SetSource("rest", "Rest", "retain", without=biology, **mmlu))
    assert rest.title == "Rest, 13,322 in 53 subjects"
    kept = [q for q in test.questions if q.subject.replace(" ", "_") not in biology]
    assert [q.question for q in rest.questions] == [q.question for q in kept]
    dev = read_set(SetSource("dev", "Dev", "retain", split="dev", **mmlu))
    assert len(dev.questions) == 5 * len(MMLU_SUBJECTS) == 5 * 57
