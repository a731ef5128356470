"""A click in a grid or on a chart is heard once: then the element has another key, and nothing is selected in it.

A selection stays under its key for as long as the page is shown, so on a page that a click leads back to it would lead
there again at every run (and by its place, which may be another row's by then: hazard H1).
"""

from __future__ import annotations

import streamlit as st


def fresh(name: str) -> str:
    """Give the key of an element for the next click."""
    return f"{name}-{st.session_state.get(_counter(name), 0)}"


def heard(name: str) -> None:
    """Take note of a click: the element's next drawing has a new key."""
    st.session_state[_counter(name)] = st.session_state.get(_counter(name), 0) + 1


def _counter(name: str) -> str:
    return f"clicks-{name}"
