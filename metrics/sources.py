"""What rows there are to add up, and by which dimensions: fact tables as they lie, and views of another grain.

Every source carries `weight`: base rows count 1, the tail's retractions -1, so that sums of weight times amount are
right without netting. A view of another grain nets first and carries weight 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from data.facts import ENTITY
from data.lake import WEIGHT, Facts
from data.log.status import StreamStatus
from metrics.window import ZONE

AGES = ("0-4 h", "4-24 h", "1-2 d", "2-3 d", "3-5 d", "5-7 d", "7-14 d", "> 14 d")
_AGE_HOURS = (4, 24, 48, 72, 120, 168, 336)

#: Where open work stands, from least to most advanced.
OPEN_STAGES = ("unpaid", "held", "placed", "backordered", "released", "picking", "picked", "packed")

DEMAND_DAYS = 28  #: how far back the trailing demand looks

DEMAND_SCHEMA = {"sku": pl.String, "location": pl.String, "demand_per_day": pl.Float64}


LateAfter = Mapping[str, timedelta] | timedelta  #: by connection or connection/stream, or one for all

LATE_AFTER = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Given:
    """All that a question is answered from, whatever is asked."""

    facts: Facts
    now: datetime
    zone: str = ZONE
    statuses: Sequence[StreamStatus] = ()
    late_after: LateAfter = LATE_AFTER  #: how long a source may be silent
    demand: pl.DataFrame | None = None  #: expected units per day by sku and location, from a projection


Scan = Callable[[Given, frozenset[str]], pl.LazyFrame]


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Rows of one grain; `scan` gives them with their weight, `rows` as they stand."""

    name: str
    grain: str
    scan: Scan  #: the second argument names the columns that are wanted: a view groups by no more than that
    rows: Callable[[Given], pl.LazyFrame]
    dimensions: tuple[str, ...]
    derived: Mapping[str, pl.Expr] = field(default_factory=dict)  #: columns made from others of the row and `now`
    days: frozenset[str] = frozenset()  #: times that are local days, not moments


def _age(since: str) -> pl.Expr:
    hours = (pl.col("now") - pl.col(since)).dt.total_minutes() / 60
    label = pl.lit(AGES[-1])
    for limit, younger in zip(reversed(_AGE_HOURS), reversed(AGES[:-1]), strict=True):
        label = pl.when(hours < limit).then(pl.lit(younger)).otherwise(label)
    return pl.when(pl.col(since).is_not_null()).then(label)


def _share(part: pl.Expr) -> pl.Expr:
    """Give the part of the line's net value that some of its units carry, rounded down."""
    return pl.when(pl.col("ordered_units") > 0).then(pl.col("net_minor") * part // pl.col("ordered_units")).otherwise(0)


_PHYSICAL = pl.col("kind") != "service"

#: What the customer is owed: cancellations that excuse nobody stay in.
_DUE = pl.when(_PHYSICAL).then(pl.max_horizontal(pl.col("ordered_units") - pl.col("excused_units"), 0)).otherwise(0)
_OPEN = pl.when(_PHYSICAL).then(pl.col("open_units")).otherwise(0)

#: What a line contributes, by name; at order grain these are the sums over the order's lines.
LINE_AMOUNTS: dict[str, pl.Expr] = {
    "due_units": _DUE,
    "first_pass_units": pl.min_horizontal(_DUE, "first_shipment_units"),
    "promised_units": pl.when(pl.col("ship_by").is_not_null()).then(_DUE).otherwise(0),
    "prompt_units": pl.min_horizontal(_DUE, "on_time_units"),
    "unsent_units": pl.when(pl.col("first_shipped_at").is_null()).then(_OPEN).otherwise(0),
    "waiting_units": _OPEN,
    "open_value_minor": _share(pl.col("open_units")),
    "kept_value_minor": _share(pl.col("ordered_units") - pl.col("cancelled_units")),
    "physical_units": pl.when(_PHYSICAL).then(pl.col("ordered_units")).otherwise(0),
}

_WHOSE = ("channel", "country", "customer", "connection", "simulated", "currency")
_HEAD = (*_WHOSE, "promise")
_HEAD_COLUMNS = (*_WHOSE, "placed_at", "hold", "paid")  #: the same on every line of an order
_PROMISES = ("ship_by", "promise")  #: a file may promise each line for itself
_AGES = {
    "held": pl.col("hold").is_not_null(),
    "age": _age("placed_at"),
    "stage_age": _age("stage_since"),
}


def _table(name: str, only: pl.Expr | None = None) -> tuple[Scan, Callable[[Given], pl.LazyFrame]]:
    """Give a fact table as it lies: weighted for sums, netted for lists."""

    def scan(given: Given, _wanted: frozenset[str]) -> pl.LazyFrame:
        frame = given.facts.weighted(name).with_columns(pl.col(WEIGHT).cast(pl.Int64))
        return frame if only is None else frame.filter(only)

    def rows(given: Given) -> pl.LazyFrame:
        frame = given.facts.rows(name)
        return frame if only is None else frame.filter(only)

    return scan, rows


def _view(make: Scan) -> tuple[Scan, Callable[[Given], pl.LazyFrame]]:
    """Give a view whose rows stand for themselves; asked for its rows it gives all columns."""

    def scan(given: Given, wanted: frozenset[str]) -> pl.LazyFrame:
        return make(given, wanted).with_columns(pl.lit(1, pl.Int64).alias(WEIGHT))

    def rows(given: Given) -> pl.LazyFrame:
        return make(given, frozenset({*_HEAD_COLUMNS, *_PROMISES, *LINE_AMOUNTS}))

    return scan, rows


def _lines(given: Given, only: pl.Expr | None = None) -> pl.LazyFrame:
    frame = given.facts.weighted("order_line").with_columns(pl.col(WEIGHT).cast(pl.Int64))
    return (frame if only is None else frame.filter(only)).with_columns(**LINE_AMOUNTS)


def _added(wanted: frozenset[str]) -> list[pl.Expr]:
    return [(pl.col(name) * pl.col(WEIGHT)).sum().alias(name) for name in LINE_AMOUNTS if name in wanted]


def _orders(given: Given, wanted: frozenset[str]) -> pl.LazyFrame:
    """Make a row an order. Grouping by its head as well lets a retracted head cancel out against its weight.

    An order is promised for when its last line is, and by policy where any of them is.
    """
    head = [ENTITY, *(name for name in _HEAD_COLUMNS if name in wanted)]
    promises = [name for name in _PROMISES if name in wanted]
    grouped = _standing(_lines(given), [*head, *promises], wanted)
    if not promises:
        return grouped
    return grouped.group_by(head).agg(pl.col(promises).max(), *_summed(wanted))


def _open_orders(given: Given, _wanted: frozenset[str]) -> pl.LazyFrame:
    """Make a row an order with open units: it stands where its least advanced open line does, due when the first is."""
    amounts, ranks = frozenset(LINE_AMOUNTS), range(len(OPEN_STAGES))
    head = [ENTITY, *_HEAD_COLUMNS]
    rank = pl.col("stage").replace_strict(OPEN_STAGES, ranks, default=0, return_dtype=pl.Int8)
    lines = _lines(given, _PHYSICAL & (pl.col("open_units") > 0))
    work = _standing(lines, [*head, *_PROMISES, "stage", "stage_since", "location"], amounts)
    first, last = pl.col("location").min(), pl.col("location").max()
    orders = (
        work.with_columns(rank.alias("rank"))
        .group_by(head)
        .agg(
            pl.col("rank", "stage_since", "ship_by").min(),
            pl.col("promise").max(),
            pl.when(first == last).then(first).when(first.is_not_null()).then(pl.lit("several")).alias("location"),
            *_summed(amounts),
        )
    )
    stage = pl.col("rank").replace_strict(ranks, OPEN_STAGES, return_dtype=pl.String)
    return orders.with_columns(stage.alias("stage")).drop("rank")


def _standing(lines: pl.LazyFrame, keys: Sequence[str], wanted: frozenset[str]) -> pl.LazyFrame:
    """Add up lines by keys, leaving out what was only there to be taken back."""
    grouped = lines.group_by(keys).agg(pl.col(WEIGHT).sum(), *_added(wanted))
    return grouped.filter(pl.col(WEIGHT) > 0).drop(WEIGHT)


def _summed(wanted: frozenset[str]) -> list[pl.Expr]:
    return [pl.col(name).sum() for name in LINE_AMOUNTS if name in wanted]


def _stock(given: Given, _wanted: frozenset[str] = frozenset()) -> pl.LazyFrame:
    """Make a row an item at a location from the newest claim per state; `sellable_units` is what may be promised.

    An item that no system counted has no row: unknown is not zero.
    """
    place = ["sku", "location"]
    claims = (
        given.facts.rows("stock_position")
        .sort("observed_at", "connection", "units")
        .group_by(*place, "state", maintain_order=True)
        .agg(pl.col("units", "observed_at").last())
    )

    def of(state: str) -> pl.Expr:
        return pl.col("units").filter(pl.col("state") == state).sum()

    blocked = of("quarantined") + of("damaged")
    return (
        claims.group_by(place)
        .agg(
            of("on_hand").alias("on_hand_units"),
            of("allocated").alias("allocated_units"),
            (of("on_hand") - blocked).alias("usable_units"),
            (of("on_hand") - blocked - of("allocated")).alias("sellable_units"),
            pl.col("observed_at").min(),
            (pl.col("state") == "on_hand").any().alias("counted"),
        )
        .filter("counted")
        .drop("counted")
    )


def _open_by_item(given: Given, keys: Sequence[str]) -> pl.LazyFrame:
    weight = pl.col(WEIGHT)
    return (
        _lines(given, _PHYSICAL & (pl.col("open_units") > 0))
        .group_by(keys)
        .agg((pl.col("open_units") * weight).sum(), (pl.col("open_value_minor") * weight).sum())
        .filter(pl.col("open_units") > 0)
    )


def _usable(given: Given) -> pl.LazyFrame:
    return _stock(given).group_by("sku").agg(pl.col("usable_units").sum())


def _exposure(given: Given, _wanted: frozenset[str]) -> pl.LazyFrame:
    """Make a row an item: open units, allocated or not, beyond all usable stock; not counted items are left out."""
    joined = _open_by_item(given, ["sku"]).join(_usable(given), on="sku")
    short = pl.col("open_units") - pl.max_horizontal("usable_units", 0)
    return joined.with_columns(pl.max_horizontal(short, 0).alias("exposed_units"))


def _exposed_value(given: Given, wanted: frozenset[str]) -> pl.LazyFrame:
    """Make a row an item and currency: the share of its open value that its exposed units stand for."""
    exposed = _exposure(given, wanted).select("sku", "exposed_units", pl.col("open_units").alias("all_open_units"))
    value = pl.col("open_value_minor") * pl.col("exposed_units") // pl.col("all_open_units")
    joined = _open_by_item(given, ["sku", "currency"]).join(exposed, on="sku")
    return joined.with_columns(value.alias("exposed_value_minor"))


def _demand(given: Given, _wanted: frozenset[str]) -> pl.LazyFrame:
    """Make a row an item at a location of a projection; where it could say nothing there is no row."""
    frame = pl.DataFrame(schema=DEMAND_SCHEMA) if given.demand is None else given.demand
    return frame.lazy().filter(pl.col("demand_per_day").is_not_null())


def known_until(status: StreamStatus) -> datetime | None:
    """Tell until when a stream's picture is complete: its own word, our last good read, or its newest record."""
    return status.as_of or status.succeeded_at or status.last_event_at


_STREAM_SCHEMA: dict[str, pl.DataType] = {
    "connection": pl.String(),
    "stream": pl.String(),
    "age_minutes": pl.Int64(),
    "known_until": pl.Datetime("us", "UTC"),
}


def _streams(given: Given, _wanted: frozenset[str]) -> pl.LazyFrame:
    minute = timedelta(minutes=1)
    known = [(status, known_until(status)) for status in given.statuses]
    ages = [None if until is None else max((given.now - until) // minute, 0) for _, until in known]
    rows = [(s.connection, s.stream, age, until) for (s, until), age in zip(known, ages, strict=True)]
    return pl.DataFrame(rows, schema=_STREAM_SCHEMA, orient="row").lazy()


def _source(
    name: str,
    grain: str,
    access: tuple[Scan, Callable[[Given], pl.LazyFrame]],
    dimensions: Sequence[str],
    *,
    derived: Mapping[str, pl.Expr] | None = None,
    days: frozenset[str] = frozenset(),
) -> Source:
    scan, rows = access
    return Source(
        name=name, grain=grain, scan=scan, rows=rows, dimensions=tuple(dimensions), derived=derived or {}, days=days
    )


_OPEN_ONLY = _PHYSICAL & (pl.col("open_units") > 0)
_WORK = ("stage", "location", "held", "hold", "age", "stage_age")

LINES = _source("lines", "order line", _table("order_line"), (*_HEAD, "sku", "location"), derived=LINE_AMOUNTS)
OPEN_LINES = _source(
    "open lines", "open order line", _table("order_line", _OPEN_ONLY), (*_HEAD, "sku", *_WORK),
    derived=LINE_AMOUNTS | _AGES,
)  # fmt: skip
ORDERS = _source("orders", "order", _view(_orders), _HEAD)
OPEN_ORDERS = _source("open orders", "open order", _view(_open_orders), (*_HEAD, *_WORK), derived=_AGES)
LEDGER = _source(
    "ledger", "ledger posting", _table("line_amount"), ("channel", "sku", "location", "simulated", "currency", "entry")
)
PARCEL_LINES = _source(
    "parcel lines", "line in a parcel", _table("shipment_line"), ("channel", "sku", "location", "carrier")
)
RETURNS = _source(
    "returns", "return line", _table("return_line"),
    ("channel", "sku", "reason", "status", "disposition", "linked"),
)  # fmt: skip
STOCK_DAYS = _source(
    "stock days",
    "item, location and day",
    _table("stock_day"),
    ("sku", "location", "connection"),
    days=frozenset({"day"}),
)
STOCK = _source("stock", "item at a location", _view(_stock), ("sku", "location"))
EXPOSURE = _source("exposure", "item", _view(_exposure), ("sku",))
EXPOSED_VALUE = _source("exposed value", "item", _view(_exposed_value), ("sku", "currency"))
DEMAND = _source("demand", "item at a location", _view(_demand), ("sku", "location"))
STREAMS = _source("streams", "stream", _view(_streams), ("connection", "stream"))
