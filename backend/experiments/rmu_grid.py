"""A grid of RMUs: each recipe trained and evaluated, as Farrell et al. 2024 did with the layer, the
steering length and alpha of gemma-2-2b-it's.

What is trained and what is evaluated is kept: a grid that was stopped goes on where it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from backend.engine.engine import Engine, Half
from backend.errors import BadInput
from backend.experiments.halves import OfHalf, by_half
from backend.interventions.method import Setting
from backend.interventions.rival import Rival
from backend.progress import OnProgress, silent
from backend.rivals.recipe import Recipe
from backend.rivals.trained import Trained
from backend.rivals.training import train_for

STRENGTHS = (0.5, 1.0, 2.0, 4.0)
ALPHAS = (1.0, 3.0, 5.0)
"""Times the recipe's own; twelve recipes."""
MOST = 60


class Point(NamedTuple):
    trained: Trained
    halves: dict[Half, OfHalf]

    @property
    def half(self) -> OfHalf:
        """The one that a choice is made on."""
        return self.halves["selection"]


def grid(
    recipe: Recipe,
    layers: Sequence[int] = (),
    strengths: Sequence[float] = (),
    alphas: Sequence[float] = (),
) -> list[Recipe]:
    """Every layer with every strength and every alpha; what is not given is the recipe's own layer,
    and STRENGTHS and ALPHAS times its own.

    Raises BadInput for a number out of range, or more recipes than anybody waits for.
    """
    layers = list(dict.fromkeys(layers or (recipe.layer,)))
    strengths = list(dict.fromkeys(strengths or (recipe.strength * s for s in STRENGTHS)))
    alphas = list(dict.fromkeys(alphas or (recipe.alpha * a for a in ALPHAS)))
    if (n := len(layers) * len(strengths) * len(alphas)) > MOST:
        raise BadInput(f"These are {n:,} recipes; at most {MOST} are trained in one call.")
    return [
        replace(recipe, layer=layer, strength=strength, alpha=alpha)
        for layer in layers
        for strength in strengths
        for alpha in alphas
    ]


def run_grid(
    engine: Engine, recipes: Sequence[Recipe], on_progress: OnProgress = silent
) -> Iterator[Point]:
    """Each recipe trained and evaluated, in the order given; the runs enter the history of what was
    tried. Raises as backend.rivals.training.train_for does.
    """
    for recipe in recipes:
        trained = train_for(engine.setup, recipe, on_progress)
        evaluation = engine.evaluate(Setting(rival=Rival("rmu", trained.name)), on_wait=on_progress)
        yield Point(trained, by_half(engine, evaluation))


def plain(point: Point) -> dict[str, Any]:
    """One point in plain types."""
    return {
        "name": point.trained.name,
        "recipe": asdict(point.trained.recipe),
        "halves": {half: figures.plain() for half, figures in point.halves.items()},
    }
