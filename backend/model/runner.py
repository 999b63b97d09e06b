"""What every run over tokens needs, and what it does when memory runs out."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.errors import Unavailable
from backend.model.attention import STEP
from backend.model.batches import Batch
from backend.model.rows import Plan
from backend.setups import Rule

if TYPE_CHECKING:
    from backend.model.sae import LoadedSae
    from backend.model.split import SplitModel

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class Halving:
    """Runs batches, in halves where memory runs out; remembers how often it had to."""

    def __init__(self) -> None:
        self.times = 0

    def run(
        self, chosen: Int[Tensor, " row"], work: Callable[[Tensor], Result]
    ) -> Iterator[Result]:
        """`work(rows)` of all rows. Raises Unavailable if not even one row fits."""
        todo = list(chosen.chunk(2**self.times))
        while todo:
            part = todo.pop(0)
            try:
                yield work(part)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not isinstance(error, torch.OutOfMemoryError) and "not enough memory" not in str(
                    error
                ):
                    raise
                if len(part) == 1:
                    raise Unavailable(
                        "Not enough memory for a single question. Use a smaller model, or another "
                        "device."
                    ) from error
                self.times += 1
                log.warning(
                    "Out of memory with %d rows; batches are halved from now on.", len(part)
                )
                todo = [*part.chunk(2), *todo]


@dataclass(frozen=True)
class Runner:
    """A loaded model with its SAE, and how much of it may run at once.

    All runs of one process share `halving`: what one learned of the memory, the next one knows.
    """

    model: "SplitModel"
    sae: "LoadedSae"
    untouched: tuple[Rule, ...]
    """The rules of backend.model.positions that name the positions no clamp touches."""
    budget: int
    """Tokens of a batch, padding included."""
    halving: Halving = field(default_factory=Halving)
    _tried: dict[int, bool] = field(default_factory=dict)

    @property
    def step(self) -> int:
        """What batches are padded to a multiple of. A GPU chooses its kernels by the number of
        tokens, so there all batches are of one size.
        """
        if self.model.device.type == "cpu":
            return STEP
        return max(self.budget >> self.halving.times, STEP)

    @property
    def invariant(self) -> bool:
        """Whether a question's bits depend on nothing but the question and its edit, on this
        machine: see backend.model.invariance. Tried once, and shared by all runs.
        """
        from backend.model.invariance import rows_do_not_matter

        if self.halving.times and self.model.device.type != "cpu":
            return False  # its batches were of another size before
        step = self.step
        if step not in self._tried:
            self._tried[step] = rows_do_not_matter(self.model, step)
        return self._tried[step]

    def batch(self, plan: Plan, chosen: Int[Tensor, " row"]) -> Batch:
        return Batch.of(plan, chosen, self.model.device, self.step)

    def batches(
        self, plan: Plan, chosen: Int[Tensor, " row"], work: Callable[[Tensor], Result]
    ) -> Iterator[Result]:
        """`work(rows)` of the chosen rows, batch by batch. Raises Unavailable: see Halving."""
        for rows in plan.batches(chosen, self.budget):
            yield from self.halving.run(rows, work)

    def along(self, directions: Float[Tensor, "d_sae d_model"]) -> "Runner":
        """The same with another direction for each feature to push along."""
        return replace(self, sae=replace(self.sae, W_dec=directions))
