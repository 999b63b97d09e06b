"""What clamps are held against, trained: RMU."""

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.commands.terminal import (
    AddCommand,
    ProgressLine,
    finite,
    number,
    open_engine,
    refuse_folder,
    whole_number,
    write_file,
)
from backend.setups import RmuSource, Setup

if TYPE_CHECKING:
    from backend.experiments.rmu_grid import Point

GRID = ("layer", "strength", "alpha")

HELP = {
    "layer": "the block, from 0, whose output is steered; it and the two before it are trained",
    "strength": "how long the vector is that forget text is steered to",
    "alpha": "weight of staying as it was on retain text",
    "steps": "of AdamW",
    "lr": "its learning rate",
    "batch": "pieces of forget text in a step, and as many of retain text",
    "tokens": "at most, in a piece of text",
    "seed": "of the direction and of the text's order",
}


def add(command: AddCommand) -> None:
    sub = command(
        "rmu", rmu, "train RMU on the setup's model and text; goes on where it was stopped"
    )
    _add_recipe(sub)
    sub.add_argument("--out", type=Path, help="a file to put it in as well")
    sub = command(
        "rmu-grid",
        rmu_grid,
        "train and evaluate a grid of RMUs, every layer with every strength and alpha: twelve "
        "unless they are given; goes on where it was stopped",
    )
    _add_recipe(sub, several=GRID)
    sub.add_argument(
        "--cost",
        type=number(0, 100),
        default=3.0,
        metavar="POINTS",
        help="say which one forgets most on the selection half, of those that cost at most so many "
        "points of its retain questions (default 3)",
    )


def _add_recipe(sub: argparse.ArgumentParser, several: Sequence[str] = ()) -> None:
    """An argument for each field; those of `several` take more than one value."""
    for spec in dataclasses.fields(RmuSource):
        if spec.name in HELP:
            least, most = spec.metadata["within"]
            kind = number if isinstance(least, float) else whole_number
            many = "+" if spec.name in several else None
            sub.add_argument(
                f"--{spec.name}", type=kind(least, most), help=HELP[spec.name], nargs=many
            )
    sub.add_argument(
        "--unit",
        choices=("residual", "raw"),
        help="of the strength: the residual's median length there, or none, as in the paper",
    )


def rmu(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.rivals import training
    from backend.rivals.recipe import Recipe, recipe_of

    given = {spec.name: getattr(args, spec.name) for spec in dataclasses.fields(Recipe)}
    recipe = recipe_of(setup.rmu, **given)
    if args.out is not None:
        refuse_folder(args.out)
    line, start = ProgressLine(), time.perf_counter()
    kept = training.kept(setup, recipe, line)
    trained = kept or training.train_for(setup, recipe, line)
    seconds = time.perf_counter() - start
    places = [str(trained.path)]
    if args.out is not None:
        write_file(args.out, trained.path.read_bytes())
        places.append(str(args.out))
    about = trained.about
    before, after = about.before.model_dump(), about.after.model_dump()
    value = {
        "setup": setup.name,
        "name": trained.name,
        "recipe": dataclasses.asdict(recipe),
        "length": about.length,
        "text": about.text.model_dump(),
        "before": before,
        "after": after,
        "seconds": None if kept else seconds,
        "files": places,
    }
    ran = "It was trained before" if kept else f"Trained in {seconds:.0f} s"
    text = (
        f"{trained.name}: {recipe.in_words}.\n"
        f"Steered to a length of {about.length:.4g} on '{about.text.forget}', held on "
        f"'{about.text.retain}'. Mean square of what is left to go on the first batch, without "
        f"alpha: forget {before['forget']:.4g} -> {after['forget']:.4g}, "
        f"retain {before['retain']:.4g} -> {after['retain']:.4g}.\n"
        f"{ran}, and is kept at {' and '.join(places)}."
    )
    return value, text


def rmu_grid(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.experiments.halves import best
    from backend.experiments.rmu_grid import grid, plain, run_grid
    from backend.progress import Progress
    from backend.rivals.recipe import Recipe, recipe_of

    named = [spec.name for spec in dataclasses.fields(Recipe)]
    given = {name: getattr(args, name) for name in named if name not in GRID}
    recipes = grid(recipe_of(setup.rmu, **given), *(getattr(args, name) or () for name in GRID))
    line, points = ProgressLine(), []
    line(Progress("Training and evaluating", 0, len(recipes), None, f"{len(recipes)} recipes."))
    for point in run_grid(open_engine(setup), recipes, line):
        points.append(point)
        line(Progress("Training and evaluating", len(points), len(recipes), None))
    chosen = best(points, args.cost)
    said = "None" if chosen is None else chosen.trained.name
    value = {
        "setup": setup.name,
        "points": [plain(point) for point in points],
        "best": None if chosen is None else chosen.trained.name,
        "cost": args.cost,
    }
    text = "\n".join(
        [
            f"{'':<40} {'selection half':^26}   {'held-out half':^26}",
            f"{'RMU':<40} {'forget, pp':>12} {'retain, pp':>13}   {'forget, pp':>12} "
            f"{'retain, pp':>13}",
            *map(_line, points),
            f"{said} forgets most on the selection half at a cost of at most {args.cost:g} points.",
        ]
    )
    return finite(value), text


def _line(point: "Point") -> str:
    from backend.experiments.halves import HALVES

    halves = "   ".join(
        f"{point.halves[half].forget.change_pp:>+12.1f} "
        f"{point.halves[half].retain.change_pp:>+13.1f}"
        for half in HALVES
    )
    return f"{point.trained.name:<40} {halves}"
