"""What Medusa's records say in our words. Pure.

Amounts are in major units. A line's own totals shrink with what is returned, so everything is reckoned from price,
quantity, adjustments and tax rates, which do not. Medusa has no cost: it is read from the variant's metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from data.errors import RecordInvalid
from data.events import (
    ChannelFulfilment,
    ChannelPacked,
    ChannelStated,
    Cost,
    Event,
    InspectionStated,
    ItemStated,
    LevelStated,
    ListingStated,
    LocationStated,
    OrderLine,
    OrderStated,
    ParcelStated,
    PaymentMoved,
    ReturnStated,
    StockStated,
    Units,
    WorkStated,
)
from data.money import to_minor
from ingest.medusa.records import AT
from ingest.medusa.shapes import (
    Address,
    Adjustment,
    Channel,
    Fulfilment,
    Level,
    Line,
    Listing,
    Location,
    Meta,
    Movement,
    Order,
    Price,
    Product,
    Rate,
    Return,
    ReturnItem,
    Variant,
)
from ingest.shapes import Context, Parser, decimal, maybe_utc, plain, reader_of_several, utc

#: Marks that Fillwell leaves in metadata: the key of the write, and what it was for.
KEY, REFERENCE, HOLD, CAUSE = "fillwell_key", "fillwell_reference", "hold", "fillwell_cancel_cause"
COST = ("unit_cost", "cost")
PAID = frozenset({"captured", "refunded", "partially_refunded", "authorized", "partially_captured"})
CAUSES = frozenset({"customer", "supply", "fraud", "payment"})
#: Medusa's words for a return in ours.
RETURNED = {"open": "requested", "partially_received": "requested", "canceled": "cancelled"}
_MICRO = Decimal("0.000001")


def parsers(context: Context) -> Mapping[str, Parser]:
    """Give the parser of each stream."""
    return {
        "locations": reader_of_several(Location, location, context),
        "channels": reader_of_several(Channel, channel, context),
        "items": reader_of_several(Variant, item, context),
        "orders": reader_of_several(Order, order, context),
        "payments": reader_of_several(Movement, payment, context),
        "returns": reader_of_several(Return, return_, context),
        "levels": reader_of_several(Level, level, context),
        "listings": reader_of_several(Listing, listing, context),
    }


def location(raw: Location, context: Context) -> tuple[Event, ...]:
    """Translate a stock location; it has no code but its id."""
    return (LocationStated(location=_place(raw.id, context), name=raw.name),)


def channel(raw: Channel, context: Context) -> tuple[Event, ...]:
    """Translate a sales channel with the locations that feed it."""
    places = tuple(sorted(_place(place.id, context) for place in raw.stock_locations or ()))
    return (ChannelStated(channel=plain(raw.id, "channel"), name=raw.name, locations=places),)


def item(raw: Variant, context: Context) -> tuple[Event, ...]:
    """Translate a variant; without a price, or without one in the connection's currency, it has none."""
    product = raw.product or Product()
    price, currency = _price(raw.prices or (), context.currency)
    cost = _cost(raw.metadata)
    words = [product.type.value if product.type else None, *(c.name for c in product.categories or ())]
    return (
        ItemStated(
            sku=_sku(raw.sku, raw.id, context), name=" ".join(filter(None, (product.title, raw.title))),
            category=next(filter(None, words), None), kind="product" if raw.manage_inventory else "service",
            list_price=price, currency=currency or context.currency,
            costs=() if cost is None else (Cost(date(1970, 1, 1), cost),),
            gtin=next(filter(None, (raw.ean, raw.upc, raw.barcode)), None),
        ),
    )  # fmt: skip


def level(raw: Level, context: Context) -> tuple[Event, ...]:
    """Translate a level; it is the merchant's stock only where no other system owns that."""
    theirs, at = raw.id.partition(AT)[0], raw.level
    sku, place = _sku(raw.sku, theirs, context), _place(at.location_id, context)
    stocked, reserved = _units(at.stocked_quantity, "stocked"), _units(at.reserved_quantity, "reserved")
    counted_at = utc(at.updated_at or datetime.fromtimestamp(0, UTC))
    stated = LevelStated(
        sku=sku, location=place, stocked=stocked, reserved=reserved, incoming=_units(at.incoming_quantity, "incoming"),
        held=_units(sum(kept.quantity for kept in raw.reservations), "reservations"), level=raw.id,
        counted_at=counted_at,
    )  # fmt: skip
    if not context.owns_stock:
        return (stated,)
    return (stated, StockStated(sku=sku, location=place, on_hand=stocked, allocated=reserved, counted_at=counted_at))


def listing(raw: Listing, context: Context) -> tuple[Event, ...]:
    """Translate what a channel offers: the units that its locations could send, as the shop reckons them."""
    variant, product = raw.variant, raw.variant.product or Product()
    price, currency = _price(variant.prices or (), context.currency)
    return (
        ListingStated(
            listing=plain(raw.id, "listing"), channel=plain(raw.channel, "channel"),
            sku=_sku(variant.sku, variant.id, context), quantity=_offered(raw), active=product.status == "published",
            price_minor=0 if price is None else to_minor(price, currency), currency=currency,
            title=" ".join(filter(None, (product.title, variant.title))),
        ),
    )  # fmt: skip


def order(raw: Order, context: Context) -> tuple[Event, ...]:
    """Translate an order; where the shop owns the stock its fulfilments are the warehouse's work and parcels, too."""
    currency = _currency(raw.currency_code)
    number = context.order(str(raw.display_id))
    lines = tuple(_line(line, currency, context) for line in sorted(raw.items, key=lambda line: line.id))
    skus = {line.line: line.sku for line in lines}
    methods = [m for m in raw.shipping_methods or () if m.detail is None or m.detail.return_id is None]
    shipping = [_amounts(m.amount, 1, m.is_tax_inclusive, m.tax_lines, m.adjustments, currency) for m in methods]
    net = sum(to_minor(x.unit_price * x.units, currency) - x.discount_minor + x.tax_minor for x in lines)
    stated = OrderStated(
        order=number, channel=raw.sales_channel_id or context.connection, placed_at=utc(raw.created_at),
        currency=currency, lines=lines, customer=f"{context.connection}/{raw.customer_id}" if raw.customer_id else None,
        country=_country(raw.shipping_address), paid=raw.payment_status in PAID, hold=_text(raw.metadata, HOLD),
        cancelled_at=maybe_utc(raw.canceled_at), cancel_cause=_cause(raw),
        shipping_minor=sum(to_minor(price, currency) - discount for price, discount, _ in shipping),
        fulfilments=tuple(told for f in _live(raw) for told in _told(f, skus, context)),
        packed=tuple(packed for f in _live(raw) for packed in _packed(f, skus, context)),
        total_minor=net + sum(to_minor(price, currency) - discount + tax for price, discount, tax in shipping),
    )  # fmt: skip
    if not context.owns_stock:
        return (stated,)
    return (stated, *(said for f in _live(raw) for said in _warehouse(f, number, skus, context)))


def payment(raw: Movement, context: Context) -> tuple[Event, ...]:
    """Translate a capture or a refund."""
    currency = _currency(raw.payment.currency_code)
    collection = raw.payment.payment_collection
    if collection is None or collection.order is None:
        raise RecordInvalid(f"payment {raw.payment.id} belongs to no order")
    if raw.kind not in ("capture", "refund"):
        raise RecordInvalid(f"movement {raw.kind!r} is unknown; capture or refund was expected")
    amount = to_minor(decimal(str(raw.movement.amount)), currency)
    if amount < 0:
        raise RecordInvalid(f"a {raw.kind} of {raw.movement.amount} is negative; its kind already says the direction")
    return (
        PaymentMoved(
            payment=plain(raw.id, "payment"), order=context.order(str(collection.order.display_id)), kind=raw.kind,
            amount_minor=amount, currency=currency, at=utc(raw.movement.created_at),
        ),
    )  # fmt: skip


def return_(raw: Return, context: Context) -> tuple[Event, ...]:
    """Translate a return; where the shop owns the stock, what was received of it was inspected there."""
    if raw.order is None:
        raise RecordInvalid(f"return {raw.id} belongs to no order")
    number = context.order(str(raw.order.display_id))
    items = sorted(raw.items or (), key=lambda x: x.item_id)
    stated = ReturnStated(
        return_=raw.id, order=number, requested_at=utc(raw.requested_at or raw.created_at),
        status=RETURNED.get(raw.status, raw.status), channel=raw.order.sales_channel_id,
        lines=tuple(_returned(x, x.quantity, context) for x in items),
        reason=", ".join(dict.fromkeys(x.reason.value for x in items if x.reason and x.reason.value)) or None,
        currency=_currency(raw.order.currency_code) if raw.order.currency_code else context.currency,
    )  # fmt: skip
    found = _found(items, context)
    if not context.owns_stock or not found:
        return (stated,)
    return (
        stated,
        InspectionStated(
            inspection=raw.id, return_=raw.id, order=number, location=_place(raw.location_id or "", context),
            lines=tuple(units for units, _ in found), dispositions=tuple(what for _, what in found),
            received_at=utc(raw.received_at or raw.updated_at), inspected_at=maybe_utc(raw.received_at),
        ),
    )  # fmt: skip


def _line(raw: Line, currency: str, context: Context) -> OrderLine:
    units = _units(raw.quantity, "quantity")
    price, discount, tax = _amounts(
        raw.unit_price, units, raw.is_tax_inclusive, raw.tax_lines, raw.adjustments, currency
    )
    return OrderLine(
        line=raw.id, sku=_sku(raw.variant_sku, raw.variant_id or raw.id, context), units=units, unit_price=price,
        kind="product" if raw.requires_shipping else "service", title=raw.product_title or raw.title or "",
        discount_minor=discount, tax_minor=tax,
    )  # fmt: skip


def _amounts(
    unit_price: Decimal,
    units: int,
    inclusive: bool,
    taxes: Sequence[Rate] | None,
    adjustments: Sequence[Adjustment] | None,
    currency: str,
) -> tuple[Decimal, int, int]:
    """Reckon the price of a unit without tax, and the discount and the tax of all units in minor units."""
    rate = sum((tax.rate for tax in taxes or ()), Decimal(0)) / 100
    given = decimal(str(unit_price))
    price = _without(given, rate) if inclusive else given
    parts = (_without(x.amount, rate) if x.is_tax_inclusive else x.amount for x in adjustments or ())
    discount = to_minor(decimal(str(sum(parts, Decimal(0)))), currency)
    net = to_minor(price * units, currency) - discount
    if inclusive and not adjustments:
        return price, discount, to_minor(given * units, currency) - net
    return price, discount, int((net * rate).to_integral_value(rounding=ROUND_HALF_EVEN))


def _without(amount: Decimal, rate: Decimal) -> Decimal:
    """Take the tax out of an amount that has it."""
    return decimal(str((amount / (1 + rate)).quantize(_MICRO)))


def _live(raw: Order) -> list[Fulfilment]:
    return sorted((f for f in raw.fulfillments or () if f.canceled_at is None), key=lambda f: f.id)


def _contents(raw: Fulfilment, skus: Mapping[str, str]) -> tuple[Units, ...]:
    """Count units of lines; a set of several inventory items has a row for each, and the fewest make whole sets."""
    fewest: dict[str, int] = {}
    for x in raw.items or ():
        if x.line_item_id is not None:
            units = _units(x.quantity, "quantity")
            fewest[x.line_item_id] = min(units, fewest.get(x.line_item_id, units))
    return tuple(Units(line, skus.get(line, ""), units) for line, units in sorted(fewest.items()))


def _told(raw: Fulfilment, skus: Mapping[str, str], context: Context) -> tuple[ChannelFulfilment, ...]:
    """Say what the channel was told: only what it calls shipped."""
    if raw.shipped_at is None:
        return ()
    return (
        ChannelFulfilment(
            fulfilment=raw.id, told_at=utc(raw.shipped_at), tracking=_tracking(raw), lines=_contents(raw, skus),
            reference=_text(raw.metadata, REFERENCE), location=_from(raw, context),
        ),
    )  # fmt: skip


def _packed(raw: Fulfilment, skus: Mapping[str, str], context: Context) -> tuple[ChannelPacked, ...]:
    """Say what is packed and not called shipped: its units left the level when the fulfilment was made."""
    if raw.shipped_at is not None:
        return ()
    packed_at = utc(raw.packed_at or raw.created_at)
    lines = _contents(raw, skus)
    return (ChannelPacked(fulfilment=raw.id, packed_at=packed_at, lines=lines, location=_from(raw, context)),)


def _from(raw: Fulfilment, context: Context) -> str | None:
    return _place(raw.location_id, context) if raw.location_id else None


def _tracking(raw: Fulfilment) -> str | None:
    numbers = [x.tracking_number for x in sorted(raw.labels or (), key=lambda x: x.id) if x.tracking_number]
    return numbers[0] if numbers else None


def _warehouse(raw: Fulfilment, number: str, skus: Mapping[str, str], context: Context) -> Iterable[Event]:
    """Say what the shop's own warehouse did: a fulfilment is work, and once shipped a parcel."""
    place, units = _place(raw.location_id or "", context), _contents(raw, skus)
    status = "shipped" if raw.shipped_at else "packed" if raw.packed_at else "released"
    since = raw.shipped_at or raw.packed_at or raw.created_at
    yield WorkStated(
        work=raw.id, order=number, location=place, status=status, lines=units, released_at=utc(raw.created_at),
        packed_at=maybe_utc(raw.packed_at), shipped_at=maybe_utc(raw.shipped_at), status_since=utc(since),
    )  # fmt: skip
    if raw.shipped_at is not None:
        yield ParcelStated(
            parcel=raw.id, order=number, location=place, carrier=raw.provider_id or "",
            tracking=_tracking(raw) or raw.id, handed_over_at=utc(raw.shipped_at), lines=units,
        )  # fmt: skip


def _returned(raw: ReturnItem, quantity: float, context: Context) -> Units:
    code = raw.item.variant_sku if raw.item else None
    return Units(raw.item_id, _sku(code, raw.item_id, context), _units(quantity, "quantity"))


def _found(items: Iterable[ReturnItem], context: Context) -> list[tuple[Units, str]]:
    found: list[tuple[Units, str]] = []
    for x in items:
        good = x.received_quantity - x.damaged_quantity
        for quantity, what in ((good, "restock"), (x.damaged_quantity, "dispose")):
            if quantity > 0:
                found.append((_returned(x, quantity, context), what))
    return found


def _offered(raw: Listing) -> int:
    """Reckon what can be sold: of each inventory item what is free at the channel's locations, by what one takes."""
    places, takes = set(raw.locations), {x.inventory_item_id: x for x in raw.variant.inventory_items or ()}
    whole: list[int] = []
    for feed in raw.inventory:
        free = sum(at.stocked_quantity - at.reserved_quantity for at in feed.levels if at.location_id in places)
        linked = takes.get(feed.id)
        whole.append(int(free // ((linked.required_quantity or 1) if linked else 1)))
    return min(whole, default=0) if len(whole) >= len(takes) else 0


def _price(prices: Iterable[Price], currency: str) -> tuple[Decimal | None, str]:
    """Choose the price that holds for everybody, in the connection's currency or in the only one there is."""
    plain_ones = [p for p in prices if not p.rules and (p.min_quantity or 0) <= 1]
    by_currency = {_currency(p.currency_code): p.amount for p in plain_ones}
    if currency in by_currency:
        return decimal(str(by_currency[currency])), currency
    if not currency and len(by_currency) == 1:
        [(only, amount)] = by_currency.items()
        return decimal(str(amount)), only
    return None, ""


def _cost(metadata: Meta | None) -> Decimal | None:
    given = next((metadata[name] for name in COST if metadata and metadata.get(name) not in (None, "")), None)
    return None if given is None or isinstance(given, bool) else decimal(str(given))


def _currency(code: str) -> str:
    """Write a currency as everybody does.

    Raises:
        RecordInvalid: it is no currency, so amounts in it would be guesses.
    """
    written = code.upper()
    if len(written) != 3 or not (written.isascii() and written.isalpha()):
        raise RecordInvalid(f"{code!r} is no currency; three letters were expected", error_class="currency")
    return written


def _country(address: Address | None) -> str | None:
    return address.country_code.upper() if address and address.country_code else None


def _cause(raw: Order) -> str | None:
    given = _text(raw.metadata, CAUSE)
    return None if raw.canceled_at is None or given not in CAUSES else given


def _text(metadata: Meta | None, name: str) -> str | None:
    given = (metadata or {}).get(name)
    return given if isinstance(given, str) and given else None


def _sku(code: str | None, instead: str, context: Context) -> str:
    """Name an item by its code, or by its id where it has none."""
    return context.ours("sku", plain(code or instead, "sku"))


def _place(theirs: str, context: Context) -> str:
    return context.ours("location", plain(theirs, "location"))


def _units(quantity: float, field: str) -> int:
    if quantity != int(quantity) or abs(quantity) > 1_000_000_000:
        raise RecordInvalid(f"{field} is {quantity}; a whole number of units was expected", error_class="number")
    return int(quantity)
