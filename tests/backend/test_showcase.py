"""A showcase runs nothing and writes nothing, whichever way it is asked."""

from pathlib import Path

import pytest

from backend.errors import Showcase
from backend.features.labels import Labels
from backend.interventions.board import board_of
from backend.interventions.method import NOTHING, setting_of
from backend.reading.own_text import read_text

TRIED, NEW = setting_of([(2, -40.0)]), setting_of([(2, -41.0)])


@pytest.fixture
def showcase(toy, monkeypatch):
    toy.evaluate(TRIED)
    toy.saved_presets.save("mine", board_of(*TRIED))
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    return toy


def contents(folder: Path) -> dict[Path, tuple[int, int]]:
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "ask",
    [
        lambda e: e.evaluate(NEW),
        lambda e: e.evaluate(TRIED, only=e.half("selection")),
        lambda e: e.along("next", e.sae.W_dec).evaluate(NEW),
        lambda e: read_text(e, "The heart pumps."),
        lambda e: e.turn(lambda _: None).__enter__(),
        lambda e: e.results.annotate(e.results.read(TRIED)),
        lambda e: e.results.forget(TRIED),
        lambda e: e.saved_presets.save("other", board_of(*TRIED)),
        lambda e: e.saved_presets.delete("mine"),
        lambda e: e.atlas.relabel(2, label="hearts"),
        lambda e: e.atlas.relabel(2, star=True),
        lambda e: e.atlas.import_labels(['{"index": "2", "description": "x"}'], "mine"),
    ],
)
def test_what_would_run_or_write_is_refused_and_changes_no_file(showcase, ask):
    before = contents(showcase.folder.parent.parent)
    with pytest.raises(Showcase, match="This is a showcase"):
        ask(showcase)
    assert contents(showcase.folder.parent.parent) == before


def test_what_is_kept_answers_as_before(showcase, monkeypatch):
    kept = showcase.evaluate(TRIED)
    baseline = showcase.evaluate(NOTHING)
    assert [s.accuracy for s in baseline.sets] == [s.baseline_accuracy for s in kept.sets]
    assert not showcase.results.remember(TRIED, {"clamps": "1:-1"}, "all is lost", 0.0)
    assert list(showcase.saved_presets.all(showcase.sae.d_sae)) == ["mine"]
    assert isinstance(showcase.atlas.labels, Labels)
    monkeypatch.setenv("CLAMPBOARD_READONLY", "0")
    assert showcase.evaluate(NEW).complete
