"""One streaming pass over a corpus: exact statistics of every feature, and the activations worth
keeping.

A small corpus is kept whole. Of a large one (a 16k-feature SAE fires about 140 million times on two
million tokens) these are kept: every activation on a random sample of rows, which histograms,
intervals and co-firing are taken from; and each feature's own activations on the rows on which it
fires strongest, which its top examples are. Counts, sums and maxima are over all tokens either way.
No dense matrix of features outlives its batch.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.corpora import Corpus
from backend.evaluation.recordings import observe
from backend.model.activations import FeatureActs, by_feature
from backend.model.held import Held
from backend.model.rows import Plan, Rows
from backend.model.runner import Runner
from backend.parts import Parts
from backend.progress import OnProgress, Pace
from backend.store import if_it_can_be_kept, key, read_tensors, write_tensors

SCAN_FORMAT = 1
"""Raise when what is stored of a scan changes its meaning."""
MOST_KEPT = 12_000_000
"""Activations kept on sampled rows, eight bytes each: two corpora stay under 200 MB."""
TOP_ROWS = 64
"""Rows kept for each feature, by its strongest activation there; at least features.TOP_ACTS, so
that those are exact.
"""


@dataclass(frozen=True)
class FeatureStats:
    """Over all tokens of a corpus that are not exempt."""

    count: Int[Tensor, " d_sae"]
    """Tokens on which the feature fires."""
    total: Float[Tensor, " d_sae"]
    """Sum of its activations (float64)."""
    max_act: Float[Tensor, " d_sae"]
    """Its largest activation, 0 if it never fires."""


@dataclass(frozen=True)
class ScannedCorpus:
    corpus: Corpus
    start: Int[Tensor, " row_plus_1"]
    """Row r owns the tokens start[r] .. start[r + 1]."""
    n_counted: int
    """Tokens a feature could fire on: exempt positions are not among them."""
    stats: FeatureStats
    acts: FeatureActs
    """The kept activations. On a row in `whole`: all there are. On another: those of the features
    that count it among their TOP_ROWS strongest, complete for these features on that row. So a
    feature's strongest rows are right always; anything that must be a fair sample (histogram,
    intervals, co-firing) takes `sampled` entries only.
    """
    whole: Bool[Tensor, " row"]
    """Rows of which every activation is kept: all of a small corpus, else a random sample."""
    n_whole: int
    """Tokens on those rows that are not exempt: what shares of `sampled` entries are of."""

    @property
    def complete(self) -> bool:
        """Whether nothing was left out."""
        return bool(self.whole.all())

    def row_of(self, token: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
        return torch.searchsorted(self.start, token, right=True) - 1

    def sampled(self, feature: int) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
        """Tokens and activations of a feature on the rows in `whole`: a fair sample of all."""
        token, value = self.acts.of(feature)
        mine = self.whole[self.row_of(token)]
        return token[mine], value[mine]


def scan(held: Held, corpus: Corpus, folder: Path, on_progress: OnProgress) -> ScannedCorpus:
    """The corpus with its activations, from `folder` as far as it was scanned before."""
    rows = Rows.of_text(corpus.ids)
    name = f"corpus_{corpus.role}_{key({'format': SCAN_FORMAT, 'texts': corpus.texts})}"
    path = folder / f"{name}.safetensors"
    tensors = read_tensors(path)
    if tensors is None:
        parts = Parts(folder / f"{name}.parts-{held.budget}")
        tensors = scan_rows(held.runner, rows, f"Scanning {corpus.title}", parts, on_progress)
        with if_it_can_be_kept(f"The scan of {corpus.title}"):
            write_tensors(path, tensors)
            parts.remove()
    return ScannedCorpus(
        corpus,
        rows.start,
        int(tensors["n_counted"]),
        FeatureStats(tensors["count"], tensors["total"], tensors["max_act"]),
        FeatureActs.from_tensors(tensors),
        tensors["whole"],
        int(tensors["n_whole"]),
    )


def scan_rows(
    runner: Runner,
    rows: Rows,
    stage: str,
    parts: Parts,
    on_progress: OnProgress,
    most: int = MOST_KEPT,
) -> dict[str, Tensor]:
    """What `scan` stores of these rows; goes on after what `parts` has."""
    kept = Kept(rows, runner.sae.d_sae, most)
    exempt = torch.zeros(rows.n_tokens, dtype=torch.bool)
    plan = Plan.whole(rows)

    def run(chosen: Tensor) -> dict[str, Tensor]:
        return observe(runner, plan, chosen).kept()

    batches = plan.batches(torch.arange(rows.n_rows), runner.budget)
    pace = Pace(stage, rows.n_tokens, on_progress)
    for piece in parts.through(batches, lambda chosen: runner.halving.run(chosen, run), pace):
        exempt[piece["token"]] = piece["exempt"]
        kept.add(piece["fired_at"], piece["fired"], piece["value"])
    acts, whole = kept.finish()
    counted = torch.zeros(rows.n_rows, dtype=torch.int64)  # (row): tokens that are not exempt
    counted = counted.index_add(0, rows.row_of_token(), (~exempt).long())
    return {
        **acts.tensors(),
        "count": kept.count,
        "total": kept.total,
        "max_act": kept.max_act,
        "whole": whole,
        "n_counted": counted.sum(),
        "n_whole": counted[whole].sum(),
    }


class Kept:
    """Takes entries batch by batch; a row's entries come in one batch. Holds at most about 2.5
    times `most` of them.
    """

    def __init__(self, rows: Rows, d_sae: int, most: int, top_rows: int = TOP_ROWS):
        self.count = torch.zeros(d_sae, dtype=torch.int64)
        self.total = torch.zeros(d_sae, dtype=torch.float64)
        self.max_act = torch.zeros(d_sae)
        self._n_rows = rows.n_rows
        self._most = most
        self._top_rows = top_rows
        self._row_of_token = rows.row_of_token()
        drawn = torch.randperm(rows.n_rows, generator=torch.Generator().manual_seed(0))
        self._rank = torch.empty(rows.n_rows, dtype=torch.int64)
        self._rank[drawn] = torch.arange(rows.n_rows)
        # Rows of a smaller rank are kept whole; it only ever falls, so none of them lost anything.
        self._limit = rows.n_rows
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []
        self._held, self._room = 0, 1.5 * most

    def add(
        self, token: Int[Tensor, " n"], feature: Int[Tensor, " n"], value: Float[Tensor, " n"]
    ) -> None:
        feature = feature.long()
        self.count += torch.bincount(feature, minlength=len(self.count))
        self.total.index_add_(0, feature, value.double())
        self.max_act.scatter_reduce_(0, feature, value.float(), "amax")
        self._parts.append((token, feature.int(), value.float()))
        self._held += len(token)
        if self._held > self._room:
            self._thin()

    def finish(self) -> tuple[FeatureActs, Bool[Tensor, " row"]]:
        if self._limit < self._n_rows or self._held > self._most:
            self._thin()
        return by_feature(self._parts, len(self.count)), self._rank < self._limit

    def _thin(self) -> None:
        """Drop what is neither on a sampled row nor on one of its feature's strongest rows."""
        token, feature, value = (torch.cat(column) for column in zip(*self._parts, strict=True))
        row = self._row_of_token[token.long()]
        rank = self._rank[row]
        per_rank = torch.bincount(rank[rank < self._limit], minlength=self._limit)
        self._limit = int((per_rank.cumsum(0) <= self._most).sum())
        keep = (rank < self._limit) | self._on_top_rows(feature.long() * self._n_rows + row, value)
        self._parts = [(token[keep], feature[keep], value[keep])]
        self._held = int(keep.sum())
        self._room = self._held + 0.5 * self._most

    def _on_top_rows(
        self, cell: Int[Tensor, " n"], value: Float[Tensor, " n"]
    ) -> Bool[Tensor, " n"]:
        """Whether each entry's row is among its feature's strongest.

        `cell` is feature * n_rows + row.
        """
        cells, inverse = torch.unique(cell, return_inverse=True)  # (cell), (n): each entry's cell
        best = torch.zeros(len(cells)).scatter_reduce(0, inverse, value, "amax")
        order = torch.argsort(best, descending=True, stable=True)
        order = order[torch.argsort(cells[order] // self._n_rows, stable=True)]
        feature = cells[order] // self._n_rows
        place = torch.arange(len(cells)) - torch.searchsorted(feature, feature)
        on_top = torch.empty(len(cells), dtype=torch.bool)
        on_top[order] = place < self._top_rows
        return on_top[inverse]
