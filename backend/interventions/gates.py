"""Gates: whether a setting acts on a sequence at all, decided by where its features fire. Pure.

A sequence x has L positions; x_tf is 1 where clamped feature f fires (activation above the
method's threshold) at position t. BOS and other exempt positions count, as silent.

* rho = #{t : any f fires} / L (Muhamed et al. 2025, Dynamic SAE Guardrails,
  evals/unlearning/utils: "BOS zeroed", their denominator is the whole sequence)
* window = the largest mean over w positions in a row of "any f fires"; of all positions where
  L < w
* cusum = max_t S_t, S_t = max(0, S_(t-1) + LLR_t), S_0 = 0,
  LLR_t = sum_f [ x_tf ln(p_f / q_f) + (1 - x_tf) ln((1 - p_f) / (1 - q_f)) ], where p_f and q_f
  are the shares of forget and of retain question tokens (selection half) at which f fires, within
  [1e-4, 1 - 1e-4] (Page's 1954 test, without drift)

It opens where the statistic, rounded to six decimals, is strictly above tau. Rounding makes a tie
with a calibrated tau the same whatever the sums' order.

In cloze each option is a sequence of its own: prefix and option, but for the option's last token,
which nothing reads. Only recorded activations are needed, so what opens is known before a forward
pass.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.data.questions import PREFIX
from backend.interventions.edit import fired_at, fires
from backend.interventions.method import Gate, Setting
from backend.model.activations import FeatureActs
from backend.model.rows import Rows

DECIMALS = 6
RATE = 1e-4
"""Rates are kept this far from 0 and 1."""
CHUNK = 4096
"""Sequences of which a cusum is computed at a time, to bound memory."""


@dataclass(frozen=True)
class Rates:
    """How often each clamped feature fires on tokens to forget, p, and on the others, q."""

    forget: Float[Tensor, " feature"]
    retain: Float[Tensor, " feature"]


def fire_rates(
    acts: FeatureActs,
    setting: Setting,
    forget: Bool[Tensor, " token"],
    retain: Bool[Tensor, " token"],
) -> Rates:
    """Shares of the tokens of each kind at which each clamped feature fires (float64)."""

    def share(token: Tensor, mine: Tensor) -> float:
        n = int(mine.sum())
        return int(mine[token].sum()) / n if n else 0.0

    fired = [fires(acts, feature, setting.method.threshold)[0] for feature in setting.features]

    def rates(mine: Tensor) -> Tensor:
        found = torch.tensor([share(token, mine) for token in fired], dtype=torch.float64)
        return found.clamp(RATE, 1 - RATE)

    return Rates(rates(forget), rates(retain))


def signal_of(
    acts: FeatureActs,
    setting: Setting,
    gate: Gate,
    fired: Bool[Tensor, " token"],
    rates: Rates | None,
) -> Float[Tensor, " token"]:
    """What the gate adds up along the tokens: 1 where any clamped feature fires; for cusum, the
    log-likelihood ratio in nats (float64). `fired`: where any fires.
    """
    if gate.kind != "cusum":
        return fired.double()
    if rates is None:
        raise ValueError("a cusum needs the rates at which features fire")
    silent = ((1 - rates.forget) / (1 - rates.retain)).log()
    firing = (rates.forget / rates.retain).log() - silent
    out = torch.full((len(fired),), float(silent.sum()), dtype=torch.float64)
    for gain, feature in zip(firing.tolist(), setting.features, strict=True):
        out[fires(acts, feature, setting.method.threshold)[0]] += gain
    return out


@dataclass(frozen=True)
class Sequences:
    """The sequences that packed rows stand for: a row without branches is one; of a row with
    branches, its prefix with each branch that is read.
    """

    rows: Rows

    @cached_property
    def _keys(self) -> Int[Tensor, " sequence"]:
        """Row and branch of each, as one ascending number."""
        keys: Tensor = torch.unique(self._key_of_entry)
        return keys

    @cached_property
    def _key_of_entry(self) -> Int[Tensor, " entry"]:
        rows = self.rows
        branch = rows.branch[rows.read_at()].long()
        # An option of one token has no token of its own: its sequence is the prefix.
        branch = torch.where(branch == PREFIX, rows.score_choice.long(), branch)
        branched = self._branched[rows.row_of_entry()]
        return rows.row_of_entry() * self._width + torch.where(branched, branch, 0)

    @cached_property
    def _branched(self) -> Bool[Tensor, " row"]:
        out = torch.zeros(self.rows.n_rows, dtype=torch.bool)
        out[self.rows.row_of_token()[self.rows.branch != PREFIX]] = True
        return out

    @cached_property
    def _width(self) -> int:
        branches = int(self.rows.branch.max()) + 1 if self.rows.n_tokens else 0
        choices = int(self.rows.score_choice.max()) + 1 if len(self.rows.score_choice) else 0
        return max(branches, choices, 1)

    def __len__(self) -> int:
        return len(self._keys)

    @cached_property
    def row(self) -> Int[Tensor, " sequence"]:
        row: Tensor = self._keys // self._width
        return row

    @cached_property
    def branch(self) -> Int[Tensor, " sequence"]:
        """PREFIX for a row without branches."""
        return torch.where(self._branched[self.row], self._keys % self._width, PREFIX)

    @cached_property
    def of_entry(self) -> Int[Tensor, " entry"]:
        """The sequence each score entry is read in."""
        return torch.searchsorted(self._keys, self._key_of_entry)

    @cached_property
    def of_choice(self) -> Int[Tensor, "row choice"]:
        """The sequence each choice is read in; -1 where a row has no such choice."""
        rows = self.rows
        n_choices = int(rows.score_choice.max()) + 1 if len(rows.score_choice) else 0
        out = torch.full((rows.n_rows, n_choices), -1)
        out[rows.row_of_entry(), rows.score_choice.long()] = self.of_entry
        return out

    @cached_property
    def of_branch_token(self) -> Int[Tensor, " token"]:
        """The sequence of a token that has one alone; -1 for a prefix that several share."""
        rows = self.rows
        row, branch = rows.row_of_token(), rows.branch.long()
        branched = self._branched[row]
        key = row * self._width + torch.where(branched, branch.clamp(min=0), 0)
        place = torch.searchsorted(self._keys, key).clamp(max=max(len(self) - 1, 0))
        there = (self._keys[place] == key) if len(self) else torch.zeros_like(branched)
        return torch.where(there & ~(branched & (branch == PREFIX)), place, -1)

    @cached_property
    def _lengths(self) -> tuple[Tensor, Tensor]:
        """Tokens of each sequence's prefix, and in all."""
        rows = self.rows
        n_prefix = torch.bincount(
            rows.row_of_token()[rows.branch == PREFIX], minlength=rows.n_rows
        )[self.row]
        own = self.of_branch_token[(rows.branch != PREFIX) & (self.of_branch_token >= 0)]
        return n_prefix, n_prefix + torch.bincount(own, minlength=len(self))

    @cached_property
    def length(self) -> Int[Tensor, " sequence"]:
        return self._lengths[1]

    @cached_property
    def _begin(self) -> Int[Tensor, " sequence"]:
        """Where the branch begins in the stream."""
        rows = self.rows
        begin = torch.full((len(self),), rows.n_tokens)
        mine = ((rows.branch != PREFIX) & (self.of_branch_token >= 0)).nonzero().squeeze(-1)
        return begin.scatter_reduce(0, self.of_branch_token[mine], mine, "amin")

    def tokens(
        self, chosen: Int[Tensor, " n"]
    ) -> tuple[Int[Tensor, "n most"], Bool[Tensor, "n most"]]:
        """Places in the stream of the chosen sequences' tokens, and which are real."""
        n_prefix, length = self._lengths[0][chosen, None], self.length[chosen, None]
        position = torch.arange(int(length.max()) if len(chosen) else 0)[None]
        prefix = self.rows.start[self.row[chosen], None] + position
        own = self._begin[chosen, None] + position - n_prefix
        real = position < length
        return torch.where(real, torch.where(position < n_prefix, prefix, own), 0), real


def along(
    signal: Float[Tensor, "sequence pos"], real: Bool[Tensor, "sequence pos"], gate: Gate
) -> Float[Tensor, "sequence pos"]:
    """The statistic of each sequence as far as each position: what it would be if it ended there.

    Past its end a sequence keeps its last.
    """
    signal = signal.masked_fill(~real, 0.0)
    seen = real.cumsum(1).clamp(min=1)
    if gate.kind == "rho":
        return signal.cumsum(1) / seen
    if gate.kind == "window":
        total = signal.cumsum(1)
        before = torch.nn.functional.pad(total, (gate.width, 0))[:, : total.shape[1]]
        # The largest count so far over the positions a window has, or over all that there are.
        return (total - before).cummax(1).values / seen.clamp(max=gate.width)
    out, sum_so_far = torch.zeros_like(signal), torch.zeros(len(signal), dtype=signal.dtype)
    best = torch.zeros_like(sum_so_far)
    for position in range(signal.shape[1]):
        stepped = (sum_so_far + signal[:, position]).clamp(min=0)
        sum_so_far = torch.where(real[:, position], stepped, sum_so_far)
        best = torch.maximum(best, sum_so_far)
        out[:, position] = best
    return out


def rounded(statistic: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    return statistic.round(decimals=DECIMALS)


def statistics_of(
    sequences: Sequences, signal: Float[Tensor, " token"], gate: Gate
) -> Float[Tensor, " sequence"]:
    """The gate's statistic of each sequence, rounded (float64)."""
    out = torch.zeros(len(sequences), dtype=torch.float64)
    by_length = torch.argsort(sequences.length, stable=True)
    for begin in range(0, len(sequences), CHUNK):
        chosen = by_length[begin : begin + CHUNK]
        token, real = sequences.tokens(chosen)
        if real.shape[1]:
            out[chosen] = along(signal[token], real, gate)[:, -1]
    return rounded(out)


@dataclass(frozen=True)
class Opening:
    """Which sequences of packed rows a gate opens, and by how much."""

    gate: Gate
    sequences: Sequences
    fired: Bool[Tensor, " token"]
    """Where any clamped feature fires."""
    signal: Float[Tensor, " token"]
    statistic: Float[Tensor, " sequence"]

    @cached_property
    def open(self) -> Bool[Tensor, " sequence"]:
        return self.statistic > self.gate.tau

    @cached_property
    def tokens(self) -> Bool[Tensor, " token"]:
        """Tokens of a sequence that is open; of a shared prefix, where any is."""
        alone = self.sequences.of_branch_token
        open_row = self.rows > 0
        shared = open_row[self.sequences.rows.row_of_token()]
        own = self.open[alone.clamp(min=0)] if len(self.open) else shared
        prefix = self.sequences.rows.branch == PREFIX
        return torch.where(alone >= 0, own, prefix & shared)

    @cached_property
    def entries(self) -> Bool[Tensor, " entry"]:
        """Score entries that are read in an open sequence."""
        return self.open[self.sequences.of_entry]

    @cached_property
    def rows(self) -> Int[Tensor, " row"]:
        """How many of a row's sequences are open."""
        return torch.bincount(self.sequences.row[self.open], minlength=self.sequences.rows.n_rows)

    @cached_property
    def of_row(self) -> Float[Tensor, " row"]:
        """The largest statistic of a row's sequences: it is open where this one is."""
        out = torch.zeros(self.sequences.rows.n_rows, dtype=torch.float64)
        return out.scatter_reduce(0, self.sequences.row, self.statistic, "amax", include_self=False)


def opening(
    rows: Rows, acts: FeatureActs, setting: Setting, rates: Rates | None = None
) -> Opening | None:
    """What the setting's gate opens; None for one without a gate, which acts everywhere."""
    gate = setting.method.gate
    if gate is None or not setting:
        return None
    fired = fired_at(acts, setting.features, setting.method.threshold, rows.n_tokens)
    signal = signal_of(acts, setting, gate, fired, rates)
    sequences = Sequences(rows)
    return Opening(gate, sequences, fired, signal, statistics_of(sequences, signal, gate))
