"""The frame: page settings, navigation and the sidebar, then the page that was chosen."""

from components.frame import draw_sidebar, draw_style, navigation, require_sign_in, set_up
from components.messages import last_resort

set_up()
with last_resort():
    require_sign_in()
    page = navigation()
    draw_style()
    draw_sidebar()
    page.run()
