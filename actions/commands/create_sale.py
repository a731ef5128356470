"""Make the ERP's document of an order that it lacks. The order's number is its reference: a second one is not made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.commands.cancel_sale import cancelling
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View, number_of
from data.errors import RequestError
from data.events import Event, SaleStated
from data.money import to_major, written
from ingest.verbs import Sale


def look(case: Mapping[str, Any], _view: View) -> Look:
    """Look at the sales of the ERP that the case names."""
    erp = json.loads(case["evidence"]).get("erp")
    if erp is None or case["order_id"] is None:
        raise RequestError(f"case {case['id']} names no order that an ERP lacks")
    return Look(connection=str(erp), stream="sales", key=None)


def plan(ask: Ask) -> Draft:
    """Take the order over as the channel states it: its open products at their prices without tax."""
    order = str(ask.case["order_id"])
    lines = ask.view.facts.frame("order_line").filter(
        (pl.col("entity") == order) & (pl.col("ordered_units") > pl.col("cancelled_units"))
    )
    if lines.is_empty():
        raise RequestError(f"order {number_of(order)} has nothing left that a document could be made of")
    number, currency = number_of(order), str(lines["currency"][0])
    wanted = _units(lines)
    extra = int(lines.filter(pl.col("kind") != "product")["net_minor"].sum())
    there = ask.view.facts.frame("sale").filter(
        (pl.col("entity") == order) & (pl.col("connection") == ask.look.connection) & (pl.col("status") != "cancelled")
    )
    value, upto = int(lines["net_minor"].sum()), _upto(ask)
    return Draft(
        target=f"sale/{order}",
        words=f"{ask.look.connection}: make the sale of order {number}, {len(wanted)} items, up to {upto}",
        direction="expansive",
        request=ask.verbs.create_sale(number, _document(ask, lines, currency), reference=ask.reference),
        changes=(Change(system=ask.look.connection, thing=order, field="sales", before=there.height, after=1),),
        why=(
            f"{written(value, currency)} without tax, placed at {lines['placed_at'][0]:%Y-%m-%d %H:%M} UTC",
            *((f"{written(extra, currency)} of services (postage, fees) are not products: add them there",)
              if extra else ()),
        ),
        side_effects=(
            "the ERP takes stock and begins to ship" if upto == "processing" else "none: nobody is asked for anything",
        ),
        reversible="until it is processed there, by cancelling it",
        expected={"order": order, "units": wanted, "status": "live"},
        value_minor=value,
        currency=currency,
        blocked=f"it is there already: {there['sale'][0]}" if there.height else None,
    )  # fmt: skip


def finds(intent: Intent, event: Event) -> bool:
    """Recognise the document of the order, whoever made it."""
    return isinstance(event, SaleStated) and event.order == intent.expected["order"]


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The ERP states one document of the order, with its items and units; a cancelled one for an undo."""
    if not isinstance(event, SaleStated):
        return Verdict(state="absent", words=f"{intent.connection} states no document of the order")
    units: dict[str, int] = {}
    for line in event.lines:
        units[line.sku] = units.get(line.sku, 0) + line.units
    seen: dict[str, object] = {"sale": event.sale, "status": event.status, "units": units}
    words = f"sale {event.sale} is {event.status}"
    if intent.expected["status"] == "cancelled":
        return Verdict(state="verified" if event.status == "cancelled" else "absent", words=words, seen=seen)
    if event.status == "cancelled":
        return Verdict(state="absent", words=words, seen=seen)
    wanted = intent.expected["units"]
    if event.lines and any(units.get(sku, 0) != n for sku, n in wanted.items()):
        return Verdict(state="mismatch", words=f"sale {event.sale} says something else: {units}", seen=seen)
    return Verdict(state="verified", words=words, seen=seen)


def undo(intent: Intent, event: Event | None, reference: str) -> Draft:
    """Cancel the document, as long as it was not processed."""
    return cancelling(intent, event, reference)


def _document(ask: Ask, lines: pl.DataFrame, currency: str) -> Sale:
    """Say what the document is to hold: each line at its price less discount, without tax."""
    places = lines["location"].drop_nulls().unique().to_list()
    wanted = tuple(
        (
            str(row["sku"]),
            int(row["ordered_units"] - row["cancelled_units"]),
            f"{to_major(row['net_minor'], currency) / max(row['ordered_units'], 1):.4f}",
        )
        for row in _products(lines).sort("line_id").iter_rows(named=True)
    )
    return Sale(
        lines=wanted, currency=currency, buyer=str(lines["customer"][0] or ""),
        warehouse=str(ask.choice["location"]) if "location" in ask.choice else places[0] if len(places) == 1 else None,
        upto=_upto(ask),
    )  # fmt: skip


def _upto(ask: Ask) -> str:
    """Take it as far as a person says, else as far as the ERP's connection lets us."""
    account = ask.view.accounts.get(ask.look.connection)
    return str(ask.choice.get("upto", account.sales_upto if account is not None else "draft"))


def _units(lines: pl.DataFrame) -> dict[str, int]:
    left = (pl.col("ordered_units") - pl.col("cancelled_units")).sum().alias("left")
    return dict(_products(lines).group_by("sku").agg(left).sort("sku").iter_rows())


def _products(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.filter(pl.col("kind") == "product")


ACTION: ActionType[None] = ActionType(
    id="create_sale",
    title="Create sale in the ERP",
    inputs=("orders", "sales"),
    choices={"location": str, "upto": str},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    document="sale",
    finds=finds,
    idempotent=False,
)
