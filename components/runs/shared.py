"""Whose history of runs this is."""

import streamlit as st

from components.serving.address import exposed


def draw_whose() -> None:
    st.caption(
        whose(exposed(st.get_option("server.address"), st.get_option("server.allowedHosts")))
    )


def whose(open_to_others: bool) -> str:
    if open_to_others:
        return "Shared by everybody who uses this server."
    return "Kept in cache/ on this machine."
