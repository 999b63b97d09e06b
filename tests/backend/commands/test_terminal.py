"""What the commands share: how progress is shown, arguments and files are read."""

import argparse
import io
import math
import os
from types import SimpleNamespace

import pytest

from backend.__main__ import _parser
from backend.commands import terminal
from backend.commands.terminal import (
    ProgressLine,
    finite,
    number,
    read_file,
    whole_number,
    write_file,
)
from backend.errors import BadInput, Unavailable
from backend.experiments.generate import MAX_NEW_TOKENS, MAX_TEMPERATURE
from backend.progress import Progress


class Screen(io.StringIO):
    """Standard error; `live` on a terminal."""

    def __init__(self, live: bool) -> None:
        super().__init__()
        self._live = live

    def isatty(self) -> bool:
        return self._live


@pytest.fixture(params=[True, False], ids=["terminal", "log"])
def live(request):
    return request.param


@pytest.fixture
def screen(live, monkeypatch):
    made = Screen(live)
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(stderr=made))
    return made


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_terminal_has_one_line_that_is_rewritten_and_a_log_a_line_each(screen, clock, live):
    line = ProgressLine()
    line(Progress("Working", 0, 4, None))
    clock.now += 60
    line(Progress("Working", 1, 4, 180.4))
    clock.now += 180
    line(Progress("Working", 4, 4, 0.0))
    said = ["Working   0%", "Working  25%, about 180 s left", "Working 100%"]
    if live:
        assert screen.getvalue() == "".join(f"\r\x1b[K{text}" for text in said) + "\n"
    else:
        assert screen.getvalue().splitlines() == said


def test_reports_that_come_too_fast_are_passed_over_but_for_the_last(screen, clock, live):
    line = ProgressLine()
    for done in range(101):
        line(Progress("Working", done, 100, 1.0))
        clock.now += 1 / 16 if live else 5  # of the 1/10 and the 10 seconds there must be between
    assert screen.getvalue().count("Working") == 51
    assert "Working 100%" in screen.getvalue()


def test_a_new_stage_is_said_at_once(screen, clock):
    line = ProgressLine()
    line(Progress("First", 1, 4, 1.0))
    line(Progress("Second", 0, 0, None))
    assert "Second" in screen.getvalue()


def test_a_note_stays_in_view(screen, clock):
    line = ProgressLine()
    line(Progress("Working", 0, 4, None, "Half of it was done before."))
    assert "Half of it was done before.\n" in screen.getvalue()


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (whole_number(1, 9_000_000), "3", 3),
        (whole_number(1, 9_000_000), "2_000_000", 2_000_000),
        (number(-1, 1), "-1", -1.0),
        (number(-1, 1), "1e-3", 0.001),
    ],
)
def test_a_number_in_its_range_is_read(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize("text", ["0", "-2", "10", "1.5", "", "x", "9" * 5_000, "\udc80"])
def test_no_other_text_is_a_whole_number(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no whole number from 1 to 9") as error:
        whole_number(1, 9)(text)
    assert len(str(error.value)) < 120


@pytest.mark.parametrize("text", ["-0.1", "1.1", "nan", "inf", "-inf", "1e400", "x", "1" * 5_000])
def test_no_other_text_is_a_number(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no number from 0 to 1") as error:
        number(0, 1)(text)
    assert len(str(error.value)) < 120


def test_the_ranges_of_written_text_are_those_of_its_writer():
    def read(*args):
        return _parser().parse_args(["generate", "demo", "p", "--clamps", "", *args])

    assert read("--max-tokens", str(MAX_NEW_TOKENS)).max_tokens == MAX_NEW_TOKENS
    assert read("--temperature", str(MAX_TEMPERATURE)).temperature == MAX_TEMPERATURE
    for args in (["--max-tokens", f"{MAX_NEW_TOKENS + 1}"], ["--temperature", "2.1"]):
        with pytest.raises(SystemExit):
            read(*args)


def test_json_has_no_infinities():
    value = {"a": [1.5, -math.inf, {"b": math.nan}], "c": "text", "d": 3}
    assert finite(value) == {"a": [1.5, None, {"b": None}], "c": "text", "d": 3}


def test_text_is_written_and_read_back(tmp_path):
    write_file(tmp_path / "folder" / "file", "é\n")
    assert read_file(tmp_path / "folder" / "file") == "é\n"


def test_what_cannot_be_read_or_written_is_said(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="bytes is no text in UTF-8"):
        read_file(tmp_path / "bytes")
    with pytest.raises(BadInput, match="none cannot be read: No such file"):
        read_file(tmp_path / "none")
    with pytest.raises(Unavailable, match="cannot be written"):
        write_file(tmp_path / "bytes" / "file", "")
    with pytest.raises(Unavailable, match="File name too long"):
        write_file(tmp_path / ("x" * 300), "")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="pipe is no regular file"):
        read_file(tmp_path / "pipe")
