"""Find features: by keywords, by a text they fire on, by a ranking.

Read why each is there; pick some to clamp.
"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from backend.engine.engine import Engine
from backend.features.finding import Filters, find
from backend.reading.own_text import firing, read_text
from components import resources, state
from components.clamping.sliders import new_slider
from components.features.label_files import draw_label_files
from components.frame import require_frame
from components.messages import show_errors
from components.progress_bar import saying
from components.search.filters import draw_filters
from components.search.found import Query, draw_found, say_how_it_was_read
from components.search.order import draw_order, with_attribution
from components.search.own_text import OnText, draw_own_text, draw_tokens

require_frame()
CHIPS = (
    "virus",
    "bacteria",
    "toxin",
    "immune",
    "gene",
    "cell",
    "enzyme",
    "disease",
    "evolution",
    "plant",
)


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


def clamp(engine: Engine, features: Sequence[int]) -> None:
    state.add_sliders(
        *(
            new_slider(feature, engine.atlas.about(feature)["max_act"])
            for feature in features
            if feature not in state.board().features()
        )
    )


with show_errors():
    engine = resources.engine()
    state.start(engine.d_sae)
    engine.atlas.refresh()
st.title("Find features")
keywords = st.text_input(
    "Keywords",
    key="search_text",
    persist_state="session",
    placeholder="virus",
    help="Searched in labels, in the words a feature fires on, and in the tokens it promotes.",
).strip()
st.pills("Start from", CHIPS, key="search_chip", on_change=use_chip, label_visibility="collapsed")
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
with show_errors():
    found = engine.atlas.search(keywords) if keywords else None
fires = firing(on_text.read, table, on_text.picked or None, on_text.densest) if on_text else None
if found:
    say_how_it_was_read(found)
if order.needs_attribution:
    table = with_attribution(engine, table)
hits = None if found is None else found.hits
with show_errors():
    listed = find(
        table,
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
        else find(table, hits=hits, on_text=fires, rank=order.rank, setting=order.setting)
    )

query = Query(keywords, found, on_text, filters, order)
chosen = draw_found(engine, query, listed, len(before))
if chosen is not None:
    with st.container(horizontal=True):
        if st.button(
            f"Clamp selected ({len(chosen)})",
            icon=":material/tune:",
            type="primary",
            disabled=not chosen,
        ):
            clamp(engine, chosen)
            st.switch_page("pages/clamp.py")
        if st.button(
            "Open feature",
            icon=":material/bar_chart:",
            disabled=len(chosen) != 1,
            help="Select one row to read its examples",
        ):
            state.open_feature(chosen[0])
            st.switch_page("pages/feature.py")
        st.caption(
            "Select rows with the boxes on the left, or with the arrow keys and the space bar."
        )
draw_label_files(engine.atlas, engine.d_sae, state.said("labels"), partial(state.say, "labels"))
