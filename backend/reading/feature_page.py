"""All that the feature page shows of one feature, in plain types; nothing of it runs the model."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from backend.data.questions import PREFIX
from backend.data.token_text import texts_of_ids
from backend.engine.engine import Engine
from backend.evaluation.recordings import Recording
from backend.features import measures as F
from backend.features.table import READ_OUT, norm_gain
from backend.model.split import SplitModel
from backend.reading.examples import intervals, top_examples
from backend.reading.neighbours import co_firing, nearest
from backend.reading.neuronpedia import page_url

PER_INTERVAL = 5
N_NEIGHBOURS = 8
UNEMBED_ROWS = 32_768
"""Rows of the unembedding read at a time, to bound memory."""


class QuestionTokens(NamedTuple):
    """A question as the model reads it, in exact pieces."""

    tokens: list[str]
    values: list[float]
    """The feature's activation on each."""
    options: list[int]
    """Where each option begins; each is read after what all share, by itself."""


@torch.inference_mode()
def feature_page(engine: Engine, feature: int, limit: int = 10) -> dict[str, Any]:
    """`limit` bounds the top examples. Raises BadInput for a feature the SAE does not have."""
    atlas, sae = engine.atlas, engine.sae
    summary = atlas.summary(feature)
    top = top_examples(atlas.corpora, feature, limit)
    acts = torch.cat([s.sampled(feature)[1] for s in atlas.corpora])
    effect = logit_effect(engine.model, sae.W_dec[feature])
    ends = {"promoted": effect.topk(READ_OUT), "suppressed": (-effect).topk(READ_OUT)}
    decode = engine.model.tokenizer.decode
    return {
        **summary,
        "n_features": sae.d_sae,
        "neuronpedia": page_url(sae.neuronpedia_id, feature),
        "tokens_scanned": {s.corpus.role: s.n_counted for s in atlas.corpora},
        "tokens_fired": {s.corpus.role: int(s.stats.count[feature]) for s in atlas.corpora},
        "complete": all(s.complete for s in atlas.corpora),
        "tokens_sampled": sum(s.n_whole for s in atlas.corpora),
        "histogram": F.histogram(acts).to_dict("list"),
        **{
            name: [decode([token]) for token in found.indices.tolist()]
            for name, found in ends.items()
        },
        **{f"{name}_logits": effect[found.indices].tolist() for name, found in ends.items()},
        "logit_histogram": F.histogram(effect, float(effect.min())).to_dict("list"),
        "examples": [e._asdict() for e in top],
        "intervals": [
            {**i._asdict(), "examples": [e._asdict() for e in i.examples]}
            for i in intervals(atlas.corpora, feature, PER_INTERVAL, top)
        ],
        "nearest": [
            {**n._asdict(), "label": atlas.name(n.feature)}
            for n in nearest(sae.W_dec, sae.dec_norms, feature, N_NEIGHBOURS)
        ],
        "co_firing": [
            {**c._asdict(), "label": atlas.name(c.feature)}
            for c in co_firing(atlas.corpora, feature, N_NEIGHBOURS)
        ],
        "questions": questions_fired_on(engine, feature),
    }


def logit_effect(
    model: SplitModel, direction: Float[Tensor, " d_model"]
) -> Float[Tensor, " vocab"]:
    """`backend.features.measures.logit_effect` of one direction, on the CPU."""
    gain, unembed = norm_gain(model.norm), model.hf.get_output_embeddings().weight
    return torch.cat(
        [
            F.logit_effect(direction[None].to(part.device), gain, part)[0].cpu()
            for part in unembed.split(UNEMBED_ROWS)
        ]
    )


def questions_fired_on(engine: Engine, feature: int) -> list[dict[str, Any]]:
    """Every question on which the feature fires where it can change the answer: set, index, place,
    max_act; strongest first.

    `place` is the question's place among those of all sets, for `question_tokens`.
    """
    rows = engine.recording.rows
    token, value = engine.recording.acts.of(feature)
    row = torch.searchsorted(rows.start, token, right=True) - 1
    strongest = torch.zeros(rows.n_rows).scatter_reduce(0, row, value.float(), "amax")
    named = [(s.name, q.index) for s in engine.sets for q in s.questions]
    places = torch.unique(row).tolist()
    found = [
        {"set": named[p][0], "index": named[p][1], "place": p, "max_act": float(strongest[p])}
        for p in places
    ]
    return sorted(found, key=lambda q: (-q["max_act"], q["place"]))


def question_tokens(recording: Recording, tokenizer, place: int, feature: int) -> QuestionTokens:
    """What all options share, then each option. An option's last token, scored but never read, is
    there with no activation.
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
            continue  # letters: the options stand in what all share, and nothing of their own is read
        options.append(len(tokens))
        tokens += texts_of_ids(tokenizer, [*shared, *scored])[len(shared) :]
        values += [*acts[branch == option].tolist(), 0.0]
    return QuestionTokens(tokens, values, options)
