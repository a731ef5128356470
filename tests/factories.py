"""Events as tests state them: only what matters, everything else is plausible."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from data.clock import to_micros
from data.events import (
    ChannelFulfilment,
    Cost,
    Event,
    InspectionStated,
    ItemStated,
    ListingStated,
    OrderLine,
    OrderLineStated,
    OrderStated,
    ParcelStated,
    PaymentMoved,
    ReturnStated,
    StockStated,
    TrackingStated,
    Units,
    WorkStated,
    encode,
)
from data.log.append import Received

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  #: a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def a_line(line: str = "1", sku: str = "A", units: int = 2, price: str = "2.55", **more: object) -> OrderLine:
    """Make an order line."""
    return OrderLine(line=line, sku=sku, units=units, unit_price=Decimal(price), **more)  # type: ignore[arg-type]


def an_order(order: str = "shop/1001", *lines: OrderLine, **more: object) -> OrderStated:
    """Make an order placed at noon in GBP on the web channel; one line of 2 A at 2.55 where none is given."""
    given = {"channel": "web", "placed_at": NOON, "currency": "GBP", "lines": lines or (a_line(),), **more}
    return OrderStated(order=order, **given)  # type: ignore[arg-type]


def an_order_line(order: str = "shop/1001", line: OrderLine | None = None, **more: object) -> OrderLineStated:
    """Make one line of an order as a file states it."""
    given = {"channel": "web", "placed_at": NOON, "currency": "GBP", "line": line or a_line(), **more}
    return OrderLineStated(order=order, **given)  # type: ignore[arg-type]


def units(*parts: tuple[str, str, int]) -> tuple[Units, ...]:
    """Make units of lines: (line, sku, units) each."""
    return tuple(Units(*part) for part in parts)


def a_parcel(
    parcel: str = "P1", order: str = "shop/1001", *parts: tuple[str, str, int], **more: object
) -> ParcelStated:
    """Make a parcel handed over an hour after noon at NORTH; 2 A of line 1 where nothing is given."""
    given = {
        "location": "NORTH", "carrier": "POST", "tracking": f"T-{parcel}", "handed_over_at": NOON + HOUR,
        "lines": units(*(parts or (("1", "A", 2),))), **more,
    }  # fmt: skip
    return ParcelStated(parcel=parcel, order=order, **given)  # type: ignore[arg-type]


def a_work(work: str = "W1", order: str = "shop/1001", *parts: tuple[str, str, int], **more: object) -> WorkStated:
    """Make a work order at NORTH, released at noon."""
    given = {
        "location": "NORTH", "status": "released", "released_at": NOON, "status_since": NOON,
        "lines": units(*(parts or (("1", "A", 2),))), **more,
    }  # fmt: skip
    return WorkStated(work=work, order=order, **given)  # type: ignore[arg-type]


def told(tracking: str, *parts: tuple[str, str, int], at: datetime = NOON + HOUR) -> ChannelFulfilment:
    """Make what the channel was told of a parcel."""
    return ChannelFulfilment(fulfilment=f"F-{tracking}", told_at=at, tracking=tracking, lines=units(*parts))


def a_payment(payment: str = "PAY1", order: str = "shop/1001", amount_minor: int = 510, **more: object) -> PaymentMoved:
    """Make a capture at noon."""
    given = {"kind": "capture", "currency": "GBP", "at": NOON, **more}
    return PaymentMoved(payment=payment, order=order, amount_minor=amount_minor, **given)  # type: ignore[arg-type]


def a_return(
    return_: str = "R1", order: str = "shop/1001", *parts: tuple[str, str, int], **more: object
) -> ReturnStated:
    """Make a return that was received, asked for ten days after noon."""
    given = {
        "requested_at": NOON + 10 * DAY, "status": "received", "lines": units(*(parts or (("1", "A", 1),))), **more,
    }  # fmt: skip
    return ReturnStated(return_=return_, order=order, **given)  # type: ignore[arg-type]


def an_inspection(
    inspection: str = "I1", return_: str = "R1", order: str = "shop/1001", *parts: tuple[str, str, int],
    dispositions: tuple[str, ...] = ("restock",), **more: object,
) -> InspectionStated:  # fmt: skip
    """Make an inspection of a return, twelve days after noon."""
    given = {
        "location": "NORTH", "received_at": NOON + 12 * DAY, "inspected_at": NOON + 12 * DAY,
        "lines": units(*(parts or (("1", "A", 1),))), "dispositions": dispositions, **more,
    }  # fmt: skip
    return InspectionStated(inspection=inspection, return_=return_, order=order, **given)  # type: ignore[arg-type]


def an_item(sku: str = "A", *costs: tuple[str, str], **more: object) -> ItemStated:
    """Make an item with costs: (day, unit cost) each; 1.00 since 2026 where none is given."""
    since = tuple(
        Cost(datetime.fromisoformat(day).date(), Decimal(cost)) for day, cost in costs or (("2026-01-01", "1.00"),)
    )
    given = {"name": f"Item {sku}", "currency": "GBP", "costs": since, **more}
    return ItemStated(sku=sku, **given)  # type: ignore[arg-type]


def a_count(sku: str = "A", location: str = "NORTH", on_hand: int = 10, **more: object) -> StockStated:
    """Make a stock count at noon."""
    return StockStated(sku=sku, location=location, on_hand=on_hand, **{"counted_at": NOON, **more})  # type: ignore[arg-type]


def a_listing(listing: str = "web:A", quantity: int = 10, **more: object) -> ListingStated:
    """Make an active listing of A on the web channel."""
    given = {"channel": "web", "sku": "A", "active": True, **more}
    return ListingStated(listing=listing, quantity=quantity, **given)  # type: ignore[arg-type]


def a_tracking(tracking: str = "T-P1", **more: object) -> TrackingStated:
    """Make a carrier's view of a parcel."""
    return TrackingStated(tracking=tracking, **{"carrier": "POST", **more})  # type: ignore[arg-type]


def key_of(event: Event) -> str:
    """Name the aspect of an event as a source would."""
    match event:
        case OrderLineStated():
            return f"{event.order}|{event.line.line}"
        case OrderStated():
            return event.order
        case _:
            fields = ("parcel", "work", "payment", "return_", "inspection", "tracking", "listing", "sku")
            return str(next(getattr(event, name) for name in fields if hasattr(event, name)))


def received(
    *events: Event, key: str | None = None, version: int = 0, at: datetime = NOON, raw: bytes | None = None
) -> Received:
    """Make a record that states events, observed at `at`."""
    body = b"\n".join(encode(event) for event in events) if raw is None else raw
    return Received(
        key=key or key_of(events[0]), raw=body, version=version, observed_at=to_micros(at), changed_at=to_micros(at),
        events=events,
    )  # fmt: skip


def all_received(events: Iterable[Event], *, version: int = 0, at: datetime = NOON) -> list[Received]:
    """Make a record of each event."""
    return [received(event, version=version, at=at) for event in events]
