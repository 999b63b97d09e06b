"""Links: the text of the address bar, to the board and through the page."""

from pathlib import Path

import pytest
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from backend.interventions.board import read_link, write_link
from backend.store import ROOT
from tests.hostile.box import copied, living_in
from tests.hostile.counts import Counts, Share, attempt
from tests.hostile.fuzz import drive
from tests.hostile.values import CLAMPS, METHODS, NUMBERS, texts

D_SAE = 24
LINKS: tuple[dict[str, str], ...] = (
    {"clamps": "0:-8,!5:2", "master": "0.5", "solo": "0", "feature": "3", "half": "selection"},
    {"feature": "![](//host/x)", "clamps": "3:-5"},
    {"clamps": "9" * 30_000},
    {"half": "\ud800", "solo": "\0", "master": "nan"},
    {"feature": "٣", "clamps": "٣:1"},
    {"clamps": "!!3:1", "master": "1e-320"},
    {"clamps": "0:-8,5:2", "method": "window:0.2:4,reach:all,refusal:7:-9:beside,norm:kept"},
    {"clamps": "0:-8", "method": "cusum:![](//host/x)"},
    {"method": "rho:0.1"},
    {"clamps": "18:-5", "method": "rho:1e-320"},
)
"""These also through the page."""


def parameters() -> st.SearchStrategy[dict[str, str]]:
    numbers = st.one_of(st.sampled_from(NUMBERS), texts, st.floats().map(repr))
    feature = st.one_of(st.integers(-2, 30).map(str), texts)
    pair = st.tuples(st.sampled_from(("", "!", "!!")), feature, numbers).map(
        lambda p: f"{p[0]}{p[1]}:{p[2]}"
    )
    clamps = st.one_of(st.lists(pair, max_size=6).map(",".join), st.sampled_from(CLAMPS), texts)
    return st.fixed_dictionaries(
        {},
        optional={
            "clamps": clamps,
            "master": numbers,
            "solo": feature,
            "feature": feature,
            "method": methods(),
        },
    )


def methods() -> st.SearchStrategy[str]:
    """Whole ones, and parts of one put together anyhow."""
    names = ("threshold", "rho", "window", "cusum", "reach", "refusal", "norm", "gate")
    given = st.one_of(
        st.sampled_from(NUMBERS), st.floats().map(repr), st.floats(0, 1).map(repr), texts
    )
    said = st.one_of(given, given, st.sampled_from(("all", "firing", "kept", "beside")))
    part = st.tuples(st.sampled_from(names), st.lists(said, max_size=3)).map(
        lambda p: ":".join([p[0], *p[1]])
    )
    parts = st.one_of(part, part, st.sampled_from(METHODS))
    return st.one_of(st.sampled_from(METHODS), st.lists(parts, max_size=4).map(",".join), texts)


def run(box: Path, place: Path, share: Share) -> Counts:
    counts = Counts()

    def one(link: dict[str, str]) -> None:
        def there_and_back() -> None:
            board = read_link(link, D_SAE)
            board.setting()
            if read_link(write_link(board), D_SAE) != board:
                counts.note("others", "another board comes back", link)

        attempt(counts, link, there_and_back)

    for method in METHODS:
        if not share.over:
            share.spend()
            one({"clamps": "0:-8,5:2", "method": method})
    drive(share, parameters(), one)
    return counts


def run_pages(box: Path, place: Path, share: Share) -> Counts:
    """The same through the clamp page and the feature page, on the toy."""
    counts = Counts()
    toml = copied(box, place / "links")
    with living_in(toml.parent), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLAMPBOARD_SETUP", str(toml))
        patch.chdir(ROOT)

        def one(link: dict[str, str]) -> None:
            def opened() -> None:
                at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
                for name, value in link.items():
                    # No browser can send half a character.
                    at.query_params[name] = value.encode("utf-8", "replace").decode()
                at.run()
                faults = [e.value for e in at.error if "fault of the program" in e.value]
                if at.exception or faults:
                    raise AssertionError((at.exception or faults)[0])

            attempt(counts, link, opened)

        for link in LINKS:
            if not share.over:
                share.spend()
                one(link)
        drive(share, parameters(), one)
    return counts
