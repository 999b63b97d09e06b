"""One feature in Neuronpedia's form.

It is the batch file that SAEDashboard writes and Neuronpedia reads
(sae_dashboard/neuronpedia/neuronpedia_dashboard.py): floats with three decimals, top examples with
bin_min = bin_contains = -1. What is not computed here is an empty list.
"""

from typing import Any

from backend.data.corpora import CONTEXT
from backend.engine.engine import Engine
from backend.reading.feature_page import Bars, FeaturePage

ALIGNED = 3
"""Coordinates of the residual stream listed as most aligned with a decoder direction."""


def feature_json(engine: Engine, page: FeaturePage) -> dict[str, Any]:
    """The feature as a batch of one."""
    direction = engine.sae.W_dec[page.feature].float().cpu()
    model_id, _, source = (engine.sae.neuronpedia_id or "").partition("/")
    sae_set, _, suffix = source.partition("-")[2].partition("__")
    aligned = direction.topk(ALIGNED)
    fired = sum(page.tokens_fired.values())
    scanned = sum(page.tokens_scanned.values())
    groups = [(-1.0, page.max_act, -1.0, page.examples)]
    groups += [(i.low, i.high, i.share, i.examples) for i in page.intervals]
    return {
        "model_id": model_id or engine.setup.model.name,
        "layer": engine.model.block,
        "sae_set": sae_set or engine.sae.title,
        "sae_id_suffix": suffix or None,
        "features": [
            {
                "feature_index": page.feature,
                "neuron_alignment_indices": aligned.indices.tolist(),
                "neuron_alignment_values": _rounded(aligned.values.tolist()),
                "neuron_alignment_l1": _rounded((aligned.values / direction.abs().sum()).tolist()),
                "correlated_neurons_indices": [],
                "correlated_neurons_l1": [],
                "correlated_neurons_pearson": [],
                "correlated_features_indices": [],
                "correlated_features_l1": [],
                "correlated_features_pearson": [],
                "neg_str": page.suppressed,
                "neg_values": _rounded(page.suppressed_logits),
                "pos_str": page.promoted,
                "pos_values": _rounded(page.promoted_logits),
                "frac_nonzero": fired / scanned,
                **_histogram("freq_hist_data", page.histogram),
                **_histogram("logits_hist_data", page.logit_histogram),
                "n_prompts_total": sum(len(s.corpus.texts) for s in engine.atlas.corpora),
                "n_tokens_in_prompt": CONTEXT,
                "dataset": ", ".join(s.corpus.title for s in engine.atlas.corpora),
                "decoder_weights_dist": [],
                "vector": direction.tolist(),
                "activations": [
                    {
                        "bin_min": round(low, 3),
                        "bin_max": round(high, 3),
                        "bin_contains": round(share, 5),
                        "tokens": e.tokens,
                        "values": _rounded(e.values),
                        "qualifying_token_index": e.at,
                    }
                    for low, high, share, examples in groups
                    for e in examples
                ],
            }
        ],
    }


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]


def _histogram(name: str, bars: Bars) -> dict[str, list[float] | list[int]]:
    """Bars by their middle."""
    middles = [(a + b) / 2 for a, b in zip(bars["from"], bars["to"], strict=True)]
    return {f"{name}_bar_values": _rounded(middles), f"{name}_bar_heights": bars["tokens"]}
