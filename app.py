"""The frame: page settings, navigation and the sidebar, then the page that was chosen."""

import streamlit as st

from components.frame import draw_sidebar, draw_style, navigation

st.set_page_config(page_title="Clampboard", page_icon=":material/tune:", layout="wide")
page = navigation()
draw_style()
draw_sidebar()
page.run()
