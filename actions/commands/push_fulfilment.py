"""Tell a channel that a parcel left, with its tracking; the channel may then write to the customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.view import View
from data.errors import RequestError
from data.events import Event, OrderStated


def look(case: Mapping[str, Any], view: View) -> Look:
    """Look at the case's order, in the account that took it."""
    order = case["order_id"]
    lines = view.facts.frame("order_line").filter(pl.col("entity") == order)
    if order is None or lines.is_empty():
        raise RequestError(f"case {case['id']} names no order that a channel knows; nothing can be told to it")
    return Look(connection=lines["connection"][0], stream="orders", key=order.partition("/")[2] or order)


def plan(ask: Ask) -> Draft:
    """Tell of the first parcel that the order does not name yet."""
    order = ask.remote
    if not isinstance(order, OrderStated):
        raise RequestError(f"the channel has no order {ask.look.key}; nothing can be told to it")
    told = {fulfilment.tracking for fulfilment in order.fulfilments}
    parcels = (
        ask.view.facts.frame("shipment_line")
        .filter((pl.col("entity") == order.order) & pl.col("tracking").is_not_null())
        .sort("handed_over_at", "parcel", "line_id")
    )
    untold = parcels.filter(~pl.col("tracking").is_in([t for t in told if t is not None]))
    if untold.is_empty():
        return Draft(
            target=f"order/{order.order}", words="nothing to tell", direction="expansive", request=None,
            reversible="nothing to take back",
            blocked="the channel knows every parcel of it",
        )  # fmt: skip
    tracking, carrier = untold["tracking"][0], untold["carrier"][0]
    parcel = untold.filter(pl.col("tracking") == tracking)
    units = dict(parcel.group_by("line_id", maintain_order=True).agg(pl.col("units").sum()).iter_rows())
    left = untold["tracking"].n_unique() - 1
    return Draft(
        target=f"order/{order.order}",
        words=f"{order.channel}: {sum(units.values())} units of order {ask.look.key} left with {carrier} {tracking}",
        direction="expansive",
        request=ask.verbs.push_fulfilment(
            ask.look.key or "", units, carrier=carrier, tracking=tracking, reference=ask.reference
        ),
        changes=(
            Change(
                system=ask.look.connection, thing=f"order {ask.look.key}", field="fulfilments",
                before=len(order.fulfilments),
                after=len(order.fulfilments) + 1,
            ),
        ),
        why=(
            f"handed over at {parcel['handed_over_at'][0]:%Y-%m-%d %H:%M} UTC from {parcel['location'][0]}",
            *((f"{left} more parcels of it follow",) if left else ()),
        ),
        side_effects=("the channel may e-mail the customer the tracking link and capture the payment",),
        reversible="no: the customer may have been written to",
        expected={"tracking": tracking, "units": units},
        value_minor=int(parcel["net_minor"].sum() or 0),
        currency=order.currency,
    )  # fmt: skip


def verify(intent: Intent, event: Event | None, _meanwhile: Meanwhile) -> Verdict:
    """The order names the parcel, with the same units of the same lines."""
    if not isinstance(event, OrderStated):
        return Verdict(state="mismatch", words="the order is gone")
    tracking = intent.expected["tracking"]
    mine = [f for f in event.fulfilments if f.tracking == tracking]
    seen = {"trackings": [f.tracking for f in event.fulfilments]}
    if not mine:
        return Verdict(state="absent", words=f"the order does not name {tracking}", seen=seen)
    units = {u.line: u.units for u in mine[0].lines}
    if units != intent.expected["units"]:
        return Verdict(state="mismatch", words=f"{tracking} is named with other units: {units}", seen=seen)
    return Verdict(state="verified", words=f"the order names {tracking}", seen=seen)


ACTION: ActionType[None] = ActionType(
    id="push_fulfilment",
    title="Push fulfilment",
    inputs=("orders", "shipments"),
    look=look,
    plan=plan,
    verify=verify,
)
