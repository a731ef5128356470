"""What a detector sees: one publication of the facts, the projection, and how fresh every stream is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from data.lake import Facts
from data.log.status import StreamStatus
from data.money import is_same_currency

#: Where work can move on: what is held, unpaid or waits for stock is not among them.
OPEN_STAGES = ("released", "picking", "picked", "packed")

#: What people know a stream or table by, for `not armed: needs …`.
WORDS = {
    "order_line": "orders",
    "shipment_line": "shipments",
    "stock_position": "stock",
    "listing": "listings",
    "channel": "channel rules",
    "projection": "a stock projection (orders, stock and supplier terms)",
    "schedules": "a schedule for at least one source",
    "level": "the channel's own stock levels",
    "sale": "the ERP's sales",
    "order_total": "what channels charged for orders",
    "payment": "payments",
    "return_line": "returns",
    "catalogue": "a connection whose items are another's: see how to connect a system",
}


def number_of(order: str) -> str:
    """Give the number by which people know an order: without the account that issued it."""
    return order.partition("/")[2] or order


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How often a stream is expected to speak, and how long it may be late before it is *late*."""

    connection: str
    stream: str
    expected: timedelta
    grace: timedelta


@dataclass(frozen=True, kw_only=True)
class Account:
    """What is configured of one connection, as far as findings and commands depend on it."""

    connection: str
    system: str
    orders_from: str  #: whose order ids it refers to
    stock_from: str  #: who owns the stock that it shows
    items_from: str  #: whose item codes are the catalogue
    sales_upto: str = "draft"  #: policy: how far a sale that is made here is taken, draft | quotation | processing

    @property
    def owns_stock(self) -> bool:
        """Tell whether its own word for stock is the merchant's."""
        return self.stock_from == self.connection


@dataclass(frozen=True, kw_only=True)
class View:
    """Everything that findings may depend on; a detector is a pure function of it."""

    facts: Facts
    now: datetime
    projection: pl.DataFrame | None = None
    projected_from: datetime | None = None  #: when the facts were published on which the projection rests
    statuses: Sequence[StreamStatus] = ()
    schedules: Sequence[Schedule] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)  #: by connection
    _memo: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    def has(self, need: str) -> bool:
        """Tell whether an input is there: a fact table with rows, `projection`, `schedules` or `catalogue`."""
        if need == "catalogue":
            return any(account.items_from != name for name, account in self.accounts.items())
        if need == "projection":
            return self.projection is not None and self.projection.height > 0
        if need == "schedules":
            return bool(self.schedules)
        return self.facts.has(need)

    def as_of(self, *streams: str, connection: str | None = None) -> datetime:
        """Tell until when the picture of all these streams is complete; now where nobody says otherwise."""
        known = [
            s.as_of or s.succeeded_at
            for s in self.statuses
            if s.stream in streams and connection in (None, s.connection)
        ]
        return min((at for at in known if at is not None), default=self.now)

    def shops(self) -> list[str]:
        """Name the connections that sell from levels of their own: what is packed there is off them before it left."""
        levelled = set(self.facts.frame("level")["connection"])
        return sorted(name for name, account in self.accounts.items() if account.owns_stock and name in levelled)

    def atp(self) -> pl.DataFrame:
        """Give available to promise by sku and location: sku, location, on_hand, …, atp, counted_at."""
        if "atp" not in self._memo:
            self._memo["atp"] = available_to_promise(self.facts)
        return self._memo["atp"]

    def minor_of(self, sku: str, column: str, currency: str) -> int | None:
        """Give what an item costs or lists at, in a currency; None where it is unknown, or known in another one."""
        item = self.facts.frame("item").filter(pl.col("entity") == sku)
        if item.is_empty() or not is_same_currency(currency, item["currency"][0]):
            return None
        return None if item[column][0] is None else int(item[column][0])


def lateness(view: View) -> dict[tuple[str, str], timedelta]:
    """Tell which scheduled streams are late, and since how long they say nothing."""
    last = {(s.connection, s.stream): s.as_of or s.succeeded_at for s in view.statuses}
    late: dict[tuple[str, str], timedelta] = {}
    for schedule in view.schedules:
        at = last.get((schedule.connection, schedule.stream))
        silent = timedelta.max if at is None else view.now - at
        if silent > schedule.expected + schedule.grace:
            late[schedule.connection, schedule.stream] = silent
    return late


def available_to_promise(facts: Facts) -> pl.DataFrame:
    """Sum each system's claims to ATP = on hand - allocated - quarantined - damaged, by sku and location."""
    states = ("on_hand", "allocated", "quarantined", "damaged")
    units = [pl.col("units").filter(pl.col("state") == state).sum().cast(pl.Int64).alias(state) for state in states]
    return (
        facts.frame("stock_position")
        .group_by("sku", "location")
        .agg(*units, pl.col("observed_at").max().alias("counted_at"))
        .with_columns(
            (pl.col("on_hand") - pl.col("quarantined") - pl.col("damaged")).alias("sellable"),
            (pl.col("on_hand") - pl.col("allocated") - pl.col("quarantined") - pl.col("damaged")).alias("atp"),
        )
        .sort("sku", "location")
    )


def expected_listings(view: View) -> pl.DataFrame:
    """Say what every listing should offer: clamp(min(cap, sum of ATP over the channel's locations - buffer), 0).

    A listing whose item has no stock record at any of the channel's locations is left out: unknown is not zero.
    A channel whose stock another system owns takes orders before that system allocates them: what is open counts there
    as promised, whether it is allocated or not.
    """
    channels = view.facts.frame("channel").select(
        pl.col("entity").alias("channel"),
        pl.col("locations").str.split(",").alias("location"),
        "buffer_units",
        "cap_units",
    )
    pools = channels.select("channel", "location").explode("location").join(view.atp(), on="location")
    supply = pools.group_by("channel", "sku").agg(
        pl.col("atp").sum(),
        pl.col("sellable").sum(),
        pl.col("allocated").sum(),
        pl.col("counted_at").max(),
        pl.struct("location", "atp").alias("pools"),
    )
    promised = pl.max_horizontal("allocated", pl.col("open_units").fill_null(0))
    free = pl.when(pl.col("connection").is_in(_guests(view))).then(pl.col("sellable") - promised).otherwise("atp")
    wanted = (pl.col("atp") - pl.col("buffer_units").fill_null(0)).clip(lower_bound=0)
    return (
        view.facts.frame("listing")
        .join(supply, on=["channel", "sku"])
        .join(channels.drop("location"), on="channel")
        .join(_open_units(view, channels), on=["channel", "sku"], how="left")
        .with_columns(free.alias("atp"))
        .with_columns(pl.min_horizontal(wanted, "cap_units").alias("expected"))
    )


def _guests(view: View) -> list[str]:
    """Name the connections whose stock another system owns."""
    return sorted(name for name, account in view.accounts.items() if not account.owns_stock)


def _open_units(view: View, channels: pl.DataFrame) -> pl.DataFrame:
    """Sum by channel and sku what is still to be shipped from its locations, or nobody knows yet from where."""
    lines = view.facts.frame("order_line").filter(pl.col("open_units") > 0).select("sku", "location", "open_units")
    places = channels.select("channel", "location").explode("location")
    located = lines.join(places, on="location")
    nowhere = lines.filter(pl.col("location").is_null()).join(channels.select("channel"), how="cross")
    both = pl.concat([frame.select("channel", "sku", "open_units") for frame in (located, nowhere)])
    return both.group_by("channel", "sku").agg(pl.col("open_units").sum())


def daily_units(view: View, *by: str, days: int = 28) -> pl.DataFrame:
    """Give units sold per day over the last days, by the given columns, as `per_day`."""
    since = view.now - timedelta(days=days)
    lines = view.facts.frame("order_line").filter(
        (pl.col("placed_at") >= since) & (pl.col("placed_at") <= view.now) & (pl.col("kind") == "product")
    )
    sold = (pl.col("ordered_units") - pl.col("cancelled_units")).sum() / days
    return lines.group_by(*by).agg(sold.alias("per_day"))


def unit_margins(view: View) -> pl.DataFrame:
    """Give list price less present cost by sku, minor units, as `margin`; null where the cost is unknown."""
    return view.facts.frame("item").select(
        pl.col("entity").alias("sku"),
        (pl.col("list_price_minor") - pl.col("unit_cost_minor")).alias("margin"),
        pl.col("unit_cost_minor").alias("cost"),
        pl.col("list_price_minor").alias("list_price"),
    )
