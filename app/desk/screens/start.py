"""Start: what your own data answers now, and what one more file would unlock."""

from __future__ import annotations

import streamlit as st

from app.desk.components.badges import badge
from app.desk.components.tables import Column, table
from app.desk.components.text import esc, heading, put
from app.desk.context import Visit, kept
from app.desk.shell import link, page
from app.services import words
from app.services.start import Ready, ready

COMMAND = "fillwell ingest files --mapping my_shop.toml orders.csv"


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Start", "your own data, on this machine"):
        found = kept(visit, "ready", lambda: ready(visit.store, visit.moment))
        left, right = st.columns([1, 1], gap="small")
        with left, st.container(key="card-bring", height="stretch", gap="xsmall"):
            _bring(visit, found)
        with right, st.container(key="card-answers", height="stretch", gap="xsmall"):
            _answers(found)
        if found.unlocks:
            with st.container(key="card-unlocks"):
                put(_unlocks(found))


def _bring(visit: Visit, found: Ready) -> None:
    put(heading("Bring in data", "files stay where they are; a mapping says what is in them"))
    st.code(f"{COMMAND} --dry-run\n{COMMAND}", language=None)
    put(
        '<p class="fw-note">The dry run shows the first bad rows with their line numbers and stores nothing. '
        "Every import is a batch that can be withdrawn. Personal fields are dropped or hashed while reading.</p>"
    )
    if not visit.is_demo:
        link("connect", "Connect a system: Medusa, Tryton")
    if found.brought:
        rows = [(connection, stream, words.count(number)) for connection, stream, number in found.brought]
        put(table([Column("Source"), Column("Stream"), Column("Records", "number")], rows))


def _answers(found: Ready) -> None:
    count = len(found.answerable)
    mark = badge(words.plural(count, "figure"), "good" if count else "")
    put(heading("Answerable now", aside=mark))
    if not count:
        put(
            '<p class="fw-note">Nothing yet. Orders come first: they answer sales; with ship dates, fill rates; '
            "with costs, margins; with stock and purchase orders, what will run out.</p>"
        )
        return
    put("".join(badge(label, "good") + " " for _, label in found.answerable))
    link("overview", "See the overview")


def _unlocks(found: Ready) -> str:
    rows = [
        (f"<b>{esc(what.capitalize())}</b>", esc(brings), str(len(labels)), esc(", ".join(labels)))
        for (what, brings), labels in found.unlocks.items()
    ]
    columns = [
        Column("Missing", "html"),
        Column("What brings it", "html"),
        Column("Unlocks", "number"),
        Column("Figures", "html"),
    ]
    missing = badge(f"{words.plural(len(rows), 'kind')} missing")
    title = heading("Not armed: what one more file unlocks", aside=missing)
    return title + table(columns, rows)
