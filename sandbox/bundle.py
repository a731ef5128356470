"""Makes the bundled data file out of the Online Retail dataset: `python -m sandbox.bundle`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import polars as pl

BUNDLED = Path(__file__).parent / "data" / "online_retail.parquet"
SOURCE = "online_retail/lines_2010_11.parquet"


def commonest_titles(lines: pl.DataFrame) -> pl.DataFrame:
    """One description for each code: the one that most of its lines carry."""
    return (
        lines.filter(pl.col("title").is_not_null())
        .group_by("sku", "title")
        .len()
        .sort(["sku", "len", "title"], descending=[False, True, False])
        .group_by("sku", maintain_order=True)
        .first()
        .select("sku", "title")
    )


def bundled(raw: pl.DataFrame) -> pl.DataFrame:
    """The lines of real orders and of cancellations, in file order."""
    is_order = ~pl.col("invoice").str.contains("^[CA]") & (pl.col("quantity") > 0) & (pl.col("mills") > 0)
    is_cancellation = pl.col("invoice").str.starts_with("C") & (pl.col("quantity") < 0)
    lines = raw.select(
        invoice=pl.col("InvoiceNo"),
        sku=pl.col("StockCode").str.strip_chars().str.to_uppercase(),
        title=pl.col("Description").str.strip_chars(),
        quantity=pl.col("Quantity"),
        at=pl.col("InvoiceDate"),
        mills=(pl.col("UnitPrice") * 1000).round().cast(pl.Int32),
        customer=pl.col("CustomerID").cast(pl.Int32),
        country=pl.col("Country"),
    )
    kept = lines.filter(is_order | is_cancellation)
    titles = commonest_titles(lines.filter(is_order))
    return kept.drop("title").join(titles, on="sku", how="left", maintain_order="left")


def main() -> None:
    """Read the dataset named by FILLWELL_DATASETS and write the bundled file."""
    folder = os.environ.get("FILLWELL_DATASETS")
    if folder is None:
        sys.exit("FILLWELL_DATASETS does not name the folder of the datasets")
    bundled(pl.read_parquet(Path(folder) / SOURCE)).write_parquet(BUNDLED, compression="zstd", compression_level=19)


if __name__ == "__main__":
    main()
