"""Labels in and out: a file to import, Neuronpedia's to fetch, one's own to take away."""

from collections.abc import Callable

import streamlit as st

from backend.errors import ClampboardError
from backend.features.atlas import Atlas
from backend.features.label_lines import fetch, text_lines
from backend.features.labels import NEURONPEDIA, OWN, SETUP, Imported
from components.features.label_editor import RULE
from components.messages import showcase_off
from components.wording import plain


def draw_label_files(
    atlas: Atlas, n_features: int, said: str, on_said: Callable[[str], None]
) -> None:
    """How many labels are from where, and the ways in and out.

    `said` is what the last import brought, if there just was one. `on_said` takes such a message,
    for the next run of the page.
    """
    counts = atlas.labels.counts()
    with st.expander("Labels", icon=":material/label:"):
        st.caption(
            f"Of {n_features:,} features: {counts[OWN]:,} labels of your own, "
            f"{counts[SETUP]:,} of the setup, {counts[NEURONPEDIA]:,} of Neuronpedia; "
            f"{counts['stars']:,} stars. {RULE}"
        )
        if showcase_off():
            return
        file = st.file_uploader(
            "Import labels: Neuronpedia's explanations, or labels exported here",
            ["jsonl", "gz"],
            key="labels_file",
        )
        with st.container(horizontal=True):
            if file is not None and st.button(
                "Import", key="labels_import", icon=":material/upload:"
            ):
                data, name = file.getvalue(), file.name
                _take(lambda: atlas.import_labels(text_lines(data, name), name), on_said)
            if atlas.labels.neuronpedia_id and st.button(
                "Fetch from Neuronpedia", key="labels_fetch", icon=":material/cloud_download:"
            ):
                source = atlas.labels.neuronpedia_id
                title = f"Neuronpedia's export of {source}"
                _take(lambda: atlas.import_labels(fetch(source), title), on_said)
            if counts[OWN] or counts["stars"]:
                st.download_button(
                    "Export your own",
                    atlas.labels.export(),
                    "labels.jsonl",
                    "application/jsonl",
                    key="labels_export",
                    icon=":material/download:",
                )
        if said:
            st.success(said, icon=":material/label:")


def _take(take: Callable[[], Imported], on_said: Callable[[str], None]) -> None:
    try:
        with st.spinner("Reading the labels…"):
            done = take()
    except ClampboardError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    on_said(
        f"Taken over: {done.own:,} own and {done.neuronpedia:,} of Neuronpedia's; "
        f"{done.passed_over:,} lines had nothing new."
    )
    st.rerun()
