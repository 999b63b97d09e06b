"""The browser's address bar, written so that Back leaves a page with one press."""

from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st

from components.element import element

_address = element(__file__, "address")


def write(page: str, parameters: Mapping[str, str]) -> None:
    """Put the parameters into the address of the page at /`page`.

    Streamlit makes each change of them an entry of the browser's history. That is wanted where the
    page had parameters before; where it was entered without, from the menu, it would take a second
    press of Back to leave: there they are written over the entry that the page has.
    """
    if not st.query_params:
        _address(key="address", data={"page": page, "query": urlencode(parameters)})
    elif st.query_params.to_dict() != dict(parameters):
        st.query_params.from_dict(dict(parameters))
