"""Facts of a small shop, stating only what a test is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from data.facts import TABLES
from data.lake import Facts

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
A_DAY = timedelta(days=1)


def rows(table: str, *given: dict[str, object]) -> pl.DataFrame:
    """Make a table from the columns that matter; the others are null."""
    schema = TABLES[table].schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in given], schema=schema)


def an_order(
    day: date, units: int, *, sku: str = "MUG", location: str | None = "NORTH", **more: object
) -> dict[str, object]:
    """One order of one SKU, placed at noon; shipped unless `open_units` says otherwise."""
    at = datetime.combine(day, time(12), UTC)
    order = f"shop/{sku}/{location}/{day}/{units}/{more.pop('n', 0)}"
    return {
        "entity": order, "line_id": "1", "sku": sku, "kind": "product", "placed_at": at, "ordered_units": units,
        "cancelled_units": 0, "open_units": 0, "net_minor": 500 * units, "currency": "GBP", "location": location,
        **more,
    }  # fmt: skip


def orders_a_day(
    units: int = 2, *, days: int = 120, sku: str = "MUG", location: str | None = "NORTH"
) -> list[dict[str, object]]:
    """One order of so many units on each of the last days."""
    return [an_order(TODAY - n * A_DAY, units, sku=sku, location=location) for n in range(1, days + 1)]


def stock(on_hand: int, *, sku: str = "MUG", location: str = "NORTH", **states: int) -> list[dict[str, object]]:
    """What the warehouse holds, by state."""
    return [
        {"entity": f"{sku}@{location}", "connection": "warehouse", "sku": sku, "location": location, "state": state,
         "units": units, "observed_at": NOW}
        for state, units in {"on_hand": on_hand, "allocated": 0, **states}.items()
    ]  # fmt: skip


def a_purchase(units: int, due: datetime | None, *, status: str = "confirmed", **more: object) -> dict[str, object]:
    """A purchase order's line."""
    return {
        "entity": f"po/{status}/{units}/{due}", "line_id": "1", "sku": "MUG", "supplier": "KILN", "location": "NORTH",
        "status": status, "created_at": NOW, "sent_at": NOW, "ordered_units": units, "received_units": 0,
        "promised_at": due, **more,
    }  # fmt: skip


OLD_PURCHASE = a_purchase(10, NOW - 60 * A_DAY, status="received", received_units=10, received_at=NOW - 60 * A_DAY)


def a_shop(**given: list[dict[str, object]]) -> Facts:
    """A shop that sells one mug from one supplier with a lead time of 14 days; what is given replaces a table."""
    tables: dict[str, list[dict[str, object]]] = {
        "item": [{"entity": "MUG", "name": "Mug", "kind": "product", "supplier": "KILN", "list_price_minor": 500,
                  "unit_cost_minor": 200, "currency": "GBP"}],
        "supplier": [{"entity": "KILN", "name": "Kiln", "lead_time_days": 14}],
        "terms": [{"entity": "KILN:MUG", "supplier": "KILN", "sku": "MUG", "moq": 1, "pack": 1}],
        "purchase_line": [OLD_PURCHASE],
        **given,
    }  # fmt: skip
    return Facts.of(NOW, **{name: rows(name, *made) for name, made in tables.items() if made})
