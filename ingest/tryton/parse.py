"""What Tryton's records say in our words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal

from data.errors import RecordInvalid
from data.events import (
    Cost,
    Event,
    Gone,
    InspectionStated,
    ItemStated,
    LevelStated,
    LocationStated,
    LotAt,
    LotStated,
    OrderPointStated,
    ParcelStated,
    PurchaseLine,
    PurchaseStated,
    SaleLine,
    SaleStated,
    StockStated,
    SupplierStated,
    TermsStated,
    TransferStated,
    Units,
    WorkStated,
)
from data.money import to_minor
from ingest.shapes import Context, Parser, decimal, minor, plain, reader_of_several
from ingest.tryton.shapes import (
    Coded,
    Item,
    Line,
    Location,
    Lot,
    Move,
    Named,
    OrderPoint,
    Purchase,
    PurchaseItem,
    Return,
    Sale,
    Shipment,
    Stock,
    Supplier,
    Terms,
    Transfer,
)
from ingest.tryton.typed import Day

SALE = {
    "draft": "draft", "quotation": "draft", "confirmed": "open", "processing": "open", "done": "done",
    "cancelled": "cancelled",
}  # fmt: skip
#: A shipment that waits is not reserved yet; one that is assigned lies ready to be picked.
WORK = {
    "draft": "placed", "waiting": "released", "assigned": "released", "picked": "picked", "packed": "packed",
    "shipped": "shipped", "done": "shipped", "cancelled": "cancelled",
}  # fmt: skip
TRANSFER = {
    "request": "draft", "draft": "draft", "waiting": "draft", "assigned": "draft", "packed": "draft",
    "shipped": "sent", "done": "received", "cancelled": "cancelled",
}  # fmt: skip
PURCHASE = {
    "draft": "draft", "quotation": "sent", "confirmed": "confirmed", "processing": "confirmed", "done": "received",
    "cancelled": "cancelled",
}  # fmt: skip
#: What Tryton calls the kinds of barcodes that are a GTIN.
GTIN = ("ean", "isbn", "ismn", "ean8", "ean13", "gtin")
LOST = ("lost_found",)


def parsers(context: Context) -> Mapping[str, Parser]:
    """Give the parser of each stream."""
    return {
        "locations": reader_of_several(Location, location, context),
        "items": reader_of_several(Item, item, context),
        "suppliers": reader_of_several(Supplier, supplier, context),
        "terms": reader_of_several(Terms, terms, context),
        "sales": reader_of_several(Sale, sale, context),
        "shipments": reader_of_several(Shipment, shipment, context),
        "returns": reader_of_several(Return, return_, context),
        "transfers": reader_of_several(Transfer, transfer, context),
        "purchases": reader_of_several(Purchase, purchase, context),
        "stock": reader_of_several(Stock, stock, context),
        "lots": reader_of_several(Lot, lot, context),
        "order_points": reader_of_several(OrderPoint, order_point, context),
    }


def location(raw: Location, context: Context) -> tuple[Event, ...]:
    """Translate a warehouse."""
    return (LocationStated(location=_place(Coded(raw.id, raw.code), context), name=raw.name),)


def item(raw: Item, context: Context) -> tuple[Event, ...]:
    """Translate a product; Tryton keeps one cost, which holds from when it was last set."""
    since = max((part.last_modified_at.at for part in raw.cost_prices), default=raw.last_modified_at.at)
    costs = () if raw.cost_price is None else (Cost(since.date(), decimal(raw.cost_price.decimal)),)
    sellers = raw.product_suppliers or (raw.template.product_suppliers if raw.template else ())
    first = sellers[0].party if sellers else None
    gtin = next((i.code for i in raw.identifiers if i.type in GTIN and i.code), None)
    stated = ItemStated(
        sku=_sku(Coded(raw.id, raw.code), context), name=raw.name,
        category=raw.account_category.name if raw.account_category else None,
        kind="service" if raw.type == "service" else "product",
        supplier=None if first is None else _supplier(first),
        list_price=None if raw.list_price_used is None else decimal(raw.list_price_used.decimal),
        currency=context.currency, costs=costs, gtin=gtin,
    )  # fmt: skip
    return (stated,)


def supplier(raw: Supplier, context: Context) -> tuple[Event, ...]:
    """Translate a supplier; where it states no lead time of its own, the longest of what it sells us counts."""
    told = [s.lead_time.seconds for s in raw.supplied if s.lead_time is not None]
    seconds = raw.supplier_lead_time.seconds if raw.supplier_lead_time else max(told, default=0.0)
    currencies = {s.currency.code for s in raw.supplied if s.currency is not None}
    stated = SupplierStated(
        supplier=_supplier(Coded(raw.id, raw.code)), name=raw.name or f"party {raw.id}",
        lead_time_days=-(-int(seconds) // 86_400),
        currency=currencies.pop() if len(currencies) == 1 else context.currency,
    )  # fmt: skip
    return (stated,)


def terms(raw: Terms, context: Context) -> tuple[Event, ...]:
    """Translate a supplier's terms, once for each variant that they hold for."""
    products = (raw.product,) if raw.product else raw.template.products if raw.template else ()
    if not products:
        raise RecordInvalid("the supplier's terms name no product; give the product a variant, or remove the terms")
    prices = sorted(((p.quantity or 0.0, p.unit_price) for p in raw.prices), key=lambda price: price[0])
    least, price = prices[0] if prices else (0.0, None)
    return tuple(
        TermsStated(
            supplier=_supplier(raw.party), sku=_sku(product, context), moq=max(1, -int(-least // 1)),
            unit_cost=None if price is None else decimal(price.decimal),
            currency=context.currency if raw.currency is None else raw.currency.code,
        )
        for product in products
    )  # fmt: skip


def sale(raw: Sale, context: Context) -> tuple[Event, ...]:
    """Translate a sale; its reference names the channel's order, and without one it stands by itself."""
    currency = raw.currency.code
    lines = tuple(_sale_line(line, currency, context) for line in raw.lines if line.type == "line")
    total = raw.total_amount_cache or raw.total_amount
    stated = SaleStated(
        order=_order(raw.id, raw.reference, context), sale=str(raw.id), status=_status(SALE, raw.state, "sale"),
        total_minor=sum(line.amount_minor for line in lines) if total is None else minor(total.decimal, currency),
        currency=currency, created_at=raw.create_date.at, reference=raw.reference or None,
        customer=None if raw.party is None else _customer(raw.party, context), lines=lines,
    )  # fmt: skip
    return (stated,)


def shipment(raw: Shipment, context: Context) -> tuple[Event, ...]:
    """Translate a shipment: the warehouse's work on each order that it serves, and its parcels once it left."""
    if not context.owns_stock:
        return ()
    status = _status(WORK, raw.state, "shipment")
    moves = [m for m in raw.outgoing_moves if m.state != "cancelled" or status == "cancelled"]
    orders: dict[str, list[Move]] = {_order_of(raw.id, m, context): [] for m in moves} or {
        f"{context.connection}/shipment-{raw.id}": []
    }
    for move in moves:
        orders[_order_of(raw.id, move, context)].append(move)
    left = _left(raw) if status == "shipped" else None
    works = tuple(
        WorkStated(
            work=str(raw.id) if len(orders) == 1 else f"{raw.id}-{n}", order=order,
            location=_place(raw.warehouse, context),
            status="backordered" if raw.state == "waiting" and raw.partially_assigned else status,
            lines=_units(of_order, context), shipped_at=left, status_since=left or raw.last_modified_at.at,
            released_at=None if raw.state == "draft" else raw.create_date.at,
            allocated=raw.state not in ("draft", "waiting", "cancelled"),
        )
        for n, (order, of_order) in enumerate(orders.items(), 1)
    )  # fmt: skip
    if left is None:
        return works
    parcels = [parcel for order, of_order in orders.items() for parcel in _parcels(raw, order, of_order, left, context)]
    return (*works, *parcels)


def return_(raw: Return, context: Context) -> tuple[Event, ...]:
    """Translate what came back: received, and put away once it is done; waste and lost-and-found are disposals.

    One that is only expected, or was called off, says of nothing that it came.
    """
    if not context.owns_stock:
        return ()
    arrived = [m for m in raw.incoming_moves if m.state == "done"]
    sales = {m.sale.id: m.sale for m in raw.incoming_moves if m.sale is not None}
    reference = raw.reference or next((s.reference for s in sales.values() if s.reference), None)
    sold = raw.sold[0] if raw.sold else next(iter(sales.values()), None)
    by_id = {m.id: m for m in raw.incoming_moves}
    found = [m for m in raw.inventory_moves if m.state != "cancelled"] or arrived
    lines = tuple(_unit(by_id.get(_number(m.origin, "stock.move"), m), m, context) for m in found)
    put_away = [m.last_modified_at.at for m in found if m.state == "done"]
    name = reference or f"{context.connection}/return-{raw.id}"
    order = f"{context.connection}/return-{raw.id}" if sold is None else _order(sold.id, sold.reference, context)
    if raw.state in ("draft", "cancelled"):
        return (Gone(entities=(("order", order), ("return", name))),)
    stated = InspectionStated(
        inspection=str(raw.id), return_=name, order=order,
        location=_place(raw.warehouse, context), lines=lines, dispositions=tuple(_disposition(m) for m in found),
        received_at=min((m.last_modified_at.at for m in arrived), default=raw.last_modified_at.at),
        inspected_at=_within(max(put_away, default=raw.last_modified_at.at), raw.effective_date)
        if raw.state == "done" else None,
    )  # fmt: skip
    return (stated,)


def transfer(raw: Transfer, context: Context) -> tuple[Event, ...]:
    """Translate a movement between warehouses, or between two places of one."""
    within = raw.warehouse is not None and raw.warehouse == raw.to_warehouse
    origin = raw.from_location if within or raw.warehouse is None else raw.warehouse
    target = raw.to_location if within or raw.to_warehouse is None else raw.to_warehouse
    sent = raw.outgoing_moves or raw.moves  # a draft does not know yet what goes by way of the transit
    moves = [m for m in sent if m.state != "cancelled" or raw.state == "cancelled"]
    stated = TransferStated(
        transfer=str(raw.id), origin=_place(origin, context), destination=_place(target, context),
        status=_status(TRANSFER, raw.state, "transfer"), created_at=raw.create_date.at,
        reference=raw.reference or None,
        lines=tuple(_unit(move, move, context, line=str(n)) for n, move in enumerate(moves, 1)),
    )  # fmt: skip
    return (stated,)


def purchase(raw: Purchase, context: Context) -> tuple[Event, ...]:
    """Translate a purchase with what was received of it.

    Tryton moves a line's delivery date to the day on which it came; what was promised stays on its moves.
    """
    lines = tuple(_purchase_line(line, context) for line in raw.lines if line.type == "line" and line.product)
    stated = PurchaseStated(
        purchase=str(raw.id), supplier=_supplier(raw.party),
        location=context.connection if raw.warehouse is None else _place(raw.warehouse, context),
        status=_received(raw, _status(PURCHASE, raw.state, "purchase")), created_at=raw.create_date.at, lines=lines,
        sent_at=raw.purchase_date.at if raw.purchase_date and raw.state not in ("draft", "cancelled") else None,
        reference=raw.reference or None, currency=raw.currency.code,
    )  # fmt: skip
    return (stated,)


def stock(raw: Stock, context: Context) -> tuple[Event, ...]:
    """Translate what a warehouse holds: all of it, what is bound for somebody, and what is not put away yet.

    What is neither free in storage nor waiting at the gate is bound: assigned to a shipment, or picked for one.
    """
    total, free, waiting = (_whole(units, "stock") for units in (raw.total, raw.free, raw.input))
    sku, place, at = _sku(raw.product, context), _place(raw.warehouse, context), raw.last_modified_at.at
    bound = max(0, total - waiting - free)
    if not context.owns_stock:
        return (LevelStated(sku=sku, location=place, stocked=total, reserved=bound, level=raw.id, counted_at=at),)
    return (
        StockStated(
            sku=sku, location=place, on_hand=total, allocated=bound, quarantined=max(0, waiting), counted_at=at
        ),
    )


def lot(raw: Lot, context: Context) -> tuple[Event, ...]:
    """Translate a lot with where it lies."""
    held = ((_place(h, context), _whole(h.quantity, f"lot {raw.number}")) for h in raw.held)
    stated = LotStated(
        lot=str(raw.id), sku=_sku(raw.product, context), number=raw.number,
        held=tuple(LotAt(place, units) for place, units in held if units),
        expires_on=None if raw.expiration_date is None else raw.expiration_date.on,
    )  # fmt: skip
    return (stated,)


def order_point(raw: OrderPoint, context: Context) -> tuple[Event, ...]:
    """Translate a rule for ordering; one of a zone is the rule of its warehouse."""
    zone = raw.location
    inside = zone.type != "warehouse" and zone.parent is not None and zone.parent.type == "warehouse"
    stated = OrderPointStated(
        order_point=str(raw.id), sku=_sku(raw.product, context),
        location=_place(zone.parent if inside and zone.parent else zone, context),
        minimum=_whole(raw.min_quantity or 0.0, "minimum"), target=_whole(raw.target_quantity or 0.0, "target"),
    )  # fmt: skip
    return (stated,)


def _sale_line(raw: Line, currency: str, context: Context) -> SaleLine:
    sku = "" if raw.product is None else _sku(raw.product, context)
    price = decimal(raw.unit_price.decimal) if raw.unit_price else Decimal(0)
    amount = to_minor(Decimal(str(raw.quantity or 0.0)) * price, currency)
    return SaleLine(str(raw.id), sku, _line_units(raw), amount)


def _purchase_line(raw: PurchaseItem, context: Context) -> PurchaseLine:
    received = [m for m in raw.moves if m.state == "done"]
    promised = min((m.origin_planned_date.at for m in raw.moves if m.origin_planned_date), default=None)
    return PurchaseLine(
        line=str(raw.id), sku="" if raw.product is None else _sku(raw.product, context), ordered=_line_units(raw),
        received=_whole(sum(m.internal_quantity or 0.0 for m in received), f"line {raw.id}"),
        unit_cost=None if raw.unit_price is None else decimal(raw.unit_price.decimal),
        promised_at=promised or (raw.delivery_date.at if raw.delivery_date else None),
        received_at=max((m.effective_date.at for m in received if m.effective_date), default=None),
    )  # fmt: skip


def _received(raw: Purchase, status: str) -> str:
    """Say that all of it came, though its invoice may keep it open in Tryton."""
    return "received" if status == "confirmed" and raw.shipment_state == "received" else status


def _parcels(raw: Shipment, order: str, moves: Sequence[Move], left: datetime, context: Context) -> list[ParcelStated]:
    """Make a parcel of each package that has a tracking number of its own, and one of everything else."""
    tracked = {p.id: p.shipping_reference for p in raw.packages if p.shipping_reference}
    boxes: dict[int | None, list[Move]] = {}
    for move in moves:
        boxes.setdefault(move.package if move.package in tracked else None, []).append(move)
    whole = raw.shipping_reference or f"{context.connection}/{raw.number or raw.id}"
    currency = raw.cost_currency_used.code if raw.cost_currency_used else context.currency
    freight = minor(raw.cost_used.decimal, currency) if raw.cost_used else 0
    return [
        ParcelStated(
            parcel=str(raw.id) if box is None else f"{raw.id}-{box}", order=order,
            location=_place(raw.warehouse, context), carrier=raw.carrier.rec_name if raw.carrier else "",
            tracking=plain((tracked.get(box) if box is not None else None) or whole, "tracking"),
            handed_over_at=left, lines=_units(inside, context), freight_minor=freight if n == 0 else 0,
            currency=currency if freight else "",
        )
        for n, (box, inside) in enumerate(boxes.items())
    ]  # fmt: skip


def _left(raw: Shipment) -> datetime:
    """Say when a shipment left: when its moves were done, or while it is under way when it was last changed."""
    done = [m.last_modified_at.at for m in raw.outgoing_moves if m.state == "done"]
    return _within(min(done, default=raw.last_modified_at.at), raw.effective_date)


def _within(at: datetime, on: Day | None) -> datetime:
    """Keep a stamp within the day that Tryton states: whatever touches a record later moves its stamp."""
    if on is None or at.date() <= on.on:
        return at
    return datetime.combine(on.on, time.min, at.tzinfo) + timedelta(days=1, seconds=-1)


def _units(moves: Sequence[Move], context: Context) -> tuple[Units, ...]:
    return tuple(_unit(move, move, context) for move in moves)


def _unit(named_by: Move, moved: Move, context: Context, *, line: str = "") -> Units:
    """Name the line that a move serves: the sale's, and its own where it serves none."""
    product = moved.product or named_by.product
    number = _number(named_by.origin, "sale.line")
    return Units(
        line or (str(number) if number >= 0 else f"move-{named_by.id}"),
        "" if product is None else _sku(product, context),
        _whole(moved.internal_quantity or 0.0, f"move {moved.id}"),
    )


def _disposition(move: Move) -> str:
    place = move.to_location
    return "dispose" if place is not None and (place.type in LOST or place.waste_warehouses) else "restock"


def _order_of(shipment: int, move: Move, context: Context) -> str:
    if move.sale is None:
        return f"{context.connection}/shipment-{shipment}"
    return _order(move.sale.id, move.sale.reference, context)


def _order(sale: int, reference: str | None, context: Context) -> str:
    return context.order(reference) if reference else f"{context.connection}/sale-{sale}"


def _customer(party: Coded, context: Context) -> str:
    """Name a customer as the channel does where the party's code is the channel's key, which holds a slash."""
    code = party.code or f"party-{party.id}"
    return code if "/" in code else f"{context.connection}/{code}"


def _sku(product: Coded, context: Context) -> str:
    return context.ours("sku", plain(product.code or f"product-{product.id}", "code"))


def _place(place: Coded, context: Context) -> str:
    name = place.code or (place.name if isinstance(place, Named) else "") or f"location-{place.id}"
    return context.ours("location", plain(name, "location"))


def _supplier(party: Coded) -> str:
    return plain(party.code or f"party-{party.id}", "supplier")


def _line_units(raw: Line) -> int:
    """Give a line's units in the product's own unit: three dozen are 36."""
    units = raw.quantity or 0.0
    if raw.unit is not None and raw.product is not None and raw.product.default_uom is not None:
        units = units * raw.unit.factor / raw.product.default_uom.factor
    return _whole(units, f"line {raw.id}")


def _whole(units: float, of: str) -> int:
    """Give units as a whole number.

    Raises:
        RecordInvalid: it is none; what is weighed or poured is not sold by the piece here.
    """
    whole = round(units)
    if abs(units - whole) > 1e-6:
        raise RecordInvalid(f"{of}: {units:g} is no whole number of units", error_class="number")
    return whole


def _status(known: Mapping[str, str], state: str, of: str) -> str:
    if state not in known:
        raise RecordInvalid(f"{of} state {state!r} is unknown; one of {', '.join(known)} was expected")
    return known[state]


def _number(reference: str | None, model: str) -> int:
    """Give the id of a reference to a model; -1 where it refers to something else."""
    named, _, number = (reference or "").partition(",")
    return int(number) if named == model and number.lstrip("-").isdecimal() else -1
