"""The feature table: what the scanned corpora, the recorded questions and the weights say of every
feature.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from jaxtyping import Bool
from torch import Tensor

from backend.data.questions import QuestionSets
from backend.evaluation.recordings import Recording
from backend.features import measures as F
from backend.features.logit_lens import read_out
from backend.features.scan import ScannedCorpus
from backend.model.held import Held
from backend.model.runner import Runner
from backend.progress import OnProgress, Progress
from backend.store import if_it_can_be_kept, key, read_table, write_table

TABLE_FORMAT = 5
"""Raise when the table's columns or their meaning change."""


def prepared_table(
    held: Held,
    sets: QuestionSets,
    recording: Recording,
    corpora: Sequence[ScannedCorpus],
    selection: Bool[Tensor, " question"],
    folder: Path,
    on_progress: OnProgress,
) -> pd.DataFrame:
    """`describe`, read from `folder` where it was computed before, else computed and kept."""
    path = folder / f"features_{table_key(corpora, selection)}.parquet"
    table = read_table(path)
    if table is None:
        table = describe(held.runner, sets, recording, corpora, selection, on_progress)
        with if_it_can_be_kept("The table of features"):
            write_table(path, table)
    return table


def table_key(corpora: Sequence[ScannedCorpus], selection: Bool[Tensor, " question"]) -> str:
    """Changes with whatever can change the table of one recording."""
    texts = [s.corpus.texts for s in corpora]
    return key({"format": TABLE_FORMAT, "texts": texts, "selection": selection.tolist()})


@torch.inference_mode()
def describe(
    runner: Runner,
    sets: QuestionSets,
    recording: Recording,
    corpora: Sequence[ScannedCorpus],
    selection: Bool[Tensor, " question"],
    on_progress: OnProgress,
) -> pd.DataFrame:
    """One row a feature: densities, means, maximum, words, promoted tokens, and on how many
    questions it fires.

    forget_mean and retain_mean are means of the raw activation over all counted tokens of a corpus,
    zeros included. Columns on_NAME count the questions of a set, fires_forget and fires_retain
    those of a role (fires_forget_selection and fires_retain_selection: of the selection half
    alone), known_forget and known_retain those of a role that the model answers right without a
    clamp. Labels are not in it: they change while the rest stands (see backend.features.labels).
    """
    stage, d_sae = "Describing the features", runner.sae.d_sae
    on_progress(Progress(stage, 0, d_sae, None))
    forget, retain = (
        next(s for s in corpora if s.corpus.role == role) for role in ("forget", "retain")
    )
    promoted, suppressed = read_out(runner.model, runner.sae.W_dec, on_progress)
    fired = F.questions_per_set(recording, sets)  # this and the next two: (d_sae, set)
    fired_selection = F.questions_per_set(recording, sets, selection)
    fired_known = F.questions_per_set(recording, sets, answered_right(sets, recording))
    of_role = {
        role: [i for i, s in enumerate(sets) if s.role == role] for role in ("forget", "retain")
    }
    scanned = [(F.WordsOf(s.corpus, s.start), s.acts) for s in (forget, retain)]
    words = []
    for feature in range(d_sae):
        words.append(F.top_words(scanned, feature))
        if feature % 512 == 0:
            on_progress(Progress(stage, feature, d_sae, None))
    selectivity = F.selectivity(
        forget.stats.count, retain.stats.count, forget.n_counted, retain.n_counted
    )
    return pd.DataFrame(
        {
            "feature": range(d_sae),
            "forget_density": (forget.stats.count / forget.n_counted).numpy(),
            "retain_density": (retain.stats.count / retain.n_counted).numpy(),
            "forget_mean": (forget.stats.total / forget.n_counted).numpy(),
            "retain_mean": (retain.stats.total / retain.n_counted).numpy(),
            "selectivity": selectivity.numpy(),
            "max_act": torch.maximum(forget.stats.max_act, retain.stats.max_act).numpy(),
            "top_words": words,
            "promoted": promoted,
            "suppressed": suppressed,
            **{f"on_{s.name}": fired[:, i].numpy() for i, s in enumerate(sets)},
            **{f"fires_{role}": fired[:, mine].sum(1).numpy() for role, mine in of_role.items()},
            **{
                f"known_{role}": fired_known[:, mine].sum(1).numpy()
                for role, mine in of_role.items()
            },
            **{
                f"fires_{role}_selection": fired_selection[:, mine].sum(1).numpy()
                for role, mine in of_role.items()
            },
        }
    )


def answered_right(sets: QuestionSets, recording: Recording) -> Bool[Tensor, " question"]:
    """Questions the model answers right without a clamp."""
    return recording.baseline.argmax(-1) == sets.answers
