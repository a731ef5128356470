"""What the overview asks for: one sentence, three things to do today, six figures and the charts below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from actions.flow import Flow, Step, flow, steps
from app.services import words
from app.services.acting import desk_of
from app.services.amounts import by_currency
from app.services.figures import Asked, Tile, by, daily, in_words, moved, state_tile, tile
from app.services.projection import projection
from app.services.queue import board, title_of
from app.services.stock import is_due
from data.store import Store
from metrics.answer import answer, compare, many, series
from metrics.figure import Figure

AHEAD_DAYS = 14
#: What a line of its own tells already is not named twice: late orders, and items that run out.
STUCK, STOCKOUT = "X10", "X37"


@dataclass(frozen=True, kw_only=True)
class Todo:
    """One thing to do today: what, why, what it saves, and where it is done."""

    what: str
    why: str
    money_minor: int  #: the loss that is expected if nobody does it
    currency: str
    button: str
    screen: str
    query: Mapping[str, str]
    is_loss: bool = True  #: else the money is what it is worth, which says nothing of what is saved


@dataclass(frozen=True, kw_only=True)
class Risk:
    """Margin expected to be lost to stockouts."""

    total_minor: int  #: of the items that are likely to run out and are sold in this currency
    items: int  #: how many they are
    currency: str
    by_day: Sequence[tuple[date, int]]  #: the next 14 days, by the day on which the stock is expected to run out
    state: str
    reason: str


def tiles(asked: Asked, risk: Risk) -> list[Tile]:
    """Give the six figures."""
    return [
        tile(asked, "orders"),
        tile(asked, "net_sales_placed", label="Net sales, placed"),
        tile(asked, "on_time_fill_rate_units", label="On-time fill, units"),
        state_tile(asked, "late_orders", beside="open_orders"),
        tile(asked, "cm2_pct", label="Contribution margin 2"),
        Tile(
            name="stock_risk", label="Margin at risk of stockout",
            text=words.money_compact(risk.total_minor, risk.currency) if risk.state == "value" else "",
            state=risk.state, reason=risk.reason, delta="", tone="even",
            against=f"{words.plural(risk.items, 'item')} likely to run out",
            trend=[float(minor) for _, minor in risk.by_day],
            note="; ".join([*([] if asked.currency is None else [f"{asked.currency} alone"]), *asked.ignored(())]),
        ),
    ]  # fmt: skip


def stock_risk(store: Store, now: datetime, currency: str | None = None) -> Risk:
    """Sum what the projection expects to lose, item by item, of what is sold in a currency; None is the usual one."""
    frame = projection(store, now)
    sums = by_currency(frame, "expected_lost_margin_minor")
    own = currency or next((code for code, _ in sums), "")
    if own not in dict(sums):
        reason = next(iter(frame["reason"].drop_nulls().mode().sort().to_list()), "no stock is known")
        reason = f"nothing that is sold in {own} can be projected" if sums else reason
        return Risk(total_minor=0, items=0, currency="", by_day=(), state="not_armed", reason=reason)
    known = frame.filter(pl.col("expected_lost_margin_minor").is_not_null(), pl.col("currency") == own)
    days = [now.date() + timedelta(days=n) for n in range(AHEAD_DAYS)]
    falling = (
        known.filter(pl.col("stockout_on").is_not_null())
        .group_by("stockout_on")
        .agg(pl.col("expected_lost_margin_minor").sum())
    )
    lost = dict(falling.iter_rows())
    risky = known.filter(pl.col("at_risk"))
    return Risk(
        total_minor=int(risky["expected_lost_margin_minor"].sum()),
        items=risky.height,
        currency=own,
        by_day=[(day, int(lost.get(day, 0))) for day in days],
        state="value",
        reason="",
    )


def todos(store: Store, now: datetime, late: Figure, late_value: Figure) -> list[Todo]:
    """Give the three things that save most: groups of cases, what to order, and late orders that are no case.

    All are ranked by the whole loss that is expected; money that is no loss comes after them.
    """
    cases, stock = _cases(store), _orders_to_place(store, now)
    stuck = any(todo.query.get("kind") == STUCK for todo in cases)
    told = [todo for todo in cases if not (stock and todo.query.get("kind") == STOCKOUT)]
    found = [*told, *stock, *([] if stuck else _late(late, late_value))]
    return sorted(found, key=lambda t: (-t.money_minor * t.is_loss, -t.money_minor))[:3]


def quiet(late: Figure, risk: Risk) -> str:
    """Say why there is nothing to do, and what of it is simply not known."""
    known = ["no case waits"]
    unknown: list[str] = []
    (known if late.value is not None else unknown).append(
        "nothing is late" if late.value is not None else "what is late"
    )
    armed = risk.state == "value"
    (known if armed else unknown).append("nothing that sells is about to run out" if armed else "what runs out")
    said = f"{words.listed(known).capitalize()}."
    return f"{said} Not known: {words.listed(unknown)}." if unknown else said


def _cases(store: Store) -> list[Todo]:
    now = board(store)
    made = []
    for detector, number in now.counts.items():
        rows = [row for row in now.rows if row.detector == detector]
        own = [row for row in rows if row.currency == rows[0].currency]  # money of two currencies is never added
        made.append(
            Todo(
                what=f"{title_of(detector)}: {words.plural(number, 'case')}",
                why=rows[0].title,
                money_minor=sum(row.expected_loss_minor for row in own),
                currency=rows[0].currency,
                button="Work the queue",
                screen="queue",
                query={"kind": detector},
            )
        )
    return made


def _orders_to_place(store: Store, now: datetime) -> list[Todo]:
    frame = projection(store, now).filter(is_due(now.date()))
    if frame.is_empty():
        return []
    worst = frame.sort("expected_lost_margin_minor", "sku", descending=[True, False], nulls_last=True).row(
        0, named=True
    )
    own = frame.filter(pl.col("currency").eq_missing(worst["currency"]))
    return [
        Todo(
            what=f"Order or move stock of {words.plural(frame.height, 'item')} today",
            why=f"worst: {worst['sku']} at {worst['location']}, {worst['suggestion']} {worst['suggested_units']:,}",
            money_minor=int(own["expected_lost_margin_minor"].sum() or 0),
            currency=str(worst["currency"] or ""),
            button="See what to order",
            screen="stock",
            query={"only": "due", "location": "all"},
        )
    ]


def _late(late: Figure, value: Figure) -> list[Todo]:
    if not late.value or value.value is None:
        return []
    return [
        Todo(
            what=f"Ship {words.plural(int(late.value), 'late order')}",
            why="past their ship-by time and still open; the money is their open value, not a loss yet",
            money_minor=int(value.value),
            currency=value.currency or "",
            button="See the late orders",
            screen="orders",
            query={"late": "true", "channel": "all", "location": "all"},  # whatever was chosen before
            is_loss=False,
        )
    ]


def sentence(tiles: Sequence[Tile], days: int, risk: Risk | None) -> list[tuple[str, bool]]:
    """Say everything in one sentence, as pieces that are plain or strong; what is not known is left out."""
    known = {t.name: t for t in tiles if t.text}
    parts: list[tuple[str, bool]] = []

    def say(text: str, *, strong: bool = False) -> None:
        parts.append((text, strong))

    if orders := known.get("orders"):
        say(f"{orders.text} orders", strong=True)
        say(f" in the last {days} days")
        if orders.tone != "even":
            say(f", {orders.delta.split(' ', 1)[1]} than before")
    if fill := known.get("on_time_fill_rate_units"):
        say("; " if parts else "")
        say(f"{fill.text} of units", strong=True)
        say(" left by their promise")
    if margin := known.get("cm2_pct"):
        say("; ")
        say(margin.text, strong=True)
        say(" of net sales stay as margin")
    if late := known.get("late_orders"):
        say("; " if parts else "")
        say("1 order is late now" if late.text == "1" else f"{late.text} orders are late now", strong=True)
    if risk and risk.state == "value" and risk.total_minor:
        say(", and " if parts else "")
        say(words.money_compact(risk.total_minor, risk.currency), strong=True)
        say(f" of margin is at risk of stockouts in {words.plural(risk.items, 'item')}")
    return [*parts, (".", False)] if parts else []


def aging(asked: Asked) -> list[Figure]:
    """Count open orders by age and stage, for this screen and the orders screen alike."""
    return answer(asked.given, "open_orders", by=("age", "stage"), where=asked.filters("open_orders"))


def margin_by_channel(asked: Asked) -> list[Figure]:
    """Give contribution margin 2 in percent by channel."""
    return list(by(asked, ["cm2_pct"], "channel")["cm2_pct"])


def fill_trend(asked: Asked) -> list[tuple[date, Figure]]:
    """Give the on-time fill rate of every day."""
    return daily(asked, "on_time_fill_rate_units")


def case_flow(store: Store, now: datetime, days: int) -> list[Flow]:
    """Count cases opened and cleared each day."""
    return flow(desk_of(store), now=now, days=days)


def case_steps(store: Store, day: date) -> list[Step]:
    """Give the cases that a day of the flow counts."""
    return steps(desk_of(store), day)


def late_figures(asked: Asked) -> tuple[Figure, Figure]:
    """Give how many orders are late and what their open units are worth."""
    found = many(asked.given, ["late_orders", "late_value"], where=asked.filters("late_orders"))
    values = found["late_value"]
    return found["late_orders"][0], next((f for f in values if f.currency == asked.currency), values[0])


def orders_a_day(asked: Asked) -> tuple[list[tuple[date, Figure]], list[tuple[date, Figure]]]:
    """Count orders of every day of the window, and of the window before."""
    earlier = series(asked.given, "orders", window=asked.window.previous(), where=asked.filters("orders"))
    return daily(asked, "orders"), [
        (date.fromisoformat(str(f.dimensions.get("day") or asked.now.date())), f) for f in earlier
    ]


@dataclass(frozen=True, kw_only=True)
class Change:
    """The channel that moved a figure most."""

    label: str
    channel: str
    move: str
    tone: str
    text: str
    metric: str


def changes(asked: Asked) -> list[Change]:
    """Name, for three figures, the channel that moved it most: by amount, or by points."""
    if asked.where:
        return []
    found = []
    for name in ("net_sales_placed", "on_time_fill_rate_units", "cm2_pct"):
        compared = compare(asked.given, name, window=asked.window, by=("channel",), where=asked.filters(name))
        known = [c for c in compared if c.delta is not None and c.figure.dimensions.get("channel")]
        if known:
            most = max(known, key=lambda c: abs(c.delta or 0))
            move, tone = moved(most)
            found.append(
                Change(
                    label=most.figure.label, channel=str(most.figure.dimensions["channel"]), move=move, tone=tone,
                    text=in_words(most.figure, short=True), metric=name,
                )
            )  # fmt: skip
    return found
