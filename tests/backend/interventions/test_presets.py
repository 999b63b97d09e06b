"""The boards a user keeps under names."""

from contextlib import suppress
from pathlib import Path

import pytest

from backend.errors import BadInput, Unavailable
from backend.interventions import presets
from backend.interventions.board import Board, Slider
from backend.interventions.presets import SavedPresets
from backend.interventions.rival import Rival
from backend.notices import noticed
from backend.store import DAMAGED, write_json
from tests.support.processes import in_two_processes


def test_a_saved_board_comes_back_whole_and_by_name(tmp_path):
    saved = SavedPresets(tmp_path)
    board = Board((Slider(3, -2.5), Slider(1, 4.0, on=False)), 1.5, 3)
    saved.save("  mine ", board)
    saved.save("another", Board((Slider(2, 0.0),)))
    assert list(saved.all(10)) == ["another", "mine"]
    assert saved.all(10)["mine"] == board
    saved.save("mine", Board((Slider(5, 1.0),)))
    assert saved.all(10)["mine"] == Board((Slider(5, 1.0),))
    saved.delete("mine")
    assert list(SavedPresets(tmp_path).all(10)) == ["another"]


@pytest.mark.parametrize(
    ("name", "board"),
    [("", Board((Slider(1, 1.0),))), ("x" * 61, Board((Slider(1, 1.0),))), ("x", Board())],
)
def test_a_preset_needs_a_name_and_something_to_keep(tmp_path, name, board):
    with pytest.raises(BadInput):
        SavedPresets(tmp_path).save(name, board)


def test_a_rival_alone_is_something_to_keep(tmp_path):
    saved, board = SavedPresets(tmp_path), Board(rival=Rival("prompt", "Forget: *it*"))
    saved.save("mine", board)
    assert saved.all(10) == {"mine": board}


ONE = Board((Slider(1, 1.0),))


def test_boards_of_features_that_the_sae_does_not_have_are_passed_over_and_stay(tmp_path):
    saved = SavedPresets(tmp_path)
    saved.save("far", Board((Slider(99, 1.0),)))
    assert saved.all(10) == {}
    assert list(saved.all(100)) == ["far"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"[1",
        lambda content: b"",
        lambda content: content.replace(b"1:1", b"1:2"),
        lambda content: content[:-3],
    ],
)
def test_a_damaged_preset_is_set_aside_and_said(tmp_path, damage):
    saved = SavedPresets(tmp_path)
    saved.save("mine", ONE)
    saved.save("other", ONE)
    path = saved._path("mine")
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    assert list(saved.all(10)) == ["other"]
    assert Path(f"{path}{DAMAGED}").read_bytes() == damaged
    assert any(f"{path} is damaged" in text for text in noticed())
    saved.save("mine", ONE)
    assert list(saved.all(10)) == ["mine", "other"]


@pytest.mark.parametrize(
    "content",
    [
        {"name": "another", "link": {"clamps": "1:1"}},
        {"name": "mine", "link": 3},
        {"name": "mine", "link": {"clamps": 1}},
        {"name": "mine"},
        [],
    ],
)
def test_what_is_no_preset_of_this_name_is_set_aside(tmp_path, content):
    saved = SavedPresets(tmp_path)
    write_json(saved._path("mine"), content)
    assert saved.all(10) == {}
    assert Path(f"{saved._path('mine')}{DAMAGED}").exists()


def test_two_processes_keep_no_more_presets_than_there_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "MAX_SAVED", 1)
    folders = [SavedPresets(tmp_path / str(i)) for i in range(40)]

    def save(i, name):
        with suppress(BadInput):
            folders[i].save(name, ONE)

    in_two_processes(lambda i: save(i, "one"), lambda i: save(i, "two"), range(len(folders)))
    assert {len(saved.all(10)) for saved in folders} == {1}


def test_a_name_that_is_there_can_be_written_when_no_more_can_be_added(tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "MAX_SAVED", 1)
    saved = SavedPresets(tmp_path)
    saved.save("mine", ONE)
    saved.save("mine", Board((Slider(2, 1.0),)))
    with pytest.raises(BadInput, match="Delete one first"):
        saved.save("other", ONE)


def test_a_preset_that_cannot_be_kept_or_deleted_is_said(tmp_path):
    saved = SavedPresets(tmp_path)
    saved._path("mine").mkdir()
    with pytest.raises(Unavailable, match="not written over"):
        saved.save("mine", ONE)
    with pytest.raises(Unavailable, match="cannot be deleted"):
        saved.delete("mine")
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        SavedPresets(tmp_path / "file").save("mine", ONE)


def test_half_a_character_is_no_name(tmp_path):
    with pytest.raises(BadInput, match="half a character"):
        SavedPresets(tmp_path).save("\ud800", ONE)
