"""Prepared once and read ever after, unless something changed that can change a number."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
import torch

from backend.engine import prepare
from backend.engine.engine import Engine
from backend.errors import BadInput
from backend.evaluation.recordings import record
from backend.setups import load_setup
from tests.support.toy import questions, write_jsonl, write_setup

LOSS = '[text_loss]\nrole = "retain"\ntitle = "text"\nfile = "passages.jsonl"\nwhere = "other"\n'


def stages(toml):
    seen = []
    engine = Engine(load_setup(toml), seen.append)
    return engine, {progress.stage for progress in seen}


def test_what_was_prepared_is_read_and_not_made_again(toy_toml):
    _, done = stages(toy_toml)
    made = ("Recording", "Scanning", "Describing")
    assert not [stage for stage in done if stage.startswith(made)]


def change(toml, line, other):
    text = toml.read_text()
    assert line in text
    toml.write_text(text.replace(line, other))


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ('untouched = ["first"]', "untouched = []"),
        ('scoring = "cloze"', 'scoring = "letter"'),
        ('dtype = "float32"', 'dtype = "bfloat16"'),
    ],
)
def test_what_can_change_a_number_is_prepared_apart(toy, toy_toml, line, other):
    change(toy_toml, line, other)
    engine, done = stages(toy_toml)
    assert engine.folder != toy.folder
    assert "Recording the questions" in done


def test_another_right_answer_is_prepared_apart(toy, toy_toml):
    rows = questions()
    rows[0]["answer"] = 3
    write_jsonl(toy_toml.parent / "quiz.jsonl", rows)
    engine, _ = stages(toy_toml)
    assert engine.folder != toy.folder


def test_another_title_is_the_same_preparation(toy, toy_toml):
    change(toy_toml, 'title = "Toy"', 'title = "Other"')
    engine, done = stages(toy_toml)
    assert engine.folder == toy.folder
    assert "Recording the questions" not in done


def test_a_text_is_recorded_beside_the_questions_and_they_are_not_recorded_again(toy, toy_toml):
    toy_toml.write_text(f"{toy_toml.read_text()}\n{LOSS}")
    engine, done = stages(toy_toml)
    assert toy.text is None
    assert engine.text.title == "text"
    assert engine.text.recording.rows.n_rows == 5
    assert {stage for stage in done if stage.startswith("Recording")} == {"Recording text"}


def test_nothing_but_the_prepared_lies_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    engine = Engine(load_setup(write_setup(tmp_path)))
    kinds = sorted(path.name.split("_")[0] for path in engine.folder.iterdir())
    assert kinds == [
        "corpus",
        "corpus",
        "features",
        "recording.safetensors",
        "sae.json",
        "search",
        "search",
        "text",
        "text",
    ]


def test_two_at_once_prepare_once_and_the_second_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    setup = load_setup(write_setup(tmp_path))
    told = []
    recorded = []
    at_work = threading.Event()

    def slowly(*args, **kwargs):
        recorded.append(kwargs["stage"])
        at_work.set()
        time.sleep(1)  # until the other one is there too
        return record(*args, **kwargs)

    def second_one():
        at_work.wait(60)  # models are not loaded by two threads at once: transformers cannot
        return Engine(setup, told.append)

    monkeypatch.setattr(prepare, "record", slowly)
    with ThreadPoolExecutor(1) as other:
        later = other.submit(second_one)
        first, second = Engine(setup), later.result()
    assert recorded == ["Recording the questions"]
    assert any("Another process is preparing" in progress.stage for progress in told)
    assert torch.equal(first.recording.baseline, second.recording.baseline)
    pd.testing.assert_frame_equal(first.atlas.table, second.atlas.table)


def test_a_question_longer_than_the_model_reads_is_left_out_before_it_is_recorded(tmp_path):
    toml = write_setup(tmp_path)
    rows = questions()
    rows[1]["question"] = "What has a nucleus? " * 200
    write_jsonl(tmp_path / "quiz.jsonl", rows)
    engine, _ = stages(toml)
    assert engine.n_questions == len(rows) - 1
    assert [q.index for q in engine.sets[0].questions] == [0, 2, 3]
    assert "1 question is left out, longer than the 512 tokens" in engine.sets[0].skipped
    longest = engine.recording.rows.n_tokens
    assert longest < 512 * len(rows)


def test_a_text_whose_loss_is_asked_for_needs_two_tokens(tmp_path):
    write_jsonl(tmp_path / "one.jsonl", [{"text": "A"}])
    more = '[text_loss]\nrole = "retain"\ntitle = "text"\nfile = "one.jsonl"\n'
    with pytest.raises(BadInput, match="'text' has no text of two tokens"):
        stages(write_setup(tmp_path, more=more))
