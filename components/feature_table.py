"""The table of features that the search page shows."""

import pandas as pd
import streamlit as st


def draw_feature_table(table: pd.DataFrame) -> list[int]:
    """Draw the features in the order given; return those whose rows are selected."""
    shown = pd.DataFrame({
        "feature": table["feature"], "label": table["label"].where(table["label"] != "", "(" + table["top_words"].str[:4].str.join(", ") + ")"),
        "why": table["why"], "forget": 100 * table["forget_density"], "retain": 100 * table["retain_density"], "selectivity": table["selectivity"],
        "fires": table["fires_forget"].astype(str) + " / " + table["fires_retain"].astype(str), "max": table["max_act"],
        "words": table["top_words"].str[:8].str.join(", "),
    })  # fmt: skip
    event = st.dataframe(
        shown, hide_index=True, width="stretch", on_select="rerun", selection_mode="multi-row", key="feature_table",
        column_config={
            "feature": st.column_config.NumberColumn("#", format="%d", width="small"), "label": st.column_config.TextColumn("Label (or words)", width="medium"),
            "why": st.column_config.TextColumn("Why", width="small"),
            "forget": st.column_config.NumberColumn("Forget", format="%.3f %%", width="small", help="Share of forget tokens on which it fires"),
            "retain": st.column_config.NumberColumn("Retain", format="%.3f %%", width="small"),
            "selectivity": st.column_config.NumberColumn("Selectivity", format="%.1f", width="small", help="log2 of forget over retain density"),
            "fires": st.column_config.TextColumn("Questions", width="small", help="On how many forget / retain questions it fires"),
            "max": st.column_config.NumberColumn("Max act", format="%.1f", width="small"),
            "words": st.column_config.TextColumn("Fires on", width="large"),
        },
    )  # fmt: skip
    return [int(table["feature"].iloc[row]) for row in event.selection.rows if row < len(table)]
