"""What a feature is called and where it is from: the head of its page. Pure."""

from backend.engine.engine import Engine
from backend.engine.identity import mean_l0, sae_in_words
from backend.reading.feature_page import FeaturePage
from components.tokens.quoted import quoted

LABEL_OF = {
    "own": "your own label",
    "setup": "the setup's label",
    "Neuronpedia": "Neuronpedia's label",
    "": "no label",
}


def called(page: FeaturePage) -> str:
    """Its label; without one the words it fires on, or the tokens where it fires on no word."""
    if page.label:
        return page.label
    tokens = page.top_tokens[:4] or [quoted(token) for token in page.strongest_tokens]
    return f"fires on {', '.join(tokens)}" if tokens else "never fires in these passages"


def of_what(engine: Engine, label_source: str) -> str:
    """Of which model and SAE a feature is, how many fire on a token, and whose its label is."""
    means = [mean for _, mean in mean_l0(engine)]
    return " · ".join(
        (
            engine.setup.model.name.split("/")[-1],
            f"SAE {sae_in_words(engine.setup.sae)}",
            engine.sae.hook_name,
            f"L0 {sum(means) / max(1, len(means)):.0f}",
            LABEL_OF[label_source],
        )
    )
