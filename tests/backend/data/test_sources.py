"""Question sets from every form people keep them in, and what is said of rows that are no
questions.
"""

import csv
import gzip
import json

import pandas as pd
import pytest

from backend.data.question_sets import MMLU_SUBJECTS, read_set
from backend.errors import BadInput
from backend.setups import SetSource
from tests.support.data import shared_data

ROWS = [
    {
        "question": "Which planet is red?",
        "choices": ["Venus", "Mars", " Earth", "Jove, the large"],
        "answer": 1,
    },
    {"question": 'What is "half"\nof four?', "choices": ["1", "2", "3", "4"], "answer": 1},
    {"question": "Where is up?", "choices": ["[here]", "{there}", "above", "below"], "answer": 2},
]


def as_json(rows) -> bytes:
    return json.dumps(rows, indent=1).encode()


def as_jsonl(rows) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def as_csv(rows) -> bytes:
    import io

    out = io.StringIO()
    csv.writer(out).writerows([r["question"], *r["choices"], "ABCD"[r["answer"]]] for r in rows)
    return out.getvalue().encode()


def as_parquet(rows) -> bytes:
    return pd.DataFrame(rows).to_parquet()


FORMS = [
    as_json,
    as_jsonl,
    as_csv,
    as_parquet,
    lambda rows: gzip.compress(as_jsonl(rows)),
    lambda rows: b"\xef\xbb\xbf" + as_csv(rows),
]


def plain(questions) -> list[dict]:
    return [
        {"question": q.question, "choices": list(q.choices), "answer": q.answer}
        for q in questions.questions
    ]


@pytest.mark.parametrize(
    "form", FORMS, ids=["json", "jsonl", "csv", "parquet", "gzip", "csv with a mark"]
)
def test_a_file_is_read_by_its_content_and_its_text_is_kept_as_it_is(tmp_path, form):
    (tmp_path / "questions").write_bytes(form(ROWS))
    questions = read_set(SetSource("s", "S", "forget", file=tmp_path / "questions"))
    assert plain(questions) == ROWS and questions.skipped == ""
    assert [q.index for q in questions.questions] == [0, 1, 2]


@pytest.mark.parametrize(
    "place",
    [
        "virology/test-00000-of-00001.parquet",
        "test/virology_test.csv",
        "virology.json",
        "virology.jsonl",
        "virology_questions.json",
        "virology.parquet",
    ],
)
def test_a_folder_is_searched_for_the_layouts_that_are_handed_round(tmp_path, place):
    form = {"parquet": as_parquet, "csv": as_csv, "json": as_json, "jsonl": as_jsonl}[
        place.rpartition(".")[2]
    ]
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_bytes(form(ROWS))
    questions = read_set(SetSource("s", "S", "retain", folder=tmp_path, subjects=("virology",)))
    assert plain(questions) == ROWS and {q.subject for q in questions.questions} == {"virology"}


def test_a_folder_without_the_data_says_what_was_looked_for(tmp_path):
    with pytest.raises(
        BadInput, match=r"does not hold 'virology', split 'test'.*test/virology_test\.csv"
    ):
        read_set(SetSource("s", "S", "retain", folder=tmp_path, subjects=("virology",)))


def test_the_data_folder_takes_the_place_of_the_hub(tmp_path, monkeypatch):
    (tmp_path / "wmdp").mkdir()
    (tmp_path / "wmdp" / "bio_questions.json").write_bytes(as_json(ROWS))
    source = SetSource(
        "s", "S", "forget", subject="biology", dataset="cais/wmdp", config="wmdp-bio", local="wmdp"
    )
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path))
    assert plain(read_set(source)) == ROWS
    monkeypatch.setenv("CLAMPBOARD_DATA", str(tmp_path / "none"))
    with pytest.raises(BadInput, match="CLAMPBOARD_DATA names .*none"):
        read_set(source)


GOOD = ROWS[0]


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
    questions = read_set(SetSource("s", "Quiz", "forget", file=tmp_path / "q"))
    assert plain(questions) == [GOOD, GOOD]
    assert [q.index for q in questions.questions] == [0, 2]
    assert (
        questions.skipped.startswith("Quiz: 1 row left out (row 2: ") and why in questions.skipped
    )
    assert questions.skipped in caplog.text


def test_a_line_that_is_no_json_and_a_csv_row_of_other_length_are_left_out(tmp_path):
    (tmp_path / "a").write_bytes(as_jsonl([GOOD]) + b"\n{half\n" + as_jsonl([GOOD]))
    (tmp_path / "b").write_bytes(as_csv([GOOD]) + b"only,three,cells\r\n" + as_csv([GOOD]))
    for name, why in (("a", "row 2: not JSON"), ("b", "row 2: it has 3 cells")):
        questions = read_set(SetSource("s", "S", "forget", file=tmp_path / name))
        assert len(questions.questions) == 2 and why in questions.skipped


def test_many_left_out_rows_are_counted_and_the_first_named(tmp_path):
    (tmp_path / "q").write_bytes(as_json([GOOD, *[{}] * 7]))
    said = read_set(SetSource("s", "S", "forget", file=tmp_path / "q")).skipped
    assert (
        "7 rows left out" in said
        and "row 6" in said
        and "row 7" not in said
        and "and 2 more" in said
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no question"),
        (b"[]", "no question"),
        (b"[{}]", "no question.*Row 1"),
        (b"PAR1 and then nothing", "damaged Parquet"),
        (b"\x1f\x8b\x08cut", "cannot be read"),
        (b"\xff\xfe\x00", "neither Parquet nor UTF-8"),
    ],
)
def test_a_file_without_questions_is_refused(tmp_path, content, says):
    (tmp_path / "q").write_bytes(content)
    with pytest.raises(BadInput, match=says):
        read_set(SetSource("s", "S", "forget", file=tmp_path / "q"))


def test_a_limit_is_the_same_sample_every_time_and_keeps_row_numbers(tmp_path):
    rows = [{**GOOD, "question": f"Number {i}?"} for i in range(200)]
    (tmp_path / "q").write_bytes(as_json(rows))
    source = SetSource("s", "S", "forget", file=tmp_path / "q", limit=60)
    first, again = read_set(source), read_set(source)
    assert first == again and len(first.questions) == 60 and first.title == "S, 60 of 200"
    assert all(q.question == f"Number {q.index}?" for q in first.questions)
    assert [q.index for q in first.questions] == sorted({q.index for q in first.questions})
    assert 15 <= sum(q.index % 2 for q in first.questions) <= 45


def test_texts_are_kept_as_they_are_and_carry_their_subject(tmp_path):
    file = tmp_path / "quiz.jsonl"
    rows = [
        {"question": " q ", "choices": ["a ", "b", "c", "d"], "answer": 0},
        {"question": "q", "choices": list("abcd"), "answer": 1, "subject": "us_history"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = read_set(SetSource("school_biology", "Biology", "forget", file=file))
    assert (read.questions[0].question, read.questions[0].choices[0]) == (" q ", "a ")
    assert [q.subject for q in read.questions] == ["school biology", "us history"]
    assert (
        read_set(SetSource("x", "X", "forget", file=file, subject="biology")).questions[0].subject
        == "biology"
    )


def test_too_few_worked_examples_are_said(tmp_path):
    file, examples = tmp_path / "quiz.jsonl", tmp_path / "dev.jsonl"
    row = {"question": "q", "choices": list("abcd"), "answer": 0}
    file.write_text(json.dumps(row) + "\n")
    examples.write_text(json.dumps(row) + "\n" + json.dumps({**row, "subject": "other"}) + "\n")
    asked = read_set(
        SetSource("biology", "Biology", "forget", file=file, examples=examples, shots=2)
    )
    with pytest.raises(
        BadInput, match="2 worked examples about biology were asked for, but there are 1"
    ):
        asked.worked(asked.questions[0])


def test_worked_examples_come_from_the_dev_split_of_the_same_folder(tmp_path):
    for split in ("test", "dev"):
        (tmp_path / split).mkdir()
        (tmp_path / split / f"virology_{split}.csv").write_bytes(
            as_csv([{**r, "question": f"{split} {r['question']}"} for r in ROWS])
        )
    read = read_set(SetSource("v", "V", "retain", folder=tmp_path, subjects=("virology",), shots=2))
    assert [q.question[:4] for q in read.worked(read.questions[0])] == ["dev ", "dev "]


def test_wmdp_bio_and_mmlu_whole(monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_DATA", str(shared_data()))
    wmdp = read_set(
        SetSource(
            "wmdp_bio",
            "WMDP-Bio",
            "forget",
            subject="biology",
            dataset="cais/wmdp",
            config="wmdp-bio",
            local="wmdp",
        )
    )
    assert len(wmdp.questions) == 1273 and wmdp.skipped == ""
    mmlu = read_set(
        SetSource(
            "mmlu", "All MMLU", "retain", dataset="cais/mmlu", local="mmlu", subjects=("all",)
        )
    )
    assert len(mmlu.questions) == 14042 and mmlu.skipped == ""
    assert [*dict.fromkeys(q.subject for q in mmlu.questions)] == [
        s.replace("_", " ") for s in MMLU_SUBJECTS
    ]
    assert len(MMLU_SUBJECTS) == 57
    dev = read_set(
        SetSource(
            "dev",
            "Dev",
            "retain",
            dataset="cais/mmlu",
            local="mmlu",
            subjects=("all",),
            split="dev",
        )
    )
    assert len(dev.questions) == 5 * 57
