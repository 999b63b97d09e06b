"""What an edit changes, and so makes necessary to run: tokens, score entries, questions. Pure."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from backend.data.questions import PREFIX
from backend.evaluation.recordings import Recording
from backend.interventions.edit import Edit, edit_of, fired_at
from backend.interventions.gates import Opening, Rates, opening
from backend.interventions.method import Setting
from backend.model.activations import FeatureActs
from backend.model.rows import Plan, Rows


def affected_questions(
    recording: Recording, setting: Setting, rates: Rates | None = None
) -> Bool[Tensor, " question"]:
    """Questions in which something is read that sees a token at which a clamped feature fires, in
    a sequence whose gate is open.

    What fires where nothing is read after it, such as at a text's last token, affects nothing.
    """
    rows, acts = recording.rows, recording.acts
    opened = opening(rows, acts, setting, rates)
    fired = fired_at(acts, setting.features, setting.method.threshold, rows.n_tokens)
    hit = (fired if opened is None else fired & opened.tokens).nonzero().squeeze(-1)
    _, read = changed(rows, hit, opened)
    out = torch.zeros(rows.n_rows, dtype=torch.bool)
    out[rows.row_of_entry()[read]] = True
    return out


def effective_edit(rows: Rows, acts: FeatureActs, setting: Setting, opened: Opening | None) -> Edit:
    """What the setting adds where it can change what is read."""
    at = read_after(rows)
    return edit_of(acts, setting, at if opened is None else at & opened.tokens)


def read_after(rows: Rows) -> Bool[Tensor, " token"]:
    """Tokens that something which is read sees, or is."""
    shared, own, n_groups = _groups(rows)
    read_at = rows.read_at()
    last = torch.full((n_groups,), -1)
    # A prefix is seen from every branch: what is read in one counts for both.
    last = last.scatter_reduce(
        0, torch.cat([own[read_at], shared[read_at]]), read_at.repeat(2), "amax"
    )
    return torch.arange(rows.n_tokens) <= last[own]


def changed_tokens(rows: Rows, hit: Int[Tensor, " hit"]) -> Bool[Tensor, " token"]:
    """Tokens that see one at which an edit is made, or are one.

    Those after it in its branch; where it is in the prefix, those after it in the whole row.
    """
    shared, own, n_groups = _groups(rows)
    first = torch.full((n_groups,), rows.n_tokens)
    first = first.scatter_reduce(0, own[hit], hit, "amin")  # (group): its first token that is hit
    place = torch.arange(rows.n_tokens)
    return (place >= first[shared]) | (place >= first[own])


def _groups(rows: Rows) -> tuple[Int[Tensor, " token"], Int[Tensor, " token"], int]:
    """For each token the group of its row's prefix and its own; and how many groups there are.

    A group is a row's prefix or one of its branches.
    """
    each = int(rows.branch.max()) + 2 if rows.n_tokens else 1
    shared = rows.row_of_token() * each
    return shared, shared + rows.branch - PREFIX, rows.n_rows * each


def changed(
    rows: Rows, hit: Int[Tensor, " hit"], opened: Opening | None = None
) -> tuple[Bool[Tensor, " token"], Bool[Tensor, " entry"]]:
    """Tokens an edit at `hit` changes, and score entries that are read otherwise.

    A prefix is edited for the options whose gate is open: the others' tokens and entries stay.
    """
    tokens = changed_tokens(rows, hit)
    if opened is not None:
        tokens &= opened.tokens
    read = tokens[rows.read_at()]
    return tokens, read if opened is None else read & opened.entries


def plan_of_change(
    rows: Rows,
    hit: Int[Tensor, " hit"],
    have: Bool[Tensor, " token"] | None = None,
    opened: Opening | None = None,
) -> Plan:
    """What an edit at the tokens `hit` makes necessary to run.

    The tokens that change run. Of the others they see, the prefix and the branches with a change,
    those whose keys are at hand (`have`) are context, and the rest runs too. Branches without a
    change, and those whose gate is closed, keep their scores.
    """
    tokens, read = changed(rows, hit, opened)
    shared, own, n_groups = _groups(rows)
    in_change = torch.zeros(n_groups, dtype=torch.bool)
    in_change[own[tokens]] = True
    in_change[shared[tokens]] = True
    seen = in_change[own] & ~tokens
    context = seen & (torch.zeros_like(seen) if have is None else have)
    return Plan.of(rows, tokens | (seen & ~context), context, read)
