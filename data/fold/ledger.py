"""The margin ledger of one order: what each shipment earned and cost, what came back.

Costs of a sale are recognised with its shipment (matching principle): the order's own amounts are spread over its
lines by net value and booked with the units that leave. A part is always a difference of cumulative shares, so that
the parts of a line sum to the line, and the lines to the order. Nothing is converted: money that moved in another
currency than the order's is booked in its own, on its own date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from data.events import InspectionStated, ParcelStated, PaymentMoved, ReturnStated, WorkStated
from data.facts import Row
from data.fold.line import Costs, Head, Line, Sent, share
from data.fold.reference import Reference
from data.money import allocate, is_same_currency


@dataclass(slots=True)
class _Posting:
    """One row of the ledger before it is written; amounts are minor units."""

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
    currency: str | None = None  #: None is the order's own


@dataclass(frozen=True, slots=True)
class Spent:
    """What was done for an order, with what each piece of it cost."""

    parcels: Sequence[ParcelStated]
    works: Sequence[WorkStated]
    inspections: Sequence[InspectionStated]


@dataclass(frozen=True, slots=True)
class _Refund:
    """Money that went back to the customer."""

    at: datetime
    amount: int
    currency: str
    lines: frozenset[str] = frozenset()  #: what it was given back for, where that is known


def spread(
    head: Head, lines: Mapping[str, Line], payments: Sequence[PaymentMoved], works: Sequence[WorkStated]
) -> None:
    """Spread the order's own amounts over its live lines by net value."""
    live = [line for line in lines.values() if line.due > 0] or list(lines.values())
    fees = {"payment": 0, "marketplace": 0}
    for p in payments:
        if p.kind == "fee" and is_same_currency(head.currency, p.currency):
            fees["marketplace" if p.fee_kind == "marketplace" else "payment"] += p.amount_minor
    totals = {
        "shipping_minor": head.shipping_minor,
        "payment_fee_minor": fees["payment"],
        "marketplace_fee_minor": fees["marketplace"],
    }
    weights = _weights(live)
    for component, total in totals.items():
        if total:
            share(live, component, allocate(total, weights))
    for work in works:
        touched = [lines[u.line] for u in work.lines if u.line in lines]
        if work.handling_minor and touched and is_same_currency(head.currency, work.currency):
            share(touched, "handling_minor", allocate(work.handling_minor, _weights(touched)))


def freight_shares(head: Head | None, parcel: ParcelStated, lines: Mapping[str, Line]) -> list[int]:
    """Split a parcel's freight over what is in it, by value; units of unknown lines carry none."""
    if head is None or not is_same_currency(head.currency, parcel.currency):
        return [0] * len(parcel.lines)
    return _by_value(parcel, lines)


def _by_value(parcel: ParcelStated, lines: Mapping[str, Line]) -> list[int]:
    weights = [max(lines[u.line].value(u.units), 0) if u.line in lines else 0 for u in parcel.lines]
    known = next((i for i, u in enumerate(parcel.lines) if u.line in lines), None)
    if known is None or not parcel.freight_minor:
        return [0] * len(parcel.lines)
    if not any(weights):
        weights[known] = 1
    return allocate(parcel.freight_minor, weights)


def ledger(
    head: Head,
    lines: Mapping[str, Line],
    payments: Sequence[PaymentMoved],
    returns: Sequence[ReturnStated],
    spent: Spent,
    reference: Reference,
) -> list[Row]:
    """Book the order: a row for each line and shipment, refund and inspected return."""
    rows: list[Row] = []
    _render_services(head, lines)
    costs = {line_id: Costs.of(line, reference, head.currency) for line_id, line in lines.items()}
    for line_id, line in lines.items():
        rows.extend(_row(head, line_id, line, sale) for sale in _sales(line, costs[line_id]))
    if any(line.sent for line in lines.values()):
        refunds = _refunds(payments, returns)
        rows.extend(_refund_rows(head, lines, costs, refunds, returns))
        rows.extend(_return_rows(head, lines, costs, spent.inspections))
    if any(line.sent or line.due for line in lines.values()):  # what leaves carries the fees in the order's currency
        payments = [p for p in payments if not is_same_currency(head.currency, p.currency)]
    rows.extend(_fee_rows(head, lines, payments))
    rows.extend(_foreign_costs(head, lines, spent))
    return rows


def unlinked_refunds(order: str, returns: Sequence[ReturnStated]) -> list[Row]:
    """Book what was refunded for returns whose order nobody states: on their own date, of no cohort."""
    rows: list[Row] = []
    for r in returns:
        for units, part in zip(r.lines, allocate(r.refunded_minor, [u.units for u in r.lines]), strict=True):
            if part:
                rows.append(
                    (order, units.line, units.sku, r.channel, None, False, "refund", r.requested_at, None, r.currency,
                     0, 0, 0, part, 0, 0, 0, 0, 0, 0, 0, 0, 0)
                )  # fmt: skip
    return rows


def _weights(lines: Sequence[Line]) -> list[int]:
    return [max(line.net_minor, 0) for line in lines]


def _render_services(head: Head, lines: Mapping[str, Line]) -> None:
    """A service is rendered with the first parcel; an order of services only, when it is placed."""
    goods = [line for line in lines.values() if not line.is_service]
    first = min((at for line in lines.values() if (at := line.first_shipped_at)), default=None)
    at = first or (None if goods else head.placed_at)
    for line in lines.values():
        if line.is_service and not line.sent and line.due and at is not None:
            line.sent.append(Sent(at, line.due))


def _sales(line: Line, costs: Costs) -> list[_Posting]:
    """Book what each shipment earns of the line's amounts.

    The price is of all units ordered, so that cancelled ones earn nothing; what the order cost to serve falls on the
    units that leave.
    """
    total = sum(sent.units for sent in line.sent)
    ordered, due = max(line.stated.units, total, 1), max(line.due, total, 1)
    postings, before = [], 0
    for sent in line.sent:
        after = before + sent.units

        def part(amount: int, whole: int, before: int = before, after: int = after) -> int:
            return amount * after // whole - amount * before // whole if amount else 0

        gross, discount = part(line.gross_minor, ordered), part(line.stated.discount_minor, ordered)
        postings.append(
            _Posting(
                "sale", sent.at, sent.units, gross, discount, 0,
                0 if line.is_service else costs.between(before, after), part(line.shipping_minor, due),
                part(line.payment_fee_minor, due), part(line.marketplace_fee_minor, due), sent.freight_minor,
                part(line.handling_minor, due), uncosted=0 if _costed(line, costs) else gross - discount,
            )
        )  # fmt: skip
        before = after
    return postings


def _costed(line: Line, costs: Costs) -> bool:
    return costs.parts is not None or line.is_service


def _refunds(payments: Sequence[PaymentMoved], returns: Sequence[ReturnStated]) -> list[_Refund]:
    """Take refunds from the payments, or from the returns where no payment tells of any; never from both."""
    moved = [_Refund(p.at, p.amount_minor, p.currency) for p in payments if p.kind == "refund"]
    if moved:
        return moved
    return [
        _Refund(r.requested_at, r.refunded_minor, r.currency, frozenset(u.line for u in r.lines))
        for r in returns
        if r.refunded_minor
    ]


def _refund_rows(
    head: Head,
    lines: Mapping[str, Line],
    costs: Mapping[str, Costs],
    refunds: Sequence[_Refund],
    returns: Sequence[ReturnStated],
) -> list[Row]:
    """Book refunds on their own date: on what came back, as far as it was worth; else on all that was sold.

    Money for cancelled units takes no sale back, because none was booked; tax is no part of a sale.
    """
    rows: list[Row] = []
    cancelled = sum(line.charged(line.cancelled) for line in lines.values())
    taken: dict[str, int] = {}
    for refund in refunds:
        if not is_same_currency(head.currency, refund.currency):
            rows.extend(_elsewhere(head, lines, refund))
            continue
        open_ = _only(_returned_value(lines, returns, refund.at, taken), refund.lines)
        for_returned = min(refund.amount, sum(open_.values()))
        for_cancelled = min(refund.amount - for_returned, cancelled)
        cancelled -= for_cancelled
        parts = dict(zip(open_, allocate(for_returned, list(open_.values())), strict=True))
        for line_id, part in parts.items():
            taken[line_id] = taken.get(line_id, 0) + part
        sold = {line_id: max(line.value(line.shipped or line.due), 0) for line_id, line in lines.items() if line.sent}
        sold = _only(sold, refund.lines)
        rest = allocate(refund.amount - for_returned - for_cancelled, list(sold.values()))
        for line_id, part in zip(sold, rest, strict=True):
            parts[line_id] = parts.get(line_id, 0) + part
        for line_id, part in parts.items():
            if part:
                line = lines[line_id]
                net = _without_tax(line, part)
                uncosted = 0 if _costed(line, costs[line_id]) or not line.sent else -net
                rows.append(_row(head, line_id, line, _Posting("refund", refund.at, refund=net, uncosted=uncosted)))
    return rows


def _elsewhere(head: Head, lines: Mapping[str, Line], refund: _Refund) -> list[Row]:
    """Book a refund that was paid in another currency, in that one, on what was sold."""
    sold = _only({name: max(line.net_minor, 0) for name, line in lines.items() if line.sent}, refund.lines)
    parts = zip(sold, allocate(refund.amount, list(sold.values())), strict=True)
    return [
        _row(
            head, name, lines[name],
            _Posting("refund", refund.at, currency=refund.currency, refund=_without_tax(lines[name], part)),
        )
        for name, part in parts if part
    ]  # fmt: skip


def _only(values: dict[str, int], lines: frozenset[str]) -> dict[str, int]:
    """Keep the lines that a refund names; all of them where it names none of these."""
    return {line_id: value for line_id, value in values.items() if line_id in lines} or values


def _returned_value(
    lines: Mapping[str, Line], returns: Sequence[ReturnStated], until: datetime, taken: Mapping[str, int]
) -> dict[str, int]:
    """What was charged for the units that came back until then and is not refunded yet, by line."""
    units: dict[str, int] = {}
    for r in returns:
        if r.requested_at <= until:
            for u in r.lines:
                if u.line in lines:
                    units[u.line] = units.get(u.line, 0) + u.units
    value = {line_id: max(lines[line_id].charged(n) - taken.get(line_id, 0), 0) for line_id, n in units.items()}
    return {line_id: worth for line_id, worth in value.items() if worth}


def _without_tax(line: Line, amount: int) -> int:
    charged = line.net_minor + line.stated.tax_minor
    return amount * line.net_minor // charged if charged > 0 and line.stated.tax_minor else amount


def _return_rows(
    head: Head, lines: Mapping[str, Line], costs: Mapping[str, Costs], inspections: Sequence[InspectionStated]
) -> list[Row]:
    """Reverse the cost of what came back, at the cost it left with; what is damaged is written down by as much.

    What the return itself cost falls on the lines that came back, by their units.
    """
    rows: list[Row] = []
    back: dict[str, int] = {}
    for inspection in inspections:
        at = inspection.inspected_at or inspection.received_at
        came = [(u, d) for u, d in zip(inspection.lines, inspection.dispositions, strict=True) if u.line in lines]
        own = inspection.cost_minor if is_same_currency(head.currency, inspection.currency) else 0
        shares = allocate(own, [u.units for u, _ in came]) if came else []
        for (units, disposition), share_ in zip(came, shares, strict=True):
            line = lines[units.line]
            before = back.get(units.line, 0)
            back[units.line] = before + units.units
            cost = 0 if line.is_service else costs[units.line].between(before, back[units.line])
            write_down = 0 if disposition == "restock" else cost
            posting = _Posting("return", at, cogs=-cost, return_cost=share_, write_down=write_down)
            rows.append(_row(head, units.line, line, posting))
    return rows


def _fee_rows(head: Head, lines: Mapping[str, Line], payments: Sequence[PaymentMoved]) -> list[Row]:
    """Book fees that no shipment carries: of an order that was cancelled whole, or in another currency."""
    rows: list[Row] = []
    weights = _weights(list(lines.values()))
    for p in payments:
        if p.kind != "fee":
            continue
        for (line_id, line), part in zip(lines.items(), allocate(p.amount_minor, weights), strict=True):
            if part:
                of_market = p.fee_kind == "marketplace"
                posting = _Posting(
                    "fee",
                    p.at,
                    currency=p.currency,
                    payment_fee=0 if of_market else part,
                    marketplace_fee=part if of_market else 0,
                )
                rows.append(_row(head, line_id, line, posting))
    return rows


def _foreign_costs(head: Head, lines: Mapping[str, Line], spent: Spent) -> list[Row]:
    """Book freight, handling and costs of returns that were paid in another currency, in that one, on their own day."""
    rows: list[Row] = []

    def book(at: datetime, currency: str, component: str, names: Sequence[str], parts: Sequence[int]) -> None:
        for name, part in zip(names, parts, strict=True):
            if part and name in lines:
                posting = _Posting("cost", at, currency=currency)
                setattr(posting, component, part)
                rows.append(_row(head, name, lines[name], posting))

    for parcel in spent.parcels:
        if not is_same_currency(head.currency, parcel.currency):
            names = [units.line for units in parcel.lines]
            book(parcel.handed_over_at, parcel.currency, "freight", names, _by_value(parcel, lines))
    for work in spent.works:
        at, touched = work.packed_at or work.shipped_at, [u.line for u in work.lines if u.line in lines]
        if at and touched and not is_same_currency(head.currency, work.currency):
            parts = allocate(work.handling_minor, _weights([lines[name] for name in touched]))
            book(at, work.currency, "handling", touched, parts)
    for found in spent.inspections:
        came = [units for units in found.lines if units.line in lines]
        if came and not is_same_currency(head.currency, found.currency):
            parts = allocate(found.cost_minor, [u.units for u in came])
            at = found.inspected_at or found.received_at
            book(at, found.currency, "return_cost", [u.line for u in came], parts)
    return rows


def _row(head: Head, line_id: str, line: Line, p: _Posting) -> Row:
    return (
        head.order, line_id, line.stated.sku, head.channel, line.location, head.simulated, p.entry, p.at,
        head.placed_at, p.currency or head.currency, p.units, p.gross, p.discount, p.refund, p.cogs, p.shipping,
        p.payment_fee, p.marketplace_fee, p.freight, p.handling, p.return_cost, p.write_down, p.uncosted,
    )  # fmt: skip
