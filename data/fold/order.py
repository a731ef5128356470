"""The fold of one order: what channel, ERP, warehouse, carrier and payment provider said of it, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from data.clock import EPOCH
from data.events import (
    ChannelFulfilment,
    ChannelPacked,
    InspectionStated,
    OrderLine,
    OrderLineStated,
    OrderStated,
    ParcelStated,
    PaymentMoved,
    ReturnStated,
    SaleStated,
    WorkStated,
)
from data.facts import Row, Rows
from data.fold.ledger import Spent, freight_shares, ledger, spread, unlinked_refunds
from data.fold.line import Head, Line, Sent
from data.fold.link import by_line, by_return, work_by_line
from data.fold.reference import Reference
from data.fold.settle import Stated, of_type, settle
from data.money import to_minor

#: Stages of a line from least to most advanced; a line stands where its least advanced open work stands.
STAGES = ("placed", "backordered", "released", "picking", "picked", "packed")

#: Work in one of these is no longer to be done.
ENDED = ("shipped", "cancelled")

#: What one location hands over within this time of its first parcel of an order left together: one shipping day,
#: without asking where its midnight is.
RUN = timedelta(hours=12)

#: A return has arrived when the channel says so, or when a warehouse found something in it.
ARRIVED = ("received", "closed")


def fold_order(order: str, stated: Sequence[Stated], reference: Reference) -> Rows:
    """Fold all events of one order into its rows.

    An order that no channel states has only its bare documents; a test order has nothing.
    """
    held = settle(stated)
    if any(o.is_test for o in of_type(held, OrderStated)):
        return {}
    rows: Rows = {}
    head, lines, fulfilments, by_file = _head(order, held)
    channel = head.channel if head else None
    payments = sorted(of_type(held, PaymentMoved), key=lambda p: (p.at, p.payment))
    parcels = sorted(of_type(held, ParcelStated), key=lambda p: (p.handed_over_at, p.parcel))
    returns = sorted(of_type(held, ReturnStated), key=lambda r: (r.requested_at, r.return_))
    inspections = sorted(of_type(held, InspectionStated), key=lambda i: (i.received_at, i.inspection))
    works = sorted(of_type(held, WorkStated), key=lambda w: (w.released_at is None, w.released_at or EPOCH, w.work))
    if lines:
        ordered = {name: (line.stated.sku, line.stated.units) for name, line in lines.items()}
        parcels, works = by_line(parcels, ordered), work_by_line(works, ordered)
    inspections = by_return(inspections, returns)
    rows |= _documents(order, held)
    rows["open_work"] = _open_work(order, held)
    rows["fulfilment_line"] = _fulfilment_lines(order, held)
    rows["payment"] = [
        (order, p.payment, p.kind, p.fee_kind, p.amount_minor, p.currency, p.at, channel) for p in payments
    ]
    _work(lines, works)
    _ship(head, lines, parcels, works, by_file)
    _tell(lines, fulfilments)
    rows["shipment_line"] = _shipment_lines(order, head, lines, parcels, fulfilments)
    rows["return_line"] = _return_lines(order, channel, lines, returns, inspections)
    if head is None:
        rows["line_amount"] = unlinked_refunds(order, returns)
        return rows
    _cancel(head, lines, works)
    spread(head, lines, payments, works)
    rows["order_line"] = [_order_line(head, line_id, line) for line_id, line in lines.items()]
    rows["line_amount"] = ledger(head, lines, payments, returns, Spent(parcels, works, inspections), reference)
    return rows


def _documents(order: str, held: Sequence[Stated]) -> Rows:
    """Set the ERP's documents beside what the channel says of the whole order."""
    sales = [(s.connection, s.event) for s in held if isinstance(s.event, SaleStated)]
    totals = [(s.connection, x) for s in held if isinstance(x := s.event, OrderStated) and x.total_minor is not None]
    return {
        "sale": [
            (order, x.sale, x.status, x.total_minor, x.currency, x.created_at, x.reference, x.customer, connection)
            for connection, x in sales
        ],
        "sale_line": [
            (order, x.sale, line.line, line.sku, line.units, line.amount_minor, connection)
            for connection, x in sales
            for line in x.lines
        ],
        "order_total": [
            (order, x.channel, connection, x.placed_at, x.total_minor, x.currency, x.cancelled_at)
            for connection, x in totals
        ],
    }


_Known = tuple[Head | None, dict[str, Line], Sequence[ChannelFulfilment], Sequence[OrderLineStated]]


def _head(order: str, held: Sequence[Stated]) -> _Known:
    """Take the order from the first connection that states it whole, else put it together from its lines."""
    single: dict[str, OrderLineStated] = {}
    connection = ""
    for s in held:
        if isinstance(s.event, OrderStated):
            o = s.event
            head = Head(
                order, o.channel, o.currency, o.placed_at, s.connection, o.customer, o.country, o.simulated, o.hold,
                o.paid, o.cancelled_at, o.cancel_cause, o.shipping_minor,
            )  # fmt: skip
            return head, {x.line: _line(x, o.currency, o.ship_by, o.promise) for x in o.lines}, o.fulfilments, ()
        if isinstance(s.event, OrderLineStated):
            connection = connection or s.connection
            single.setdefault(s.event.line.line, s.event)
    if not single:
        return None, {}, (), ()
    e = min(single.values(), key=lambda event: event.placed_at)
    head = Head(order, e.channel, e.currency, e.placed_at, connection, e.customer, e.country, e.simulated)
    lines = {name: _line(x.line, e.currency, x.ship_by, x.promise) for name, x in single.items()}
    return head, lines, (), list(single.values())


def _line(stated: OrderLine, currency: str, ship_by: datetime | None, promise: str | None) -> Line:
    gross = to_minor(stated.unit_price * stated.units, currency)
    cancelled = min(stated.cancelled_units, stated.units)
    return Line(stated, gross, gross - stated.discount_minor, ship_by, promise, cancelled)


def _work(lines: Mapping[str, Line], works: Sequence[WorkStated]) -> None:
    """Set the location that was allocated first and the stage of what is still open."""
    for work in works:
        for units in work.lines:
            if (line := lines.get(units.line)) is None:
                continue
            line.location = line.location or work.location
            if work.status in STAGES and (
                line.stage == "placed" or STAGES.index(work.status) < STAGES.index(line.stage)
            ):
                line.stage, line.stage_since = work.status, work.status_since


def _open_work(order: str, held: Sequence[Stated]) -> list[Row]:
    """List what a warehouse still has to do for the order, with who can be asked to do it sooner."""
    return [
        (order, w.work, s.connection, w.location, w.status, w.status_since, w.priority, w.allocated)
        for s in held
        if isinstance(w := s.event, WorkStated) and w.status not in ENDED
    ]


def _fulfilment_lines(order: str, held: Sequence[Stated]) -> list[Row]:
    """List what the channel took off its own levels for the order, from where, and what of it it calls shipped."""
    stated = next((s for s in held if isinstance(s.event, OrderStated)), None)
    if stated is None or not isinstance(o := stated.event, OrderStated):
        return []
    off: tuple[ChannelFulfilment | ChannelPacked, ...] = (*o.fulfilments, *o.packed)
    return [
        (order, stated.connection, taken.fulfilment, u.line, u.sku, u.units, taken.location,
         isinstance(taken, ChannelFulfilment))
        for taken in off
        for u in taken.lines
    ]  # fmt: skip


def _ship(
    head: Head | None,
    lines: Mapping[str, Line],
    parcels: Sequence[ParcelStated],
    works: Sequence[WorkStated],
    by_file: Sequence[OrderLineStated],
) -> None:
    """Let units leave: by parcel, or on the day that a file names where no parcel is known of the line."""
    in_parcels = {u.line for p in parcels for u in p.lines}
    told = [
        (at, e.line.line)
        for e in by_file
        if (at := e.shipped_at) and e.line.line in lines and e.line.line not in in_parcels
    ]
    leaving = sorted([(p.handed_over_at, p.location) for p in parcels] + [(at, "") for at, _ in told])
    first = _first_shipment(leaving, works, lines)
    for parcel in parcels:
        for units, freight in zip(parcel.lines, freight_shares(head, parcel, lines), strict=True):
            if (line := lines.get(units.line)) is not None:
                line.location = line.location or parcel.location
                sent = Sent(parcel.handed_over_at, units.units, freight)
                _send(line, sent, with_first=(parcel.handed_over_at, parcel.location) in first)
    for at, name in told:
        if due := lines[name].due:
            _send(lines[name], Sent(at, due), with_first=(at, "") in first)


def _first_shipment(
    leaving: Sequence[tuple[datetime, str]], works: Sequence[WorkStated], lines: Mapping[str, Line]
) -> set[tuple[datetime, str]]:
    """Tell which departures (when, where from) are the order's first shipment; `leaving` is in the order of time.

    It is what every location that was asked at first sends in its first run. A location was asked at first if its work
    was released before anything had left; where its work is not known, if its first parcel left by the promise.
    Whatever a location is asked for later stands in for what another, or itself, could not fill.
    """
    first: set[tuple[datetime, str]] = set()
    runs: dict[str, datetime] = {}
    for at, location in leaving:
        began = runs.setdefault(location, at)
        if at - began < RUN and (
            began == leaving[0][0] or _asked_at_first(location, began, leaving[0][0], works, lines)
        ):
            first.add((at, location))
    return first


def _asked_at_first(
    location: str, began: datetime, start: datetime, works: Sequence[WorkStated], lines: Mapping[str, Line]
) -> bool:
    """Tell whether a location that began to ship after the first one did was asked at the same time as that one."""
    kept = [w.released_at for w in works if w.location == location and w.status != "cancelled"]
    released = [at for at in kept if at is not None]
    if released:
        return min(released) <= start
    if began - start < RUN:
        return True
    promised = [line.ship_by for line in lines.values() if line.ship_by is not None]
    return bool(location) and bool(promised) and began <= max(promised)


def _send(line: Line, sent: Sent, *, with_first: bool) -> None:
    line.sent.append(sent)
    line.shipped += sent.units
    if with_first:
        line.first_shipment += sent.units
    if line.ship_by is not None and sent.at <= line.ship_by:
        line.on_time += sent.units


def _tell(lines: Mapping[str, Line], fulfilments: Sequence[ChannelFulfilment]) -> None:
    for fulfilment in fulfilments:
        for units in fulfilment.lines:
            if line := lines.get(units.line):
                line.told += units.units


def _shipment_lines(
    order: str,
    head: Head | None,
    lines: Mapping[str, Line],
    parcels: Sequence[ParcelStated],
    fulfilments: Sequence[ChannelFulfilment],
) -> list[Row]:
    told = {f.tracking: f.told_at for f in fulfilments if f.tracking is not None}
    channel, currency = (head.channel, head.currency) if head else (None, None)
    return [
        (order, p.parcel, u.line, u.sku, channel, u.units, p.location, p.carrier, p.tracking, p.handed_over_at,
         told.get(p.tracking), lines[u.line].value(u.units) if u.line in lines else 0, currency)
        for p in parcels
        for u in p.lines
    ]  # fmt: skip


def _return_lines(
    order: str,
    channel: str | None,
    lines: Mapping[str, Line],
    returns: Sequence[ReturnStated],
    inspections: Sequence[InspectionStated],
) -> list[Row]:
    """Give a row for each returned line; units count as returned once they arrived."""
    received: dict[str, tuple[datetime, str]] = {}
    found: dict[tuple[str, str, str], tuple[str | None, datetime | None, str | None]] = {}
    for i in inspections:
        received.setdefault(i.return_, (i.received_at, i.inspection))
        for units, disposition in zip(i.lines, i.dispositions, strict=True):
            found.setdefault((i.return_, units.line, units.sku), (disposition, i.inspected_at, i.location))
    rows: list[Row] = []
    for r in returns:
        arrived = r.status in ARRIVED or r.return_ in received
        for u in r.lines:
            line = lines.get(u.line)
            if line is not None and arrived:
                line.returned += u.units
            received_at, inspection = received.get(r.return_, (None, None))
            fit, inspected_at, location = found.get((r.return_, u.line, u.sku), (None, None, None))
            rows.append(
                (order, r.return_, u.line, u.sku, channel or r.channel, u.units, r.reason, r.status, r.requested_at,
                 received_at, fit, line.first_shipped_at if line else None, line is not None, inspected_at, location,
                 inspection)
            )  # fmt: skip
    return rows


def _cancel(head: Head, lines: Mapping[str, Line], works: Sequence[WorkStated]) -> None:
    """Cancel what is left of a cancelled order, and tell which units leave the denominators of service rates.

    A part that the channel cancelled without naming a cause was for want of supply if the warehouse was short of it.
    What leaves is what the customer (or a check of payment or fraud) cancelled before the promise, before the warehouse
    was asked to ship it and before it was on backorder; what could not be supplied stays and counts as failed.
    """
    for line_id, line in lines.items():
        if head.cancelled_at is not None:
            line.cancelled = max(line.cancelled, line.stated.units - line.shipped, 0)
        line.cancel_cause = head.cancel_cause or ("supply" if _was_short(line_id, works) else None)
        if line.cancelled and head.cancelled_at and head.cancel_cause not in (None, "supply"):
            in_time = line.ship_by is None or head.cancelled_at < line.ship_by
            if in_time and not _work_began(line_id, works, head.cancelled_at):
                line.excused = line.cancelled


def _was_short(line_id: str, works: Sequence[WorkStated]) -> bool:
    """Tell whether a warehouse let go of work on the line without ever having released it: it waited for stock.

    Asked only where the channel names no cause, and answered only where release times are told at all.
    """
    told = any(work.released_at is not None for work in works)
    return told and any(
        work.status == "cancelled" and work.released_at is None and any(u.line == line_id for u in work.lines)
        for work in works
    )


def _work_began(line_id: str, works: Sequence[WorkStated], before: datetime) -> bool:
    """Tell whether a warehouse had the line, or was short of it, by that time; an unknown time counts as before."""
    for work in works:
        if any(u.line == line_id for u in work.lines):
            began = work.released_at or (work.status_since if work.status == "backordered" else None)
            if began is None or began <= before:
                return True
    return False


def _order_line(head: Head, line_id: str, line: Line) -> Row:
    stated = line.stated
    opened = 0 if line.is_service else max(line.due - line.shipped, 0)
    stage, since = _stage(head, line, opened)
    return (
        head.order, line_id, stated.sku, stated.kind, stated.title, head.channel, head.country, head.customer,
        head.connection, head.simulated, head.placed_at, head.currency, to_minor(stated.unit_price, head.currency),
        line.net_minor, stated.units, line.cancelled, head.cancelled_at if line.cancelled else None,
        line.cancel_cause if line.cancelled else None, line.first_shipment, line.shipped, line.on_time, line.told,
        line.returned, opened, line.first_shipped_at, line.last_shipped_at, line.ship_by, line.promise, line.location,
        stage, since, head.hold, head.paid, line.excused,
    )  # fmt: skip


def _stage(head: Head, line: Line, opened: int) -> tuple[str, datetime | None]:
    if opened == 0:
        if line.shipped or (line.is_service and line.due):
            return "shipped", line.last_shipped_at
        return "cancelled", head.cancelled_at
    if head.hold is not None:
        return "held", line.stage_since or head.placed_at
    if not head.paid:
        return "unpaid", head.placed_at
    return line.stage, line.stage_since or head.placed_at
