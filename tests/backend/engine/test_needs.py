"""What preparing will take is worked out from the sizes, and said before the work begins."""

import shutil
from pathlib import Path

import pytest

from backend.engine.engine import Engine
from backend.engine.needs import Forecast, needs
from backend.errors import Unavailable
from backend.progress import Pace, Progress
from backend.setups import load_setup
from tests.support.toy import write_setup


def test_gemma_2_2b_by_hand():
    """2.6 billion parameters in bfloat16, 16k features of 2,304 numbers in float32."""
    taken = needs(2_614_000_000, 2, 2304, 16384, 500_000, 0)
    assert taken.model == 5_228_000_000 + 302_000_000 - 10_112
    assert taken.disk == 2 * (500_000 * 2304 * 2 + 500_000 * 1200)
    said = taken.in_words("cpu", Path("/"))
    assert "500,000 tokens to record" in said
    assert "disk" in said
    assert "free" in said


def test_the_first_batch_tells_the_time_of_all():
    seen: list[Progress] = []
    forecast = Forecast(1000, seen.append)
    forecast(Progress("Recording", 0, 100, None))
    forecast(Progress("Recording", 10, 100, 90.0))
    forecast(Progress("Recording", 20, 100, 80.0))
    assert [p.note for p in seen] == [
        "",
        "By the first batch's pace, preparing takes about 17 minutes.",
        "",
    ]


def test_what_was_done_before_says_nothing_of_the_pace(monkeypatch):
    clock = iter([0.0, 0.0, 10.0])
    monkeypatch.setattr("backend.progress.time.monotonic", lambda: next(clock))
    seen: list[Progress] = []
    pace = Pace("s", 100, seen.append)
    pace.skip(50)
    pace.advance(10)
    assert seen[-1] == Progress("s", 60, 100, 40.0)


def test_it_is_said_before_the_work_begins_and_not_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    setup, seen = load_setup(write_setup(tmp_path)), []
    Engine(setup, seen.append)
    notes = [(i, p.note) for i, p in enumerate(seen) if p.note]
    assert "tokens to record" in notes[0][1]
    assert notes[0][0] < min(i for i, p in enumerate(seen) if p.stage == "Recording the questions")
    seen.clear()
    Engine(setup, seen.append)
    assert not any(p.note for p in seen)


def test_too_little_disk_is_said_before_the_work_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAMPBOARD_CACHE", str(tmp_path / "cache"))
    setup, seen = load_setup(write_setup(tmp_path)), []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(Unavailable, match="Not enough disk space"):
        Engine(setup, seen.append)
    assert not any(p.stage == "Recording the questions" for p in seen)
