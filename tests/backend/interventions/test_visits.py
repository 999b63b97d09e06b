"""Where visitors left off: whole, bounded, and never more than a lost convenience."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend import notices
from backend.interventions.board import Board, Slider, write_link
from backend.interventions.method import Gate, Method, Setting, setting_of
from backend.interventions.rival import Rival
from backend.interventions.visits import MAX_BYTES, MAX_PAST, Visit, Visits, visitor_of
from backend.store import write_bytes, write_json

D_SAE = 24
ME, YOU = visitor_of("mine"), visitor_of("yours")
BOARD = Board((Slider(3, -10.5), Slider(4, -2.0, on=False)), 2.0, method=Method(0.1))
VISIT = Visit(
    BOARD,
    (setting_of([(1, -58.86000000000001)], Method(gate=Gate("rho", 0.2))), None),
    (Board(), replace(BOARD, master=1.0), replace(BOARD, rival=Rival("prompt", "Forget, ö: 1"))),
)
LINK = write_link(BOARD)


@pytest.fixture
def visits(tmp_path):
    return Visits(tmp_path / "visits", D_SAE)


def files(visits):
    return sorted(visits._folder.glob("*.json"))


def test_a_visit_comes_back_as_it_was_to_its_visitor_alone_also_after_a_restart(visits):
    visits.keep(ME, VISIT)
    assert visits.read(ME) == VISIT
    assert Visits(visits._folder, D_SAE).read(ME) == VISIT
    assert visits.read(YOU) is None


SLIDERS = st.builds(Slider, st.integers(0, D_SAE - 1), st.floats(-1e4, 1e4), st.booleans())
BOARDS = st.builds(
    Board,
    st.lists(SLIDERS, max_size=5, unique_by=lambda s: s.feature).map(tuple),
    st.floats(0, 3),
)
PINS = st.none() | BOARDS.map(Board.setting) | st.just(Setting(rival=Rival("leace", "f", 1.5)))


@settings(max_examples=25, deadline=None)
@given(BOARDS, PINS, PINS, st.lists(BOARDS, max_size=4).map(tuple))
def test_any_visit_comes_back(tmp_path_factory, board, a, b, past):
    visits, visit = Visits(tmp_path_factory.mktemp("visits"), D_SAE), Visit(board, (a, b), past)
    visits.keep(ME, visit)
    assert visits.read(ME) == (visit if visit else None)


@pytest.mark.parametrize("visitor", ["", "../presets/x", "a" * 63, "A" * 64, f"{ME}\n", "0" * 65])
def test_nobody_has_no_file(visits, visitor):
    visits.keep(visitor, VISIT)
    assert visits.read(visitor) is None
    assert not files(visits)


def test_a_visit_without_board_and_pins_is_none(visits):
    visits.keep(ME, Visit(past=(BOARD,)))
    assert not files(visits)


def test_nothing_is_written_in_a_showcase_but_what_is_there_is_read(visits, monkeypatch):
    visits.keep(ME, VISIT)
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    visits.keep(ME, Visit(replace(BOARD, master=3.0)))
    visits.keep(YOU, VISIT)
    assert (visits.read(ME), visits.read(YOU)) == (VISIT, None)


def test_what_did_not_change_is_not_written_again(visits):
    visits.keep(ME, VISIT)
    (path,) = files(visits)
    os.utime(path, (0, 0))
    visits.keep(ME, VISIT)
    assert path.stat().st_mtime == 0
    visits.keep(ME, replace(VISIT, pins=(None, None)))
    assert path.stat().st_mtime > 0


def whole(**fields):
    return {"board": LINK, "pins": [None, None], "past": [], **fields}


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        whole(board="clamps"),
        whole(board={"clamps": "99:-1"}),
        whole(board={"clamps": "1:nan"}),
        whole(board={"clamps": 5}),
        whole(board={"rival": "leace:../../x:1"}),
        whole(board={"method": "gate gate"}),
        whole(pins=[None]),
        whole(pins=[None, {"clamps": "1:1,1:2"}]),
        whole(past=[{}] * (MAX_PAST + 1)),
        whole(past=[None]),
        whole(name="<script>"),
        None,
    ],
)
def test_a_sealed_file_that_is_no_visit_of_this_sae_is_none_and_is_written_over(visits, value):
    path = visits._folder / f"{ME}.json"
    write_json(path, value)
    assert visits.read(ME) is None
    visits.keep(ME, VISIT)
    assert visits.read(ME) == VISIT


def damaged(content: bytes):
    yield b""
    yield content[:-5]
    yield content.replace(b"3:-10.5", b"3:-99.5")
    yield b"\xff" * 400
    yield b"[" * 100_000
    yield b"x" * (3 * MAX_BYTES)


def test_a_damaged_or_huge_file_is_none(visits):
    visits.keep(ME, VISIT)
    (path,) = files(visits)
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        assert visits.read(ME) is None


def test_another_visitors_file_under_this_name_is_none(visits):
    visits.keep(YOU, VISIT)
    (path,) = files(visits)
    (visits._folder / f"{ME}.json").write_bytes(path.read_bytes())
    assert visits.read(ME) is None


def test_a_deeply_nested_sealed_file_is_none(visits):
    write_bytes(visits._folder / f"{ME}.json", b"[" * 50_000 + b"]" * 50_000)
    assert visits.read(ME) is None


def test_the_visitor_who_was_longest_away_goes(visits, monkeypatch):
    monkeypatch.setattr("backend.interventions.visits.MAX_VISITORS", 3)
    all_of_them = [visitor_of(str(i)) for i in range(5)]
    for i, visitor in enumerate(all_of_them):
        visits.keep(visitor, VISIT)
        os.utime(visits._folder / f"{visitor}.json", (i, i))
    kept = [visits.read(visitor) is not None for visitor in all_of_them]
    assert kept == [False, False, True, True, True]


def test_a_file_stays_small_by_leaving_out_the_oldest_boards(visits):
    large = [
        replace(BOARD, rival=Rival("prompt", "ö" * 999), master=1 + i / 100) for i in range(60)
    ]
    sliders = tuple(Slider(i, -1.1234567) for i in range(D_SAE))
    visits.keep(ME, Visit(replace(BOARD, sliders=sliders), past=tuple(large)))
    (path,) = files(visits)
    assert path.stat().st_size < MAX_BYTES + 200
    past = visits.read(ME).past
    assert past == tuple(large[-len(past) :])
    assert 0 < len(past) <= MAX_PAST


def test_what_the_disk_will_not_have_is_said_once_and_lasts_as_long_as_the_program(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(notices, "_said", {})
    (tmp_path / "visits").write_text("a file in the folder's place")
    visits = Visits(tmp_path / "visits", D_SAE)
    for i in range(3):
        for visitor in (ME, YOU):
            visits.keep(visitor, replace(VISIT, board=replace(BOARD, master=1.0 + i)))
    assert visits.read(ME).board.master == 3.0
    (said,) = notices.noticed()
    assert "lasts until the program ends" in said
    assert ME not in said
