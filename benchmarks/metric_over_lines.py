"""One metric over a million order lines, beside DuckDB on the same Parquet files; the same answer is asserted.

On-time fill rate of units by channel over a quarter, base and tail: what a tile of the desk asks for. Ours answers with
states and reasons, from a publication that is kept open, as the desk keeps it, and from one that is new: then it also
reads Delta's log and finds out whether the metric is armed. DuckDB runs the bare SQL.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from benchmarks.harness import Result, median_seconds, result
from data.facts import TABLES, FactTable
from data.lake import WEIGHT, Facts, Lake
from metrics.answer import answer
from metrics.sources import Given
from metrics.window import Window

LINES, ORDERS, CHANGED, RUNS = 1_000_000, 50_000, 5_000, 9
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
YEAR_SECONDS = 365 * 86_400
WINDOW = Window(datetime(2025, 10, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))

Answer = list[tuple[object, ...]]

SQL = """
WITH line AS (
    SELECT channel, ordered_units, excused_units, on_time_units, ship_by, promise, kind, 1 AS weight
    FROM read_parquet('{base}')
    UNION ALL
    SELECT channel, ordered_units, excused_units, on_time_units, ship_by, promise, kind, weight
    FROM read_parquet('{tail}')
), due AS (
    SELECT channel, weight, on_time_units,
           CASE WHEN kind <> 'service' THEN greatest(ordered_units - excused_units, 0) ELSE 0 END AS due
    FROM line
    WHERE promise = 'given' AND ship_by >= TIMESTAMPTZ '{start}' AND ship_by < TIMESTAMPTZ '{end}'
)
SELECT channel, sum(weight * least(due, on_time_units)), sum(weight * due) FROM due WHERE due > 0 GROUP BY 1 ORDER BY 1
"""


def lines(table: FactTable) -> pl.DataFrame:
    """Make a year of order lines, 20 an order, in the order in which the fold writes them."""
    rng = np.random.default_rng(7)
    order = np.repeat(np.arange(ORDERS), LINES // ORDERS)
    placed = np.sort(rng.integers(0, YEAR_SECONDS, ORDERS))[order]
    left = placed + rng.integers(3_600, 60 * 3_600, ORDERS)[order]
    units, price = rng.integers(1, 13, LINES), rng.integers(50, 2_000, LINES)
    sent = np.where(rng.random(LINES) < 0.97, units, units // 2)
    columns = {
        "entity": pl.Series(order).cast(pl.String).str.zfill(6), "line_id": pl.Series(np.arange(LINES)).cast(pl.String),
        "sku": "S" + pl.Series(rng.integers(0, 4_000, LINES)).cast(pl.String), "kind": _all("product"),
        "channel": pl.Series(np.array(["marketplace", "web", "wholesale"])[rng.integers(0, 3, ORDERS)[order]]),
        "connection": _all("shop"), "currency": _all("GBP"), "promise": _all("given"), "stage": _all("shipped"),
        "location": pl.Series(np.array(["NORTH", "SOUTH"])[rng.integers(0, 2, LINES)]),
        "placed_at": _moments(placed), "ship_by": _moments(placed + 48 * 3_600), "first_shipped_at": _moments(left),
        "net_minor": price * units, "ordered_units": units, "excused_units": np.zeros(LINES, np.int64),
        "first_shipment_units": sent, "shipped_units": sent, "open_units": units - sent,
        "on_time_units": np.where(left <= placed + 48 * 3_600, sent, 0),
    }  # fmt: skip
    frame = pl.DataFrame(columns)
    return frame.select(
        (pl.col(name) if name in columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in table.schema.items()
    )


def _all(text: str) -> pl.Series:
    return pl.repeat(text, LINES, eager=True)


def _moments(seconds: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> pl.Series:
    start = NOW - timedelta(seconds=YEAR_SECONDS)
    return pl.Series(seconds * 1_000_000 + int(start.timestamp()) * 1_000_000).cast(pl.Datetime("us", "UTC"))


def changes(held: pl.DataFrame) -> pl.DataFrame:
    """Make a tail: some lines are taken back and stated again with more units on time."""
    old = held.sample(CHANGED, seed=7)
    new = old.with_columns(pl.col("ordered_units").alias("on_time_units"))
    parts = [frame.with_columns(pl.lit(weight, pl.Int8).alias(WEIGHT)) for frame, weight in ((old, -1), (new, 1))]
    return pl.concat(parts)


def run() -> list[Result]:
    """Measure, after the two answers were found to be the same."""
    table = TABLES["order_line"]
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        held = lines(table)
        with lake.writing():
            lake.write_base(table, held, 1)
            lake.append_tail(table, changes(held), 2)
        del held
        kept = Facts(1, 2, NOW, lake.frames(lake.versions))
        database = duckdb.connect()
        sql = SQL.format(
            base=f"{folder}/order_line/base/*.parquet", tail=f"{folder}/order_line/tail/*.parquet",
            start=WINDOW.start.isoformat(), end=WINDOW.end.isoformat(),
        )  # fmt: skip

        def theirs() -> Answer:
            found: Answer = database.execute(sql).fetchall()
            return found

        if not ours(kept) == ours(Facts(1, 2, NOW, lake.frames(lake.versions))) == theirs():
            raise AssertionError(f"the answers differ: {ours(kept)} and {theirs()}")
        peer = median_seconds(theirs, runs=RUNS)
        open_seconds = median_seconds(lambda: ours(kept), runs=RUNS)
        new_seconds = median_seconds(lambda: ours(Facts(1, 2, NOW, lake.frames(lake.versions))), runs=RUNS)
    return [
        result(name, ours=seconds, peer=peer, unit="s", peer_name="duckdb", packages=("polars", "deltalake", "duckdb"))
        for name, seconds in (
            ("metric over 1,000,000 lines, publication open", open_seconds),
            ("metric over 1,000,000 lines, publication new", new_seconds),
        )
    ]


def ours(facts: Facts) -> Answer:
    """Give the metric by channel with its two sums."""
    figures = answer(Given(facts=facts, now=NOW), "on_time_fill_rate_units", window=WINDOW, by=["channel"])
    return [(f.dimensions["channel"], f.numerator, f.denominator) for f in figures]
