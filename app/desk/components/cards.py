"""Cards: one figure each, with its state in words, its move with arrow, sign and word, its trend and its rows."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.desk.components.badges import figure_badge
from app.desk.components.charts import spark
from app.desk.components.text import esc, put
from app.desk.shell import link
from app.services.figures import Tile

#: Where the rows of a figure are shown: (screen, link's words, query).
Rows = tuple[str, str, dict[str, str]]


def row_of_cards(tiles: Sequence[Tile], rows: Sequence[Rows]) -> None:
    """Draw the figures side by side."""
    for column, tile, (screen, words, query) in zip(st.columns(len(tiles), gap="small"), tiles, rows, strict=True):
        with column, st.container(key=f"card-kpi-{tile.name}", height="stretch", gap="xxsmall"):
            put(_card(tile))
            link(screen, words, **query)


def _card(tile: Tile) -> str:
    value = (
        f'<div class="value">{esc(tile.text)}</div>'
        if tile.text
        else f'<div class="value none">{esc(tile.state.replace("_", " "))}</div>'
    )
    mark = figure_badge(tile.state, tile.reason) if tile.state != "value" and tile.text else ""
    move = f'<b class="{esc(tile.tone)}">{esc(tile.delta)}</b> ' if tile.delta else ""
    told = tile.against if tile.text else tile.reason
    note = f" · {esc(tile.note)}" if tile.note else ""
    label = f'<span title="{esc(tile.label)}">{esc(tile.label)}</span>{mark}'
    return (
        f'<div class="fw-kpi"><div class="label">{label}</div>{value}'
        f'<div class="delta">{move}{esc(told)}{note}</div>{_shape(tile)}</div>'
    )


def _shape(tile: Tile) -> str:
    """Draw a trend, or a part of a whole where there is no trend."""
    if tile.share is None:
        return spark(tile.trend)
    width = min(max(tile.share, 0.0), 1.0) * 100
    return f'<div class="fw-share"><span class="fw-track"><i style="width:{width:.1f}%"></i></span></div>'
