"""A case about an unknown code: which of ours may be meant, with why, a button each; or another that a person types."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from app.desk.components.outcomes import Results
from app.desk.components.press import Drawn, Tell
from app.desk.components.text import esc, heading, plain, put
from app.desk.context import Visit
from app.services import acting
from app.services.queue import Detail

Say = Callable[[Results], None]

TYPED = "code-typed"


def suggestions(visit: Visit, found: Detail, say: Say, drawn: Drawn) -> None:
    """Draw what may be meant; a press plans the mapping, which is approved like any other fix."""
    if acting.actions_of(visit.store, found.row.id):
        return
    put(heading("Which of our codes is it?", "what waited is read again at once"))
    for number, one in enumerate(found.suggestions):
        left, right = st.columns([2, 3], vertical_alignment="center")
        with left:
            st.button(
                plain(f"It is {one.code}"), key=f"code-{number}", type="primary" if number == 0 else "secondary",
                on_click=drawn.press, args=("code", partial(_choose, visit, found.row.seen, one.code, say)),
                kwargs={"about": (found.row.seen, one.code)},
            )  # fmt: skip
        with right:
            put(f'<div class="fw-note"><b>{esc(one.name)}</b> {esc(one.why)}</div>')
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with right:
        st.text_input("Another of our codes", key=TYPED, max_chars=200)
    with left:
        st.button("It is this one", key="code-other", on_click=_typed, args=(visit, found.row.seen, say, drawn))


def _typed(visit: Visit, seen: tuple[int, int], say: Say, drawn: Drawn) -> None:
    code = str(st.session_state.get(TYPED, "")).strip()
    if code:
        drawn.press("code", partial(_choose, visit, seen, code, say), about=(seen, code))
    else:
        say([(False, "type the code first")])


def _choose(visit: Visit, seen: tuple[int, int], code: str, say: Say) -> Tell:
    planned = acting.choose(visit.store, visit.now, seen, {"ours": code})
    done = not isinstance(planned, str) and planned.action is not None
    return partial(say, [(done, planned if isinstance(planned, str) else planned.words)])
