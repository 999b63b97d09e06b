"""The fast part: a little of everything, the same every time; `make hostile` has the long one."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import BadInput
from tests.hostile.box import fill, living_in, write_box
from tests.hostile.counts import Counts, Failed, Share, attempt
from tests.hostile.parts import PARTS

SECONDS = 20.0
"""A part stops trying then, however slow the machine."""


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("hostile")
    with living_in(folder):
        fill(write_box(folder))
    yield folder


@pytest.mark.parametrize("name", PARTS)
def test_nothing_wrong_nothing_lost(name, box, tmp_path):
    here, cache = Path.cwd(), os.environ["CLAMPBOARD_CACHE"]
    counts = PARTS[name].run(box, tmp_path, Share(PARTS[name].fast, SECONDS))
    print(counts.line(name))
    assert (Path.cwd(), os.environ["CLAMPBOARD_CACHE"]) == (here, cache)
    if counts.skipped:
        pytest.skip(counts.skipped)
    assert counts.tried > 0
    assert counts.wrong == 0, counts.report(name)


def raised(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: raised(BadInput("A sentence.")), "sentences"),
        (lambda: raised(BadInput("Two\nlines.")), "tracebacks"),
        (lambda: raised(BadInput("")), "tracebacks"),
        (lambda: raised(ValueError("no sentence")), "tracebacks"),
        (lambda: bytearray(1 << 36), "tracebacks"),
        (lambda: time.sleep(5), "hangs"),
    ],
    ids=["a sentence", "two lines", "nothing", "an error", "memory", "a hang"],
)
def test_what_is_not_a_sentence_is_counted(call, kind):
    counts = Counts()
    assert isinstance(attempt(counts, "given", call, seconds=0.5), Failed)
    assert (counts.tried, getattr(counts, kind)) == (1, 1)
    assert counts.wrong == (kind != "sentences")
