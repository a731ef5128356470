"""Stock and stockout risk: what its running out would cost, when it happens, and why this much is suggested."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from app.desk.components import charts
from app.desk.components.badges import badge
from app.desk.components.cases import receipt
from app.desk.components.export import export, readable
from app.desk.components.filters import choose, one_day, place
from app.desk.components.tables import ROW, content_key, grid_height
from app.desk.components.text import esc, heading, put
from app.desk.context import Visit, colours, kept, locations
from app.desk.shell import empty, go, link, page
from app.services import words
from app.services.amounts import majors, only
from app.services.stock import ONLY, Item, Shelf, item, left_out, shelf

MOST = 1_000  #: rows on the screen; the export has all


def show(visit: Visit) -> None:
    """Draw the screen."""
    with page(visit, "Stock and stockout risk", "what costs most comes first"):
        if not visit.publication:
            empty("No stock known yet", "Connect the warehouse or import a stock list, and orders to forecast from.")
            return
        kind, location, search, out = _filters(visit)
        found = kept(
            visit,
            ("shelf", kind, location, search, out),
            lambda: shelf(visit.store, visit.moment, only=kind, location=location, search=search, out=out),
        )
        if found.not_armed and kind not in ("unknown", "all"):
            empty("Not armed", f"Nobody can say what runs out: {found.not_armed}. Start says what brings it.")
            return
        left, right = st.columns([13, 9], gap="small")
        with left, st.container(key="card-shelf"):
            chosen = _grid(found, kind, _sought(location, search, out))
        with right:
            if chosen is not None:
                _detail(visit, chosen["sku"], chosen["location"])


def _filters(visit: Visit) -> tuple[str, str | None, str, date | None]:
    counts = kept(visit, "kinds", lambda: shelf(visit.store, visit.moment, only="all", location=None, search="")).counts
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        kind = choose(
            "only", list(ONLY), default="risk", label=lambda name: f"{ONLY[name]} {counts[name]:,}", shape="pills"
        )
        where = place("location", locations(visit), "All locations")
        search = st.text_input(
            "Item", key="sku", placeholder="SKU or name", label_visibility="collapsed", width=200, bind="query-params"
        )
        out = one_day("out", "any day")
    return kind, where, str(search or "").strip(), out


def _sought(location: str | None, search: str, out: date | None) -> str:
    """Say what an item of the list must match beside its kind; empty where nothing."""
    day = f"{out:%-d %b %Y}" if out else ""
    parts = {"the search": search, "the location": location, "the day it runs out,": day}
    return words.listed([f"{name} {value}" for name, value in parts.items() if value])


def _grid(found: Shelf, kind: str, sought: str) -> dict[str, Any] | None:
    currency = only(code for code, _ in found.lost)
    lost = words.listed([words.money_compact(minor, code) for code, minor in found.lost])
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        told = f"{words.plural(found.frame.height, 'row')}{f', {lost} of margin expected to be lost' if lost else ''}"
        put(heading(told))
        export(readable(found.frame.drop("arithmetic")), f"stock-{kind}")
    if found.frame.is_empty():
        told = f"Nothing under “{ONLY[kind]}” matches {sought}." if sought else _EMPTY[kind]
        put(f'<div class="fw-empty"><b>None</b>{esc(told)}</div>')
        return None
    rows = found.frame.head(MOST)
    event: Any = st.dataframe(
        _shown(rows).drop("Currency") if currency else _shown(rows),
        key=content_key("shelf", rows.select("sku", "location").iter_rows()),
        on_select="rerun",
        selection_mode="single-cell",
        hide_index=True,
        height=grid_height(rows.height, 560),
        row_height=ROW,
        column_config=_columns(currency),
        alt="Items by expected lost margin",
    )
    place = next((row for row, _ in event.selection.cells if row < rows.height), 0)
    return rows.row(place, named=True)


_EMPTY = {
    "risk": "Nothing that sells is likely to run out before its next receipt.",
    "due": "Nothing must be ordered or moved by today.",
    "out": "Nothing that sells is out of stock.",
    "unknown": "Every item and location can be answered.",
    "all": "No item is known yet: connect the warehouse, or import items, stock and orders.",
}


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.col("sku").alias("SKU"),
        pl.col("location").alias("At"),
        majors("expected_lost_margin_minor").round().cast(pl.Int64).alias("Lost"),  # no minus before nothing
        pl.col("currency").fill_null(words.NOTHING).alias("Currency"),
        (pl.col("p_stockout") * 100).alias("P"),
        pl.col("stockout_on").dt.strftime("%-d %b").fill_null(words.NOTHING).alias("Out on"),
        pl.col("on_hand").alias("On hand"),
        pl.col("available").alias("Available"),
        pl.when(pl.col("next_receipt_units").is_not_null())
        .then(
            pl.format(
                "{} on {}", _with_thousands("next_receipt_units"), pl.col("next_receipt_on").dt.strftime("%-d %b")
            )
        )
        .otherwise(pl.lit(words.NOTHING))
        .alias("Inbound"),
        pl.format(
            "{} · {} · {}",
            *(
                pl.col(f"cover_days_{p}").round(0).cast(pl.Int64).cast(pl.String).fill_null("?")
                for p in ("p10", "p50", "p90")
            ),
        ).alias("Cover"),
        pl.when(pl.col("suggested_units") > 0)
        .then(pl.format("{} {}", "suggestion", _with_thousands("suggested_units")))
        .otherwise(pl.col("reason").fill_null(words.NOTHING))
        .alias("Suggested"),
    )


def _with_thousands(column: str) -> pl.Expr:
    return pl.col(column).map_elements(lambda units: f"{units:,}", return_dtype=pl.String)


def _columns(currency: str) -> dict[str, Any]:
    config = st.column_config
    return {
        "SKU": config.TextColumn(width=70),
        "At": config.TextColumn(width=60),
        "Lost": config.NumberColumn(
            f"{currency} lost" if currency else "Lost", format="localized", width=70, help="Margin expected to be lost"
        ),
        "Currency": config.TextColumn("In", width=44),
        "P": config.ProgressColumn("P(out)", format="%.0f%%", min_value=0.0, max_value=100.0, width=86),
        "Out on": config.TextColumn(width=62, help="The day on which it is out with probability one half"),
        "On hand": config.NumberColumn(format="localized", width=64),
        "Available": config.NumberColumn(
            "Avail.", format="localized", width=56, help="On hand less what is held back or ordered already"
        ),
        "Inbound": config.TextColumn(width=104),
        "Cover": config.TextColumn("Cover", width=84, help="Days of cover: p10, p50 and p90"),
        "Suggested": config.TextColumn(width=112),
    }


def _detail(visit: Visit, sku: str, location: str) -> None:
    with st.container(key="card-item", gap="xsmall"):
        head, fan = st.container(), st.container()
        left, right = st.columns(2)
        slip = left.slider("Suppliers slip, days", 0, 28, 0, key=f"slip-{sku}-{location}")
        more = right.slider("Demand rises, %", -50, 100, 0, step=10, key=f"more-{sku}-{location}")
        found = item(visit.store, visit.moment, sku, location, slip_days=slip, more=more / 100)
        if found is None:
            return
        head.html(_head(found))
        alt = f"Expected stock of {sku} at {location} over {len(found.days) - 1} days, with its 10 to 90 percent band"
        figure = charts.fan(
            found.days,
            found.middle,
            found.low,
            found.high,
            colours(),
            receipts=found.receipts,
            height=208,
            opens=f"{sku}@{location}",
        )
        with fan:
            if max(found.high) > 0:
                charts.draw(
                    figure, alt=alt, key=f"chart-fan-{sku}-{location}", opens=lambda stock: go("orders", id=stock)
                )
            else:
                put('<p class="fw-note">It is out, and nothing is on its way.</p>')
    with st.container(key="card-why", gap="xsmall"):
        units = found.row["suggested_units"] or 0
        put(heading(f"Why {units:,}?", aside=_suggestion(found)))
        if told := left_out(found.row):
            put(f'<p class="fw-note">{esc(told)}</p>')
        put(
            receipt(found.steps)
            if found.steps
            else f'<p class="fw-note">{esc(found.row["reason"] or "No demand.")}</p>'
        )
        with st.container(horizontal=True, gap="small"):
            if order := found.row["outlier_order"]:
                link("orders", f"Open the order of {found.row['outlier_order_units']:,}", id=order)
            link("queue", "Open its cases", kind="X37")
            link("orders", "All that was said of it", id=f"{sku}@{location}")


def _head(found: Item) -> str:
    row = found.row
    others = ", ".join(f"{place} {words.count(available)}" for place, _, available in found.elsewhere)
    state = (
        "" if row["state"] == "value" else badge(str(row["state"]).replace("_", " "), "warn", title=row["reason"] or "")
    )
    facts = [
        ("demand a day", f"{row['demand_per_day']:.2f}" if row["demand_per_day"] is not None else words.NOTHING),
        ("available elsewhere", others or words.NOTHING),
        ("supplier", f"{row['supplier'] or words.NOTHING}, {words.count(row['lead_time_days'])} days"),
        ("order by", words.NOTHING if row["order_by"] is None else f"{row['order_by']:%-d %b %Y}"),
    ]
    shown = "".join(f"<span>{esc(name)} <b>{esc(value)}</b></span>" for name, value in facts)
    name = f'<span class="fw-sub">{esc(row.get("name") or "")}</span>'
    title = f"<h2>{esc(row['sku'])} at {esc(row['location'])}</h2>"
    return f'<div class="fw-head">{title}{name}{state}</div><div class="fw-strip">{shown}</div>'


def _suggestion(found: Item) -> str:
    row = found.row
    if not row["suggested_units"]:
        return badge("nothing to order")
    source = f" from {row['suggested_from']}" if row["suggested_from"] else ""
    return badge(f"{row['suggestion']} {row['suggested_units']:,}{source}", "info")
