"""Returns that name no order find the line they reverse, by what both have in common."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass

import polars as pl

from ingest.files.convert import CLASS, ERROR
from ingest.files.identify import KEY, LINE
from ingest.files.mapping import LinkSpec


@dataclass
class _Candidate:
    at: int
    order: str
    line: str
    left: int  #: units that no earlier row took


@dataclass(frozen=True)
class Linked:
    """The returns with their orders, and how many found none."""

    frame: pl.DataFrame
    linked: int
    unlinked: int


def link(returns: pl.DataFrame, lines: pl.DataFrame, spec: LinkSpec) -> Linked:
    """Link returns to order lines of the same file that are not later, taking their units in the order of time.

    The result does not depend on the order of rows. A return that finds no line keeps an order of its own, or
    becomes a dead letter where the mapping says so.
    """
    same = list(spec.same)
    seeking = returns.filter(pl.col(ERROR).is_null() & pl.col("order").is_null())
    offered = _offered(lines, seeking, same)
    seeking = seeking.sort("requested_at", "return", "sku", "units", LINE, nulls_last=True)
    found: dict[str, tuple[str, str]] = {}
    for row in (
        seeking.unique(KEY, keep="first", maintain_order=True).select(KEY, "requested_at", "units", *same).iter_rows()
    ):
        name, at, units, *key = row
        if None in key:
            continue
        candidate = _pick(offered.get(tuple(key), []), at, units, spec)
        if candidate is not None:
            candidate.left -= units
            found[name] = (candidate.order, candidate.line)
    linked = int(seeking[KEY].is_in(list(found)).sum())
    return Linked(_applied(returns, found, spec), linked, seeking.height - linked)


def _offered(lines: pl.DataFrame, seeking: pl.DataFrame, same: list[str]) -> dict[tuple[object, ...], list[_Candidate]]:
    good = lines.filter(pl.col(ERROR).is_null()).join(seeking.select(same).unique(), on=same, how="semi")
    offered: dict[tuple[object, ...], list[_Candidate]] = defaultdict(list)
    ordered = good.unique(KEY).sort("placed_at", "order", LINE)  # a row delivered twice offers its units once
    for at, order, line, units, *key in ordered.select("placed_at", "order", LINE, "units", *same).iter_rows():
        offered[tuple(key)].append(_Candidate(at, order, line, units))
    return offered


def _pick(candidates: list[_Candidate], at: int, units: int, spec: LinkSpec) -> _Candidate | None:
    earlier = candidates[: bisect_right(candidates, at, key=lambda candidate: candidate.at)]
    ordered = reversed(earlier) if spec.pick == "latest" else iter(earlier)
    return next((c for c in ordered if not spec.enough or c.left >= units), None)


def _applied(returns: pl.DataFrame, found: dict[str, tuple[str, str]], spec: LinkSpec) -> pl.DataFrame:
    table = pl.DataFrame(
        [(key, order, line) for key, (order, line) in found.items()],
        schema={KEY: pl.String, "*order": pl.String, "*to": pl.String},
        orient="row",
    )
    joined = returns.join(table, on=KEY, how="left", maintain_order="left").with_columns(
        pl.coalesce("order", "*order").alias("order"), pl.coalesce("*to", "line").alias("line")
    )
    if spec.otherwise == "dead_letter":
        lost = pl.col("order").is_null() & pl.col(ERROR).is_null()
        said = f"no order line with the same {', '.join(spec.same)} is early and large enough"
        joined = joined.with_columns(
            pl.when(lost).then(pl.lit(said)).otherwise(pl.col(ERROR)).alias(ERROR),
            pl.when(lost).then(pl.lit("unlinked")).otherwise(pl.col(CLASS)).alias(CLASS),
        )
    return joined.drop("*order", "*to")
