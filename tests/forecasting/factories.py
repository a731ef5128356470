"""Facts of a small shop, stating only what a test is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from data.facts import TABLES
from data.lake import Facts
from forecasting.demand import Floats, Ints

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


def table(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Give a frame the columns of a fact table; those it lacks are null."""
    schema = TABLES[name].schema
    return frame.with_columns(
        pl.lit(None, kind).alias(c) for c, kind in schema.items() if c not in frame.columns
    ).select(pl.col(c).cast(kind) for c, kind in schema.items())


@dataclass(frozen=True)
class World:
    """A shop whose law of demand is known: compound Poisson, each SKU with its rate and its own sizes."""

    rates: Floats  #: orders a day, by SKU
    sizes: list[Floats]  #: sizes an order may have, equally likely, by SKU
    orders: pl.DataFrame

    @property
    def skus(self) -> list[str]:
        """Name the SKUs in order."""
        return [f"S{n:05}" for n in range(len(self.rates))]

    def demand(self, rng: np.random.Generator, days: float, draws: int) -> Floats:
        """Draw demand over a stretch of days (SKU x draws)."""
        drawn = np.zeros((len(self.rates), draws))
        for n, (rate, sizes) in enumerate(zip(self.rates, self.sizes, strict=True)):
            number = rng.poisson(rate * days, draws)
            total = np.concatenate([[0.0], np.cumsum(rng.choice(sizes, number.sum()))])
            ends = np.cumsum(number)
            drawn[n] = total[ends] - total[ends - number]
        return drawn

    def facts(self, on_hand: Ints, *, lead_days: int = 14, location: str = "NORTH") -> Facts:
        """Facts of that shop with so much of each SKU in stock."""
        skus = pl.Series("sku", self.skus)
        held = pl.DataFrame(
            {"entity": skus + "@" + location, "sku": skus, "location": location, "connection": "warehouse",
             "state": "on_hand", "units": on_hand, "observed_at": NOW}
        )  # fmt: skip
        items = pl.DataFrame(
            {"entity": skus, "name": skus, "kind": "product", "supplier": "KILN", "list_price_minor": 500,
             "unit_cost_minor": 200, "currency": "GBP"}
        )  # fmt: skip
        return Facts.of(
            NOW,
            order_line=self.orders,
            stock_position=table("stock_position", held),
            item=table("item", items),
            supplier=rows("supplier", {"entity": "KILN", "name": "Kiln", "lead_time_days": lead_days}),
            purchase_line=rows("purchase_line", OLD_PURCHASE),
        )


def a_world(seed: int, skus: int, *, days: int = 182, drift: float = 0.0, low: float = 0.2, high: float = 4.0) -> World:
    """Draw a world: log-uniform rates, heavy-tailed sizes; `drift` varies each SKU's rate between fortnights."""
    rng = np.random.default_rng(seed)
    rates = np.exp(rng.uniform(np.log(low), np.log(high), skus))
    sizes = [np.maximum(1.0, np.round(rng.lognormal(rng.uniform(0.3, 2.0), 1.0, 40))) for _ in range(skus)]
    by_day = np.repeat(rates[:, None], days, axis=1)
    if drift:
        fortnights = rng.gamma(1 / drift, drift, (skus, days // 14 + 1))
        by_day = by_day * np.repeat(fortnights, 14, axis=1)[:, -days:]
    counts = rng.poisson(by_day)
    sku, day = np.nonzero(counts)
    number = counts[sku, day]
    sku, day = np.repeat(sku, number), np.repeat(day, number)
    units = np.array([sizes[s][k] for s, k in zip(sku, rng.integers(0, 40, sku.size), strict=True)], dtype=np.int64)
    start = datetime.combine(TODAY - days * A_DAY, time(12), UTC)
    lines = pl.DataFrame({"n": np.arange(sku.size), "s": sku, "day": day, "ordered_units": units}).select(
        pl.format("shop/{}", "n").alias("entity"),
        pl.lit("product").alias("kind"),
        pl.format("S{}", pl.col("s").cast(pl.String).str.zfill(5)).alias("sku"),
        pl.lit("NORTH").alias("location"),
        (pl.lit(start) + pl.duration(days="day")).alias("placed_at"),
        "ordered_units",
        pl.lit(0).alias("cancelled_units"),
        pl.lit(0).alias("open_units"),
        (pl.col("ordered_units") * 500).alias("net_minor"),
        pl.lit("GBP").alias("currency"),
    )
    return World(rates, sizes, table("order_line", lines))
