"""The sidebar: which setup is open, at a glance, and all that its figures are of."""

import streamlit as st

from backend.engine.engine import Engine
from backend.engine.identity import identity, mean_l0, sae_in_words
from backend.notices import noticed
from components.wording import plain

MOST_NOTICES = 3
UNDONE = (
    "A clamp is a hook, not a deletion: take it away and the model knows everything again. "
    "Multiple choice alone overstates forgetting."
)


def draw_setup(engine: Engine) -> None:
    """Model, SAE and place in view; the rest in "Setup"."""
    st.markdown(f"**{plain(engine.setup.title)}**")
    l0 = sum(mean for _, mean in mean_l0(engine)) / max(1, len(engine.atlas.corpora))
    st.caption(
        f"{plain(engine.setup.model.name.split('/')[-1])}, {engine.dtype} on {engine.device}  \n"
        f"{plain(sae_in_words(engine.setup.sae))}: {engine.d_sae:,} features, L0 {l0:.0f}, "
        f"after block {engine.model.block + 1} of {engine.model.n_blocks}"
    )
    if trained := engine.sae.trained_on(engine.setup.model.name):
        st.caption(plain(trained))
    if engine.setup.known is not None:
        st.caption("Known questions only.")
    with st.popover("Setup", icon=":material/info:"):
        st.markdown("  \n".join(f"**{name}** {plain(said)}" for name, said in identity(engine)))
        for said in _remarks(engine):
            st.caption(plain(said))
    draw_notices()


def _remarks(engine: Engine) -> list[str]:
    whole = (
        "On this machine the last bits of a score depend on which questions run with it: every "
        "setting is run as a whole, and answers are not shared between settings."
    )
    skipped = [questions.skipped for questions in engine.sets if questions.skipped]
    return [*([] if engine.runner.invariant else [whole]), *skipped, UNDONE]


def draw_notices() -> None:
    """What happened to files meanwhile, the last first."""
    said = noticed()[::-1]
    for text in said[:MOST_NOTICES]:
        st.caption(f":material/info: {plain(text)}")
    if len(said) > MOST_NOTICES:
        st.caption(f"{len(said) - MOST_NOTICES:,} more such messages are in the log.")
