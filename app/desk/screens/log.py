"""Action log: what was done, by whom, with which proof; the chain that nobody can change unseen; taking back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app.desk.components import outcomes
from app.desk.components.badges import badge
from app.desk.components.cases import answer_text, plan_card, way
from app.desk.components.export import grid
from app.desk.components.filters import choose, place
from app.desk.components.press import Drawn, Tell, carry_out
from app.desk.components.tables import ROW, content_key, grid_height
from app.desk.components.text import esc, heading, put
from app.desk.context import Visit, this_visit
from app.desk.shell import empty, link, page, told
from app.services import acting, words
from app.services.log import Entry, can_undo, chain, done, entries
from data.errors import FillwellError

ALL = "all"
SCREEN = "log"


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Action log", "what was done, and the proof"):
        carry_out(SCREEN, _refuse)
        _chain(visit)
        every = done(visit.store)
        status = _statuses(every)
        if every:
            _work(status)
        else:
            empty(
                "No action yet", "Plan and approve a fix in the queue: each step of it is then listed and sealed here."
            )
        with st.container(key="card-audit"):
            _audit(visit)


@st.fragment
def _work(status: str) -> None:
    """Draw the actions and the one that is chosen. A choice draws this part alone, see the queue."""
    with told():
        visit = this_visit()
        found = [action for action in done(visit.store) if status in (ALL, action["status"])]
        if found:
            _list_and_receipt(visit, found)
        else:
            outcomes.draw(SCREEN)
            empty(f"No action is {status} now", "It has gone on meanwhile: choose another status, or all.")
        outcomes.forget(SCREEN)


def _list_and_receipt(visit: Visit, found: list[dict[str, Any]]) -> None:
    """Draw the list, and beside it the action that is chosen."""
    left, right = st.columns([11, 9], gap="small")
    with left, st.container(key="card-actions"):
        _actions(found)
    with right, st.container(key="card-action", gap="xsmall"):
        _receipt(visit, _chosen(found), Drawn.now(SCREEN, lambda: _chosen(found)["id"]))


def _statuses(every: Sequence[dict[str, Any]]) -> str:
    counts = Counter(str(action["status"]) for action in every)
    names = {ALL: f"All {len(every)}"} | {name: f"{name.capitalize()} {n}" for name, n in counts.most_common()}
    return choose("status", list(names), default=ALL, label=names.__getitem__, shape="pills")


def _chain(visit: Visit) -> None:
    found = chain(visit.store)
    mark = badge("chain whole", "good") if found.whole else badge("chain broken", "bad")
    head = (
        f"<span>head <b>{esc(found.head[:16])}…</b> keep it elsewhere to prove that nothing was cut</span>"
        if found.head
        else ""
    )
    put(f'<div class="fw-strip">{mark}<span>{esc(found.words)}</span>{head}</div>')


def _actions(found: list[dict[str, Any]]) -> None:
    put(heading(words.plural(len(found), "action")))
    st.dataframe(
        {
            "Action": [a["id"] for a in found],
            "What": [str((a["plan"] or {}).get("words", a["type"])) for a in found],
            "Status": [a["status"] for a in found],
            "By": [a["planned_by"] for a in found],
            "Planned": [words.instant(a["planned_at"]) for a in found],
            "Verified": [words.instant(a["verified_at"]) for a in found],
            "Tries": [a["attempts"] for a in found],
        },
        key=_key(found),
        on_select="rerun",
        selection_mode="single-cell",
        hide_index=True,
        height=grid_height(len(found), 400),
        row_height=ROW,
        column_config={
            "Action": st.column_config.NumberColumn(width=56),
            "What": st.column_config.TextColumn(width=208),
            "Status": st.column_config.TextColumn(width=84),
            "By": st.column_config.TextColumn(width=68),
            "Planned": st.column_config.TextColumn(width=118),
            "Verified": st.column_config.TextColumn(width=118),
            "Tries": st.column_config.NumberColumn(width=56),
        },
        alt="Actions, the newest first",
    )


def _key(found: list[dict[str, Any]]) -> str:
    return content_key("actions", ((a["id"], a["version"]) for a in found))


def _chosen(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the action that is chosen in the list, else the newest."""
    event: Any = st.session_state.get(_key(found))
    cells = event["selection"]["cells"] if event else ()
    return found[next((row for row, _ in cells if row < len(found)), 0)]


def _receipt(visit: Visit, action: dict[str, Any], drawn: Drawn) -> None:
    put(
        heading(f"Action {action['id']}", f"{action['system']} · {action['target']}")
        + plan_card(action["plan"] or {})
        + way(action)
    )
    with st.expander("Exact request and answer"):
        st.code(answer_text(action), language=None, wrap_lines=True)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        link("queue", f"Case {action['case_id']}", case=str(action["case_id"]))
        if can_undo(action):
            take_back = partial(_undo, visit, action["id"])
            st.button(
                "Plan to take it back", key="undo", on_click=drawn.press, args=("undo", take_back),
                kwargs={"about": action["id"]},
            )  # fmt: skip
        if action["status"] == "planned":
            st.button(
                "Approve and send", key="approve", type="primary",
                on_click=drawn.press, args=("approve", partial(_approve, visit, action["id"])),
                kwargs={"about": action["id"]},
            )  # fmt: skip
    outcomes.draw(SCREEN)


def _refuse(why: str) -> None:
    outcomes.keep(SCREEN, [(False, why)])


def _undo(visit: Visit, action: int) -> Tell:
    try:
        planned = acting.undo(visit.store, visit.now, action)
        result = (planned.action is not None, planned.words)
    except FillwellError as error:
        result = (False, str(error))
    return partial(outcomes.keep, SCREEN, [result])


def _approve(visit: Visit, action: int) -> Tell:
    return partial(outcomes.keep, SCREEN, [(step.done, step.words) for step in acting.approve(visit.store, [action])])


def _audit(visit: Visit) -> None:
    every = entries(visit.store)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        put(heading("Every step", "never changed, only added to"))
        who = place("who", sorted({e.by for e in every}), "Who: all")
        what = place("what", sorted({e.what for e in every}), "What: all")
    grid(_frame([e for e in every if who in (None, e.by) and what in (None, e.what)]), name="audit", height=400)


def _frame(found: list[Entry]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "Number": [e.id for e in found],
            "When (UTC)": [f"{e.at:%Y-%m-%d %H:%M:%S}" for e in found],
            "Who": [e.by for e in found],
            "From": [e.entry for e in found],
            "What": [e.what for e in found],
            "Subject": [e.subject for e in found],
            "Detail": [e.detail for e in found],
            "Sealed": ["yes" if e.sealed else "not yet" for e in found],
        }
    )
