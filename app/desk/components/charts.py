"""Charts: little ink, direct labels, exact numbers on hover, every colour from the palette (hazard H7).

Each function is pure: values and a palette in, a figure out. `draw` puts it on the screen with its text alternative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.desk.components.clicks import fresh, heard
from app.desk.palette import Palette

FONT = "Source Sans, Segoe UI, Helvetica, Arial, sans-serif"
_CONFIG = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True)
class Point:
    """A place on an axis, its value (None is a gap, never zero) and the exact words for the hover."""

    at: date | str
    value: float | None
    words: str
    opens: str = ""  #: what a click on it opens, by name: a day, a channel; never by its place


#: What hovering shows of a point; its second word is what a click opens.
_HOVER = "%{customdata[0]}<extra></extra>"
DAY = "%-d %b"  #: days are written the same everywhere
_CLICK = "<br>click opens the rows<extra></extra>"


def draw(figure: go.Figure, *, alt: str, key: str, opens: Callable[[str], None] | None = None) -> None:
    """Put a figure on the screen; `alt` says what it shows to people who do not see it.

    A click on a point is told to `opens` by the name of what the point opens.
    """
    if opens is None:
        st.plotly_chart(figure, theme=None, config=_CONFIG, alt=alt, key=key)
        return
    for trace in figure.data:
        if trace.customdata is not None:
            trace.hovertemplate = trace.hovertemplate.replace("<extra></extra>", _CLICK)
    event: Any = st.plotly_chart(
        figure, theme=None, config=_CONFIG, alt=f"{alt}; a click opens the rows", key=fresh(f"opens-{key}"),
        on_select="rerun", selection_mode="points",
    )  # fmt: skip
    named = (str(point["customdata"][1]) for point in event.selection.points if len(point.get("customdata") or ()) > 1)
    if target := next(named, ""):
        heard(f"opens-{key}")
        opens(target)


def line(
    points: Sequence[Point],
    colours: Palette,
    *,
    height: int = 168,
    before: Sequence[Point] = (),
    goal: tuple[float, str] | None = None,
    percent: bool = False,
) -> go.Figure:
    """Draw a trend; the period before it is dotted, a goal is a thin line with its name."""
    figure = _figure(colours, height)
    if before:
        figure.add_scatter(
            x=[p.at for p in points][: len(before)],
            y=[p.value for p in before],
            mode="lines+markers",
            line={"color": colours.grey, "width": 1.5, "dash": "dot"},
            **_UNSEEN,
            customdata=_told(before),
            hovertemplate=f"before: {_HOVER}",
        )
    figure.add_scatter(
        x=[p.at for p in points],
        y=[p.value for p in points],
        mode="lines+markers",
        line={"color": colours.blue, "width": 2},
        **_UNSEEN,
        customdata=_told(points),
        hovertemplate=_HOVER,
    )
    _last_label(figure, points, colours, percent=percent)
    if goal is not None:
        figure.add_hline(
            y=goal[0],
            line={"color": colours.muted, "width": 1, "dash": "dash"},
            annotation={"text": goal[1], "font": {"size": 11, "color": colours.muted}, "xanchor": "right"},
        )
    figure.update_yaxes(tickformat=_ticks(points) if percent else "~s", nticks=4)
    figure.update_xaxes(nticks=5, tickformat=DAY)
    return figure


def _ticks(points: Sequence[Point]) -> str:
    """Give percentages a decimal where whole ones would repeat themselves."""
    known = [p.value for p in points if p.value is not None]
    return ".0%" if max(known, default=1.0) - min(known, default=0.0) > 0.05 else ".1%"


def bars(points: Sequence[Point], colours: Palette, *, height: int = 168, colour: str | None = None) -> go.Figure:
    """Draw upright bars with their values on top."""
    figure = _figure(colours, height)
    figure.add_bar(
        x=[str(p.at) for p in points],
        y=[p.value for p in points],
        marker={"color": colour or colours.blue, "line": {"width": 0}, "cornerradius": 2},
        customdata=_told(points),
        hovertemplate=_HOVER,
    )
    figure.update_layout(bargap=0.3)
    figure.update_yaxes(tickformat="~s", nticks=4)
    return figure


def stacked(
    categories: Sequence[str],
    series: Sequence[tuple[str, Sequence[float], Sequence[str]]],
    colours: Palette,
    *,
    height: int = 200,
    hues: Sequence[str] = (),
    opens: Callable[[str, str], str] = lambda _category, _name: "",
) -> go.Figure:
    """Draw stacked bars: (name, values, hover words) a series; the legend stands on top.

    `opens` names what a click on the part of a category opens.
    """
    figure = _figure(colours, height)
    for index, (name, values, told) in enumerate(series):
        shades = hues or colours.series
        figure.add_bar(
            x=list(categories),
            y=list(values),
            name=name,
            marker={"color": shades[index % len(shades)], "line": {"width": 0}},
            customdata=[[text, opens(category, name)] for category, text in zip(categories, told, strict=True)],
            hovertemplate=_HOVER,
        )
    _totals(figure, categories, series, colours)
    figure.update_layout(barmode="stack", bargap=0.35, showlegend=True, legend=_legend(colours))
    figure.update_layout(margin={"t": 28})
    figure.update_yaxes(visible=False)
    return figure


def lying(points: Sequence[Point], colours: Palette, *, height: int = 168, texts: Sequence[str]) -> go.Figure:
    """Draw lying bars, the first on top, each with its name left and its value behind it."""
    figure = _figure(colours, height)
    figure.add_bar(
        y=[str(p.at) for p in points],
        x=[p.value for p in points],
        orientation="h",
        text=list(texts),
        textposition="outside",
        textfont={"color": colours.ink, "size": 12},
        cliponaxis=False,
        marker={
            "color": [colours.vermillion if (p.value or 0) < 0 else colours.blue for p in points],
            "cornerradius": 2,
        },
        customdata=_told(points),
        hovertemplate=_HOVER,
    )
    figure.update_layout(bargap=0.38, margin={"r": 88})
    figure.update_xaxes(visible=False, showgrid=False)
    figure.update_yaxes(
        autorange="reversed", showgrid=False, ticksuffix="  ", tickfont={"color": colours.ink, "size": 12.5}
    )
    return figure


def waterfall(
    steps: Sequence[tuple[str, float, str, str]],
    colours: Palette,
    *,
    height: int = 280,
    opens: Mapping[str, str] | None = None,
) -> go.Figure:
    """Draw how a sum comes about: (name, amount, kind: total | part, words); losses hang, totals stand.

    `opens` gives what a click on a step opens, by the step's name.
    """
    figure = _figure(colours, height)
    base, bottoms, tops, hues = 0.0, [], [], []
    for _, amount, kind, _words in steps:
        if kind == "total":
            bottoms.append(0.0)
            tops.append(amount)
            hues.append(colours.blue)
            base = amount
        else:
            bottoms.append(base + min(amount, 0.0))
            tops.append(abs(amount))
            hues.append(colours.green if amount >= 0 else colours.orange)
            base += amount
    figure.add_bar(
        x=[name for name, *_ in steps],
        y=tops,
        base=bottoms,
        marker={"color": hues, "line": {"width": 0}, "cornerradius": 2},
        text=[told for *_, told in steps],
        textposition="outside",
        textfont={"color": colours.ink, "size": 11.5},
        cliponaxis=False,
        customdata=[[f"{name}: {told}", (opens or {}).get(name, "")] for name, *_, told in steps],
        hovertemplate=_HOVER,
    )
    figure.update_layout(bargap=0.32, margin={"t": 24})
    figure.update_yaxes(visible=False, showgrid=False)
    figure.update_xaxes(tickfont={"color": colours.ink, "size": 12})
    return figure


def pair(
    categories: Sequence[date],
    above: tuple[str, Sequence[float]],
    below: tuple[str, Sequence[float]],
    colours: Palette,
    *,
    height: int = 168,
) -> go.Figure:
    """Draw two counts against each other: one upwards, one downwards."""
    figure = _figure(colours, height)
    for (name, values), sign, hue in ((above, 1, colours.orange), (below, -1, colours.green)):
        figure.add_bar(
            x=list(categories),
            y=[sign * value for value in values],
            name=name,
            marker={"color": hue, "line": {"width": 0}},
            customdata=[
                [f"{at:%-d %b}: {v:,.0f} {name}", at.isoformat()] for at, v in zip(categories, values, strict=True)
            ],
            hovertemplate=_HOVER,
        )
    figure.update_layout(barmode="relative", bargap=0.3, showlegend=True, legend=_legend(colours), margin={"t": 28})
    figure.update_yaxes(nticks=4, zeroline=True, zerolinecolor=colours.line, tickformat="~s")
    figure.update_xaxes(nticks=5, tickformat=DAY)
    return figure


def fan(
    days: Sequence[date],
    middle: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    colours: Palette,
    *,
    receipts: Sequence[tuple[date, float]] = (),
    height: int = 260,
    opens: str = "",
) -> go.Figure:
    """Draw a projected stock with its band; receipts stand where they arrive, the zero line is where it runs out."""
    figure = _figure(colours, height)
    figure.add_scatter(x=list(days), y=list(high), mode="lines", line={"width": 0}, hoverinfo="skip")
    figure.add_scatter(
        x=list(days),
        y=list(low),
        mode="lines",
        line={"width": 0},
        fill="tonexty",
        fillcolor=_see_through(colours.blue, 0.18),
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=list(days),
        y=[left if left > 0 or number == 0 or middle[number - 1] > 0 else None for number, left in enumerate(middle)],
        mode="lines+markers",
        line={"color": colours.blue, "width": 2},
        **_UNSEEN,
        customdata=[
            [f"{day:%-d %b}: {left:,.0f} units expected", opens] for day, left in zip(days, middle, strict=True)
        ],
        hovertemplate=_HOVER,
    )
    for number, (at, units) in enumerate(receipts):
        figure.add_vline(x=at.isoformat(), line={"color": colours.green, "width": 1.5, "dash": "dot"})
        figure.add_annotation(
            x=at.isoformat(), y=1 - 0.1 * (number % 3), yref="paper", text=f"+{units:,.0f}", showarrow=False,
            xanchor="left", xshift=4, font={"size": 12, "color": colours.good},
        )  # fmt: skip
    figure.add_hline(y=0, line={"color": colours.vermillion, "width": 1})
    figure.update_yaxes(nticks=5)
    figure.update_xaxes(nticks=8, tickformat=DAY)
    return figure


#: Markers that nobody sees: a line by itself cannot be clicked.
_UNSEEN: dict[str, Any] = {
    "marker": {"size": 12, "opacity": 0},
    "selected": {"marker": {"opacity": 0}},
    "unselected": {"marker": {"opacity": 0}},
}


def _told(points: Sequence[Point]) -> list[list[str]]:
    return [[p.words, p.opens] for p in points]


def spark(values: Sequence[float | None]) -> str:
    """Draw a sparkline as clipped boxes in the theme's own colours (the page sanitiser drops SVG); gaps stay gaps."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return '<div class="fw-spark"></div>'
    low, high, last = min(known), max(known), len(values) - 1
    runs: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            share = 0.5 if high == low else (value - low) / (high - low)
            runs[-1].append((100 * index / last, 92 - 84 * share))
    return f'<div class="fw-spark" aria-hidden="true">{"".join(_run(run) for run in runs if len(run) > 1)}</div>'


def _run(run: Sequence[tuple[float, float]]) -> str:
    over = ",".join(f"{x:.1f}% {y:.1f}%" for x, y in run)
    under = ",".join(f"{x:.1f}% calc({y:.1f}% + 2px)" for x, y in reversed(run))
    floor = f"{run[-1][0]:.1f}% 100%,{run[0][0]:.1f}% 100%"
    return f'<i style="clip-path:polygon({over},{floor})"></i><b style="clip-path:polygon({over},{under})"></b>'


def _figure(colours: Palette, height: int) -> go.Figure:
    figure = go.Figure()
    axis = {
        "gridcolor": colours.line,
        "zeroline": False,
        "linecolor": colours.line,
        "tickfont": {"color": colours.muted, "size": 11.5},
        "title": None,
        "fixedrange": True,
        "automargin": True,
    }
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 12, "color": colours.muted},
        colorway=list(colours.series),
        showlegend=False,
        hovermode="closest",
        hoverlabel={
            "bgcolor": colours.ink,
            "bordercolor": colours.ink,
            "font": {"family": FONT, "size": 12.5, "color": colours.card},
        },
        xaxis={**axis, "showgrid": False},
        yaxis=axis,
        dragmode=False,
    )
    return figure


def _legend(colours: Palette) -> dict[str, object]:
    return {
        "orientation": "h",
        "x": 0,
        "y": 1.0,
        "yanchor": "bottom",
        "font": {"color": colours.muted, "size": 12},
        "bgcolor": "rgba(0,0,0,0)",
        "itemclick": False,
        "itemdoubleclick": False,
        "traceorder": "normal",
    }


def _last_label(figure: go.Figure, points: Sequence[Point], colours: Palette, *, percent: bool) -> None:
    last = next((p for p in reversed(points) if p.value is not None), None)
    if last is None or last.value is None:
        return
    figure.add_scatter(
        x=[last.at], y=[last.value], mode="markers", marker={"color": colours.blue, "size": 7}, hoverinfo="skip"
    )
    text = f"{last.value:.1%}" if percent else f"{last.value:,.0f}"
    figure.add_annotation(
        x=last.at if isinstance(last.at, str) else last.at.isoformat(), y=last.value, text=f"<b>{text}</b>",
        showarrow=False, xanchor="right", yanchor="bottom", yshift=4, font={"color": colours.ink, "size": 12},
    )  # fmt: skip


def _totals(
    figure: go.Figure,
    categories: Sequence[str],
    series: Sequence[tuple[str, Sequence[float], Sequence[str]]],
    colours: Palette,
) -> None:
    for index, category in enumerate(categories):
        total = sum(values[index] for _, values, _ in series)
        if total:
            figure.add_annotation(
                x=category, y=total, text=f"{total:,.0f}", showarrow=False, yanchor="bottom",
                font={"color": colours.ink, "size": 12},
            )  # fmt: skip


def _see_through(colour: str, share: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
