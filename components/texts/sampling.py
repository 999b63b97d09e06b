"""How the next token is chosen."""

import streamlit as st

from backend.experiments.generate import MAX_TEMPERATURE, Sampling

WAYS = ("greedy", "sampled")


def draw_sampling() -> Sampling:
    way = st.segmented_control(
        "Next token", WAYS, default="greedy", key="words_way", persist_state="session"
    )
    if way != "sampled":
        return Sampling()
    temperature = st.slider(
        "Temperature",
        0.1,
        MAX_TEMPERATURE,
        0.8,
        0.1,
        key="words_temperature",
        persist_state="session",
        width=180,
    )
    seed = st.number_input(
        "Seed", 0, 2**31 - 1, 0, 1, key="words_seed", persist_state="session", width=150
    )
    return Sampling(temperature, int(seed))
