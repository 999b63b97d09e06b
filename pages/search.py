"""Find features: by keywords, by a text they fire on, by a ranking; read why each is there; pick
some to clamp.
"""

from functools import partial

import pandas as pd
import streamlit as st

from backend.features.finding import COLUMNS, RELEVANCE, Filters, find
from backend.features.rankers import RANKERS
from backend.features.search import SHOWN, Found
from backend.progress import Progress
from backend.reading.attribution import attribution
from backend.reading.own_text import DENSE, MAX_TEXT, OwnText, firing, read_text, strongest_by_token
from components import resources, state
from components.clamping.sliders import new_slider
from components.features.label_files import draw_label_files
from components.features.table import draw_feature_table, reasons
from components.frame import require_frame, show_errors
from components.tokens.picker import draw_token_picker

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
FORGET_ABOVE = (0.0, 0.0001, 0.001, 0.005, 0.01)
RETAIN_BELOW = (0.0001, 0.001, 0.005, 0.01, 0.05, 1.0)
SELECTIVITY = (None, 0, 1, 2, 3, 4, 5)
START_RANK = "selectivity"  # when nothing was searched for


def use_chip() -> None:
    if chip := st.session_state.search_chip:
        st.session_state.search_text = chip


def draw_own_text() -> tuple[OwnText, list[int], float | None] | None:
    """The user's text in tokens; what was read, the tokens picked, and how dense a feature may be.
    None without a text.
    """
    text = st.text_area(
        "Your text",
        key="search_own",
        max_chars=MAX_TEXT,
        persist_state="session",
        height=100,
        placeholder="Paste a sentence or a passage; Ctrl+Enter reads it.",
    )
    with st.container(horizontal=True):
        sparse = st.toggle(
            f"Leave out features on more than {DENSE:.0%} of retain tokens",
            True,
            key="search_own_sparse",
            persist_state="session",
        )
        exempt_too = st.toggle(
            "Count positions no clamp touches",
            False,
            key="search_own_exempt",
            persist_state="session",
            help="First token, special tokens or attention sinks, as the setup names them.",
        )
    if not text or not text.strip():
        return None
    with show_errors():
        read = state.kept(
            "own_text", (text, exempt_too), lambda: read_text(engine, text, exempt_too=exempt_too)
        )
    densest = DENSE if sparse else None
    best = strongest_by_token(read, engine.atlas.table, densest=densest)
    off = [bool(exempt) and not exempt_too for exempt in read.exempt]
    picked = draw_token_picker(
        read.tokens, best, off, engine.atlas.name, [], f"search_tokens_{hash((text, exempt_too))}"
    )
    st.caption(
        f"{len(read.tokens)} tokens, {sum(off)} of them not counted. The stronger the colour and"
        " the line below, the stronger its strongest feature; hover or focus names three. "
        + (
            f"Ranked at: {', '.join(repr(read.tokens[i]) for i in picked)}."
            if picked
            else "Click tokens to rank features there; arrow keys move, Enter picks."
        )
    )
    return read, picked, densest


def draw_filters() -> Filters:
    with st.popover("Filters", icon=":material/filter_alt:"):
        return Filters(
            forget_above=st.select_slider(
                "Forget density above",
                FORGET_ABOVE,
                0.0,
                lambda x: f"{x:.2%}" if x else "any",
                key="search_forget",
                persist_state="session",
            ),
            retain_below=st.select_slider(
                "Retain density below",
                RETAIN_BELOW,
                1.0,
                lambda x: "any" if x == 1 else f"{x:.2%}",
                key="search_limit",
                persist_state="session",
            ),
            min_selectivity=st.select_slider(
                "Selectivity at least",
                SELECTIVITY,
                None,
                lambda x: "any" if x is None else f"{x:+g} (x{2**x})",
                key="search_selective",
                persist_state="session",
            ),
            labelled=st.toggle("Has a label", key="search_labelled", persist_state="session"),
            starred=st.toggle("Starred by you", key="search_starred", persist_state="session"),
            known=st.toggle(
                "Fires on a known forget question",
                key="search_known",
                persist_state="session",
                help=(
                    "One that the model answers right without a clamp: only there is something to"
                    " forget."
                ),
            ),
        )


def draw_rank(searched: bool) -> tuple[str, float | None, bool]:
    """Order, its threshold, and whether the smallest come first."""
    titles = {
        RELEVANCE: "Relevance",
        **{name: ranker.title for name, ranker in RANKERS.items()},
        **{name: name.capitalize() for name in COLUMNS},
    }
    rank = st.selectbox(
        "Ranked by",
        list(titles),
        format_func=titles.get,
        key="search_rank",
        persist_state="session",
        width=260,
    )
    rank = START_RANK if rank == RELEVANCE and not searched else rank
    ranker, setting = RANKERS.get(rank), None
    if ranker and ranker.setting:
        setting = st.selectbox(
            ranker.setting.title,
            ranker.setting.options,
            ranker.setting.options.index(ranker.setting.default),
            key=f"search_setting_{rank}",
            persist_state="session",
            width=160,
        )
    smallest = st.toggle("Smallest first", key="search_smallest", persist_state="session")
    if ranker:
        with st.popover("Formula and source", icon=":material/functions:"):
            st.markdown(f"**{ranker.title}.** {ranker.what}")
            st.latex(ranker.formula)
            st.caption(ranker.source)
    return rank, setting, smallest


def with_attribution(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns of backend.reading.attribution: read from disk, or computed here
    with progress.
    """
    bar = st.empty()

    def show(progress: Progress) -> None:
        left = "" if progress.seconds_left is None else f" · {progress.seconds_left:,.0f} s left"
        bar.progress(
            progress.done / progress.total if progress.total else 0.0, f"{progress.stage}…{left}"
        )

    with show_errors():
        known = attribution(engine, show)
    bar.empty()
    st.caption(
        f"Means over {known.n_forget} forget and {known.n_retain} retain questions: those of the"
        " selection half that the model answers right."
    )
    return table.join(known.columns())


def say_how_it_was_read(found: Found) -> None:
    for word, near in found.read_as.items():
        st.info(
            f"“{word}” is in no label and no example. Read as: {', '.join(near)}.",
            icon=":material/spellcheck:",
        )
    if len(found.hits) and not found.hits[["label", "top_words"]].to_numpy().any():
        st.info(
            "No feature is labelled so or fires on such words: this SAE seems to have none. The"
            " features below only promote such a token."
        )


def draw_list(listed: pd.DataFrame, before: pd.DataFrame) -> None:
    """The features, or why there are none; `before` is the list without the filters."""
    said = filters.in_words()
    if not len(listed):
        if len(before):
            st.info(
                f"{len(before)} features match, but none passes the filters: {'; '.join(said)}."
            )
        elif keywords and not own:
            st.info(
                f"No feature matches “{keywords[:60]}”: no label, no example and no promoted token"
                " has it. Try a shorter or more common word."
            )
        else:
            st.info(
                "No feature is left: nothing fires there, or the ranking's rule leaves all out."
            )
        return
    name = RANKERS[rank].title.lower() if rank in RANKERS else rank
    if setting is not None:
        name += f" ({RANKERS[rank].setting.title.lower()} {setting:g})"
    n_questions = {
        role: sum(len(s.questions) for s in engine.sets if s.role == role)
        for role in ("forget", "retain")
    }
    shown = listed.head(SHOWN)
    st.caption(
        f"{len(listed):,} features, ranked by {name}{', smallest first' if smallest else ''}"
        + (f"; {'; '.join(said)}, of {len(before):,}" if said else "")
        + (
            f"; the first {SHOWN} are shown, a click on a column's head sorts those"
            if len(listed) > SHOWN
            else ""
        )
        + ". Densities are shares of tokens; scanned"
        f" {', '.join(f'{s.n_counted:,} tokens of {s.corpus.title}' for s in engine.atlas.corpora)}."
        f" Questions are {n_questions['forget']:,} to forget and {n_questions['retain']:,} to"
        " retain."
    )
    words = engine.atlas.why(found, shown["feature"].tolist()) if found else {}
    chosen = draw_feature_table(
        shown,
        reasons(shown, words, own[0].tokens if own else []),
        n_questions,
        None if rank in (RELEVANCE, *COLUMNS) else name,
    )
    with st.container(horizontal=True):
        if st.button(
            f"Clamp selected ({len(chosen)})",
            icon=":material/tune:",
            type="primary",
            disabled=not chosen,
        ):
            board = state.board()
            for feature in chosen:
                if feature not in board.features():
                    board = board.put(new_slider(feature, engine.atlas.about(feature)["max_act"]))
            state.set_board(board, redraw=True)
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


with show_errors():
    engine = resources.engine()
    state.start(engine.sae.d_sae)
    engine.atlas.refresh()
st.title("Find features")
st.text_input(
    "Keywords",
    key="search_text",
    persist_state="session",
    placeholder="virus",
    help="Searched in labels, in the words a feature fires on, and in the tokens it promotes.",
)
st.pills("Start from", CHIPS, key="search_chip", on_change=use_chip, label_visibility="collapsed")
with st.expander(
    "Or by a text they fire on",
    icon=":material/text_fields:",
    expanded=bool(st.session_state.get("search_own")),
):
    own = draw_own_text()

keywords, table = st.session_state.search_text.strip(), engine.atlas.table
with st.container(horizontal=True, vertical_alignment="bottom"):
    rank, setting, smallest = draw_rank(bool(keywords or own))
    filters = draw_filters()
with show_errors():
    found = engine.atlas.search(keywords) if keywords else None
on_text = firing(own[0], table, own[1] or None, own[2]) if own else None
if found:
    say_how_it_was_read(found)
if rank in RANKERS and RANKERS[rank].needs_attribution:
    table = with_attribution(table)
with show_errors():
    hits = None if found is None else found.hits
    listed = find(
        table,
        hits=hits,
        on_text=on_text,
        filters=filters,
        rank=rank,
        setting=setting,
        smallest_first=smallest,
    )
    before = (
        listed
        if filters == Filters()
        else find(table, hits=hits, on_text=on_text, rank=rank, setting=setting)
    )

draw_list(listed, before)
draw_label_files(engine.atlas, engine.sae.d_sae, state.said("labels"), partial(state.say, "labels"))
