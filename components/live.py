"""Sentences for screen readers: what changed on the page, said aloud where nobody would see it."""

import streamlit as st

_SCRIPT = """
export default function ({ data }) {
  let region = document.getElementById(data.id)
  if (!region) {
    region = document.createElement("div")
    region.id = data.id
    region.setAttribute("aria-live", "polite")
    region.setAttribute("aria-atomic", "true")
    region.style.cssText = "position:fixed;width:1px;height:1px;overflow:hidden;" +
      "clip-path:inset(50%);white-space:nowrap"
    document.body.append(region)
  }
  clearTimeout(region.leaving)
  // A region is watched from when it stands there empty: what it says comes a moment later.
  clearTimeout(region.saying)
  region.saying = setTimeout(() => {
    if (region.textContent !== data.text) region.textContent = data.text
  }, 100)
  return () => {
    region.leaving = setTimeout(() => region.remove(), 1000)
  }
}
"""
_said = st.components.v2.component("clampboard_live", js=_SCRIPT, isolate_styles=False)


def say_live(text: str, key: str = "figures") -> None:
    """Has a screen reader say the text when it is another than in the run before.

    The region of a `key` stays the same node over reruns, as only a node whose text changes is
    read. At most once a run and `key`.
    """
    _said(key=f"live_{key}", data={"id": f"live-{key}", "text": text})
