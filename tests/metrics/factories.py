"""Facts of a small shop, stating only what a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from data.facts import TABLES
from data.lake import WEIGHT, Facts
from data.log.status import StreamStatus
from metrics.answer import answer
from metrics.figure import Figure
from metrics.sources import Given
from metrics.window import Window

Row = dict[str, Any]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)  #: when things are ordered
PROMISE = NOON + timedelta(days=2)
LATER = NOON + timedelta(days=60)  #: when questions are asked: all is over
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MARCH = Window.days(date(2026, 3, 1), date(2026, 4, 1))


def a_line(**given: Any) -> Row:  # noqa: ANN401 -- any column or argument
    """One line of an order, wholly shipped an hour after it was placed unless said otherwise."""
    ordered = given.get("ordered_units", 1)
    cancelled = given.get("cancelled_units", 0)
    shipped = given.get("shipped_units", ordered - cancelled)
    placed = given.get("placed_at", NOON)
    left = given.get("shipped_at", placed + HOUR) if shipped else None
    ship_by = given.get("ship_by", PROMISE)
    on_time = shipped if left and ship_by and left <= ship_by else 0
    row: Row = {
        "entity": "order-1", "line_id": "1", "sku": "MUG", "kind": "product", "channel": "web", "connection": "shop",
        "simulated": False, "placed_at": placed, "currency": "GBP", "net_minor": 100 * ordered,
        "ordered_units": ordered,
        "cancelled_units": cancelled, "shipped_units": shipped, "first_shipment_units": shipped,
        "on_time_units": on_time,
        "told_units": shipped, "returned_units": 0, "open_units": ordered - cancelled - shipped,
        "first_shipped_at": left, "last_shipped_at": left, "ship_by": ship_by, "promise": "given" if ship_by else None,
        "location": "NORTH", "stage": "shipped" if shipped else "placed", "stage_since": placed, "paid": True,
        "excused_units": 0,
    }  # fmt: skip
    given.pop("shipped_at", None)
    return row | given


def an_open_line(**given: Any) -> Row:  # noqa: ANN401 -- any column or argument
    """One line of which nothing has left."""
    return a_line(shipped_units=0, **given)


def a_posting(**given: Any) -> Row:  # noqa: ANN401 -- any column or argument
    """One posting of the margin ledger: amounts not given are zero."""
    amounts = {name: 0 for name in TABLES["line_amount"].columns if name.endswith("_minor")}
    return amounts | {
        "entity": "order-1", "line_id": "1", "sku": "MUG", "channel": "web", "location": "NORTH", "simulated": False,
        "entry": "sale", "posted_at": NOON, "placed_at": NOON, "currency": "GBP", "units": 1,
    } | given  # fmt: skip


def a_parcel_line(**given: Any) -> Row:  # noqa: ANN401 -- any column or argument
    """One line in a parcel that left at noon and that the channel knows of."""
    return {
        "entity": "order-1", "parcel": "p1", "line_id": "1", "sku": "MUG", "channel": "web", "units": 1,
        "location": "NORTH", "carrier": "post", "tracking": "t1", "handed_over_at": NOON, "told_at": NOON,
        "net_minor": 100,
    } | given  # fmt: skip


def a_return(**given: Any) -> Row:  # noqa: ANN401 -- any column or argument
    """One returned line."""
    return {
        "entity": "order-1", "return_id": "r1", "line_id": "1", "sku": "MUG", "channel": "web", "units": 1,
        "status": "closed", "requested_at": NOON, "received_at": NOON, "linked": True,
    } | given  # fmt: skip


def a_payment(**given: Any) -> Row:  # noqa: ANN401 -- any column or argument
    """One movement of money: a fee unless said otherwise."""
    return {
        "entity": "order-1", "payment": "f1", "kind": "fee", "fee_kind": "payment", "amount_minor": 1,
        "currency": "GBP", "at": NOON, "channel": "web",
    } | given  # fmt: skip


def an_item(sku: str = "MUG", **given: Any) -> Row:  # noqa: ANN401 -- any column or argument
    """One item of the catalogue with its cost."""
    return {"entity": sku, "name": sku.title(), "category": "kitchen", "unit_cost_minor": 40, "currency": "GBP"} | given


def a_count(sku: str = "MUG", on_hand: int = 0, **given: Any) -> Row:  # noqa: ANN401 -- any column or argument
    """One claim of what is on hand."""
    return {
        "entity": f"{sku}@NORTH", "connection": "warehouse", "sku": sku, "location": "NORTH", "state": "on_hand",
        "units": on_hand, "observed_at": NOON,
    } | given  # fmt: skip


def a_stream(connection: str = "shop", stream: str = "orders", **given: Any) -> StreamStatus:  # noqa: ANN401 -- any column or argument
    """One stream that answered at the time of the question unless said otherwise."""
    numbers = {
        "accepted": 1,
        "duplicates": 0,
        "conflicts": 0,
        "dead_letters": 0,
        "restated": 0,
        "refused": 0,
        "failures": 0,
    }
    rest = {
        "last_event_at": NOON,
        "as_of": LATER,
        "succeeded_at": LATER,
        "failed_at": None,
        "error_class": None,
        "error": None,
    }
    return StreamStatus(connection=connection, stream=stream, **{**numbers, **rest, **given})


def table(name: str, rows: Sequence[Row]) -> pl.DataFrame:
    """Make a fact table; columns not given are null."""
    schema = TABLES[name].schema
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def tail(name: str, retracted: Sequence[Row], asserted: Sequence[Row]) -> pl.DataFrame:
    """Make a tail that takes back some rows and states others."""
    parts = [(retracted, -1), (asserted, 1)]
    return pl.concat([table(name, rows).with_columns(pl.lit(weight, pl.Int8).alias(WEIGHT)) for rows, weight in parts])


def told(facts: Facts, now: datetime = LATER, **more: Any) -> Given:  # noqa: ANN401 -- statuses, demand, late_after
    """What a question is answered from; it is asked when all is over unless said otherwise."""
    return Given(facts=facts, now=now, **more)


def asked(facts: Facts, name: str, **more: Any) -> list[Figure]:  # noqa: ANN401 -- of the question or what answers it
    """Answer a metric for March, asked when all is over, unless said otherwise."""
    about = {key: more.pop(key) for key in ("now", "zone", "statuses", "late_after", "demand") if key in more}
    return answer(told(facts, **about), name, **{"window": MARCH, **more})


def some_facts(tails: dict[str, pl.DataFrame] | None = None, **tables: Sequence[Row]) -> Facts:
    """Publish some rows, with the tails of some tables."""
    facts = Facts.of(LATER, **{name: table(name, rows) for name, rows in tables.items()})
    frames = dict(facts.frames)
    for name, changes in (tails or {}).items():
        frames[name] = (frames[name][0], changes.lazy())
    return Facts(7, 42, LATER, frames)
