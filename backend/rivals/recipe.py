"""Everything that changes what an RMU becomes, besides the model and the text."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from backend.checked import checked
from backend.errors import BadInput
from backend.rim import shown
from backend.setups import RmuSource

FEWEST_BELOW = 2
"""Blocks below `layer` whose matrices are trained too, as in Li et al. 2024."""


@dataclass(frozen=True)
class Recipe:
    """Representation Misdirection for Unlearning (Li et al. 2024); see backend.rivals.rmu.

    Raises BadInput for a number out of the range that backend.setups.schema.RmuSource gives it.
    """

    layer: int = 7
    """The block, from 0, whose output is steered; it and the two before it are trained."""
    strength: float = 3.0
    """How long the vector is that the residual on forget text is steered to."""
    unit: Literal["residual", "raw"] = "residual"
    """Of the strength: the median norm of the residual there on forget text; or none, as in the
    paper.
    """
    alpha: float = 100.0
    """Weight of staying as it was on retain text."""
    steps: int = 150
    lr: float = 5e-4
    batch: int = 4
    """Pieces of forget text in a step, and as many of retain text."""
    tokens: int = 128
    """At most, in a piece of text."""
    seed: int = 0
    """Of the steering vector's direction and of the text's order."""

    def __post_init__(self) -> None:
        for name in ("strength", "alpha", "lr"):  # 3 and 3.0 are one recipe
            object.__setattr__(self, name, float(getattr(self, name)))
        for spec in dataclasses.fields(RmuSource):
            if (within := spec.metadata.get("within")) is not None:
                value, (least, most) = getattr(self, spec.name), within
                if not least <= value <= most:
                    raise BadInput(
                        f"RMU's {spec.name} can be {least:,} to {most:,}, not {shown(value)}."
                    )
        if self.unit not in ("residual", "raw"):
            raise BadInput(f"RMU's unit can be residual or raw, not {shown(self.unit)}.")

    @property
    def blocks(self) -> range:
        """Whose matrices are trained."""
        return range(self.layer - FEWEST_BELOW, self.layer + 1)

    @property
    def in_words(self) -> str:
        unit = " times the residual's median length" if self.unit == "residual" else ""
        return (
            f"blocks {self.blocks[0]} to {self.layer}, strength {self.strength:g}{unit}, "
            f"alpha {self.alpha:g}, {self.steps:,} steps of {self.batch} and {self.batch} pieces "
            f"of up to {self.tokens:,} tokens, learning rate {self.lr:g}, seed {self.seed}"
        )

    @property
    def short(self) -> str:
        """What most recipes differ by, for a file's name."""
        parts = [
            f"l{self.layer}",
            f"s{_short(self.strength)}{'raw' if self.unit == 'raw' else ''}",
            f"a{_short(self.alpha)}",
        ]
        if self.steps != Recipe.steps:
            parts.append(f"n{self.steps}")
        if self.seed != Recipe.seed:
            parts.append(f"seed{self.seed}")
        return "-".join(parts)

    @property
    def arguments(self) -> str:
        """As the command rmu takes them, every one."""
        return " ".join(f"--{name} {value}" for name, value in dataclasses.asdict(self).items())


def _short(number: float) -> str:
    """Three digits at most, without a plus sign."""
    return f"{number:.3g}".replace("+", "")


def recipe_of(source: RmuSource | None, **given: Any) -> Recipe:
    """What is given, then what the setup says, then the defaults; None is not given.

    Raises BadInput: see Recipe.
    """
    names = [spec.name for spec in dataclasses.fields(Recipe)]
    said = {} if source is None else {name: getattr(source, name) for name in names}
    said |= {name: value for name, value in given.items() if value is not None}
    return Recipe(**{name: value for name, value in said.items() if value is not None})


def read_recipe(table: Any, named: str) -> Recipe:
    """From the object of JSON that `dataclasses.asdict` makes of it.

    Raises BadInput, beginning with `named`, for a field that is missing, unknown or wrong.
    """
    recipe = checked(Recipe, table, named)
    if dataclasses.asdict(recipe) != table:
        raise BadInput(f"{named} has a field that is unknown, or written in another way.")
    return recipe
