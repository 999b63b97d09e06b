"""What is said to screen readers: they speak where the text of a node that stays changes."""

import os

import pytest

from backend.store import ROOT
from tests.browser.app import running

pytestmark = [pytest.mark.browser]
APP = """
import streamlit as st
from components.live import say_live
times = st.slider("Times", 0, 10, 1)
if times % 2:
    st.write("What comes above moves the rest.")
say_live(f"Biology quiz 71.1 % to {times} %")
"""
WATCH = """() => {
  window.region = document.getElementById("live-figures")
  window.heard = []
  new MutationObserver(() => window.heard.push(window.region.textContent))
    .observe(window.region, { childList: true, characterData: true, subtree: true })
}"""


def test_one_node_hears_every_new_sentence(page, tmp_path):
    script = tmp_path / "live.py"
    script.write_text(APP)
    with running({**os.environ, "PYTHONPATH": str(ROOT)}, str(script)) as address:
        page.goto(address)
        page.wait_for_function("document.getElementById('live-figures')?.textContent")
        page.evaluate(WATCH)
        page.get_by_role("slider").focus()
        for times in (2, 3, 4):
            page.keyboard.press("ArrowRight")
            page.wait_for_function(f"window.heard.at(-1)?.endsWith('to {times} %')")
        assert page.evaluate("window.heard") == [f"Biology quiz 71.1 % to {n} %" for n in (2, 3, 4)]
        assert page.evaluate("window.region.getAttribute('aria-live')") == "polite"
        assert page.evaluate("window.region === document.getElementById('live-figures')")
