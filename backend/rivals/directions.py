"""Directions at the hook: the residual changed along one, at every token a clamp may touch.

What the directions are found from: the residuals at the SAE's hook of the setup's own corpora, each
token of the forget text against each of the retain text, positions that no clamp touches left out.

* difference-of-means: r' = r - s (m_f - m_r), steering by the difference of the means;
* projection: r' = r - s (r . u) u, u the unit vector along m_f - m_r: at s = 1 the directional
  ablation of Arditi et al. 2024 ("Refusal in language models is mediated by a single direction"),
  here at one hook rather than at all;
* leace: r' = r - s P (r - m), least-squares concept erasure of which text a token is from (Belrose
  et al. 2023), fitted by the library `concept-erasure`: at s = 1 the two texts have one mean, so
  no linear probe tells them apart;
* random-direction: r' = r - s |m_f - m_r| g, g a random unit vector: what a push of this length
  does by itself.

s is the strength of the rival. Each is an affine map of one token's residual, so all are one type.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from concept_erasure import LeaceFitter
from jaxtyping import Float
from torch import Tensor

from backend.data.corpora import Corpus
from backend.evaluation.recordings import observe
from backend.interventions.rival import Pushed
from backend.model.rows import Plan, Rows
from backend.model.runner import Runner
from backend.progress import OnProgress, Pace, silent
from backend.setups import Role
from backend.store import if_it_can_be_kept, key, read_tensors, write_tensors

FORMAT = 1
"""Raise when a direction of the same text changes."""
MOST_TOKENS = 200_000
"""Of each role's text: more move a mean and a covariance of thousands of numbers by little."""
SEED = 0


@dataclass(frozen=True)
class Direction:
    """added(r) = s (shift - ((r - centre) . probe) back), float32, all of shape (d_model)."""

    shift: Float[Tensor, " d_model"]
    centre: Float[Tensor, " d_model"]
    probe: Float[Tensor, " d_model"]
    back: Float[Tensor, " d_model"]

    def added(
        self, resid: Float[Tensor, "n d_model"], strength: float
    ) -> Float[Tensor, "n d_model"]:
        """What is added to each residual, float32. Each is summed by itself, so that it depends on
        nothing beside it.
        """
        shift, centre, probe, back = (
            part.to(resid.device) for part in (self.shift, self.centre, self.probe, self.back)
        )
        along = ((resid.float() - centre) * probe).sum(-1, keepdim=True)
        return strength * (shift - along * back)

    def push(
        self, resid: Float[Tensor, "n d_model"], strength: float
    ) -> Float[Tensor, "n d_model"]:
        """The residuals with what is added, in their own dtype."""
        return (resid.float() + self.added(resid, strength)).to(resid.dtype)


@dataclass(frozen=True)
class Moments:
    """Of the residuals at the hook, over the tokens of both texts; float64, on the CPU."""

    n: Float[Tensor, " role"]
    """Tokens of the forget and of the retain text."""
    mean: Float[Tensor, "role d_model"]
    mean_x: Float[Tensor, " d_model"]
    mean_z: Float[Tensor, " 1"]
    sigma_xx: Float[Tensor, "d_model d_model"]
    """Sums of products of deviations, not divided; so is sigma_xz. z is 1 in the forget text."""
    sigma_xz: Float[Tensor, "d_model 1"]

    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def difference(self) -> Float[Tensor, " d_model"]:
        """The forget text's mean minus the retain text's."""
        return self.mean[0] - self.mean[1]


class Collected:
    """Moments in the making, batch by batch; nothing of the residuals is kept."""

    def __init__(self, d_model: int, device: torch.device | str = "cpu"):
        self._fitter = LeaceFitter(d_model, 1, device=device, dtype=torch.float64)
        self._n = torch.zeros(2, dtype=torch.float64, device=device)
        self._sum = torch.zeros(2, d_model, dtype=torch.float64, device=device)

    def add(self, role: Role, resid: Float[Tensor, "token d_model"]) -> None:
        if not len(resid):
            return
        resid = resid.double()
        forget = role == "forget"
        self._fitter.update(resid, torch.full((len(resid), 1), float(forget), device=resid.device))
        place = 0 if forget else 1
        self._n[place] += len(resid)
        self._sum[place] += resid.sum(0)

    def moments(self) -> Moments:
        fitter = self._fitter
        assert fitter.sigma_xx_ is not None
        found = (
            self._n,
            self._sum / self._n[:, None].clamp(min=1),
            fitter.mean_x,
            fitter.mean_z,
            fitter.sigma_xx_,
            fitter.sigma_xz_,
        )
        return Moments(*(tensor.cpu() for tensor in found))


def direction(kind: Pushed, of: Moments) -> Direction:
    """See the module's text."""
    difference = of.difference
    length = difference.norm()
    nothing = torch.zeros_like(difference)
    if kind == "difference-of-means":
        found = (-difference, nothing, nothing, nothing)
    elif kind == "projection":
        unit = difference / length.clamp(min=1e-12)
        found = (nothing, nothing, unit, unit)
    elif kind == "leace":
        found = (nothing, *_leace(of))
    else:
        drawn = torch.randn(len(difference), generator=torch.Generator().manual_seed(SEED)).double()
        found = (-drawn / drawn.norm() * length, nothing, nothing, nothing)
    return Direction(*(part.float() for part in found))


def _leace(of: Moments) -> tuple[Tensor, Tensor, Tensor]:
    """Centre, probe and back of the library's eraser, which is of rank one for two classes."""
    fitter = LeaceFitter(len(of.mean_x), 1, dtype=torch.float64)
    fitter.n = of.n.sum().long()
    fitter.mean_x, fitter.mean_z = of.mean_x, of.mean_z
    fitter.sigma_xx_, fitter.sigma_xz_ = of.sigma_xx, of.sigma_xz
    eraser = fitter.eraser
    assert eraser.bias is not None
    return eraser.bias, eraser.proj_right[0], eraser.proj_left[:, 0]


@torch.inference_mode()
def measured(
    load: Callable[[], Runner],
    corpora: Sequence[Corpus],
    path: Path,
    on_progress: OnProgress = silent,
) -> Moments:
    """The moments of the corpora's residuals: read from `path`, or computed and kept there, for
    which alone a model is loaded.

    Raising from `on_progress` cancels.
    """
    if (kept := read_tensors(path)) is not None:
        return Moments(**kept)
    runner = load()
    collected = Collected(runner.model.d_model, runner.model.device)
    plans = [(role, Plan.whole(Rows.of_text(ids))) for role, ids in _texts(corpora)]
    total = sum(plan.rows.n_tokens for _, plan in plans)
    pace = Pace("Finding the directions between the texts", total, on_progress)
    for role, plan in plans:
        every = torch.arange(plan.rows.n_rows)
        for seen in runner.batches(plan, every, partial(observe, runner, plan)):
            counted = ~seen.exempt.to(seen.resid.device)
            collected.add(role, seen.resid[0, : seen.batch.n][counted])
            pace.advance(seen.batch.n)
    found = collected.moments()
    with if_it_can_be_kept("The directions between the texts"):
        write_tensors(path, found.tensors())
    return found


def fingerprint(corpora: Sequence[Corpus]) -> str:
    """What a direction is called: the text it is found from, by content."""
    texts = [[corpus.role, corpus.ids] for corpus in corpora]
    return key({"format": FORMAT, "most": MOST_TOKENS, "texts": texts})[:12]


def _texts(corpora: Sequence[Corpus]) -> Iterable[tuple[Role, list[list[int]]]]:
    """Each corpus' rows; of one with more than MOST_TOKENS the first of them, in a drawn order."""
    for corpus in corpora:
        rows, n = list(corpus.ids), 0
        random.Random(SEED).shuffle(rows)
        some = []
        for ids in rows:
            if n >= MOST_TOKENS:
                break
            some.append(ids)
            n += len(ids)
        yield corpus.role, some
