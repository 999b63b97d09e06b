"""Short links: a name made of what is kept, whole or not at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import showcase
from backend.errors import BadInput, Showcase
from backend.interventions.board import Board, Slider, read_link, write_link
from backend.interventions.method import Gate, Method
from backend.interventions.rival import Rival
from backend.notices import noticed
from backend.sharing import links
from backend.sharing.links import MAX_TEXT, NAME, open_saved, open_text, resolved, save
from backend.store import DAMAGED, write_json

BOARD = Board((Slider(1, -120.0), Slider(4, -2.5, on=False)), 1.5, 1, Method(gate=Gate("rho", 0.1)))
LINK = write_link(BOARD) | {"half": "held-out"}


def test_a_saved_link_opens_as_it_was(tmp_path):
    name = save(tmp_path, LINK)
    assert NAME.fullmatch(name)
    assert open_saved(tmp_path, name) == LINK
    assert open_text(tmp_path, f"?saved={name}", 24) == (BOARD, "held-out")


def test_the_same_setting_has_the_same_name_and_one_file(tmp_path):
    name = save(tmp_path, LINK)
    (file,) = tmp_path.glob("*.json")
    written = file.stat().st_mtime_ns
    assert save(tmp_path, dict(reversed(LINK.items()))) == name
    assert [path.stat().st_mtime_ns for path in tmp_path.glob("*.json")] == [written]


@pytest.mark.parametrize(
    "other", [{}, LINK | {"half": "selection"}, LINK | {"master": "1.4"}, {"clamps": "1:-120"}]
)
def test_another_setting_has_another_name(tmp_path, other):
    assert save(tmp_path, other) != save(tmp_path, LINK)


@pytest.mark.parametrize(
    "name", ["abcdefghij", "", "../../x", "ABCDEFGHIJ", "a" * 200, "abcdefghi\0", "äbcdefghij"]
)
def test_a_name_that_is_not_there_is_one_clear_sentence(tmp_path, name):
    save(tmp_path, LINK)
    with pytest.raises(BadInput, match="has no saved link") as raised:
        open_saved(tmp_path, name)
    assert str(raised.value).endswith("ask for the long link, which needs no server.")
    assert len(str(raised.value)) < 120


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-3]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"120", b"121")),
        lambda path: write_json(path, {"parameters": {"clamps": "1:-121"}}),
        lambda path: write_json(path, {"parameters": {"clamps": 5}}),
        lambda path: write_json(path, [LINK]),
    ],
)
def test_a_file_that_is_not_what_was_saved_is_refused_set_aside_and_made_again(tmp_path, damage):
    name = save(tmp_path, LINK)
    damage(tmp_path / f"{name}.json")
    with pytest.raises(BadInput, match=f"no saved link '{name}'"):
        open_saved(tmp_path, name)
    assert list(tmp_path.glob(f"*{DAMAGED}"))
    noticed()
    assert save(tmp_path, LINK) == name
    assert open_saved(tmp_path, name) == LINK


@pytest.mark.parametrize(
    "parameters", [{"page": "1"}, {"clamps": "1" * (MAX_TEXT + 1)}, LINK | {"saved": "x"}]
)
def test_what_no_link_holds_is_not_kept(tmp_path, parameters):
    with pytest.raises(BadInput):
        save(tmp_path, parameters)
    assert not list(tmp_path.glob("*.json"))


def test_there_are_only_so_many_and_those_that_are_there_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(links, "MAX_SAVED", 2)
    names = [save(tmp_path, {"clamps": f"{i}:1"}) for i in range(2)]
    with pytest.raises(BadInput, match="2 short links already"):
        save(tmp_path, {"clamps": "2:1"})
    assert [save(tmp_path, {"clamps": f"{i}:1"}) for i in range(2)] == names


def test_in_a_showcase_none_is_written_and_those_there_open(tmp_path, monkeypatch):
    name = save(tmp_path, LINK)
    monkeypatch.setenv("CLAMPBOARD_READONLY", "1")
    assert showcase.is_on()
    with pytest.raises(Showcase):
        save(tmp_path, {"clamps": "1:1"})
    assert open_saved(tmp_path, name) == LINK


def test_what_a_page_is_asked_for_stays_beside_the_saved_setting(tmp_path):
    name = save(tmp_path, LINK)
    asked = {"saved": name, "feature": "3", "clamps": "9:1"}
    assert resolved(tmp_path, asked) == LINK | {"feature": "3"}
    assert resolved(tmp_path, {"clamps": "9:1"}) == {"clamps": "9:1"}


SLIDERS = st.lists(
    st.builds(Slider, st.integers(0, 23), st.floats(-300, 300), st.booleans()),
    unique_by=lambda slider: slider.feature,
    max_size=4,
)


@given(SLIDERS, st.sampled_from([None, Rival("prompt", "Forget: & # ? = +  it é")]))
def test_any_board_opens_from_its_long_link_whatever_stands_before_it(sliders, rival):
    from urllib.parse import urlencode

    board = Board(tuple(sliders), 1.5, rival=rival)
    query = urlencode(write_link(board), safe=":,!")
    for pasted in (f"https://host/app/?{query}", f"?{query}&feature=3", f"  {query}\n"):
        assert open_text("unread", pasted, 24)[0] == board


@pytest.mark.parametrize(
    "before", ["", "?saved=", "saved=", "http://host:8501/clamp?half=all&saved="]
)
def test_a_short_link_opens_in_any_form(tmp_path, before):
    assert open_text(tmp_path, before + save(tmp_path, LINK), 24)[0] == BOARD


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "is no link of this program"),
        ("https://example.org/page", "is no link of this program"),
        ("x" * 5000, "is no link of this program"),
        ("?clamps=99:1", "this SAE has features 0 to 23"),
        ("?clamps=1:1&half=both", "it can be all, selection, held-out"),
        ("?saved=nothing", "has no saved link 'nothing'"),
        ("?clamps=1:\ud800", "half a character"),
    ],
)
def test_what_is_no_link_is_refused_in_a_sentence(tmp_path, pasted, words):
    with pytest.raises(BadInput, match=words) as raised:
        open_text(tmp_path, pasted, 24)
    assert len(str(raised.value)) < 200


def test_the_name_is_the_hash_of_the_sorted_parameters(tmp_path):
    import base64
    import hashlib

    text = json.dumps(LINK, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    assert save(tmp_path, LINK) == base64.b32encode(digest)[:10].decode().lower()
    assert read_link(LINK, 24) == BOARD
