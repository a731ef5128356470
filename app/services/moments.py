"""One order's life as moments, and what its systems disagree about: pure functions over its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.services import words
from data.events import (
    Event,
    InspectionStated,
    OrderLineStated,
    OrderStated,
    ParcelStated,
    PaymentMoved,
    PurchaseStated,
    ReturnStated,
    SaleStated,
    Scan,
    StockStated,
    TrackingStated,
    TransferStated,
    WorkStated,
)
from data.fold.settle import Stated, of_type, settle
from data.log.lookup import Heard
from data.money import to_minor


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Something that happened, who said so, and when we heard."""

    at: datetime  #: business time, as the source states it
    what: str
    detail: str
    source: str
    received_at: datetime
    simulated: bool = False


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One question and what each system answers; `differs` names the systems that contradict the others."""

    question: str
    answers: dict[str, str]
    differs: frozenset[str] = frozenset()
    because: str = ""


def moments(heard: Iterable[Heard]) -> list[Moment]:
    """Give every moment once, at its first telling, in business order."""
    first: dict[tuple[object, ...], Moment] = {}
    for h in heard:
        for at, what, detail in _told_by(h.stated.event):
            moment = Moment(
                at=at, what=what, detail=detail, source=h.stated.connection, received_at=h.received_at,
                simulated=bool(getattr(h.stated.event, "simulated", False)),
            )  # fmt: skip
            key = (at, what, detail, h.stated.connection)
            if key not in first or moment.received_at < first[key].received_at:
                first[key] = moment
    return sorted(first.values(), key=lambda m: (m.at, m.received_at, m.what))


def _told_by(event: Event) -> list[tuple[datetime, str, str]]:  # noqa: PLR0911 -- a table in code: one case an event
    match event:
        case OrderStated():
            return _order(event)
        case OrderLineStated():
            return _order_line(event)
        case SaleStated():
            total = words.money(event.total_minor, event.currency)
            return [(event.created_at, f"Sale {event.sale} in the ERP", f"{total}, {event.status}")]
        case WorkStated():
            return _work(event)
        case ParcelStated():
            what = f"{words.plural(_units(event.lines), 'unit')} handed to {event.carrier}"
            return [
                (event.handed_over_at, what, f"parcel {event.parcel}, tracking {event.tracking}, from {event.location}")
            ]
        case TrackingStated():
            return [(scan.at, f"Carrier scan: {_scan(scan)}", f"tracking {event.tracking}") for scan in event.scans]
        case PaymentMoved():
            kind = f"{event.fee_kind} fee" if event.kind == "fee" else event.kind
            return [(event.at, f"Payment: {kind} {words.money(event.amount_minor, event.currency)}", event.payment)]
        case ReturnStated() | InspectionStated():
            return _return(event)
        case _:
            return _stock_and_supply(event)


def _stock_and_supply(event: Event) -> list[tuple[datetime, str, str]]:
    match event:
        case StockStated():
            states = f"{event.allocated} allocated, {event.quarantined} quarantined, {event.damaged} damaged"
            return [(event.counted_at, f"{event.on_hand} on hand at {event.location}", states)]
        case PurchaseStated():
            units = sum(line.ordered for line in event.lines)
            return [
                (event.created_at, f"Purchase {event.purchase}: {event.status}", f"{units} units from {event.supplier}")
            ]
        case TransferStated():
            return [
                (
                    event.created_at,
                    f"Transfer {event.transfer}: {event.status}",
                    f"{event.origin} to {event.destination}",
                )
            ]
        case _:
            return []


def _order(event: OrderStated) -> list[tuple[datetime, str, str]]:
    lines = words.plural(len(event.lines), "line")
    told = [(event.placed_at, f"Order placed in {event.channel}", f"{lines}, {_order_total(event)}")]
    told.extend(
        (
            f.told_at,
            f"Channel learns: {words.plural(_units(f.lines), 'unit')} shipped",
            f"tracking {f.tracking or 'none'}",
        )
        for f in event.fulfilments
    )
    told.extend(
        (p.packed_at, f"Channel packs {words.plural(_units(p.lines), 'unit')}", f"fulfilment {p.fulfilment}")
        for p in event.packed
    )
    if event.cancelled_at is not None:
        told.append((event.cancelled_at, "Order cancelled", event.cancel_cause or "no cause given"))
    return told


def _order_line(event: OrderLineStated) -> list[tuple[datetime, str, str]]:
    line, by_file = event.line, "as the file says"
    what = f"{line.units} \N{MULTIPLICATION SIGN} {line.sku}"
    told = [(event.placed_at, f"{what} ordered", line.title)]
    if event.shipped_at is not None:
        told.append((event.shipped_at, f"{what} shipped", by_file))
    return told


def _work(event: WorkStated) -> list[tuple[datetime, str, str]]:
    steps = (
        (event.released_at, "Released to the warehouse"),
        (event.picked_at, "Picked"),
        (event.packed_at, "Packed"),
        (event.shipped_at, "Warehouse reports shipped"),
    )
    told = [(at, what, f"{event.location}, work {event.work}") for at, what in steps if at is not None]
    if event.status in ("cancelled", "backordered") and event.status_since is not None:
        told.append((event.status_since, f"Work {event.status}", f"{event.location}, work {event.work}"))
    return told


def _return(event: ReturnStated | InspectionStated) -> list[tuple[datetime, str, str]]:
    units = words.plural(_units(event.lines), "unit")
    if isinstance(event, ReturnStated):
        return [(event.requested_at, f"Return of {units} requested", f"{event.return_}, {event.reason or 'no reason'}")]
    told = [(event.received_at, f"Return received: {units}", f"{event.return_} at {event.location}")]
    if event.inspected_at is not None:
        told.append((event.inspected_at, f"Inspected: {', '.join(sorted(set(event.dispositions)))}", event.return_))
    return told


def compare(heard: Iterable[Heard], now: datetime) -> list[Compared]:
    """Put the systems' answers to the same questions side by side."""
    held = settle(h.stated for h in heard)
    orders = of_type(held, OrderStated)
    if not orders:
        return []
    order = orders[0]
    found = [_total(order, held), _shipped(order, held, now), _delivered(order, held), _status(order, held)]
    return [c for c in found if len(c.answers) > 1]


#: How old a hand-over must be before the channel should know of it.
TOLD_WITHIN = timedelta(minutes=30)


def _total(order: OrderStated, held: Sequence[Stated]) -> Compared:
    answers = {"channel": _order_total(order)}
    differs = set()
    for sale in of_type(held, SaleStated):
        answers["ERP"] = words.money(sale.total_minor, sale.currency)
        if sale.total_minor != _total_minor(order):
            differs.add("ERP")
    captured = [p for p in of_type(held, PaymentMoved) if p.kind == "capture"]
    if captured:
        total = sum(p.amount_minor for p in captured)
        answers["payments"] = words.money(total, order.currency)
        if total != _total_minor(order):
            differs.add("payments")
    return Compared(question="Total", answers=answers, differs=frozenset(differs), because="the totals differ")


def _shipped(order: OrderStated, held: Sequence[Stated], now: datetime) -> Compared:
    parcels: list[ParcelStated] = of_type(held, ParcelStated)
    told = {f.tracking for f in order.fulfilments}
    missing = [p for p in parcels if p.tracking not in told and now - p.handed_over_at > TOLD_WITHIN]
    answers = {"channel": words.plural(sum(_units(f.lines) for f in order.fulfilments), "unit")}
    if any(isinstance(s.event, (ParcelStated, WorkStated)) for s in held):
        answers["warehouse"] = words.plural(sum(_units(p.lines) for p in parcels), "unit")
    because = f"the channel was never told of {', '.join(p.tracking for p in missing)}" if missing else ""
    return Compared(
        question="Units shipped", answers=answers, differs=frozenset({"channel"} if missing else ()), because=because
    )


def _delivered(order: OrderStated, held: Sequence[Stated]) -> Compared:
    answers = {}
    for tracking in of_type(held, TrackingStated):
        answers["carrier"] = (
            f"delivered {words.instant(tracking.delivered_at)}" if tracking.delivered_at else "on its way"
        )
    if answers:
        answers["channel"] = "told shipped" if order.fulfilments else "not told"
    differs = frozenset({"channel"} if "carrier" in answers and not order.fulfilments else ())
    return Compared(
        question="Delivered", answers=answers, differs=differs, because="the carrier has it, the channel knows nothing"
    )


def _status(order: OrderStated, held: Sequence[Stated]) -> Compared:
    works = of_type(held, WorkStated)
    answers = {"channel": "cancelled" if order.cancelled_at else "held" if order.hold else "live"}
    differs = set()
    for sale in of_type(held, SaleStated):
        answers["ERP"] = sale.status
        if (sale.status == "cancelled") != (order.cancelled_at is not None):
            differs.add("ERP")
    if works:
        answers["warehouse"] = words.listed(sorted({w.status for w in works}))
        if order.cancelled_at and any(w.status not in ("cancelled", "shipped") for w in works):
            differs.add("warehouse")
    return Compared(
        question="Status", answers=answers, differs=frozenset(differs), because="one is cancelled, the other is not"
    )


def answer_for_customer(heard: Iterable[Heard], order_id: str, now: datetime) -> str:
    """Write what can be told to the customer, from what is known and nothing else."""
    held = settle(h.stated for h in heard)
    orders = of_type(held, OrderStated)
    number = order_id.rsplit("/", 1)[-1]
    if not orders:
        return ""
    order = orders[0]
    said = [f"Your order {number} of {words.day(order.placed_at)}"]
    if order.cancelled_at is not None:
        return f"{said[0]} was cancelled on {words.day(order.cancelled_at)}."
    parcels = sorted(of_type(held, ParcelStated), key=lambda p: p.handed_over_at)
    ordered = sum(line.units - line.cancelled_units for line in order.lines if line.kind == "product")
    sent = sum(_units(p.lines) for p in parcels)
    if not parcels:
        return f"{said[0]} has been received and has not left us yet.{_due(order.ship_by, now)}"
    for parcel in parcels:
        tracking = next((x for x in of_type(held, TrackingStated) if x.tracking == parcel.tracking), None)
        said.append(_parcel_sentence(parcel, tracking, partial=sent < ordered))
    if sent < ordered:
        rest = words.plural(ordered - sent, "unit")
        said.append(f"{rest} will follow.{_due(order.ship_by, now, several=ordered - sent > 1)}")
    return f"{said[0]}: {' '.join(said[1:])}"


def _due(ship_by: datetime | None, now: datetime, *, several: bool = False) -> str:
    """Say by when it leaves or should have left, with an apology where that is past."""
    if ship_by is None:
        return ""
    by = words.instant(ship_by)
    it, them, are = ("they", "them", "are") if several else ("it", "it", "is")
    if ship_by < now:
        return f" {it.capitalize()} should have left by {by} UTC; we are sorry that {it} {are} late."
    return f" We aim to hand {them} to the carrier by {by} UTC."


def _parcel_sentence(parcel: ParcelStated, tracking: TrackingStated | None, *, partial: bool) -> str:
    units = _units(parcel.lines)
    what = words.plural(units, "unit") if partial else "it"
    left = f"{what} left us on {words.day(parcel.handed_over_at)} with {parcel.carrier}, tracking {parcel.tracking}"
    if tracking is not None and tracking.delivered_at is not None:
        were = "were" if partial and units > 1 else "was"
        return f"{left}, and {were} delivered on {words.instant(tracking.delivered_at)} UTC."
    if tracking is not None and tracking.scans:
        last = max(tracking.scans, key=lambda scan: scan.at)
        return f"{left}; last scan: {_scan(last)}, {words.instant(last.at)} UTC."
    return f"{left}; the carrier has not scanned it yet."


def _scan(scan: Scan) -> str:
    return scan.code.replace("_", " ")


def _units(lines: Iterable[object]) -> int:
    return sum(int(getattr(line, "units", 0)) for line in lines)


def _total_minor(order: OrderStated) -> int:
    lines = sum(to_minor(x.unit_price * x.units, order.currency) - x.discount_minor + x.tax_minor for x in order.lines)
    return lines + order.shipping_minor


def _order_total(order: OrderStated) -> str:
    return words.money(_total_minor(order), order.currency)
