"""How often a feature fires, and which tokens it promotes."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from backend.data.corpora import Corpus
from backend.reading.feature_page import FeaturePage
from backend.wording import percent
from components.charts.feature import activation_histogram, density_bars
from components.pictures import show_chart
from components.tokens.view import PROMOTES, SUPPRESSES, ranked_html


def draw_rate(page: FeaturePage) -> None:
    """On how many tokens it fires, and how strongly in which text."""
    fired = sum(page.tokens_fired.values())
    scanned = sum(page.tokens_scanned.values())
    st.markdown(
        f"**Fires on {percent(fired / scanned, 3)} of tokens:** {fired:,} of {scanned:,} scanned. "
        f"Strongest {strongest(page)}."
    )


def strongest(page: FeaturePage) -> str:
    """Its largest activation, and in which text. Pure."""
    in_questions = f"{page.questions[0].max_act:.2f}" if page.questions else "silent"
    return f"in the passages {page.max_act:.2f}, in the questions {in_questions}"


def draw_firing(page: FeaturePage) -> None:
    """How strongly it fires how often, and the tokens it promotes and suppresses."""
    if not page.complete:
        st.caption(
            "Histogram, intervals and co-firing are over a random sample of "
            f"{page.tokens_sampled:,} of these tokens."
        )
    if page.histogram["tokens"]:
        show_chart(activation_histogram(pd.DataFrame(page.histogram)), "activations")
    else:
        st.info(
            "This feature never fires in the corpora that were scanned. "
            "It may fire on other text: try some above."
        )
    promoted, suppressed = st.columns(2)
    promoted.html(ranked_html("Promotes", page.promoted, page.promoted_logits, PROMOTES))
    suppressed.html(ranked_html("Suppresses", page.suppressed, page.suppressed_logits, SUPPRESSES))
    st.caption(
        "The decoder direction read straight out through the final norm's gain and the "
        "unembedding: the order means something, the size does not."
    )


def draw_densities(page: FeaturePage, corpora: Sequence[Corpus]) -> None:
    """How often it fires on each corpus, and how much more often on the forget one."""
    show_chart(density_bars(densities(page, corpora)), "densities")
    st.caption(f"Selectivity {page.selectivity:+.1f}: log2 of forget over retain density.")


def densities(page: FeaturePage, corpora: Sequence[Corpus]) -> pd.DataFrame:
    """One row a corpus: corpus, role, density (percent), said (the figure in words). Pure."""
    rows = []
    for corpus in corpora:
        fired, scanned = page.tokens_fired[corpus.role], page.tokens_scanned[corpus.role]
        rows.append(
            {
                "corpus": f"{corpus.title} ({corpus.role})",
                "role": corpus.role,
                "density": 100 * fired / scanned,
                "said": f"{percent(fired / scanned, 3)}: {fired:,} of {scanned:,}",
            }
        )
    return pd.DataFrame(rows)
