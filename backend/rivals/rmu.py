"""RMU, Representation Misdirection for Unlearning (Li et al. 2024, "The WMDP Benchmark"), trained.

With h the residual after block `layer`, u a random direction and s the steering length,

    loss = mean (h_trained(forget) - s u)^2 + alpha mean (h_trained(retain) - h_model(retain))^2

is made small by AdamW over `mlp.down_proj` of that block and the two before it. Means are over the
elements of the residuals of all tokens; u is uniform in the positive orthant, then normalised;
AdamW decays no weights, as theirs.

Where we differ from the authors' code (rmu/unlearn.py of centerforaisafety/wmdp), and why:

* Padding is no text, and takes no part in a mean. It stands on the right, where no token sees it.
* Matrices are found by name: the number of a parameter within its block is another matrix in Gemma
  3, Qwen 2 and Qwen 3. What is trained is kept in float32 and rounded to the model's precision in
  each pass: in bfloat16 a step of 5e-5 is rounded away from every weight beyond 1/64.
* The blocks below the trained ones never change: they run once a batch, without a gradient, for the
  model as it was and as it becomes. No block above `layer` runs. The gradients of the two terms are
  taken one after the other, which halves the memory.
* The steering length may be a multiple of the residual's own (`Recipe.unit`), so that one recipe
  means the same in another model; the paper's absolute numbers are the unit "raw".
* Texts are shuffled by the seed, long ones give several pieces, and they are drawn over and over
  until the steps are done. Theirs takes the beginning of each text, in their order, once. One
  subject is forgotten, where theirs alternates between two.
* AdamW's epsilon is torch's 1e-8, theirs 1e-6.

All tokens are in the loss, those that no clamp touches too, as in the paper: of the demo's they are
1 % of the tokens, and 4 % of the loss at the start.
"""

import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from backend.errors import BadInput, BadSetup
from backend.model.memory import free_bytes
from backend.model.positions import untouched
from backend.model.split import blocks_of, part_of
from backend.progress import OnProgress, Pace, Progress, silent
from backend.rivals.changed import twin
from backend.rivals.pieces import Batch, Pieces, beside
from backend.rivals.recipe import Recipe
from backend.rivals.trained import (
    MATRIX,
    Losses,
)
from backend.setups import Role, Rule
from backend.store import (
    if_it_can_be_kept,
    read_tensors,
    write_tensors,
)
from backend.wording import in_time

EVERY_S = 20.0
"""How much training at most a kill loses; a stop by `on_progress` loses none."""
WRITING = 0.05
"""Of the time, at most; writing the state of a large model may take seconds."""
MEASURED = 16_384
"""Tokens of forget text the residual's median length is taken over."""
MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW keeps of each matrix."""
FORECAST_AFTER = 3
"""Steps: the first ones choose their kernels."""
CHECKPOINT_SHARE = 0.5
"""Of the free memory: where activations would take more, they are computed twice instead."""


class Projection(nn.Module):
    """A linear map whose weight is kept in float32 and rounded to the dtype of what it reads."""

    def __init__(self, linear_map: nn.Linear):
        super().__init__()
        self.weight = nn.Parameter(linear_map.weight.detach().float().clone())
        self.bias = linear_map.bias

    def forward(self, hidden: Float[Tensor, "row pos d_mlp"]) -> Float[Tensor, "row pos d_model"]:
        return linear(hidden, self.weight.to(hidden.dtype), self.bias)


@dataclass(frozen=True)
class Trainee:
    """A model up to block `layer`, as it was and as it becomes."""

    below: PreTrainedModel | None
    """Blocks before those trained; None where there are none."""
    was: PreTrainedModel
    """The trained blocks before training."""
    becomes: PreTrainedModel
    projections: dict[str, Projection]
    """In `becomes`, by their parameters' names in the model."""

    @classmethod
    def of(cls, hf: PreTrainedModel, recipe: Recipe, checkpointed: bool = False) -> "Trainee":
        """Shares with `hf` all but what is trained.

        `checkpointed` computes a block's activations again for its gradient, with the same bits,
        rather than keep them. Raises BadSetup for a model without the recipe's blocks, or without
        `mlp.down_proj` in them.
        """
        names = matrices_of(hf, recipe)
        base, first, n = hf.base_model, recipe.blocks[0], len(recipe.blocks)
        assert isinstance(base, PreTrainedModel)
        below = part_of(base, 0, first, norm=False) if first else None
        was = part_of(base, first, first + n, norm=False)
        becomes = twin(was)
        projections = {}
        for block, name in zip(blocks_of(becomes), names, strict=True):
            down_proj = block.get_submodule("mlp.down_proj")
            assert isinstance(down_proj, nn.Linear)
            projections[name] = Projection(down_proj)
            block.set_submodule("mlp.down_proj", projections[name])
            if checkpointed:
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        return cls(below, was, becomes, projections)

    def matrices(self) -> dict[str, nn.Parameter]:
        return {name: projection.weight for name, projection in self.projections.items()}

    @torch.no_grad()
    def start(self, batch: Batch) -> Float[Tensor, "row pos d_model"]:
        """What goes into the first trained block."""
        if self.below is None:
            embedded: Tensor = self.was.get_input_embeddings()(batch.ids)
            return embedded
        resid: Tensor = self.below(input_ids=batch.ids, use_cache=False).last_hidden_state
        return resid

    def forget_term(self, batch: Batch, target: Float[Tensor, " d_model"]) -> Float[Tensor, ""]:
        return _mean_square(_through(self.becomes, self.start(batch)) - target, batch)

    def retain_term(self, batch: Batch) -> Float[Tensor, ""]:
        start = self.start(batch)
        with torch.no_grad():
            wanted = _through(self.was, start)
        return _mean_square(_through(self.becomes, start) - wanted, batch)

    def gradient(self, term: Float[Tensor, ""], step: int) -> tuple[Tensor, ...]:
        """Of what is trained, and of nothing else.

        Raises BadInput where the term is no finite number.
        """
        if not term.isfinite():
            raise BadInput(
                f"Training RMU left the finite numbers at step {step + 1:,}: lower the learning "
                "rate or the strength."
            )
        return torch.autograd.grad(term, list(self.matrices().values()))

    @torch.no_grad()
    def losses(self, forget: Batch, retain: Batch, target: Float[Tensor, " d_model"]) -> Losses:
        """Both terms, the second without alpha."""
        return Losses(
            forget=float(self.forget_term(forget, target)), retain=float(self.retain_term(retain))
        )


def matrices_of(hf: PreTrainedModel, recipe: Recipe) -> list[str]:
    """Names of what the recipe trains. Raises BadSetup where the model has no such blocks."""
    named = {int(m[1]): m[0] for name, _ in hf.named_parameters() if (m := MATRIX.fullmatch(name))}
    n_blocks = hf.config.num_hidden_layers
    if recipe.layer >= n_blocks:
        raise BadSetup(
            f"RMU's layer is {recipe.layer}, but the model has {n_blocks} blocks: "
            f"give layer, from 2 to {n_blocks - 1}."
        )
    missing = [block for block in recipe.blocks if block not in named]
    if missing or not hasattr(hf.base_model, "layers"):
        raise BadSetup(
            f"A model of the kind {type(hf).__name__} has no mlp.down_proj in its blocks, which is "
            "what RMU trains: it cannot be trained here."
        )
    return [named[block] for block in recipe.blocks]


def _through(
    part: PreTrainedModel, resid: Float[Tensor, "row pos d_model"]
) -> Float[Tensor, "row pos d_model"]:
    out: Tensor = part(inputs_embeds=resid, use_cache=False).last_hidden_state
    return out.float()


def _mean_square(difference: Float[Tensor, "row pos d_model"], batch: Batch) -> Float[Tensor, ""]:
    """Over the elements of all tokens that are no padding."""
    of_token = difference.square().mean(-1)
    return (of_token * batch.real).sum() / batch.real.sum()


# -- the steering vector --------------------------------------------------------------------------


def direction(d_model: int, seed: int) -> Float[Tensor, " d_model"]:
    """Uniform in the positive orthant, then normalised; the same on every device."""
    u = torch.rand(d_model, generator=torch.Generator().manual_seed(seed))
    return u / u.norm()


def length_of(
    trainee: Trainee,
    recipe: Recipe,
    forget: list[list[int]],
    rules: tuple[Rule, ...],
    special: frozenset[int],
) -> float:
    """How long the steering vector is, in raw units.

    In the unit "residual", times the median norm after `layer` over the first 16,384 tokens of
    forget text, without those that no clamp touches.
    """
    if recipe.unit == "raw":
        return recipe.strength
    found = torch.empty(0)
    for at in range(0, len(forget), recipe.batch):
        batch = beside(forget[at : at + recipe.batch], trainee.was.device)
        with torch.no_grad():
            resid = _through(trainee.was, trainee.start(batch))
        touched = ~untouched(batch.ids, resid, batch.real, rules, special)
        found = torch.cat([found, resid.norm(dim=-1)[touched].cpu()])
        if len(found) >= MEASURED:
            break
    if not len(found):
        raise BadInput(
            "The forget text has only tokens that no clamp touches, so the residual's length there "
            "is not known: give longer texts, or the unit raw."
        )
    return recipe.strength * float(found[:MEASURED].median())


# -- training -------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What a training gave."""

    matrices: dict[str, Tensor]
    """In float32, by their parameters' names."""
    base: dict[str, Tensor]
    """Those they took the place of."""
    length: float
    """Of the steering vector, in raw units."""
    before: Losses
    """Of the first batch."""
    after: Losses


def train(
    hf: PreTrainedModel,
    recipe: Recipe,
    pieces: Pieces,
    rules: tuple[Rule, ...] = (),
    special: frozenset[int] = frozenset(),
    state: Path | None = None,
    on_progress: OnProgress = silent,
    checkpointed: bool | None = None,
) -> Outcome:
    """Train on a model as transformers loads it; the model stays as it is.

    What was trained is kept in the file `state` about every 20 seconds and when it is stopped, and
    goes on from there with the same bits. `checkpointed` keeps fewer activations, at the cost of a
    second pass; unless given, where they would take more than half of the free memory. Raises
    BadSetup for a model that cannot be trained so, BadInput where training leaves the finite
    numbers, and whatever `on_progress` raises.
    """
    matrices_of(hf, recipe)
    if checkpointed is None:
        free = free_bytes(hf.device)
        checkpointed = free is not None and activations(hf, recipe) > CHECKPOINT_SHARE * free
    trainee = Trainee.of(hf, recipe, checkpointed)
    weights = list(trainee.matrices().values())
    optimizer = torch.optim.AdamW(weights, lr=recipe.lr, weight_decay=0.0)
    kept = _Kept(state, trainee, optimizer)

    def draw(role: Role, step: int) -> Batch:
        return pieces.draw(role, step, recipe.batch, recipe.seed, hf.device)

    with _same_bits(hf.device):
        length = kept.length
        if length is None:
            on_progress(Progress("Measuring the residual", 0, 1, None))
            length = length_of(trainee, recipe, pieces.forget, rules, special)
        target = (direction(hf.config.hidden_size, recipe.seed) * length).to(hf.device)
        pace = Pace("Training RMU", recipe.steps, Forecast(on_progress))
        pace.skip(kept.steps)
        for step in range(kept.steps, recipe.steps):
            towards = trainee.gradient(trainee.forget_term(draw("forget", step), target), step)
            staying = trainee.gradient(trainee.retain_term(draw("retain", step)), step)
            for weight, *of_terms in zip(weights, towards, staying, strict=True):
                weight.grad = of_terms[0] + recipe.alpha * of_terms[1]
            optimizer.step()
            kept.after(step + 1, length)
            with ExitStack() as stopped:  # if it is, it is here, where nothing is half done
                stopped.callback(kept.write, step + 1, length)
                pace.advance(1)
                stopped.pop_all()
        first = draw("forget", 0), draw("retain", 0), target
        after = trainee.losses(*first)
        before = replace(trainee, becomes=trainee.was).losses(*first)
    matrices: dict[str, Tensor] = {
        name: weight.detach() for name, weight in trainee.matrices().items()
    }
    base: dict[str, Tensor] = {name: hf.get_parameter(name) for name in matrices}
    return Outcome(matrices, base, length, before, after)


def _same_bits(device: torch.device) -> AbstractContextManager[None]:
    """On a GPU fused attention sums its gradients in no fixed order."""
    return nullcontext() if device.type == "cpu" else sdpa_kernel(SDPBackend.MATH)


class _Kept:
    """What a stopped training goes on from."""

    def __init__(self, path: Path | None, trainee: Trainee, optimizer: torch.optim.Optimizer):
        """Put back into trainee and optimizer what the file has; None keeps nothing."""
        self._path, self._trainee, self._optimizer = path, trainee, optimizer
        self._next = time.monotonic() + EVERY_S
        self.steps = 0
        self.length: float | None = None
        tensors = None if path is None else read_tensors(path)
        if tensors is not None:
            self._restore(tensors)

    @torch.no_grad()
    def _restore(self, tensors: dict[str, Tensor]) -> None:
        self.steps, self.length = int(tensors["steps"]), float(tensors["length"])
        for name, weight in self._trainee.matrices().items():
            weight.copy_(tensors[name])
            self._optimizer.state[weight] = {
                "step": torch.tensor(float(self.steps)),
                **{m: tensors[f"{name}.{m}"].to(weight.device, copy=True) for m in MOMENTS},
            }

    def after(self, steps: int, length: float) -> None:
        """Keep it, if it is time."""
        start = time.monotonic()
        if start >= self._next:
            self.write(steps, length)
            now = time.monotonic()
            self._next = now + max(EVERY_S, (now - start) / WRITING)

    def write(self, steps: int, length: float) -> None:
        """Keep it, if the disk will have it."""
        if self._path is None:
            return
        tensors = {
            "steps": torch.tensor(steps),
            "length": torch.tensor(length, dtype=torch.float64),
        }
        for name, weight in self._trainee.matrices().items():
            tensors[name] = weight.detach().cpu()
            of_weight = self._optimizer.state[weight]
            tensors |= {f"{name}.{moment}": of_weight[moment].cpu() for moment in MOMENTS}
        with if_it_can_be_kept("What was trained"):
            write_tensors(self._path, tensors)


class Forecast:
    """Passes reports on; after the first steps says once how long all the rest will take."""

    def __init__(self, on_progress: OnProgress):
        self._pass_on = on_progress
        self._reports = 0

    def __call__(self, progress: Progress) -> None:
        self._reports += progress.seconds_left is not None
        if self._reports == FORECAST_AFTER and progress.done < progress.total:
            assert progress.seconds_left is not None
            note = (
                f"By the first steps' pace, training takes {in_time(progress.seconds_left)} more."
            )
            progress = progress._replace(note=note)
        self._pass_on(progress)


def activations(hf: PreTrainedModel, recipe: Recipe) -> int:
    """Bytes kept for the gradient of one term, about: a block's vectors, in its MLP and beside it,
    and what each head of attention keeps of every pair of tokens.
    """
    config, size = hf.config, hf.dtype.itemsize
    tokens = recipe.batch * recipe.tokens
    vectors = 16 * config.hidden_size + 5 * config.intermediate_size
    pairs = 3 * config.num_attention_heads * recipe.tokens
    return len(recipe.blocks) * tokens * (vectors + pairs) * size
