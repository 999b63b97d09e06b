"""A set of features, built up by the paper's procedure."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backend.commands.choosing import (
    OutOfTime,
    Watch,
    add_cost,
    add_ending,
    ending,
    ending_in_words,
    report_on,
    table,
)
from backend.commands.terminal import (
    AddCommand,
    ProgressLine,
    count,
    finite,
    multiple,
    number,
    open_engine,
)
from backend.errors import BadInput
from backend.progress import Pace
from backend.setups import Setup

if TYPE_CHECKING:
    from backend.engine.engine import Engine
    from backend.tuning.build import Candidate, Recipe, Step
    from backend.tuning.tested import Tested

MOST_VALUE = 3e6
"""backend.interventions.clamps.MAX_VALUE, which is not imported before it is needed."""
SCREENING = 0.85
"""Share of --minutes after which what is tested has to do."""


def add(command: AddCommand) -> None:
    sub = command(
        "build",
        build,
        "build a set of features up by the paper's procedure on the selection half: attribution, "
        "each candidate tested alone, the harmless ones put together; report the held-out half",
    )
    strength = sub.add_mutually_exclusive_group()
    strength.add_argument(
        "--multiple",
        type=multiple,
        help="each feature is clamped to so many times its maximum (default -8)",
    )
    strength.add_argument(
        "--value",
        type=number(-MOST_VALUE, MOST_VALUE),
        help="or all to the same raw value, as in the paper, such as -20",
    )
    sub.add_argument(
        "--per-question",
        type=count,
        metavar="N",
        help="features that each forget question names, half of each sign (default 20)",
    )
    sub.add_argument(
        "--most", type=count, metavar="N", help="candidates that are tested (default 150)"
    )
    sub.add_argument(
        "--side-effects",
        type=int,
        choices=(0, 1, 2),
        help="retain questions that a kept feature may lose alone (default 0)",
    )
    sub.add_argument(
        "--text",
        type=number(0, 100),
        metavar="NATS",
        help="put no further feature to a set that adds more to the loss on text, in nats a token "
        "(default 0.1)",
    )
    add_cost(sub)
    add_ending(sub)


def build(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments.halves import best
    from backend.tuning.build import candidates, kept, screened

    recipe = _recipe(args)
    engine, line = open_engine(setup), ProgressLine()
    watch = Watch(args.minutes, line)
    named = candidates(engine, recipe, line)
    if args.resume and not screened(engine, recipe, named):
        raise BadInput(
            "None of these candidates was tested before, so there is nothing to go on with: run it "
            "without --resume."
        )
    tested, short = _screen(engine, recipe, named, watch, line)
    order = kept(tested, recipe.side_effects)
    steps, stopped = _grow(engine, recipe, order, watch, line)
    stopped = stopped or short
    chosen, n_tried = best(steps, args.cost), len(tested) + max(len(steps) - 1, 0)
    found = None
    if chosen is not None:
        how = f"built of {chosen.n} features by attribution, {recipe.in_words}"
        found = report_on(engine, chosen.setting, how, n_tried, "", line)
    value = {
        "setup": setup.name,
        "dtype": engine.dtype,
        "recipe": asdict(recipe),
        "cost": args.cost,
        "stopped": stopped,
        "candidates": [one._asdict() for one in named],
        "tested": [one._asdict() for one in tested],
        "kept": [one.feature for one in order],
        "steps": [_plain_step(step) for step in steps],
        "chosen": None if chosen is None else chosen.n,
        **ending(engine, found, args.save),
    }
    text = [
        _tested_in_words(named, tested, order, recipe),
        *table("n, the last", [(f"{s.n}, {s.features[-1]}", s) for s in steps], _text_of(steps)),
        *ending_in_words(found, args.cost if steps else None, stopped),
    ]
    return finite(value), "\n".join(text)


def _recipe(args: argparse.Namespace) -> "Recipe":
    from backend.tuning.build import Recipe

    given = {
        name: getattr(args, name)
        for name in ("multiple", "value", "per_question", "most", "side_effects", "text")
        if getattr(args, name) is not None
    }
    if "value" in given:
        given["multiple"] = None
    return Recipe(**given)


def _screen(
    engine: "Engine",
    recipe: "Recipe",
    named: Sequence["Candidate"],
    watch: Watch,
    line: ProgressLine,
) -> tuple[list["Tested"], bool]:
    """As far as its share of the time goes, one candidate at least; and whether that was short."""
    from backend.tuning.build import screen, screened

    tested, before = [], {one.feature for one in screened(engine, recipe, named)}
    pace = Pace("Testing the candidates", len(named), line)
    pace.skip(len(before))
    watch.share = math.inf
    try:
        for one in screen(engine, recipe, named, watch.on_partial, watch.on_wait):
            tested.append(one)
            watch.share = SCREENING
            if one.feature not in before:
                pace.advance(1)
                watch.look()
    except OutOfTime:
        return tested, len(tested) < len(named)
    return tested, False


def _grow(
    engine: "Engine",
    recipe: "Recipe",
    order: Sequence["Tested"],
    watch: Watch,
    line: ProgressLine,
) -> tuple[list["Step"], bool]:
    """As far as the time goes, one step at least; and whether that was short."""
    from backend.tuning.build import grow

    steps: list[Step] = []
    if not order:
        return steps, False
    pace = Pace("Putting them together", len(order), line)
    watch.share = math.inf
    try:
        for step in grow(engine, recipe, order, watch.on_partial, watch.on_wait):
            steps.append(step)
            pace.advance(1)
            watch.share = 1.0
            watch.look()
    except OutOfTime:
        return steps, len(steps) < len(order)
    return steps, False


def _text_of(steps: Sequence["Step"]) -> list[str]:
    """A column of the table; none for a setup without text."""
    added = [step.text_added for step in steps if step.text_added is not None]
    return ["text, nats", *(f"{nats:+.4f}" for nats in added)] if added else []


def _plain_step(step: "Step") -> dict[str, Any]:
    return {
        "n": step.n,
        "feature": step.features[-1],
        "selection": step.half.plain(),
        "text_added": step.text_added,
    }


def _tested_in_words(
    named: Sequence["Candidate"],
    tested: Sequence["Tested"],
    order: Sequence["Tested"],
    recipe: "Recipe",
) -> str:
    most = recipe.side_effects
    return (
        f"{len(named):,} candidates, {len(tested):,} tested alone, {recipe.in_words}. "
        f"{len(order)} lose a forget question and at most {most} retain "
        f"question{'' if most == 1 else 's'}. Put together by what they add to the loss on text, "
        f"up to {recipe.text:g} nats a token:"
    )
