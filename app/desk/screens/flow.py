"""Cases of a day: what was opened and cleared, as the overview's chart counts it."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from app.desk.components.clicks import fresh, heard
from app.desk.components.tables import ROW, content_key, grid_height
from app.desk.components.text import heading, put
from app.desk.context import Visit
from app.desk.shell import empty, go, link, page
from app.services import words
from app.services.overview import case_steps
from app.services.queue import title_of


def show(visit: Visit) -> None:
    """Draw the screen."""
    day = _day(visit)
    with page(visit, "Cases of a day", f"{day:%A %-d %b %Y}, UTC"):
        found = case_steps(visit.store, day)
        if not found:
            empty("Nothing was opened or cleared", "Choose another day on the overview's chart.")
            return
        with st.container(key="card-flow"):
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                opened = sum(step.opens for step in found)
                told = f"{words.count(opened)} opened, {words.count(len(found) - opened)} cleared"
                put(heading(told, "click one to open the case"))
                link("queue", "Open the queue")
            frame = pl.DataFrame(
                {
                    "At (UTC)": [f"{step.at:%H:%M:%S}" for step in found],
                    "What": [step.what for step in found],
                    "Case": [step.case for step in found],
                    "Kind": [title_of(step.detector) for step in found],
                    "Title": [step.title for step in found],
                    "By": [step.by for step in found],
                }
            )
            event: Any = st.dataframe(
                frame, key=content_key(fresh("flow"), [(step.at, step.case, step.what) for step in found]),
                on_select="rerun", selection_mode="single-cell", hide_index=True,
                height=grid_height(frame.height, 560), row_height=ROW, alt="Cases opened and cleared, in their order",
            )  # fmt: skip
            row = next((row for row, _ in event.selection.cells if row < frame.height), None)
            if row is not None:
                heard("flow")
                go("queue", case=str(found[row].case))


def _day(visit: Visit) -> date:
    """Give the day that the address names, else today."""
    try:
        return date.fromisoformat(st.query_params.get("day", ""))
    except ValueError:
        return visit.now.date()
