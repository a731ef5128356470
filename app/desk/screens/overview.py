"""Overview: one sentence, three things to do today, six figures, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import streamlit as st

from app.desk.components import charts
from app.desk.components.cards import Rows, row_of_cards
from app.desk.components.charts import Point
from app.desk.components.filters import Chosen, filters
from app.desk.components.stages import aging_chart
from app.desk.components.text import esc, heading, note, put
from app.desk.context import Visit, asked, channels, colours, kept, money_in
from app.desk.shell import empty, go, link, page
from app.services import overview, words
from app.services.amounts import major
from app.services.figures import Tile
from app.services.overview import Risk, Todo
from metrics.figure import Figure

HEIGHT = 176  #: of a chart, in pixels


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Overview") as controls:
        if not visit.publication:
            empty("No figures yet", "The first data is being read. This page fills as soon as it is published.")
            return
        with controls:
            chosen = filters(channels(visit), currencies=money_in(visit))
        tiles, risk, todos, quiet = _figures(visit, chosen)
        left, right = st.columns([6, 7], gap="small")
        with left, st.container(key="card-sentence", height="stretch"):
            put(_sentence(tiles, chosen, risk) + _changes(visit, chosen))
        with right, st.container(key="card-todo", height="stretch", gap="xsmall"):
            _todos(todos, quiet, chosen)
        row_of_cards(tiles, [_rows(tile, chosen) for tile in tiles])
        _charts(visit, chosen, risk)


def _figures(visit: Visit, chosen: Chosen) -> tuple[list[Tile], Risk, list[Todo], str]:
    def make() -> tuple[list[Tile], Risk, list[Todo], str]:
        question = asked(visit, chosen)
        risk = overview.stock_risk(visit.store, visit.moment, chosen.currency)
        late, value = overview.late_figures(replace(question, where=()))  # what is to be done is not filtered
        todos = overview.todos(visit.store, visit.moment, late, value)
        return overview.tiles(question, risk), risk, todos, overview.quiet(late, risk)

    return kept(visit, ("overview", chosen), make)


def _rows(tile: Tile, chosen: Chosen) -> Rows:
    """Name where a tile's rows are: the rows of its metric, under the same filters."""
    if tile.name == "stock_risk":
        return ("stock", "Open the items", chosen.query_of("location"))
    return ("rows", "Open the rows", {"metric": tile.name, **chosen.query})


def _sentence(tiles: Sequence[Tile], chosen: Chosen, risk: Risk) -> str:
    parts = overview.sentence(tiles, chosen.days, None if chosen.channel else risk)
    text = "".join(f"<b>{esc(part)}</b>" if strong else esc(part) for part, strong in parts)
    shown = text or "Nothing can be said yet."
    return f'{heading("In one sentence")}<div class="fw-sentence">{shown}</div>'


def _changes(visit: Visit, chosen: Chosen) -> str:
    found = kept(visit, ("changes", chosen), lambda: overview.changes(asked(visit, chosen)))
    lines = "".join(
        f'<div><span>{esc(c.label)}</span><b>{esc(c.channel)}</b><span class="{esc(c.tone)}">{esc(c.move)}</span>'
        f"<span>to {esc(c.text)}</span></div>"
        for c in found
    )
    title = (
        '<div class="fw-title" style="margin-top:12px"><span>What moved it most <small>by channel</small></span></div>'
    )
    return f'{title}<div class="fw-changes">{lines}</div>' if lines else ""


def _of_all(chosen: Chosen) -> str:
    """Say of what knows no channel that it is of all of them, where one is chosen."""
    return ", all channels" if chosen.channel else ""


def _todos(todos: Sequence[Todo], quiet: str, chosen: Chosen) -> None:
    put(heading("To do today", f"the largest expected loss first{_of_all(chosen)}"))
    if not todos:
        put(note(quiet))
    for number, todo in enumerate(todos):
        left, right = st.columns([5, 2], vertical_alignment="center", gap="small")
        amount = words.money_compact(todo.money_minor, todo.currency)
        with left:
            told = f'<div class="what">{esc(todo.what)}</div><div class="why">{esc(todo.why)}</div>'
            put(f'<div class="fw-todo"><div class="money">{esc(amount)}</div><div>{told}</div></div>')
        with right, st.container(key=f"todo-{number}", horizontal_alignment="right"):
            if st.button(todo.button, key=f"do-{number}", width="stretch"):
                go(todo.screen, **todo.query)


def _charts(visit: Visit, chosen: Chosen, risk: Risk) -> None:
    top, bottom = st.columns(3, gap="small"), st.columns(3, gap="small")
    where, every = chosen.query_of("channel", "location"), chosen.query_of("location")
    with top[0], _card("aging", "Open orders by age", "now, by stage", "orders", **where):
        figures = kept(visit, ("aging", chosen), lambda: overview.aging(asked(visit, chosen)))
        aging_chart(figures, key="overview-aging", opens=lambda age, stage: go("orders", age=age, stage=stage, **where))
    days, money = f"last {chosen.days} days", chosen.query_of("days", "currency", "location")
    with top[1], _card("margins", "Contribution margin 2 by channel", days, "margin", **money):
        _margins(visit, chosen)
    fill = {"metric": "on_time_fill_rate_units", **chosen.query}
    with top[2], _card("fill", "On-time fill, units", "by promise day", "rows", **fill):
        _fill(visit, chosen)
    ahead = f"next 14 days{_of_all(chosen) or ', by the day it runs out'}"
    with bottom[0], _card("risk", "Margin lost to stockouts", ahead, "stock", **every):
        _risk(risk, every)
    with bottom[1], _card("flow", "Exceptions opened and cleared", f"last 14 days{_of_all(chosen)}", "queue"):
        _flow(visit)
    with bottom[2], _card("sales", "Orders a day", "dotted: the days before", "rows", metric="orders", **chosen.query):
        _orders(visit, chosen)


@contextmanager
def _card(name: str, title: str, small: str, screen: str, **query: str) -> Iterator[None]:
    with st.container(key=f"card-chart-{name}", height="stretch", gap="xxsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            put(heading(title, small))
            link(screen, "Open", **query)
        yield


def _margins(visit: Visit, chosen: Chosen) -> None:
    found = kept(visit, ("margins", chosen), lambda: overview.margin_by_channel(asked(visit, chosen)))
    known = [f for f in found if f.value is not None and f.dimensions.get("channel")]
    if not known:
        put(f'<p class="fw-note">{esc("; ".join(found[0].reasons) or "No sale was shipped in these days.")}</p>')
        return
    points = [
        Point(
            str(f.dimensions["channel"]),
            f.value,
            f"{f.dimensions['channel']}: {words.percent(f.value)} of net sales",
            opens=str(f.dimensions["channel"]),
        )
        for f in sorted(known, key=lambda f: -(f.value or 0))
    ]
    texts = [words.percent(p.value) for p in points]
    alt = "Contribution margin 2 by channel: " + ", ".join(p.words for p in points)
    figure = charts.lying(points, colours(), height=HEIGHT, texts=texts)
    query = chosen.query_of("days", "currency", "location")
    charts.draw(
        figure, alt=alt, key="chart-margins", opens=lambda name: go("rows", metric="cm2_pct", channel=name, **query)
    )


def _fill(visit: Visit, chosen: Chosen) -> None:
    found = kept(visit, ("fill", chosen), lambda: overview.fill_trend(asked(visit, chosen)))
    points = [Point(day, f.value, f"{day:%-d %b}: {words.percent(f.value)}", day.isoformat()) for day, f in found]
    if not any(p.value is not None for p in points):
        put(note("; ".join(found[0][1].reasons) if found else "No promise fell due in these days."))
        return
    alt = f"On-time fill rate of units by day, last {words.percent(points[-1].value)}"
    figure = charts.line(points, colours(), height=HEIGHT, percent=True)
    charts.draw(figure, alt=alt, key="chart-fill", opens=_day_of("on_time_fill_rate_units", chosen))


def _day_of(metric: str, chosen: Chosen) -> Callable[[str], None]:
    """Make what opens the rows of a metric on the day that was clicked."""
    return lambda day: go("rows", metric=metric, **chosen.query, day=day)


def _risk(risk: Risk, every: Mapping[str, str]) -> None:
    if risk.state != "value":
        put(f'<p class="fw-note">Not armed: {esc(risk.reason)}</p>')
        return
    points = [
        Point(
            f"{day:%-d %b}",
            major(minor, risk.currency),
            f"{day:%-d %b}: {words.money(minor, risk.currency)}",
            day.isoformat(),
        )
        for day, minor in risk.by_day
    ]
    whole = words.money(sum(minor for _, minor in risk.by_day), risk.currency)
    alt = f"Expected lost margin by the day stock runs out, {whole} in all"
    figure = charts.bars(points, colours(), height=HEIGHT, colour=colours().vermillion)
    charts.draw(figure, alt=alt, key="chart-risk", opens=lambda day: go("stock", only="all", out=day, **every))


def _flow(visit: Visit) -> None:
    found = overview.case_flow(visit.store, visit.now, overview.AHEAD_DAYS)
    if not any(f.opened or f.cleared for f in found):
        put('<p class="fw-note">No case was opened or cleared in these days.</p>')
        return
    days = [f.day for f in found]
    above, below = ("opened", [float(f.opened) for f in found]), ("cleared", [float(f.cleared) for f in found])
    alt = f"{sum(above[1]):.0f} cases opened, {sum(below[1]):.0f} cleared in {len(days)} days"
    figure = charts.pair(days, above, below, colours(), height=HEIGHT)
    charts.draw(figure, alt=alt, key="chart-flow", opens=lambda day: go("flow", day=day))


def _orders(visit: Visit, chosen: Chosen) -> None:
    now, before = kept(visit, ("orders", chosen), lambda: overview.orders_a_day(asked(visit, chosen)))
    points, earlier = ([_a_day(day, f) for day, f in found] for found in (now, before))
    alt = f"Orders a day over {chosen.days} days, beside the days before"
    figure = charts.line(points, colours(), height=HEIGHT, before=earlier)
    charts.draw(figure, alt=alt, key="chart-orders", opens=_day_of("orders", chosen))


def _a_day(day: date, orders: Figure) -> Point:
    return Point(day, orders.value, f"{day:%a %-d %b}: {words.count(orders.value)} orders", day.isoformat())
