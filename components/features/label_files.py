"""Labels in and out: how many from where, a file to import, Neuronpedia's to fetch, one's own to
take away.
"""

import streamlit as st

from backend.errors import ClampboardError
from backend.features.atlas import Atlas
from backend.features.labels import NEURONPEDIA, OWN, SETUP, Imported, fetch, text_lines
from components.features.label_editor import RULE


def draw_label_files(atlas: Atlas, n_features: int) -> None:
    counts = atlas.labels.counts()
    with st.expander("Labels", icon=":material/label:"):
        st.caption(
            f"Of {n_features:,} features: {counts[OWN]:,} labels of your own, {counts[SETUP]:,} of"
            f" the setup, {counts[NEURONPEDIA]:,} of Neuronpedia; {counts['stars']:,} stars. {RULE}"
        )
        file = st.file_uploader(
            "Import labels: Neuronpedia's explanations, or labels exported here",
            ["jsonl", "gz"],
            key="labels_file",
        )
        with st.container(horizontal=True):
            if file is not None and st.button(
                "Import", key="labels_import", icon=":material/upload:"
            ):
                _take(
                    atlas,
                    lambda: atlas.import_labels(text_lines(file.getvalue(), file.name), file.name),
                )
            if atlas.labels.neuronpedia_id and st.button(
                "Fetch from Neuronpedia", key="labels_fetch", icon=":material/cloud_download:"
            ):
                name = atlas.labels.neuronpedia_id
                _take(
                    atlas,
                    lambda: atlas.import_labels(fetch(name), f"Neuronpedia's export of {name}"),
                )
            if counts[OWN] or counts["stars"]:
                st.download_button(
                    "Export your own",
                    atlas.labels.export(),
                    "labels.jsonl",
                    "application/jsonl",
                    key="labels_export",
                    icon=":material/download:",
                )
        if said := st.session_state.pop("labels_said", None):
            st.success(said, icon=":material/label:")


def _take(atlas: Atlas, take) -> None:
    try:
        with st.spinner("Reading the labels…"):
            done: Imported = take()
    except ClampboardError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.session_state.labels_said = (
        f"Taken over: {done.own:,} own and {done.neuronpedia:,} of Neuronpedia's;"
        f" {done.passed_over:,} lines had nothing new."
    )
    st.rerun()
