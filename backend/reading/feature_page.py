"""All that the feature page shows of one feature, in plain types; nothing of it runs the model."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypedDict, cast
from urllib.parse import quote

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from backend.data.questions import PREFIX
from backend.data.token_text import texts_of_ids
from backend.engine.engine import Engine
from backend.evaluation.recordings import Recording
from backend.features import measures as F
from backend.features.logit_lens import READ_OUT, effect_over_vocabulary
from backend.reading.examples import Example, Interval, intervals, shortened, top_examples
from backend.reading.neighbours import CoFiring, Neighbour, co_firing, nearest
from backend.wording import percent

PER_INTERVAL = 5
N_NEIGHBOURS = 8
N_TOKENS = 4
"""Tokens a feature is named by where it fires on no word."""
AROUND = 12
"""Tokens shown on either side, where an example is a line."""
NEURONPEDIA = "https://www.neuronpedia.org"

Bars = TypedDict("Bars", {"from": list[float], "to": list[float], "tokens": list[int]})
"""A histogram, column by column: each bar's edges and how many tokens lie between them."""


@dataclass(frozen=True)
class QuestionActivation:
    """How strongly a feature fires on a question, where it can change the answer."""

    set: str
    """Name of its set."""
    index: int
    """Its row in the set's source."""
    place: int
    """Its place among the questions of all sets, for `question_tokens`."""
    max_act: float


@dataclass(frozen=True)
class FeaturePage:
    """One feature. Activations are raw; tokens that no clamp touches are not counted."""

    feature: int
    label: str
    """Empty where it has none."""
    label_source: str
    """Who says so: one of backend.features.labels.ORDER; empty without a label."""
    star: bool
    forget_density: float
    """Share of the forget corpus's tokens on which it fires."""
    retain_density: float
    selectivity: float
    """log2 of forget over retain density."""
    max_act: float
    """Its largest activation on the corpora, 0 if it never fires there."""
    top_tokens: list[str]
    """Words in which it fires strongest, strongest first."""
    strongest_tokens: list[str]
    """Tokens on which it fires strongest, in exact pieces of the text: punctuation is no word."""
    fires_on_questions: dict[str, int]
    """Name of a set -> on how many of its questions it fires where it can change the answer."""
    n_features: int
    """The SAE's."""
    neuronpedia: str | None
    """Address of its page there."""
    tokens_scanned: dict[str, int]
    """Role -> tokens of its corpus."""
    tokens_fired: dict[str, int]
    """Role -> those of them on which it fires."""
    complete: bool
    """Whether `tokens_sampled` are all tokens of the corpora."""
    tokens_sampled: int
    """Tokens that `histogram`, `intervals` and `co_firing` are over."""
    histogram: Bars
    """Of its activations, where it fires."""
    promoted: list[str]
    """Tokens of the largest logit effect, largest first."""
    suppressed: list[str]
    """Tokens of the smallest, smallest first."""
    promoted_logits: list[float]
    """The effect on each of `promoted`."""
    suppressed_logits: list[float]
    logit_histogram: Bars
    """Of the effect on every token of the vocabulary."""
    examples: list[Example]
    """Strongest first."""
    intervals: list[Interval]
    """Highest first; empty if it never fires."""
    nearest: list[Neighbour]
    """Most alike first."""
    co_firing: list[CoFiring]
    """Largest overlap first."""
    questions: list[QuestionActivation]
    """Strongest first."""


class QuestionTokens(NamedTuple):
    """A question as the model reads it, in exact pieces."""

    tokens: list[str]
    values: list[float]
    """The feature's activation on each."""
    options: list[int]
    """Where each option begins; each is read after what all share, by itself."""


@torch.inference_mode()
def feature_page(engine: Engine, feature: int, limit: int = 10) -> FeaturePage:
    """`limit` bounds the top examples. Raises BadInput for a feature the SAE does not have."""
    atlas, sae = engine.atlas, engine.sae
    summary = atlas.summary(feature)
    top = top_examples(atlas.corpora, feature, limit)
    acts = torch.cat([s.sampled(feature)[1] for s in atlas.corpora])
    effect = effect_over_vocabulary(engine.model, sae.W_dec[feature])
    promoted = effect.topk(READ_OUT).indices
    suppressed = (-effect).topk(READ_OUT).indices
    decode = engine.tokenizer.batch_decode
    return FeaturePage(
        **summary,
        strongest_tokens=list(dict.fromkeys(e.tokens[e.at] for e in top))[:N_TOKENS],
        n_features=sae.d_sae,
        neuronpedia=page_url(sae.neuronpedia_id, feature),
        tokens_scanned={s.corpus.role: s.n_counted for s in atlas.corpora},
        tokens_fired={s.corpus.role: int(s.stats.count[feature]) for s in atlas.corpora},
        complete=all(s.complete for s in atlas.corpora),
        tokens_sampled=sum(s.n_whole for s in atlas.corpora),
        histogram=_bars(acts),
        promoted=decode(promoted[:, None]),  # (token) -> (token, 1): each by itself
        suppressed=decode(suppressed[:, None]),
        promoted_logits=effect[promoted].tolist(),
        suppressed_logits=effect[suppressed].tolist(),
        logit_histogram=_bars(effect, float(effect.min())),
        examples=top,
        intervals=intervals(atlas.corpora, feature, PER_INTERVAL, top),
        nearest=nearest(sae.W_dec, sae.dec_norms, feature, N_NEIGHBOURS, atlas.name),
        co_firing=co_firing(atlas.corpora, feature, N_NEIGHBOURS, atlas.name),
        questions=questions_by_activation(engine, feature),
    )


def plain(page: FeaturePage) -> dict[str, Any]:
    """The page as dicts and lists, ready for JSON."""
    return asdict(page)


def in_words(page: FeaturePage) -> str:
    """Some lines for a terminal."""
    return "\n".join(
        [
            f"{page.feature}  {page.label or '(no label)'}",
            *firing_in_words(page),
            f"promotes: {', '.join(map(repr, page.promoted))}",
            f"suppresses: {', '.join(map(repr, page.suppressed))}",
            *(f"{e.max_act:8.1f}  {_line(shortened(e, AROUND))}" for e in page.examples),
        ]
    )


def firing_in_words(page: FeaturePage) -> tuple[str, str]:
    """How often it fires on text, and on questions."""
    on_questions = ", ".join(f"{name} {n}" for name, n in page.fires_on_questions.items())
    return (
        f"fires on {percent(page.forget_density, 3)} of forget tokens, "
        f"{percent(page.retain_density, 3)} of retain tokens; max {page.max_act:.1f}",
        f"fires on questions: {on_questions}",
    )


def _line(example: Example) -> str:
    before = "".join(example.tokens[: example.at])
    after = "".join(example.tokens[example.at + 1 :])
    return f"{before}[{example.tokens[example.at].strip()}]{after}".replace("\n", " ")


def page_url(neuronpedia_id: str | None, feature: int) -> str | None:
    """The feature's page where the SAE's metadata names one ("model/source"); never guessed."""
    return f"{NEURONPEDIA}/{quote(neuronpedia_id)}/{feature}" if neuronpedia_id else None


def _bars(values: Float[Tensor, " n"], low: float = 0.0) -> Bars:
    return cast(Bars, F.histogram(values, low).to_dict("list"))


def questions_by_activation(engine: Engine, feature: int) -> list[QuestionActivation]:
    """The questions on which the feature fires where it can change the answer, strongest first."""
    rows = engine.recording.rows
    token, value = engine.recording.acts.of(feature)
    row = torch.searchsorted(rows.start, token, right=True) - 1
    # (entry) -> (question): the largest value of each row's entries
    strongest = torch.zeros(rows.n_rows).scatter_reduce(0, row, value.float(), "amax")
    named = [(s.name, q.index) for s in engine.sets for q in s.questions]
    found = []
    for place in torch.unique(row).tolist():
        set_name, index = named[place]
        found.append(QuestionActivation(set_name, index, place, float(strongest[place])))
    return sorted(found, key=lambda q: (-q.max_act, q.place))


def question_tokens(
    recording: Recording, tokenizer: PreTrainedTokenizerBase, place: int, feature: int
) -> QuestionTokens:
    """What all options share, then each option.

    An option's last token, scored but never read, is there with no activation.
    """
    rows = recording.rows
    begin, end = int(rows.start[place]), int(rows.start[place + 1])
    acts = torch.zeros(end - begin)
    token, value = recording.acts.of(feature)
    mine = (token >= begin) & (token < end)
    acts[token[mine] - begin] = value[mine].float()
    ids = rows.ids[begin:end]
    branch = rows.branch[begin:end]
    entries = slice(int(rows.score_start[place]), int(rows.score_start[place + 1]))
    shared = ids[branch == PREFIX].tolist()
    tokens = texts_of_ids(tokenizer, shared)
    values = acts[branch == PREFIX].tolist()
    options = []
    for option in torch.unique(rows.score_choice[entries]).tolist():
        read = ids[branch == option].tolist()
        scored = rows.score_token[entries][rows.score_choice[entries] == option].tolist()
        if scored[:-1] != read:
            continue  # letters: options stand in what all share, and nothing of their own is read
        options.append(len(tokens))
        tokens += texts_of_ids(tokenizer, [*shared, *scored])[len(shared) :]
        values += [*acts[branch == option].tolist(), 0.0]
    return QuestionTokens(tokens, values, options)
