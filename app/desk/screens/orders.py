"""Orders: paste any id and read one timeline across the systems; or start from what is open and ageing."""

from __future__ import annotations

import streamlit as st

from app.desk.components.badges import badge
from app.desk.components.text import esc, plain, put
from app.desk.components.timeline import comparison, timeline
from app.desk.context import Visit
from app.desk.shell import empty, page
from app.services import words
from app.services.orders import Story, search, story
from data.events import Entity


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Orders", "any id, one story"):
        wanted = st.text_input(
            "Order, parcel, tracking, payment, sale, return or purchase id",
            key="id",
            placeholder="Paste any id: order, tracking, payment, ERP sale, return, purchase …",
            label_visibility="collapsed",
            bind="query-params",
        )
        if wanted:
            _found(visit, wanted)


def _found(visit: Visit, wanted: str) -> None:
    hits = search(visit.store, wanted)
    if not hits:
        empty(
            "No system knows this id",
            "Nothing with exactly this id was received. Ids are compared as they are written; an order may carry its "
            "channel's number or the ERP's.",
        )
        return
    told = story(visit.store, _choose(hits), visit.now)
    put(_head(told))
    left, right = st.columns([3, 2], gap="small")
    with left, st.container(key="card-timeline"):
        put('<div class="fw-title">Timeline<small>business time, UTC; below it when we heard</small></div>')
        put(timeline(told.moments))
    with right:
        if told.compared:
            with st.container(key="card-compare"):
                put(f'<div class="fw-title">Who says what</div>{comparison(told.compared)}')
        if told.answer:
            with st.container(key="card-answer"):
                put('<div class="fw-title">Answer for the customer<small>copy with the button</small></div>')
                st.code(told.answer, language=None, wrap_lines=True)


def _choose(hits: list[Entity]) -> Entity:
    if len(hits) == 1:
        return hits[0]
    return (
        st.pills(
            "Several things carry this id",
            hits,
            default=hits[0],
            required=True,
            format_func=lambda hit: plain(f"{hit[0]} {hit[1]}"),
        )
        or hits[0]
    )


def _head(told: Story) -> str:
    kind, number = told.entity
    marks = badge("simulated", "info") if told.simulated else ""
    differs = sum(bool(c.differs) for c in told.compared)
    verdict = badge(words.plural(differs, "disagreement"), "bad") if differs else badge("all systems agree", "good")
    shown = verdict if told.compared else ""
    return f'<div class="fw-head"><h2>{esc(kind.capitalize())} {esc(number)}</h2>{shown}{marks}</div>'
