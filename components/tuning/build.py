"""Build a set: candidates by attribution, tested one by one, the harmless ones put together."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import showcase
from backend.engine.engine import Engine
from backend.experiments.halves import COST_PP
from backend.tuning.build import SIDE_EFFECTS, Recipe
from components.charts.build import build_chart, text_chart
from components.messages import showcase_off
from components.tuning.building import Building, Grown, build, of_recipe
from components.tuning.picking import draw_chart, draw_table
from components.tuning.rows import kept_table, step_rows, text_rows
from components.tuning.working import (
    Counted,
    OnPut,
    Redrawn,
    at_work,
    draw_chosen,
    draw_start,
    draw_stop,
    draw_winner,
)
from components.values import Work
from components.wording import plain

MOST_CANDIDATES = 4000


def draw_build(
    engine: Engine,
    so_far: object,
    work: Work,
    on_grown: Callable[[Building], None],
    on_put: OnPut,
) -> None:
    """The form, what is known, and the rest when it is asked for. `so_far` is what `on_grown` was
    last called with; `work` is wanted for a recipe. It is done here, so call it last.
    """
    recipe = _draw_form(work, so_far)
    known = of_recipe(so_far, recipe)
    grown = known.of(recipe.side_effects)
    running = work.wanted == recipe and not grown.complete and not showcase.is_on()
    controls = st.empty()
    if running:
        with controls:
            draw_stop(work, "build_stop")
    elif not grown.complete and not showcase_off():
        with controls:
            _draw_start(work, recipe, known)
    bar, figures = st.empty(), st.empty()
    with figures.container():
        _draw(engine, known, recipe.side_effects, None if running else on_put)
    if running:
        with at_work(work, lambda: _draw_start(work, recipe, known, controls)):
            _run(engine, recipe, known, bar, figures, on_grown)
            work.ask(None)
            st.rerun()


def _draw_start(
    work: Work, recipe: Recipe, known: Building, place: DeltaGenerator | None = None
) -> None:
    with place or st.container():
        draw_start(work, recipe, "Go on" if known.candidates else "Start", "build_start")


def _draw_form(work: Work, so_far: object) -> Recipe:
    default = Recipe()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        multiple = st.number_input(
            "Clamped to, times its maximum",
            -15.0,
            0.0,
            default.multiple,
            1.0,
            "%.1f",
            key="build_multiple",
            persist_state="session",
            width=200,
        )
        per_question = st.number_input(
            "Candidates a question",
            1,
            500,
            default.per_question,
            5,
            key="build_per_question",
            persist_state="session",
            width=170,
            help="The features with the strongest attributions to a forget question that is "
            "answered right, half of each sign.",
        )
        most = st.number_input(
            "Most candidates",
            1,
            MOST_CANDIDATES,
            default.most,
            50,
            key="build_most",
            persist_state="session",
            width=150,
            help="Those that most questions name are tested; each takes one short run.",
        )
        side_effects = st.segmented_control(
            "Retain questions it may lose",
            SIDE_EFFECTS,
            default=default.side_effects,
            key="build_side_effects",
            persist_state="session",
            required=True,
            on_change=lambda: _switched(work, so_far),
            help="Switching is quick: what was tested is known.",
        )
    return Recipe(multiple, int(per_question), int(most), int(side_effects or 0))


def _switched(work: Work, so_far: object) -> None:
    """Another number of side effects: what runs goes on with it, and what was tested is put
    together anew.
    """
    recipe = Recipe(
        st.session_state.build_multiple,
        int(st.session_state.build_per_question),
        int(st.session_state.build_most),
        int(st.session_state.build_side_effects or 0),
    )
    wanted = work.wanted
    runs = (
        isinstance(wanted, Recipe) and replace(wanted, side_effects=recipe.side_effects) == recipe
    )
    if runs or of_recipe(so_far, recipe).screened:
        work.ask(recipe)


def _run(
    engine: Engine,
    recipe: Recipe,
    begun: Building,
    place: DeltaGenerator,
    figures: DeltaGenerator,
    on_grown: Callable[[Building], None],
) -> None:
    bar = Counted(place)
    redrawn = Redrawn[Building](
        figures, lambda building: _draw(engine, building, recipe.side_effects, None)
    )
    if begun.candidates is not None:
        bar.at(*_stage(begun, recipe.side_effects))
    for known in build(engine, recipe, begun, bar.on_partial, bar.on_wait):
        on_grown(known)
        redrawn.show(known)
        bar.at(*_stage(known, recipe.side_effects))


def _stage(known: Building, side_effects: int) -> tuple[str, int, int]:
    """What is being done, and how much of it is."""
    order, n, of = known.order(side_effects), len(known.tested), len(known.candidates or ())
    if n < of:
        return f"Tested {n:,} of {of:,} candidates, {len(order)} kept", n, of
    together = len(known.of(side_effects).steps)
    if together < len(order):
        return f"Put together {together} of {len(order)}", together, len(order)
    return "The chosen set on all questions, the held-out half among them", 0, 1


def _draw(engine: Engine, known: Building, side_effects: int, on_put: OnPut | None) -> None:
    """Without `on_put` nothing can be chosen: while it grows, it is drawn again."""
    if known.candidates is None:
        return
    if not known.candidates:
        st.info(
            "No feature has an attribution to a forget question of the selection half that the "
            "model answers right: there is nothing to test."
        )
        return
    order, grown = known.order(side_effects), known.of(side_effects)
    if known.screened and not order:
        st.info(_none_kept(known, side_effects))
        return
    if grown.complete and on_put is not None:
        _draw_outcome(known, side_effects, on_put)
    picked = _draw_curve(engine, grown, on_put is not None)
    place = st.container()
    if order:
        most = "no" if not side_effects else f"at most {side_effects}"
        st.caption(
            f"{len(order)} of {len(known.tested):,} tested features kept: alone, each loses at "
            f"least one forget question and {most} retain question"
            f"{'s' if side_effects > 1 else ''} of the selection half."
        )
        table = kept_table(order, grown.steps, engine.atlas.name)
        picked = _draw_table(table, engine.text is not None, on_put is not None) or picked
    if engine.text is None:
        st.caption("This setup names no text, so what a feature costs there is not measured.")
    step = next((one for one in grown.steps if one.n == picked), None)
    if step is not None and on_put is not None:
        title = f"The first {step.n} together" if step.n > 1 else f"Feature {step.features[0]}"
        with place:
            draw_chosen(title, step.half, step.setting, "build_put", on_put)


def _none_kept(known: Building, side_effects: int) -> str:
    n = len(known.tested)
    harmful = sum(one.retain_lost > side_effects for one in known.tested)
    most = f"more than {side_effects}" if side_effects else "any"
    more = ", or allow a feature to lose more" if side_effects < max(SIDE_EFFECTS) else ""
    return (
        f"None of the {n:,} tested features is kept: {harmful:,} of them lose {most} retain "
        "questions, and the others lose no forget question alone. Try another strength or more "
        f"candidates{more}."
    )


def _draw_outcome(known: Building, side_effects: int, on_put: OnPut) -> None:
    grown = known.of(side_effects)
    if grown.chosen is not None and grown.found is not None:
        n = grown.chosen.n
        title = f"Chosen: the first {n} features" if n > 1 else "Chosen: the first feature"
        draw_winner(title, grown.found, "build_put_best", on_put)
    else:
        st.info(
            f"Every set that was put together costs more than {COST_PP:g} points of the retain "
            f"questions, so none is chosen among the {known.tried(side_effects):,} "
            "settings tried. Click a dot to take one all the same."
        )


def _draw_curve(engine: Engine, grown: Grown, can_pick: bool) -> int | None:
    """Returns the number of features whose dot is selected, if any."""
    if not grown.steps:
        return None
    chosen = None if grown.chosen is None else grown.chosen.n
    picked = draw_chart(
        build_chart(step_rows(grown.steps), chosen),
        "Accuracy on forget and retain questions of the selection half by number of features.",
        "n",
        f"build_chart_{grown.steps[-1].n}" if can_pick else None,
    )
    first = grown.steps[0].half
    st.caption(
        f"Over {first.forget.n} forget questions (solid, dots) and {first.retain.n} retain "
        "questions (dashed, diamonds) of the selection half. Dotted: without clamps. "
        "Bands: 95 % intervals of the change."
        + (
            f" Chosen: what forgets most for at most {COST_PP:g} points of retain."
            if chosen
            else ""
        )
    )
    text = text_rows(grown.steps)
    if engine.text is not None and len(text):
        draw_chart(
            text_chart(text, grown.steps[-1].n),
            "What the same sets add to the loss on text, in nats a token.",
            "n",
            None,
        )
        st.caption(f"What they add to the loss on {plain(engine.text.title)}.")
    return picked


def _draw_table(table: pd.DataFrame, has_text: bool, can_pick: bool) -> int | None:
    """Returns the number of the row that is selected, if any."""
    columns: dict[str, Any] = {
        "n": st.column_config.NumberColumn("#", format="%d", width=45),
        "feature": st.column_config.NumberColumn("Feature", format="%d", width=65),
        "label": st.column_config.TextColumn("Label (or words)", width=210),
        "lost": st.column_config.NumberColumn("Lost alone", width=80),
        "retain lost": st.column_config.NumberColumn("Retain lost", width=85),
        "text": st.column_config.NumberColumn("Text, nats a token", format="%+.4f", width=125),
        "forget": st.column_config.TextColumn("Forget, down to here", width=165),
        "retain": st.column_config.TextColumn("Retain, down to here", width=165),
    }
    if not has_text:
        del columns["text"]
    key = f"build_table_{hash(tuple(table['feature']))}" if can_pick else None
    return draw_table(table, columns, "n", key, most=420)
