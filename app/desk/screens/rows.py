"""The rows of a figure: its definition, its arithmetic, and what adds up to it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.desk.components.badges import figure_badge
from app.desk.components.export import grid
from app.desk.components.filters import choose, filters
from app.desk.components.text import esc, heading, marked, note, put
from app.desk.context import Visit, asked, channels, kept, locations, money_in
from app.desk.shell import empty, page
from app.services import words
from app.services.figures import against, sum_in_words
from app.services.rows import Made, Move, made_of, names
from metrics.registry import find


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Rows") as controls:
        labels = dict(names())
        if (named := st.query_params.get("metric", "orders")) not in labels:
            empty("There is no such metric", f"No metric that has rows is called {named}. Choose one above.")
            with controls:
                _instead(labels)
            return
        with controls:
            metric = choose("metric", list(labels), default="orders", label=labels.__getitem__, shape="list", width=300)
            money = money_in(visit) if find(metric).monetary else ()
            chosen = filters(channels(visit), locations(visit), money, by_day=True)
        made = kept(visit, ("rows", metric, chosen), lambda: made_of(asked(visit, chosen), metric))
        left, right = st.columns([2, 3], gap="small")
        with left, st.container(key="card-figure", height="stretch"):
            put(_figure(made))
        with right, st.container(key="card-definition", height="stretch"):
            put(heading("What it means", made.metric.name) + _definition(made))
        with st.container(key="card-rows"):
            grid(made.frame, name=metric, whole=made.whole)


def _instead(labels: Mapping[str, str]) -> None:
    """Draw all metrics with none of them chosen; the address names the one that is."""
    metric = st.selectbox(
        "Metric", list(labels), index=None, format_func=labels.__getitem__, placeholder="Choose a metric",
        label_visibility="collapsed", width=300, key="metric-instead",
    )  # fmt: skip
    if metric is not None:
        st.query_params["metric"] = metric
        st.rerun()


def _figure(made: Made) -> str:
    parts = [heading(made.metric.label)]
    for figure, text in zip(made.figures, made.texts, strict=True):
        mark = figure_badge(figure.state, "; ".join(figure.reasons)) if figure.state != "value" else ""
        sums = f"{sum_in_words(figure.numerator, figure)} ÷ {sum_in_words(figure.denominator, figure)}"
        shown = sums if figure.denominator is not None else f"{words.plural(made.whole, 'row')}"
        parts.append(
            f'<div class="fw-kpi"><div class="value">{esc(text or words.NOTHING)}</div>'
            f'<div class="delta">{esc(shown)} {mark} {esc("; ".join(figure.reasons))}</div></div>'
        )
    parts += [f'<p class="fw-note">{_move(move)}</p>' for move in made.moves]
    parts += [note(ignored.capitalize()) for ignored in made.ignored]
    return "".join(parts)


def _move(m: Move) -> str:
    if not m.move:
        return esc(f"{m.than}: {m.reason}")
    return f'<b class="{esc(m.tone)}">{esc(m.move)}</b> {esc(against(m.move, m.than))}'


def _definition(made: Made) -> str:
    paragraphs = "".join(f'<p class="fw-note">{marked(p)}</p>' for p in made.metric.definition.split("\n\n"))
    return f'<div class="fw-receipt">{esc(made.metric.formula)}</div>{paragraphs}'
