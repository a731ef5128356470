"""On-time fill rate: the share of what was ordered that left by the promised time.

The promise date puts a row into the window. Open and past due counts as not on time; not yet due counts as not on
time so far and makes the figure provisional. A line or an order counts when all of it left by the promise. Services
are not in question. A cancellation by the customer, or by a check of payment or fraud, leaves the denominator only if
it came before the promise, before the warehouse was asked to ship and before any backorder; one for want of supply
stays and counts as not on time. Lines without a promise are outside: see no_promise_pct. An order is promised for when
its last line is. Promises that the company derived by its own rule are counted apart, under policy.

Example: promised Monday: 4 units left Monday, 4 on Wednesday, 2 are open on Thursday: 4 ÷ 10 = 40 % of units.
"""

from __future__ import annotations

import polars as pl

from metrics.metric import NOW, ONE, Metric, Part
from metrics.needs import ORDERS, PROMISES, SHIPMENTS
from metrics.sources import LINES, Source
from metrics.sources import ORDERS as WHOLE_ORDERS

_COMPLETE = (pl.col("prompt_units") == pl.col("promised_units")).cast(pl.Int64)
_NOT_YET_DUE = pl.when(pl.col("ship_by") > NOW).then(pl.col("promised_units") - pl.col("prompt_units")).otherwise(0)


def _metric(promise: str, grain: str, source: Source, done: pl.Expr, due: pl.Expr) -> Metric:
    apart, other = ("", "policy_") if promise == "given" else ("policy_", "")

    def part(amount: pl.Expr) -> Part:
        only = (pl.col("promise") == promise) & (pl.col("promised_units") > 0)
        return Part(source=source, time="ship_by", only=only, amount=amount)

    return Metric(
        name=f"on_time_fill_rate_{apart}{grain}",
        label=f"On-time fill rate, {'policy promises, ' if apart else ''}{grain}",
        definition=str(__doc__),
        formula=f"{grain} shipped by the {promise} promise ÷ {grain} ordered with one",
        unit="percent",
        good="up",
        numerator=part(done),
        denominator=part(due),
        pending=part(_NOT_YET_DUE),
        pending_text="{:,} units are promised for later and have not left",
        needs=(ORDERS, PROMISES, SHIPMENTS),
        without=frozenset({"promise"}),
        beside=("no_promise_pct", "policy_promise_pct"),
        nothing=f"nothing in question has a {promise} promise; see on_time_fill_rate_{other}{grain}",
        owner="fulfilment",
    )


METRICS = tuple(
    _metric(promise, *variant)
    for promise in ("given", "policy")
    for variant in (
        ("units", LINES, pl.col("prompt_units"), pl.col("promised_units")),
        ("lines", LINES, _COMPLETE, ONE),
        ("orders", WHOLE_ORDERS, _COMPLETE, ONE),
    )
)
