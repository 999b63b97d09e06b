"""One feature: how often it fires, on what text, what it promotes, on which questions, and what
clamping it does.
"""

import json
import time

import pandas as pd
import streamlit as st

from backend.evaluation.evaluate import Evaluation
from backend.experiments.dose import MULTIPLES, Dose, dose_curve
from backend.interventions.board import Slider
from backend.interventions.edit import value_of
from backend.progress import Progress
from backend.reading.feature_page import feature_page, question_tokens
from backend.reading.neuronpedia import feature_json
from backend.reading.own_text import MAX_TEXT, read_text
from components import resources, state
from components.charts.all import activation_histogram, density_bars
from components.clamping.sliders import START, new_slider
from components.features.label_editor import draw_label_editor
from components.figures.dose import draw_dose_curve
from components.frame import plain, require_frame, show_errors, show_problem
from components.tokens.view import Row, ranked_html, rows_html

require_frame()
N_EXAMPLES = 20
MOST_QUESTIONS = 12
CONTEXTS = {
    "stacked, 5": 5,
    "snippet, 16": 16,
    "whole passage": None,
}  # tokens on either side; Neuronpedia's three sizes
REDRAW_S = 0.25


def step(by: int) -> None:
    state.open_feature((state.feature() + by) % engine.sae.d_sae)


def go(shown: int) -> None:
    if (number := st.session_state[f"feature_number_{shown}"]) is not None:
        state.open_feature(int(number))


def row_of(example: dict) -> Row:
    copies = f" · {example['copies']} more alike" if example["copies"] else ""
    return Row(
        f"{example['values'][example['at']]:.2f}",
        example["corpus"] + copies,
        example["tokens"],
        example["values"],
        example["at"],
    )


def row_of_question(found: dict) -> Row:
    tokens, values, options = question_tokens(
        engine.recording, engine.model.tokenizer, found["place"], feature
    )
    mark = max(range(len(values)), key=values.__getitem__)
    return Row(
        f"{found['max_act']:.2f}",
        f"{titles[found['set']]} {found['index']}",
        tokens,
        values,
        mark,
        options,
    )


def draw_neighbours(neighbours: list[dict], said: str, key: str) -> None:
    for n in neighbours:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                f"{n['feature']} · {plain(n['label'])}",
                key=f"{key}_{n['feature']}",
                type="tertiary",
                on_click=state.open_feature,
                args=(n["feature"],),
            )
            st.space("stretch")
            st.caption(said.format(**n), width="content")


with show_errors():
    engine = resources.engine()
    state.start(engine.sae.d_sae)
    page = feature_page(engine, state.feature(), N_EXAMPLES)
if state.link_error():
    st.warning(state.link_error(), icon=":material/link_off:")
feature, titles = page["feature"], {s.name: s.title for s in engine.sets}
fired, scanned = page["tokens_fired"], page["tokens_scanned"]

st.title(f"Feature {feature}")
st.subheader(plain(page["label"] or "No label"), anchor=False)
if not page["label"]:
    st.caption(f"It fires on: {plain(', '.join(page['top_tokens'])) or 'nothing in the corpora'}")
draw_label_editor(engine.atlas, feature)
with st.container(horizontal=True, vertical_alignment="bottom"):
    st.button(
        "Previous",
        icon=":material/chevron_left:",
        key="feature_previous",
        on_click=step,
        args=(-1,),
    )
    st.number_input(
        "Feature number",
        0,
        engine.sae.d_sae - 1,
        feature,
        1,
        key=f"feature_number_{feature}",
        on_change=go,
        args=(feature,),
        width=150,
    )
    st.button("Next", icon=":material/chevron_right:", key="feature_next", on_click=step, args=(1,))
    clamped = feature in state.board().features()
    if st.button(
        "Clamped: go there" if clamped else "Clamp this",
        icon=":material/tune:",
        type="primary",
        key="feature_clamp",
    ):
        if not clamped:
            state.add_slider(new_slider(feature, page["max_act"]))
        st.switch_page("pages/clamp.py")
    st.download_button(
        "JSON",
        lambda: json.dumps(feature_json(engine, page), ensure_ascii=False),
        f"feature-{feature}.json",
        "application/json",
        key="feature_json",
        icon=":material/download:",
        on_click="ignore",
        help="All of this page in Neuronpedia's form",
    )
    if page["neuronpedia"]:
        st.link_button("Neuronpedia", page["neuronpedia"], icon=":material/open_in_new:")
state.write_address(feature=str(feature))

left, right = st.columns([3, 2], gap="large")
with left:
    share = sum(fired.values()) / sum(scanned.values())
    st.markdown(
        f"**Fires on {share:.3%} of tokens:** {sum(fired.values()):,} of {sum(scanned.values()):,}"
        f" scanned, strongest {page['max_act']:.2f}"
    )
    if not page["complete"]:
        st.caption(
            "Histogram, intervals and co-firing are over a random sample of"
            f" {page['tokens_sampled']:,} of these tokens."
        )
    if page["histogram"]["tokens"]:
        st.altair_chart(activation_histogram(pd.DataFrame(page["histogram"])), width="stretch")
    else:
        st.info(
            "This feature never fires in the corpora that were scanned. It may fire on other text:"
            " try some below."
        )
    promoted, suppressed = st.columns(2)
    promoted.html(ranked_html("Promotes", page["promoted"], page["promoted_logits"]))
    suppressed.html(ranked_html("Suppresses", page["suppressed"], page["suppressed_logits"]))
    st.caption(
        "The decoder direction read straight out through the final norm's gain and the unembedding:"
        " the order means something, the size does not."
    )

    st.subheader("Top examples", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        context = (
            st.segmented_control(
                "Context",
                list(CONTEXTS),
                default="snippet, 16",
                key="feature_context",
                persist_state="session",
            )
            or "snippet, 16"
        )
        breaks = st.toggle("Line breaks", True, key="feature_breaks", persist_state="session")
    around = CONTEXTS[context]
    st.caption(
        "One example a passage, strongest first. A token is the darker and its line the thicker,"
        " the stronger the feature fires; the token a row is shown for is framed, its activation in"
        " the margin. Point at a token to see its value, or move to a row with Tab to see all of"
        " the row's."
    )
    if page["examples"]:
        st.html(rows_html([row_of(e) for e in page["examples"]], page["max_act"], around, breaks))
    else:
        st.caption("none")
    for interval in page["intervals"]:
        st.markdown(
            f"**Interval {interval['low']:.2f} to {interval['high']:.2f}:** {interval['n']:,}"
            f" tokens, {interval['share']:.2%} of those it fires on"
        )
        if interval["examples"]:
            st.html(
                rows_html(
                    [row_of(e) for e in interval["examples"]], page["max_act"], around, breaks
                )
            )
        else:
            st.caption(
                "No token lies in it."
                if not interval["n"]
                else "All of its passages are among the examples above."
            )

    st.subheader("Nearest decoder directions", anchor=False)
    draw_neighbours(page["nearest"], "cosine {cosine:.2f}", "feature_nearest")
    st.subheader("Fire on the same tokens", anchor=False)
    draw_neighbours(
        page["co_firing"],
        "together on {together:,} tokens, {share:.0%} of this one's",
        "feature_cofiring",
    )
    if not page["co_firing"]:
        st.caption("none")
    st.caption("Ranked by tokens on which both fire over tokens on which either does.")

    st.subheader("Try your own text", anchor=False)
    text = st.text_area(
        "Text",
        key="feature_text",
        persist_state="session",
        max_chars=MAX_TEXT,
        height=100,
        placeholder="Type or paste a sentence, then Ctrl+Enter",
    )
    if text.strip():
        with show_problem():
            own = read_text(engine, text)
            values = own.values(feature).tolist()
            top = max(range(len(values)), key=values.__getitem__)
            on = sum(value > 0 for value in values)
            st.html(
                rows_html(
                    [
                        Row(
                            f"{values[top]:.2f}",
                            "your text",
                            own.tokens,
                            values,
                            top if on else None,
                        )
                    ],
                    page["max_act"],
                )
            )
            st.caption(f"It fires on {on} of {len(values)} tokens of your text.")
with right:
    st.subheader("Forget against retain", anchor=False)
    densities = pd.DataFrame(
        [
            {
                "corpus": f"{s.corpus.title} ({role})",
                "role": role,
                "density": 100 * fired[role] / scanned[role],
                "said": f"{fired[role] / scanned[role]:.3%}: {fired[role]:,} of {scanned[role]:,}",
            }
            for s in engine.atlas.corpora
            for role in [s.corpus.role]
        ]
    )
    st.altair_chart(density_bars(densities), width="stretch")
    st.caption(f"Selectivity {page['selectivity']:+.1f}: log2 of forget over retain density.")
    st.subheader("Dose curve", anchor=False)
    dose_place = st.empty()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        strength = st.select_slider(
            "Strength",
            sorted(MULTIPLES),
            START,
            format_func=lambda m: f"{m:+g}x",
            key="feature_strength",
        )
        if st.button(f"Clamp at {strength:+g}x", key="feature_clamp_at", icon=":material/tune:"):
            state.add_slider(Slider(feature, value_of(strength, page["max_act"])))
            st.switch_page("pages/clamp.py")
    st.subheader("Questions it fires on", anchor=False)
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "set": s.title,
                    "role": s.role,
                    "fires on": page["fires_on_questions"][s.name],
                    "of": len(s.questions),
                }
                for s in engine.sets
            ]
        ),
        hide_index=True,
        width="stretch",
        key="feature_sets",
    )
    questions = page["questions"]
    if questions:
        names = [name for name in titles if page["fires_on_questions"][name]]
        chosen = st.pills("Only of", names, format_func=titles.get, key=f"feature_set_{feature}")
        questions = [q for q in questions if q["set"] == chosen] if chosen else questions
        shown = questions[:MOST_QUESTIONS]
        st.caption(
            f"{len(shown)} of {len(questions)}, strongest first; only positions that can change an"
            " answer count."
        )
        st.html(rows_html([row_of_question(q) for q in shown], page["max_act"]))

doses: list[Dose] = []
drawn_at = 0.0


def draw_doses() -> None:
    global drawn_at
    if doses and (len(doses) == len(MULTIPLES) or time.monotonic() - drawn_at > REDRAW_S):
        with dose_place.container():
            draw_dose_curve(doses, len(MULTIPLES))
        drawn_at = time.monotonic()


def draw_partial(evaluation: Evaluation) -> None:
    """Gives a new visit the chance to stop this one, also inside a long evaluation."""
    if not doses and time.monotonic() - drawn_at > REDRAW_S:
        done, affected = int(evaluation.done.sum()), int(evaluation.affected.sum())
        dose_place.caption(f"First strength: {done} of {affected} questions…")
    else:
        draw_doses()


def draw_wait(progress: Progress) -> None:
    if not doses:
        dose_place.caption(f"{progress.stage}…")


with show_errors():
    if not page["questions"]:
        dose_place.caption(
            "This feature fires on no question where it could change the answer: clamping it"
            " changes none."
        )
    else:
        for dose in dose_curve(engine, feature, on_partial=draw_partial, on_wait=draw_wait):
            doses.append(dose)
            draw_doses()
