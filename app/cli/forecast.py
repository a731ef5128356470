"""`fillwell forecast`: what will run out, why, and how good the forecast has been."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import FORMAT, WORKSPACE, Format, emit, note, open_workspace, tell_unknown

if TYPE_CHECKING:
    import polars as pl

    from data.store import Store

commands = typer.Typer(no_args_is_help=True)

SKU = Annotated[str | None, typer.Option("--sku", help="Only this item.")]
LOCATION = Annotated[str | None, typer.Option("--location", help="Only this location.")]

#: What fits on a screen; JSON and CSV have every column.
_SHOWN = (
    "sku", "location", "available", "demand_per_day", "cover_days_p50", "next_receipt_on", "p_stockout", "stockout_on",
    "expected_lost_units", "expected_lost_margin_minor", "currency", "suggestion", "suggested_units", "order_by",
    "state",
)  # fmt: skip


@commands.command()
def show(
    sku: SKU = None,
    location: LOCATION = None,
    why: Annotated[bool, typer.Option("--why", help="The arithmetic of each suggestion, step by step.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows of a table; JSON and CSV have all.")] = 50,
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Show what will run out, the likeliest first: when, what is lost, what to order or move."""
    import polars as pl

    found = _newest(open_workspace(workspace))
    for name, wanted in (("sku", sku), ("location", location)):
        if wanted is not None:
            tell_unknown(name, wanted, found[name].drop_nulls().unique().to_list())
            found = found.filter(pl.col(name) == wanted)
    found = found.sort("p_stockout", "expected_lost_margin_minor", descending=True, nulls_last=True)
    if chosen is Format.table:
        if found.height > limit:
            note(f"{found.height:,} rows; the first {limit} are shown (--limit, --sku, --location)")
        found = found.head(limit)
    if why:
        emit(_steps(found), chosen)
    else:
        emit(found.select(_SHOWN if chosen is Format.table else found.columns).to_dicts(), chosen)


@commands.command()
def backtest(
    horizon: Annotated[int, typer.Option("--horizon", min=1, max=91, help="Days that are forecast.")] = 14,
    origins: Annotated[int, typer.Option("--origins", min=1, max=26, help="Past days from which it is judged.")] = 6,
    reliability: Annotated[bool, typer.Option("--reliability", help="Predicted against observed stockouts.")] = False,
    workspace: WORKSPACE = "mine",
    chosen: FORMAT = Format.table,
) -> None:
    """Judge the forecast on the past, beside the seasonal naive and the days-of-cover rule."""
    from data.errors import RequestError
    from data.publish import open_facts
    from forecasting.backtest import backtest as judge
    from forecasting.baseline import LEVEL_DAYS

    facts = open_facts(open_workspace(workspace))
    judged = judge(facts, now=facts.published_at, horizon_days=horizon, origins=origins)
    if judged is None:
        raise RequestError(
            f"the history is too short to judge a forecast: it needs {LEVEL_DAYS + horizon} days of orders"
        )
    note(
        f"{judged.stretches:,} stretches of {judged.horizon_days} days from {judged.origins} origins; "
        f"{judged.unseen:,} left out because the item was out of stock or not on offer"
    )
    emit((judged.reliability if reliability else judged.scores).to_dicts(), chosen)


def _newest(store: Store) -> pl.DataFrame:
    """Give the projection of the newest publication: the kept one, or one made now for the time of the publication."""
    from data.publish import open_facts
    from forecasting.keep import load_projection
    from forecasting.projection import project

    facts = open_facts(store)
    kept = load_projection(store.facts.parent)
    if kept is not None and kept.publication == facts.id:
        return kept.frame
    return project(facts, now=facts.published_at)


def _steps(found: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {"sku": row["sku"], "location": row["location"], "step": label, "value": value, "unit": unit}
        for row in found.to_dicts()
        for label, value, unit in json.loads(row["arithmetic"] or "[]")
    ]
