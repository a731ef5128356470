"""The fold of one order: what channel, ERP, warehouse, carrier and payment provider said of it, as rows.

Costs of a sale are recognised with its shipment (matching principle): fees and freight of the order are spread over
its lines by net value with the largest remainder, so that the lines sum to the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from data.events import (
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
from data.fold.reference import Reference
from data.fold.settle import Stated, of_type, settle
from data.money import allocate, minor_exponent

#: Stages of a line from least to most advanced; a line stands where its least advanced open work stands.
STAGES = ("placed", "backordered", "released", "picking", "picked", "packed")


@dataclass(slots=True)
class _Line:
    """What is known of one line while the order is folded."""

    stated: OrderLine
    net_minor: int
    gross_minor: int
    shipped: int = 0
    first_shipment: int = 0
    on_time: int = 0
    told: int = 0
    returned: int = 0
    cancelled: int = 0
    first_shipped_at: datetime | None = None
    last_shipped_at: datetime | None = None
    location: str | None = None
    stage: str = "placed"
    stage_since: datetime | None = None
    shipping_minor: int = 0
    payment_fee_minor: int = 0
    marketplace_fee_minor: int = 0
    freight_minor: int = 0
    handling_minor: int = 0
    booked_units: int = 0  #: units already in the ledger, so that parts of amounts sum to the whole
    unit_cost_minor: Decimal | None = None
    sent: list[tuple[datetime, int]] = field(default_factory=list)  #: (handed over, units), in order

    @property
    def due(self) -> int:
        """Units that are still to be shipped or were."""
        return self.stated.units - self.cancelled


@dataclass(slots=True)
class _Head:
    """The order's own fields."""

    order: str
    channel: str
    currency: str
    placed_at: datetime
    connection: str
    customer: str | None
    country: str | None
    ship_by: datetime | None
    promise: str | None
    hold: str | None
    paid: bool
    cancelled_at: datetime | None
    cancel_cause: str | None
    shipping_minor: int
    simulated: bool


def fold_order(order: str, stated: Sequence[Stated], reference: Reference) -> Rows:
    """Fold all events of one order into its rows; an order that no channel states has only its bare documents."""
    held = settle(stated)
    rows: Rows = {}
    head, lines = _head_and_lines(order, held)
    channel = head.channel if head else None
    for sale in of_type(held, SaleStated):
        _add(rows, "sale", (order, sale.sale, sale.status, sale.total_minor, sale.currency, sale.created_at))
    payments = sorted(of_type(held, PaymentMoved), key=lambda p: (p.at, p.payment))
    for p in payments:
        _add(rows, "payment", (order, p.payment, p.kind, p.fee_kind, p.amount_minor, p.currency, p.at, channel))
    parcels = sorted(of_type(held, ParcelStated), key=lambda p: (p.handed_over_at, p.parcel))
    told = _told(held)
    _ship(lines, parcels, head)
    _ship_by_file(lines, held, head)
    _tell(lines, held)
    _work(lines, of_type(held, WorkStated))
    for parcel in parcels:
        for units in parcel.lines:
            line = lines.get(units.line)
            value = line.net_minor * units.units // line.stated.units if line and line.stated.units else 0
            _add(
                rows, "shipment_line",
                (order, parcel.parcel, units.line, units.sku, channel, units.units, parcel.location, parcel.carrier,
                 parcel.tracking, parcel.handed_over_at, told.get(parcel.tracking), value),
            )  # fmt: skip
    _returns(rows, order, channel, held, lines)
    if head is None:
        return rows
    _cancel(lines, head)
    _spread(lines, head, payments, of_type(held, WorkStated), parcels)
    for line_id, line in lines.items():
        _add(rows, "order_line", _order_line(head, line_id, line))
    _ledger(rows, head, lines, payments, held, reference)
    return rows


def _add(rows: Rows, table: str, row: Row) -> None:
    rows.setdefault(table, []).append(row)


def _minor(amount: Decimal, exponent: int) -> int:
    return int(amount.scaleb(exponent).to_integral_value(rounding=ROUND_HALF_EVEN))


def _head_and_lines(order: str, held: Sequence[Stated]) -> tuple[_Head | None, dict[str, _Line]]:
    for s in held:
        if isinstance(s.event, OrderStated) and not s.event.is_test:
            o = s.event
            head = _Head(
                order, o.channel, o.currency, o.placed_at, s.connection, o.customer, o.country, o.ship_by, o.promise,
                o.hold, o.paid, o.cancelled_at, o.cancel_cause, o.shipping_minor, o.simulated,
            )  # fmt: skip
            return head, {line.line: _line(line, o.currency) for line in o.lines}
    single = [s for s in held if isinstance(s.event, OrderLineStated)]
    if not single:
        return None, {}
    first = min(single, key=lambda s: (s.event.placed_at, s.key))  # type: ignore[union-attr]
    o1 = first.event
    assert isinstance(o1, OrderLineStated)  # noqa: S101 -- narrows what the filter above already chose
    head = _Head(
        order, o1.channel, o1.currency, o1.placed_at, first.connection, o1.customer, o1.country, o1.ship_by, o1.promise,
        None, True, None, None, 0, o1.simulated,
    )  # fmt: skip
    return head, {
        s.event.line.line: _line(s.event.line, o1.currency) for s in single if isinstance(s.event, OrderLineStated)
    }


def _line(stated: OrderLine, currency: str) -> _Line:
    gross = _minor(stated.unit_price * stated.units, minor_exponent(currency))
    return _Line(stated, gross - stated.discount_minor, gross, cancelled=min(stated.cancelled_units, stated.units))


def _told(held: Sequence[Stated]) -> dict[str, datetime]:
    """When the channel learnt each tracking number."""
    told: dict[str, datetime] = {}
    for o in of_type(held, OrderStated):
        for fulfilment in o.fulfilments:
            if fulfilment.tracking is not None:
                told[fulfilment.tracking] = fulfilment.told_at
    return told


def _tell(lines: dict[str, _Line], held: Sequence[Stated]) -> None:
    for o in of_type(held, OrderStated):
        for fulfilment in o.fulfilments:
            for units in fulfilment.lines:
                if line := lines.get(units.line):
                    line.told += units.units


def _ship(lines: dict[str, _Line], parcels: Sequence[ParcelStated], head: _Head | None) -> None:
    first = min((p.handed_over_at for p in parcels), default=None)
    for parcel in parcels:
        at = parcel.handed_over_at
        for units in parcel.lines:
            if (line := lines.get(units.line)) is None:
                continue
            _send(line, at, units.units, head)
            if at == first:
                line.first_shipment += units.units
            line.location = line.location or parcel.location


def _ship_by_file(lines: dict[str, _Line], held: Sequence[Stated], head: _Head | None) -> None:
    """Lines of a file that says when they were shipped or invoiced, though no parcel is known."""
    for s in held:
        if isinstance(s.event, OrderLineStated) and s.event.shipped_at is not None:
            line = lines[s.event.line.line]
            if not line.shipped:
                _send(line, s.event.shipped_at, line.due, head)


def _send(line: _Line, at: datetime, units: int, head: _Head | None) -> None:
    line.shipped += units
    line.sent.append((at, units))
    if line.first_shipped_at is None:
        line.first_shipped_at = at
    line.last_shipped_at = at
    if head is not None and head.ship_by is not None and at <= head.ship_by:
        line.on_time += units


def _work(lines: dict[str, _Line], works: Sequence[WorkStated]) -> None:
    """Set the location that was allocated first and the stage of what is still open."""
    far = datetime.max
    for work in sorted(works, key=lambda w: ((w.released_at or far).replace(tzinfo=None), w.work)):
        for units in work.lines:
            if (line := lines.get(units.line)) is None:
                continue
            if line.location is None:
                line.location = work.location
            if work.status in STAGES and (
                line.stage_since is None or STAGES.index(work.status) < STAGES.index(line.stage)
            ):
                line.stage, line.stage_since = work.status, work.status_since


def _cancel(lines: dict[str, _Line], head: _Head) -> None:
    if head.cancelled_at is None:
        return
    for line in lines.values():
        line.cancelled = max(line.cancelled, line.stated.units - line.shipped)


def _spread(
    lines: dict[str, _Line],
    head: _Head,
    payments: Sequence[PaymentMoved],
    works: Sequence[WorkStated],
    parcels: Sequence[ParcelStated],
) -> None:
    """Spread the order's own amounts over its live lines by net value."""
    live = [line for line in lines.values() if line.due > 0] or list(lines.values())
    weights = [max(line.net_minor, 0) for line in live]
    fees = {"payment": 0, "marketplace": 0}
    for p in payments:
        if p.kind == "fee":
            fees[p.fee_kind or "payment"] = fees.get(p.fee_kind or "payment", 0) + p.amount_minor
    _share(live, weights, "shipping_minor", head.shipping_minor)
    _share(live, weights, "payment_fee_minor", fees["payment"])
    _share(live, weights, "marketplace_fee_minor", fees["marketplace"])
    for work in works:
        touched = [lines[u.line] for u in work.lines if u.line in lines]
        _share(touched, [max(line.net_minor, 0) for line in touched], "handling_minor", work.handling_minor)
    for parcel in parcels:
        touched = [lines[u.line] for u in parcel.lines if u.line in lines]
        _share(touched, [max(line.net_minor, 0) for line in touched], "freight_minor", parcel.freight_minor)


def _share(lines: Sequence[_Line], weights: Sequence[int], component: str, total: int) -> None:
    if total:
        for line, part in zip(lines, allocate(total, weights), strict=True):
            setattr(line, component, getattr(line, component) + part)


def _order_line(head: _Head, line_id: str, line: _Line) -> Row:
    stated = line.stated
    opened = 0 if stated.kind == "service" else max(line.due - line.shipped, 0)
    stage, since = _stage(head, line, opened)
    return (
        head.order, line_id, stated.sku, stated.kind, stated.title, head.channel, head.country, head.customer,
        head.connection, head.simulated, head.placed_at, head.currency,
        _minor(stated.unit_price, minor_exponent(head.currency)), line.net_minor, stated.units, line.cancelled,
        head.cancelled_at if line.cancelled else None, head.cancel_cause if line.cancelled else None,
        line.first_shipment, line.shipped, line.on_time, line.told, line.returned, opened, line.first_shipped_at,
        line.last_shipped_at, head.ship_by, head.promise, line.location, stage, since, head.hold, head.paid,
    )  # fmt: skip


def _stage(head: _Head, line: _Line, opened: int) -> tuple[str, datetime | None]:
    if opened == 0:
        if line.shipped or line.stated.kind == "service":
            return "shipped", line.last_shipped_at
        return "cancelled", head.cancelled_at
    if head.hold is not None:
        return "held", line.stage_since
    if not head.paid:
        return "unpaid", head.placed_at
    return line.stage, line.stage_since or head.placed_at


def _returns(rows: Rows, order: str, channel: str | None, held: Sequence[Stated], lines: dict[str, _Line]) -> None:
    inspected = {i.return_: i for i in of_type(held, InspectionStated)}
    for r in of_type(held, ReturnStated):
        inspection = inspected.get(r.return_)
        found = (
            dict(zip(((u.line, u.sku) for u in inspection.lines), inspection.dispositions, strict=True))
            if inspection
            else {}
        )
        for units in r.lines:
            line = lines.get(units.line)
            if line is not None:
                line.returned += units.units
            _add(
                rows, "return_line",
                (order, r.return_, units.line, units.sku, channel, units.units, r.reason, r.status, r.requested_at,
                 inspection.received_at if inspection else None, found.get((units.line, units.sku)),
                 line.first_shipped_at if line else None, line is not None),
            )  # fmt: skip


@dataclass(slots=True)
class _Posting:
    """One row of the margin ledger before it is written."""

    entry: str
    at: datetime
    units: int = 0
    gross: int = 0
    discount: int = 0
    refund: int = 0
    cogs: int = 0
    shipping: int = 0
    payment_fee: int = 0
    marketplace_fee: int = 0
    freight: int = 0
    handling: int = 0
    return_cost: int = 0
    write_down: int = 0
    uncosted: int = 0


def _ledger(
    rows: Rows,
    head: _Head,
    lines: dict[str, _Line],
    payments: Sequence[PaymentMoved],
    held: Sequence[Stated],
    reference: Reference,
) -> None:
    exponent = minor_exponent(head.currency)
    first = min((line.first_shipped_at for line in lines.values() if line.first_shipped_at), default=None)
    for line_id, line in lines.items():
        if line.stated.kind == "service" and not line.sent and line.due:
            line.sent.append((first or head.placed_at, line.due))  # a service is rendered with the first parcel
        if line.sent:
            cost = reference.unit_cost(line.stated.sku, line.sent[0][0].date())
            line.unit_cost_minor = None if cost is None else cost.scaleb(exponent)
        for at, units in line.sent:
            _post(rows, head, line_id, line, _sale(line, at, units))
    for p in payments:
        if p.kind == "refund":
            _refund(rows, head, lines, p, held)
    for inspection in of_type(held, InspectionStated):
        for units, disposition in zip(inspection.lines, inspection.dispositions, strict=True):
            if line := lines.get(units.line):
                _post(rows, head, units.line, line, _back(line, inspection, units.units, disposition))


def _sale(line: _Line, at: datetime, units: int) -> _Posting:
    """Book the part of the line's amounts that this shipment earns: cumulative shares, so that parts sum to the whole."""
    before, line.booked_units = line.booked_units, line.booked_units + units
    due, ordered = (max(whole, line.booked_units, 1) for whole in (line.due, line.stated.units))

    def part(total: int, whole: int = due) -> int:
        return total * line.booked_units // whole - total * before // whole

    # The price is of all units ordered, cancelled ones too; what the order cost to serve falls on those that leave.
    gross, discount = part(line.gross_minor, ordered), part(line.stated.discount_minor, ordered)
    cogs = 0 if line.unit_cost_minor is None else int((line.unit_cost_minor * units).to_integral_value(ROUND_HALF_EVEN))
    return _Posting(
        "sale", at, units, gross, discount, 0, cogs, part(line.shipping_minor), part(line.payment_fee_minor),
        part(line.marketplace_fee_minor), part(line.freight_minor), part(line.handling_minor),
        uncosted=0 if _costed(line) else gross - discount,
    )  # fmt: skip


def _costed(line: _Line) -> bool:
    return line.unit_cost_minor is not None or line.stated.kind == "service" or not line.sent


def _refund(rows: Rows, head: _Head, lines: dict[str, _Line], payment: PaymentMoved, held: Sequence[Stated]) -> None:
    """Book a refund on its own date, on the returned lines by their value, or on all lines where none came back.

    Where nothing was shipped nothing was sold: the money went back, and no sale is taken back.
    """
    if not any(line.sent for line in lines.values()):
        return
    weights: dict[str, int] = {}
    for r in of_type(held, ReturnStated):
        for units in r.lines:
            if (line := lines.get(units.line)) and line.stated.units:
                weights[units.line] = weights.get(units.line, 0) + line.net_minor * units.units // line.stated.units
    if not weights:
        weights = {line_id: max(line.net_minor, 0) for line_id, line in lines.items()}
    for line_id, part in zip(weights, allocate(payment.amount_minor, list(weights.values())), strict=True):
        if part:
            line = lines[line_id]
            posting = _Posting("refund", payment.at, refund=part, uncosted=0 if _costed(line) else -part)
            _post(rows, head, line_id, line, posting)


def _back(line: _Line, inspection: InspectionStated, units: int, disposition: str) -> _Posting:
    """Reverse the cost of what came back, at the cost it left with; what is damaged is written down by as much."""
    cost = 0 if line.unit_cost_minor is None else int((line.unit_cost_minor * units).to_integral_value(ROUND_HALF_EVEN))
    at = inspection.inspected_at or inspection.received_at
    return _Posting("return", at, cogs=-cost, write_down=0 if disposition == "restock" else cost)


def _post(rows: Rows, head: _Head, line_id: str, line: _Line, p: _Posting) -> None:
    _add(
        rows, "line_amount",
        (head.order, line_id, line.stated.sku, head.channel, line.location, head.simulated, p.entry, p.at,
         head.placed_at, head.currency, p.units, p.gross, p.discount, p.refund, p.cogs, p.shipping, p.payment_fee,
         p.marketplace_fee, p.freight, p.handling, p.return_cost, p.write_down, p.uncosted),
    )  # fmt: skip
