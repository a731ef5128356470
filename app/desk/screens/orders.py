"""Orders: paste any id and read one timeline across the systems; or start from what is open and ageing."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.desk.components.badges import badge
from app.desk.components.export import export
from app.desk.components.filters import Chosen, choose, place
from app.desk.components.stages import aging_chart
from app.desk.components.tables import ROW, content_key, grid_height
from app.desk.components.text import esc, heading, plain, put
from app.desk.components.timeline import comparison, timeline
from app.desk.context import Visit, asked, channels, kept, locations
from app.desk.shell import empty, go, link, page
from app.services import words
from app.services.amounts import only
from app.services.orders import Open, Story, open_orders, search, story
from app.services.overview import aging
from data.events import Entity
from metrics.sources import OPEN_STAGES


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Orders") as controls:
        with controls:
            wanted = st.text_input(
                "Order, parcel, tracking, payment, sale, return or purchase id",
                key="id",
                placeholder="Paste any id: order, tracking, payment, ERP sale, return …",
                label_visibility="collapsed",
                width=400,
                bind="query-params",
            )
        if wanted:
            _found(visit, wanted)
        elif visit.publication:
            with controls:
                channel = place("channel", channels(visit), "All channels")
                where = place("location", locations(visit), "All locations")
            _open(visit, Chosen(days=28, channel=channel, location=where))
        else:
            empty("No order yet", "Connect a shop or import an orders file; any id can then be pasted above.")


def _open(visit: Visit, chosen: Chosen) -> None:
    every = kept(visit, ("open", chosen), lambda: open_orders(asked(visit, chosen), late=False, age=None))
    if every.reason:
        empty("Open orders are not armed", every.reason)
        return
    with st.container(key="card-ageing"):
        put(heading("Open orders by age and stage", "now; services left out"))
        figures = kept(visit, ("aging", chosen), lambda: aging(asked(visit, chosen)))
        where = dict(chosen.where)
        aging_chart(
            figures, key="orders-aging", height=208,
            opens=lambda age, stage: go("orders", age=age, stage=stage, **where),
        )  # fmt: skip
    with st.container(key="card-open"):
        only, age, stage = _kinds(every)
        found = kept(
            visit,
            ("open", chosen, only, age, stage),
            lambda: open_orders(asked(visit, chosen), late=only, age=age, stage=stage),
        )
        _grid(found)


def _kinds(every: Open) -> tuple[bool, str | None, str | None]:
    total = sum(every.counts.values())
    names = {"false": f"All {total:,}", "true": f"Late {every.late:,}"}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        late = choose("late", list(names), default="false", label=names.__getitem__, shape="segments")
        ages = {"any": "Any age"} | {age: f"{age}: {number:,}" for age, number in every.counts.items() if number}
        age = choose("age", list(ages), default="any", label=ages.__getitem__, shape="pills")
        stages = {"any": "Any stage"} | {stage: stage for stage in OPEN_STAGES}
        stage = choose("stage", list(stages), default="any", label=stages.__getitem__, shape="list", width=140)
    return late == "true", None if age == "any" else age, None if stage == "any" else stage


def _grid(found: Open) -> None:
    currency = only(found.frame["currency"].to_list())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        told = f"{words.plural(found.frame.height, 'order')}, click one to read its story"
        put(heading(told))
        export(found.frame, "open-orders")
    if found.frame.is_empty():
        put('<div class="fw-empty"><b>None</b>No open order is like this. Choose another age or all.</div>')
        return
    rows = found.frame.drop("currency") if currency else found.frame
    event: Any = st.dataframe(
        rows,
        key=content_key("open-orders", rows["order"].to_list()),
        on_select="rerun",
        selection_mode="single-cell",
        hide_index=True,
        height=grid_height(rows.height, 560),
        row_height=ROW,
        column_config={
            "order": st.column_config.TextColumn("Order"),
            "channel": st.column_config.TextColumn("Channel"),
            "stage": st.column_config.TextColumn("Stage"),
            "location": st.column_config.TextColumn("At"),
            "age_hours": st.column_config.NumberColumn("Age, hours", format="%.1f"),
            "promised": st.column_config.TextColumn("Promised (UTC)"),
            "due_in_hours": st.column_config.NumberColumn("Due in, hours", format="%.1f", help="Negative is late"),
            "open_units": st.column_config.NumberColumn("Open units", format="localized"),
            "open_value": st.column_config.NumberColumn(
                f"Open value, {currency}" if currency else "Open value", format="accounting"
            ),
            "currency": st.column_config.TextColumn("Currency"),
            "blocked_by": st.column_config.TextColumn("Blocked by"),
        },
        alt="Open orders, the longest overdue first",
    )
    for row, _ in event.selection.cells:
        if row < rows.height:
            go("orders", id=rows["order"][row])


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
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        put(_head(told))
        link("orders", "All open orders")
    left, right = st.columns([3, 2], gap="small")
    with left, st.container(key="card-timeline"):
        put(heading("Timeline", "business time, UTC; below it when we heard"))
        put(timeline(told.moments))
    with right:
        if told.compared:
            with st.container(key="card-compare"):
                put(heading("Who says what") + comparison(told.compared))
        if told.answer:
            with st.container(key="card-answer"):
                put(heading("Answer for the customer", "copy with the button"))
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
