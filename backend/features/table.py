"""The feature table: what the scanned corpora, the recorded questions and the weights say of every
feature.
"""

from collections.abc import Sequence
from functools import cache

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from backend.data.questions import QuestionSet
from backend.evaluation.recordings import Recording
from backend.features import measures as F
from backend.features.scan import ScannedCorpus
from backend.model.sae import LoadedSae
from backend.model.split import SplitModel
from backend.progress import OnProgress, Pace, Progress, silent

TABLE_FORMAT = 4
"""Raise when the table's columns or their meaning change."""
READ_OUT = 10
"""Tokens listed as promoted, and as suppressed."""


@torch.inference_mode()
def describe(
    model: SplitModel,
    sae: LoadedSae,
    sets: Sequence[QuestionSet],
    recording: Recording,
    corpora: Sequence[ScannedCorpus],
    selection: Bool[Tensor, " question"],
    on_progress: OnProgress,
) -> pd.DataFrame:
    """One row a feature: densities, means, maximum, words, promoted tokens, and on how many
    questions it fires.

    forget_mean and retain_mean are means of the raw activation over all counted tokens of a corpus,
    zeros included. Columns on_NAME count the questions of a set, fires_forget and fires_retain
    those of a role, known_forget and known_retain those of a role that the model answers right
    without a clamp, and fires_retain_selection the retain questions of the selection half alone.
    Labels are not in it: they change while the rest stands (see backend.features.labels).
    """
    stage = "Describing the features"
    on_progress(Progress(stage, 0, sae.d_sae, None))
    forget, retain = (
        next(s for s in corpora if s.corpus.role == role) for role in ("forget", "retain")
    )
    promoted, suppressed = read_out(model, sae.W_dec, on_progress)
    set_of = F.set_of_question(sets)
    fired = F.questions_fired_on(recording, set_of, len(sets))
    fired_selection = F.questions_fired_on(recording, set_of, len(sets), selection)
    fired_known = F.questions_fired_on(
        recording, set_of, len(sets), answered_right(sets, recording)
    )
    of_role = {
        role: [i for i, s in enumerate(sets) if s.role == role] for role in ("forget", "retain")
    }
    scanned, words = [(F.WordsOf(s.corpus, s.start), s.acts) for s in (forget, retain)], []
    for feature in range(sae.d_sae):
        words.append(F.top_words(scanned, feature))
        if feature % 512 == 0:
            on_progress(Progress(stage, feature, sae.d_sae, None))
    return pd.DataFrame(
        {
            "feature": range(sae.d_sae),
            "forget_density": (forget.stats.count / forget.n_counted).numpy(),
            "retain_density": (retain.stats.count / retain.n_counted).numpy(),
            "forget_mean": (forget.stats.total / forget.n_counted).numpy(),
            "retain_mean": (retain.stats.total / retain.n_counted).numpy(),
            "selectivity": (
                F.selectivity(
                    forget.stats.count, retain.stats.count, forget.n_counted, retain.n_counted
                ).numpy()
            ),
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
            "fires_retain_selection": fired_selection[:, of_role["retain"]].sum(1).numpy(),
        }
    )


def answered_right(sets: Sequence[QuestionSet], recording: Recording) -> Bool[Tensor, " question"]:
    """Questions the model answers right without a clamp."""
    answer = torch.tensor([question.answer for s in sets for question in s.questions])
    return recording.baseline.argmax(-1) == answer


def read_out(
    model: SplitModel,
    W_dec: Float[Tensor, "d_sae d_model"],
    on_progress: OnProgress = silent,
    features: int = 1024,
    tokens: int = 32_768,
) -> tuple[list[list[str]], list[list[str]]]:
    """The tokens each decoder direction promotes most, and suppresses most.

    `features` and `tokens` are taken at a time: Gemma's vocabulary in float32, all at once, would
    take 2.4 GB.
    """
    gain, unembed = norm_gain(model.norm), model.hf.get_output_embeddings().weight
    pace = Pace("Reading out what the features promote", len(unembed), on_progress)
    best = [[_Best(part, largest) for part in W_dec.split(features)] for largest in (True, False)]
    for begin in range(0, len(unembed), tokens):
        block = unembed[begin : begin + tokens].float()
        for promoting, suppressing in zip(*best, strict=True):
            effect = F.logit_effect(promoting.directions, gain, block)
            promoting.take(effect, begin)
            suppressing.take(effect, begin)
        pace.advance(len(block))
    decode = cache(lambda token: model.tokenizer.decode([token]))
    promoted, suppressed = (
        [[decode(token) for token in row] for part in side for row in part.ids.tolist()]
        for side in best
    )
    return promoted, suppressed


class _Best:
    """The READ_OUT tokens of largest (or smallest) effect for some directions, over the blocks of
    the vocabulary seen so far.
    """

    def __init__(self, directions: Float[Tensor, "feature d_model"], largest: bool):
        self.directions, self._largest = directions, largest
        self._effect = torch.empty(len(directions), 0, device=directions.device)
        self.ids = torch.empty(len(directions), 0, dtype=torch.int64, device=directions.device)

    def take(self, effect: Float[Tensor, "feature token"], begin: int) -> None:
        found = effect.topk(min(READ_OUT, effect.shape[1]), largest=self._largest)
        values = torch.cat([self._effect, found.values], 1)
        ids = torch.cat([self.ids, found.indices + begin], 1)
        self._effect, place = values.topk(min(READ_OUT, values.shape[1]), largest=self._largest)
        self.ids = ids.gather(1, place)


def norm_gain(norm: torch.nn.Module) -> Tensor:
    """What the final norm multiplies each coordinate by; Gemma's norms store the gain minus one."""
    weight = norm.weight.float()
    return weight + 1 if type(norm).__name__.startswith("Gemma") else weight
