"""What became of a press, in words that stay until what they stand in was drawn to its end.

A run of a page can be broken off wherever it draws: words that it had taken from the session would be gone unseen.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.desk.components.badges import outcome
from app.desk.components.text import put

Results = Sequence[tuple[bool, str]]  #: whether it was done, and the sentence that says so


def keep(screen: str, results: Results) -> None:
    """Keep what is to be told on a screen, beside what was not told yet; kept twice it is told once."""
    st.session_state[_key(screen)] = list(dict.fromkeys([*st.session_state.get(_key(screen), ()), *results]))


def draw(screen: str) -> None:
    """Tell it here."""
    for done, text in st.session_state.get(_key(screen), ()):
        put(outcome(done, text))


def forget(screen: str) -> None:
    """Tell it no more: for the end of what it stands in, when all of that was drawn."""
    st.session_state.pop(_key(screen), None)


def _key(screen: str) -> str:
    return f"{screen}-outcomes"
