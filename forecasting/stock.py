"""What there is and what is coming: stock, open demand, firm receipts, own proposals, terms and money, by series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from data.lake import Facts
from forecasting.demand import KEY, NOWHERE, Floats, main_locations

FIRM = ("sent", "confirmed")
PRICE_DAYS = 91
_DELAYS_NEEDED = 20


@dataclass(frozen=True)
class Receipts:
    """Firm open purchase lines, earliest first within a series; days from now of quantiles of their arrival."""

    series: np.ndarray
    units: Floats
    days: Floats  #: rows x len(QUANTILES)


#: Where a receipt's arrival is read; the middle one is the day that is shown.
QUANTILES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])


def stock_now(facts: Facts, keys: pl.DataFrame) -> pl.DataFrame:
    """Give on_hand, available and open_demand of each key, in its order; on_hand is null where no system states stock.

    Where several connections state the same quantity the newest observation counts. Available is what can still be
    sold: on hand less quarantined and damaged and less the larger of what is allocated and what is ordered and open.
    """
    states = ("on_hand", "allocated", "quarantined", "damaged")
    claims = (
        facts.rows("stock_position")
        .filter(pl.col("state").is_in(states))
        .sort("observed_at", "connection", descending=[True, False])
        .group_by([*KEY, "state"], maintain_order=True)
        .agg(pl.col("units").first())
        .collect()
    )
    lines = facts.rows("order_line").filter(pl.col("open_units") > 0, pl.col("kind") == "product")
    opened = lines.select(*KEY, "open_units").collect()
    located = (
        opened.join(main_locations(facts, opened), on="sku", how="left")
        .with_columns(pl.coalesce("location", "main", pl.lit(NOWHERE)).alias("location"))
        .group_by(KEY)
        .agg(pl.col("open_units").sum().alias("open_demand"))
    )
    wide = keys
    for state in states:
        one = claims.filter(pl.col("state") == state).select(*KEY, pl.col("units").alias(state))
        wide = wide.join(one, on=KEY, how="left", maintain_order="left")
    wide = wide.join(located, on=KEY, how="left", maintain_order="left").with_columns(
        pl.col("open_demand", "allocated", "quarantined", "damaged").fill_null(0)
    )
    taken = pl.max_horizontal("allocated", "open_demand") + pl.col("quarantined") + pl.col("damaged")
    return wide.select(*KEY, "on_hand", (pl.col("on_hand") - taken).alias("available"), "open_demand")


def firm_receipts(facts: Facts, keys: pl.DataFrame, *, now: datetime) -> Receipts:
    """Collect what suppliers owe on orders that were sent: how much, and when it will come.

    How late promises are kept is taken from the lines received so far; a line that is overdue can only arrive as late
    as lines do that are at least as late already. No receipt is expected earlier than now.
    """
    lines = facts.frame("purchase_line")
    firm = (
        lines.filter(pl.col("status").is_in(FIRM), pl.col("promised_at").is_not_null())
        .with_columns((pl.col("ordered_units") - pl.col("received_units")).alias("units"))
        .filter(pl.col("units") > 0)
        .join(keys.with_row_index("series"), on=KEY)
    )
    promised = (firm["promised_at"] - now).dt.total_seconds().to_numpy().astype(float) / 86400.0
    days = _arrivals(promised, _delays(lines))
    order = np.lexsort((days[:, 2], firm["series"].to_numpy()))
    return Receipts(
        firm["series"].cast(pl.Int64).to_numpy()[order], firm["units"].to_numpy().astype(float)[order], days[order]
    )


def _delays(lines: pl.DataFrame) -> Floats:
    """Days between promise and receipt of the lines received, sorted; one punctual line where too few are known."""
    kept = lines.drop_nulls(["promised_at", "received_at"])
    if kept.height < _DELAYS_NEEDED:
        return np.zeros(1)
    late = (kept["received_at"] - kept["promised_at"]).dt.total_seconds().to_numpy().astype(float) / 86400.0
    return np.asarray(np.sort(late))


def _arrivals(promised: Floats, delays: Floats) -> Floats:
    """Quantiles of the days until arrival, given that it has not arrived yet."""
    first = np.searchsorted(delays, -promised, side="right")
    left = delays.size - first
    at = first[:, None] + np.floor(QUANTILES[None, :] * left[:, None]).astype(np.int64)
    arrival = promised[:, None] + delays[np.minimum(at, delays.size - 1)]
    # later than any line known: it may come any day, tomorrow at the earliest
    return np.where(left[:, None] > 0, np.maximum(arrival, 0.0), 1.0)


def proposals(facts: Facts, keys: pl.DataFrame) -> tuple[Floats, Floats]:
    """Units on their way that are not firm and units promised to leave (draft transfers out).

    Not firm are drafts, transfers in, and what was sent to a supplier who has named no day yet.
    """
    undated = pl.col("status").is_in(FIRM) & pl.col("promised_at").is_null()
    drafts = facts.rows("purchase_line").filter((pl.col("status") == "draft") | undated)
    moves = facts.rows("transfer_line").filter(pl.col("status").is_in(("draft", "sent")))
    coming = pl.concat(
        [
            drafts.select(*KEY, (pl.col("ordered_units") - pl.col("received_units").fill_null(0)).alias("units")),
            moves.select("sku", pl.col("destination").alias("location"), "units"),
        ]
    )
    going = moves.filter(pl.col("status") == "draft").select("sku", pl.col("origin").alias("location"), "units")
    return _units(coming, keys), _units(going, keys)


def _units(lines: pl.LazyFrame, keys: pl.DataFrame) -> Floats:
    total = lines.group_by(KEY).agg(pl.col("units").sum()).collect()
    joined = keys.join(total, on=KEY, how="left", maintain_order="left")
    return np.asarray(joined["units"].fill_null(0).to_numpy(), dtype=np.float64)


def _in(cost: str, currency: str) -> pl.Expr:
    """Give a cost where it is in the row's currency, or in one that nobody named; nothing is converted."""
    return pl.when((pl.col(currency) == pl.col("currency")).fill_null(value=True)).then(pl.col(cost))


def _prices(facts: Facts, item: pl.DataFrame, terms: pl.DataFrame, *, since: datetime) -> pl.DataFrame:
    """Give what a unit of each SKU brought, in one currency: that of its cost if it sells in it, else the usual one."""
    kept = pl.col("ordered_units") - pl.col("cancelled_units")
    brought = (
        facts.rows("order_line")
        .filter(pl.col("kind") == "product", pl.col("placed_at") >= since, kept > 0)
        .group_by("sku", pl.col("currency").alias("sold_in"))
        .agg(
            ((pl.col("net_minor") * kept / pl.col("ordered_units")).sum() / kept.sum()).alias("price_minor"),
            kept.sum().alias("kept"),
        )
        .collect()
    )
    costed = item.filter(pl.col("unit_cost_minor").is_not_null()).select("sku", pl.col("currency").alias("cost_in"))
    of_cost = [(pl.col("sold_in") == pl.col(name)).fill_null(value=False) for name in ("cost_in", "asked_in")]
    return (
        brought.join(costed, on="sku", how="left")
        .join(terms.select("sku", "asked_in"), on="sku", how="left")
        .sort(*of_cost, "kept", "sold_in", descending=[True, True, True, False])
        .unique("sku", keep="first", maintain_order=True)
        .select("sku", "price_minor", "sold_in")
    )


def buying_terms(facts: Facts, skus: pl.DataFrame, *, now: datetime) -> pl.DataFrame:
    """Give supplier, lead time, MOQ, pack, cost, margin and currency of each row's SKU, in its order.

    The item's own supplier comes first, else the cheapest that has terms. The margin is what a unit brought in the last
    thirteen weeks (its list price where it did not sell) less its cost; null where price or cost is unknown, or where
    both are known and not in the same currency. Of an item that sells in several, it is that of those sales that are in
    the currency of its cost, else in the one in which most was sold.
    """
    item = facts.frame("item").select(
        pl.col("entity").alias("sku"), pl.col("supplier").alias("own"), "list_price_minor", "unit_cost_minor",
        pl.col("currency").replace("", None),
    )  # fmt: skip
    terms = (
        facts.frame("terms")
        .select(
            "sku",
            "supplier",
            "moq",
            "pack",
            pl.col("unit_cost_minor").alias("terms_cost_minor"),
            pl.col("currency").replace("", None).alias("asked_in"),
        )
        .join(item.select("sku", "own"), on="sku", how="left")
        .with_columns((pl.col("supplier") == pl.col("own")).fill_null(value=False).alias("is_own"))
        .sort("is_own", "terms_cost_minor", "supplier", descending=[True, False, False], nulls_last=True)
        .unique("sku", keep="first", maintain_order=True)
        .drop("own", "is_own")
    )
    suppliers = facts.frame("supplier").select(pl.col("entity").alias("supplier"), "lead_time_days")
    prices = _prices(facts, item, terms, since=now - timedelta(days=PRICE_DAYS))
    joined = skus
    for other in (item, terms, prices):
        joined = joined.join(other, on="sku", how="left", maintain_order="left")
    joined = (
        joined.rename({"currency": "stated_in"})
        .with_columns(
            pl.coalesce("supplier", "own").alias("supplier"),
            pl.coalesce("price_minor", "list_price_minor").alias("price_minor"),
            pl.coalesce("sold_in", "stated_in").alias("currency"),
        )
        .with_columns(
            pl.coalesce(_in("unit_cost_minor", "stated_in"), _in("terms_cost_minor", "asked_in")).alias("cost_minor")
        )
        .join(suppliers, on="supplier", how="left", maintain_order="left")
    )
    margin = (pl.col("price_minor") - pl.col("cost_minor")).round().cast(pl.Int64)
    return joined.select(
        "sku", "supplier", "lead_time_days", pl.col("moq").fill_null(1), pl.col("pack").fill_null(1), "cost_minor",
        margin.alias("unit_margin_minor"), "currency",
    )  # fmt: skip
