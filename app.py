"""The frame: page settings, navigation and the sidebar, then the page that was chosen."""

import streamlit as st

from components.frame import draw_sidebar, draw_style, navigation, require_sign_in
from components.messages import last_resort

st.set_page_config(page_title="Clampboard", page_icon=":material/tune:", layout="wide")
with last_resort():
    require_sign_in()
    page = navigation()
    draw_style()
    draw_sidebar()
    page.run()
