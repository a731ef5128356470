"""The forecast on real data: what it is worth beside the baseline."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.lake import Facts
from forecasting.backtest import NAIVE, Backtest, backtest
from forecasting.projection import MODEL
from tests.forecasting.factories import table

pytestmark = [pytest.mark.datasets, pytest.mark.slow]


def retail(datasets: Path) -> tuple[Facts, datetime]:
    """Real orders of a gift retailer; invoices by their last digit from two warehouses, abroad from a third."""
    code = pl.col("StockCode").str.to_uppercase().str.strip_chars()
    lines = (
        pl.scan_parquet(datasets / "online_retail" / "lines_2010_11.parquet")
        .filter(~pl.col("InvoiceNo").str.contains("^[AC]"), pl.col("Quantity") > 0, pl.col("UnitPrice") > 0)
        .filter(code.str.contains(r"^\d{5}"))
        .select(
            pl.col("InvoiceNo").alias("entity"),
            pl.lit("product").alias("kind"),
            code.alias("sku"),
            pl.when(pl.col("Country") != "United Kingdom")
            .then(pl.lit("3PL"))
            .when(pl.col("InvoiceNo").str.tail(1).cast(pl.Int64) % 2 == 0)
            .then(pl.lit("NORTH"))
            .otherwise(pl.lit("SOUTH"))
            .alias("location"),
            pl.col("InvoiceDate").dt.replace_time_zone("UTC").alias("placed_at"),
            pl.col("Quantity").alias("ordered_units"),
        )
        .collect()
    )
    now = datetime(2011, 12, 10, tzinfo=UTC)
    return Facts.of(now, order_line=table("order_line", lines)), now


def stores(datasets: Path) -> tuple[Facts, datetime]:
    """Weekly sales of 599 series with in-stock flags; each unit is an order, spread over the week."""
    history = pl.read_parquet(datasets / "vn2" / "history.parquet").with_columns(
        pl.format("P{}", "product").alias("sku"), pl.format("S{}", "store").alias("location")
    )
    units = (
        history.filter(pl.col("units") > 0)
        .with_columns(pl.int_ranges(pl.col("units").cast(pl.Int64)).alias("unit"))
        .explode("unit")
        .select(
            pl.format("{}/{}/{}/{}", "sku", "location", "week", "unit").alias("entity"),
            pl.lit("product").alias("kind"),
            "sku",
            "location",
            (pl.col("week") + pl.duration(days=pl.col("unit") % 7)).cast(pl.Datetime("us", "UTC")).alias("placed_at"),
            pl.lit(1).alias("ordered_units"),
        )
    )
    days = (
        history.with_columns(pl.lit([*range(7)]).alias("n"))
        .explode("n")
        .select(
            "sku",
            "location",
            (pl.col("week") + pl.duration(days="n")).alias("day"),
            pl.col("in_stock").cast(pl.Int64).alias("closing_units"),
        )
    )
    last = history["week"].max()
    assert isinstance(last, date)
    now = datetime.combine(last + timedelta(days=7), time(), UTC)
    return Facts.of(now, order_line=table("order_line", units), stock_day=table("stock_day", days)), now


def figures(judged: Backtest | None, label: str) -> dict[str, dict[str, float]]:
    assert judged is not None
    with pl.Config(tbl_cols=-1, tbl_width_chars=200):
        print(f"\n{label}: {judged.stretches} stretches of {judged.horizon_days} days\n{judged.scores}")  # noqa: T201 -- the report
    return {row["model"]: row for row in judged.scores.to_dicts()}


def test_online_retail_in_its_loudest_quarter(datasets: Path) -> None:
    facts, now = retail(datasets)
    scores = figures(backtest(facts, now=now, horizon_days=14, origins=4), "Online Retail")
    assert scores[MODEL]["wape"] < 0.9 * scores[NAIVE]["wape"]
    assert scores[MODEL]["pinball"] < 0.7 * scores[NAIVE]["pinball"]
    assert scores[MODEL]["brier"] < 0.75 * scores["days of cover"]["brier"]


def test_vn2_with_weeks_out_of_stock(datasets: Path) -> None:
    facts, now = stores(datasets)
    scores = figures(backtest(facts, now=now, horizon_days=21, origins=10), "VN2")
    assert scores[MODEL]["wape"] < 0.9 * scores[NAIVE]["wape"]
    assert abs(scores[MODEL]["bias"]) < 0.15
    assert scores[MODEL]["brier"] < 0.75 * scores["days of cover"]["brier"]
    assert 0.65 < scores[MODEL]["coverage_80"] < 0.9
