"""Find features: by keywords, by a text they fire on, by a ranking.

Read why each is there; pick some to clamp.
"""

import urllib.parse
from collections.abc import Sequence
from functools import partial

import streamlit as st

from backend.engine.engine import Engine
from backend.features.chips import chips, finder
from backend.features.finding import Filters, find, numbers
from backend.reading.own_text import firing, read_text
from components import state
from components.clamping.sliders import new_slider
from components.features.label_files import draw_label_files
from components.features.table import ticked
from components.frame import require_frame
from components.messages import show_errors
from components.progress_bar import saying
from components.search.filters import draw_filters
from components.search.found import (
    Query,
    draw_above,
    draw_csv,
    draw_found,
    nothing_left,
    say_how_it_was_read,
)
from components.search.order import draw_order, with_attribution
from components.search.own_text import OnText, draw_own_text, draw_tokens
from components.session import begin

require_frame()


def use_chip() -> None:
    if chip := st.session_state.search_chip:
        st.session_state.search_text = chip


def by_own_text(engine: Engine) -> OnText | None:
    """The user's own text, read once for as long as it stands."""
    asked = draw_own_text()
    if asked is None:
        return None
    waiting = st.empty()
    with show_errors():
        read = state.kept(
            "own_text",
            (asked.text, asked.exempt_too),
            lambda: read_text(
                engine, asked.text, exempt_too=asked.exempt_too, on_wait=saying(waiting)
            ),
        )
    waiting.empty()
    return draw_tokens(read, asked, engine.atlas)


def tick(key: str, features: list[int]) -> None:
    """Keep what is chosen of this list, and what was chosen of others."""
    others = [feature for feature in state.chosen() if feature not in features]
    state.choose([*others, *ticked(key, features)])


def clamp(engine: Engine, features: Sequence[int]) -> None:
    """Put them on the board; they are no longer chosen then."""
    state.choose([])
    state.add_sliders(
        *(
            new_slider(feature, engine.atlas.about(feature)["max_act"])
            for feature in features
            if feature not in state.board().features()
        )
    )


with show_errors():
    engine = begin()
    engine.atlas.refresh()
st.title("Find features")
keywords = st.text_input(
    "Keywords",
    key="search_text",
    persist_state="session",
    placeholder="words, or a feature's number",
    help=(
        "Searched in labels, in the words a feature fires on, and in the tokens it promotes. "
        "A number, such as 2187 or #2187, is that feature."
    ),
).strip()
offered = state.kept(
    "chips",
    tuple(engine.atlas.table["label"]),
    lambda: chips(engine.atlas.table, finder(lambda word: engine.atlas.search(word).hits)),
)
if offered:
    st.pills(
        "Start from", offered, key="search_chip", on_change=use_chip, label_visibility="collapsed"
    )
with st.expander(
    "Or by a text they fire on",
    icon=":material/text_fields:",
    expanded=bool(st.session_state.get("search_own")),
):
    on_text = by_own_text(engine)

with st.container(horizontal=True, vertical_alignment="bottom"):
    order = draw_order(searched=bool(keywords or on_text))
    filters = draw_filters()
table = engine.atlas.table
named = numbers(keywords, engine.d_sae)
with show_errors():
    found = engine.atlas.search(keywords) if keywords else None
if named and found and found.read_as:
    found = None  # words near a number are about nothing
fires = firing(on_text.read, table, on_text.picked or None, on_text.densest) if on_text else None
if found:
    say_how_it_was_read(found)
if order.needs_attribution:
    table = with_attribution(engine, table)
hits = None if found is None else found.hits
with show_errors():
    listed = find(
        table,
        named=named,
        hits=hits,
        on_text=fires,
        filters=filters,
        rank=order.rank,
        setting=order.setting,
        smallest_first=order.smallest_first,
    )
    before = (
        listed
        if filters == Filters()
        else find(
            table,
            named=named,
            hits=hits,
            on_text=fires,
            rank=order.rank,
            setting=order.setting,
        )
    )

query = Query(keywords, found, on_text, filters, order)
chosen = state.chosen()
with st.container(horizontal=True, vertical_alignment="center"):
    if (chosen or len(listed)) and st.button(
        f"Clamp selected ({len(chosen)})",
        icon=":material/tune:",
        type="primary",
        disabled=not chosen,
        help=f"Features {', '.join(map(str, chosen))}" if chosen else None,
    ):
        clamp(engine, chosen)
        st.switch_page("pages/clamp.py")
    if chosen:
        st.button("Select none", type="tertiary", on_click=state.choose, args=([],))
    if len(listed):
        more = draw_above(engine, query, len(listed), len(before))
    else:
        st.info(nothing_left(query, len(before)))
if len(listed):
    link = urllib.parse.urlencode(state.link())
    opened = draw_found(engine, query, listed, more, chosen, link, tick)
    if opened is not None:
        state.open_feature(opened)
        st.switch_page("pages/feature.py")
    draw_csv(listed)
draw_label_files(engine.atlas, engine.d_sae, state.said("labels"), partial(state.say, "labels"))
