"""Facts drawn at random, as a fold could have made them."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from data.lake import Facts
from tests.metrics.factories import (
    DAY,
    HOUR,
    LATER,
    NOON,
    Row,
    a_count,
    a_line,
    a_parcel_line,
    a_payment,
    a_posting,
    a_return,
    an_item,
    some_facts,
)

CHANNELS, LOCATIONS, SKUS = ("web", "wholesale", None), ("NORTH", "SOUTH", None), ("MUG", "CUP", "POST")
moments = st.integers(0, 30 * 24).map(lambda hours: NOON + hours * HOUR)
waits = st.integers(0, 90).map(lambda hours: timedelta(hours=hours))


@st.composite
def orders(draw: st.DrawFn, entity: str) -> list[Row]:
    """One order: its lines share a head and their units are consistent."""
    placed = draw(moments)
    promise = draw(st.sampled_from(["given", "policy", None]))
    head: Row = {
        "entity": entity,
        "placed_at": placed,
        "channel": draw(st.sampled_from(CHANNELS)),
        "currency": draw(st.sampled_from(["GBP", "GBP", "EUR"])),
        "simulated": draw(st.booleans()),
        "promise": promise,
        "ship_by": None if promise is None else placed + draw(waits),
        "hold": draw(st.sampled_from([None, None, "address"])),
    }
    cancelled_at = draw(st.none() | waits.map(lambda wait: placed + wait))
    return [draw(_lines(head, str(n), cancelled_at)) for n in range(draw(st.integers(1, 3)))]


@st.composite
def _lines(draw: st.DrawFn, head: Row, line_id: str, cancelled_at: datetime | None) -> Row:
    ordered = draw(st.integers(1, 6))
    shipped = draw(st.integers(0, ordered))
    cancelled = draw(st.integers(0, ordered - shipped)) if draw(st.booleans()) else 0
    left = head["placed_at"] + draw(waits)
    sku = draw(st.sampled_from(SKUS))
    return a_line(
        **head,
        line_id=line_id,
        sku=sku,
        kind="service" if sku == "POST" else "product",
        ordered_units=ordered,
        shipped_units=shipped,
        cancelled_units=cancelled,
        cancelled_at=cancelled_at if cancelled else None,
        excused_units=cancelled if draw(st.booleans()) else 0,
        cancel_cause=draw(st.sampled_from(["customer", "supply", None])) if cancelled else None,
        first_shipment_units=draw(st.integers(0, shipped)),
        on_time_units=draw(st.integers(0, shipped)) if head["ship_by"] else 0,
        returned_units=draw(st.integers(0, shipped)),
        open_units=0 if sku == "POST" else ordered - shipped - cancelled,
        shipped_at=left,
        net_minor=draw(st.integers(0, 5_000)),
        location=draw(st.sampled_from(LOCATIONS)),
        stage=draw(st.sampled_from(["placed", "backordered", "picking", "packed"])),
    )


@st.composite
def postings(draw: st.DrawFn) -> Row:
    """One posting: a sale with or without a known cost, a refund or a return."""
    entry = draw(st.sampled_from(["sale", "sale", "sale", "refund", "return"]))
    names = {
        "sale": ("cogs", "shipping", "payment_fee", "marketplace_fee", "freight", "handling"),
        "refund": ("refund",),
        "return": ("cogs", "write_down", "return_cost"),
    }[entry]
    amounts = {f"{name}_minor": draw(st.integers(0, 3_000)) for name in names}
    if entry == "sale":
        amounts |= {"gross_minor": draw(st.integers(1_000, 9_000)), "discount_minor": draw(st.integers(0, 999))}
        if draw(st.booleans()):
            amounts |= {"cogs_minor": 0, "uncosted_minor": amounts["gross_minor"] - amounts["discount_minor"]}
    if entry == "return":
        amounts["cogs_minor"] *= -1
    placed = draw(moments)
    return a_posting(
        **amounts,
        entry=entry,
        placed_at=placed,
        posted_at=placed + draw(waits),
        channel=draw(st.sampled_from(CHANNELS)),
        sku=draw(st.sampled_from(SKUS)),
        location=draw(st.sampled_from(LOCATIONS)),
        currency=draw(st.sampled_from(["GBP", "GBP", "EUR"])),
    )


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Row]]:
    """All fact tables that metrics read; each has enough to arm whatever reads it."""
    lines = [line for n in range(draw(st.integers(1, 4))) for line in draw(orders(f"order-{n}"))]
    seen = st.sampled_from([None, NOON])
    return {
        "order_line": [*lines, a_line(entity="anchor", stage="released")],
        "line_amount": [
            *draw(st.lists(postings(), max_size=6)), a_posting(gross_minor=100, freight_minor=1, handling_minor=1),
        ],
        "shipment_line": [
            a_parcel_line(),
            *(
                a_parcel_line(
                    parcel=f"p{n}", sku=draw(st.sampled_from(SKUS)), told_at=draw(seen), units=draw(st.integers(1, 9)),
                    handed_over_at=LATER - draw(st.integers(1, 40)) * DAY,
                )
                for n in range(draw(st.integers(0, 3)))
            ),
        ],
        "return_line": [
            a_return(
                return_id=f"r{n}", units=draw(st.integers(1, 3)), linked=draw(st.booleans()),
                reason=draw(st.sampled_from(["broken", None])),
            )
            for n in range(draw(st.integers(1, 3)))
        ],
        "stock_day": [
            {"entity": sku, "connection": "wms", "sku": sku, "location": "NORTH", "day": (NOON + n * DAY).date(),
             "closing_units": draw(st.integers(-1, 2))}
            for sku in SKUS[:2] for n in range(draw(st.integers(1, 3)))
        ],
        "stock_position": [
            a_count(sku, on_hand=draw(st.integers(0, 5)), location=place)
            for sku in SKUS[:2] for place in ("NORTH", "SOUTH")
        ],
        "item": [an_item("MUG", supplier="KILN"), an_item("CUP", category=None)],
        "payment": [a_payment(), a_payment(payment="x", kind="refund")],
    }  # fmt: skip


def published(given: dict[str, list[Row]]) -> Facts:
    """Publish drawn tables without a tail."""
    return some_facts(None, **given)
