"""A large table with its own export: the built-in one would hand formulas to a spreadsheet (hazard H4)."""

from __future__ import annotations

from typing import Any

import polars as pl
import polars.selectors as cs
import streamlit as st

from app.desk.components.tables import ROW, content_key, grid_height
from app.desk.components.text import heading, put
from app.services import words
from app.services.amounts import are_amounts, in_major
from app.services.export import to_csv


def grid(frame: pl.DataFrame, *, name: str, whole: int | None = None, height: int = 520) -> None:
    """Show a frame and offer it as CSV, every text neutralised; amounts in major units of their currency."""
    shown = readable(frame)
    config: dict[str, Any] = {
        **{name: st.column_config.NumberColumn(format="localized") for name in shown.select(cs.integer()).columns},
        **{words.field(name): st.column_config.NumberColumn(format="accounting") for name in are_amounts(frame)},
    }
    total = frame.height if whole is None else whole
    told = words.plural(total, "row") if total <= frame.height else f"{frame.height:,} of {total:,} rows"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        put(heading(told))
        export(shown, name)
    if shown.is_empty():
        put('<div class="fw-empty">No row. Widen the period or remove a filter.</div>')
        return
    st.dataframe(
        shown,
        key=content_key(f"grid-{name}", (frame.height, *frame.columns)),
        hide_index=True,
        column_config=config,
        placeholder=words.NOTHING,
        height=grid_height(shown.height, height),
        row_height=ROW,
        alt=f"{told} of {name}",
    )


def export(frame: pl.DataFrame, name: str) -> None:
    """Offer a frame as CSV."""
    st.download_button(
        "Export CSV",
        data=lambda: to_csv(frame.columns, frame.iter_rows()).encode("utf-8-sig"),
        file_name=f"{name}.csv",
        mime="text/csv",
        on_click="ignore",
        key=f"export-{name}",
    )


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Give amounts in major units and times without their zone; names lose their technical endings."""
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    known = in_major(frame)
    return known.with_columns(
        *(pl.col(name).dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M").alias(name) for name in times),
    ).rename({name: words.field(name) for name in known.columns})
