"""Margin by channel: how net sales become contribution, who keeps how much, and how much of it is known."""

from __future__ import annotations

import streamlit as st

from app.desk.components import charts
from app.desk.components.badges import badge
from app.desk.components.filters import Chosen, filters
from app.desk.components.tables import Column, table
from app.desk.components.text import esc, heading, put
from app.desk.context import Visit, asked, colours, kept, locations, money_in
from app.desk.shell import empty, go, link, page
from app.services import words
from app.services.amounts import major
from app.services.figures import in_words
from app.services.margin import ALL, METRIC_OF, PARTS, RATES, Margin, margin


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Margin by channel") as controls:
        if not visit.publication:
            empty("No figures yet", "Margins appear once sales were shipped and items have a cost.")
            return
        with controls:
            chosen = filters(locations=locations(visit), currencies=money_in(visit))
        found = kept(visit, ("margin", chosen), lambda: margin(asked(visit, chosen)))
        if not found.bridge:
            empty("No sale in these days", _why(found))
            return
        with st.container(key="card-margin-sentence", gap="xsmall"):
            put(f'<div class="fw-sentence">{esc(found.sentence)}</div><div class="fw-strip">{_coverage(found)}</div>')
        with st.container(key="card-bridge"):
            put(heading("From gross sales to contribution", f"{found.currency}, last {chosen.days} days, all channels"))
            _bridge(found, chosen)
        with st.container(key="card-channels"):
            put(heading("By channel", found.currency) + _table(found))
            with st.container(horizontal=True, gap="small"):
                for channel in found.channels:
                    link("rows", f"Rows of {channel}", metric="cm2", **chosen.query | {"channel": channel})
                for name, label in (
                    ("net_sales", "Rows of net sales"),
                    ("cm2", "Rows of CM2"),
                    ("uncosted_sales", "What has no cost"),
                ):
                    link("rows", label, metric=name, **chosen.query)


def _why(found: Margin) -> str:
    missing = "; ".join(dict.fromkeys(found.not_armed.values()))
    return missing or "Nothing was shipped in this period. Choose a longer one."


def _coverage(found: Margin) -> str:
    missing = "".join(badge(f"{name.replace('_', ' ')}: not armed", title=why) for name, why in found.not_armed.items())
    return f"<span><b>{esc(found.coverage)}</b></span>{missing}"


def _bridge(found: Margin, chosen: Chosen) -> None:
    steps = [(name, major(minor, found.currency), kind, told) for name, minor, kind, told in found.bridge]
    alt = "Bridge: " + ", ".join(f"{name} {told}" for name, _, _, told in steps)
    figure = charts.waterfall(steps, colours(), height=272, opens=METRIC_OF)
    charts.draw(figure, alt=alt, key="chart-bridge", opens=lambda metric: go("rows", metric=metric, **chosen.query))


def _table(found: Margin) -> str:
    money = [(name, label) for name, label, _ in PARTS if _says_something(found, name)]
    columns = [
        Column("Channel"), *(Column(label, "number") for _, label in money),
        Column("CM1 %", "number"), Column("CM2 %", "number"), Column("Moved", "html"), Column("Not costed", "number"),
    ]  # fmt: skip
    return table(
        columns,
        [_row(found, channel, money) for channel in found.channels],
        total=_row(found, ALL, money),
    )


def _says_something(found: Margin, name: str) -> bool:
    """Tell whether a component is known and is not nothing in every channel."""
    return any((figure := found.cells.get((c, name))) is not None and figure.value for c in (*found.channels, ALL))


def _row(found: Margin, channel: str, money: list[tuple[str, str]]) -> list[object]:
    def cell(name: str) -> str:
        figure = found.cells.get((channel, name))
        return (in_words(figure) if figure else "") or words.NOTHING

    def whole(name: str) -> str:
        figure = found.cells.get((channel, name))
        if figure is None or figure.value is None:
            return words.NOTHING
        return words.count(major(figure.value, figure.currency or found.currency))

    move, tone, why = found.deltas.get(channel, ("", "even", ""))
    shown = f'<span class="{esc(tone)} nw">{esc(move)}</span>' if move else badge("not comparable", title=why)
    rates = [cell(name) for name in RATES]
    name = "All channels" if channel == ALL else channel
    return [name, *(whole(metric) for metric, _ in money), rates[0], rates[1], shown, rates[2]]
