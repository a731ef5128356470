"""What Medusa lists, in the order of a first read, and how each list is followed without missing anything.

| stream | way |
|---|---|
| orders | window of `updated_at`, keyset on id; open orders again on a slow cycle |
| returns | window of `updated_at`, one page a part; open returns again on a slow cycle |
| payments | window of `updated_at`; on the slow cycle recent payments again, and the older ones in turn |
| locations, channels, items, listings, levels | everything, compared with what the log holds |

A capture, a refund that settles what is owed, an edited reservation and a shipment made past the order move no stamp:
that is what the slow cycle is for. Every window ends at the newest stamp in the list when its reading began, by the
shop's own clock, and the next one begins an overlap before it: what became visible late is found there, and what moved
meanwhile has a later stamp.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from data.clock import Clock, to_micros
from ingest.adapter import Page, RawItem, Stream
from ingest.http import Http, Query, Unavailable
from ingest.medusa import lists, records
from ingest.medusa.lists import DAWN, MILLISECOND, Listing
from ingest.medusa.records import AT, Reservation

MINUTES = timedelta(minutes=1)
_MICRO = timedelta(microseconds=1)

#: A change may become visible so long after its stamp.
OVERLAP = timedelta(seconds=60)
#: How often what may have changed without a stamp is read again.
SLOW = 10 * MINUTES
#: An order that nothing happened to for so long is not read again unasked.
OPEN_FOR = timedelta(days=120)
#: Payments of this age are read again on every slow cycle, older ones a page at a time.
RECENT = timedelta(days=60)
PAGE_SIZE = 250
IDS_AT_ONCE = 100  #: they stand in the address, which servers cut at 16 KiB

STREAMS = {
    stream.name: stream
    for stream in (
        Stream(name="locations", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="channels", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(name="items", interval=15 * MINUTES, grace=15 * MINUTES),
        Stream(
            name="orders", interval=MINUTES, grace=5 * MINUTES,
            personal=("email", "shipping_address.first_name", "shipping_address.last_name"), parser=2,
        ),
        Stream(name="payments", interval=5 * MINUTES, grace=10 * MINUTES),
        Stream(name="returns", interval=5 * MINUTES, grace=10 * MINUTES),
        Stream(name="levels", interval=2 * MINUTES, grace=5 * MINUTES),
        Stream(name="listings", interval=5 * MINUTES, grace=10 * MINUTES),
    )
}  # fmt: skip

_VARIANT = "id,title,sku,barcode,ean,upc,updated_at,manage_inventory,allow_backorder,*prices"
LOCATIONS = Listing("/admin/stock-locations", "stock_locations", "id,name,metadata,updated_at")
CHANNELS = Listing("/admin/sales-channels", "sales_channels", "id,name,is_disabled,updated_at,stock_locations.id")
ITEMS = Listing(
    "/admin/product-variants", "variants",
    f"{_VARIANT},metadata,product.title,product.updated_at,product.type.value,product.categories.name",
)  # fmt: skip
SOLD = Listing(
    "/admin/product-variants", "variants",
    f"{_VARIANT},*inventory_items,product.id,product.title,product.status,product.sales_channels.id",
)  # fmt: skip
ORDERS = Listing(
    "/admin/orders", "orders",
    "id,display_id,status,version,payment_status,fulfillment_status,created_at,updated_at,canceled_at,currency_code,"
    "sales_channel_id,customer_id,metadata,shipping_address.country_code,*items,*items.detail,*items.tax_lines,"
    "*items.adjustments,*shipping_methods,*shipping_methods.tax_lines,*shipping_methods.adjustments,*fulfillments,"
    "*fulfillments.items,*fulfillments.labels",
)  # fmt: skip
NUMBERS = Listing("/admin/orders", "orders", "id,display_id")
PAYMENTS = Listing(
    "/admin/payments", "payments",
    "id,currency_code,created_at,updated_at,payment_collection.order.id,payment_collection.order.display_id,"
    "*captures,*refunds",
)  # fmt: skip
RETURNS = Listing(  # asked without an order: with `order=id` the fields of the return's order fail with HTTP 500
    "/admin/returns", "returns",
    "id,status,order_id,order.display_id,order.currency_code,order.sales_channel_id,location_id,created_at,updated_at,"
    "requested_at,received_at,canceled_at,metadata,*items,items.item.variant_sku,items.reason.value",
)  # fmt: skip
INVENTORY = Listing("/admin/inventory-items", "inventory_items", "id,sku,title,*location_levels")
RESERVATIONS = Listing(
    "/admin/reservations", "reservations", "id,inventory_item_id,location_id,quantity,line_item_id,metadata"
)
OPEN_RETURNS = ("open", "requested", "partially_received")


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a reader stands; kept in the log as JSON. Times are microseconds of the shop's clock, unless said."""

    since: int | None = None  #: the window in hand, or the next one, begins here
    until: int | None = None  #: the window in hand ends here; None between two reads
    last: str | None = None  #: id of the last row read
    offset: int = 0  #: rows read of a list that is scanned
    open: tuple[str, ...] = ()  #: orders that may still change without a stamp
    again: str | None = None  #: in a slow cycle: the last of them that was read again
    slow_at: int | None = None  #: our clock: when the last slow cycle ended
    turn: int | None = None  #: payments made before here were read again in turn


class _Order(msgspec.Struct):
    id: str
    updated_at: datetime
    status: str = ""
    payment_status: str = ""
    fulfillment_status: str = ""


class _Channel(msgspec.Struct):
    id: str
    stock_locations: list[records.Named] | None = None


class _Numbered(msgspec.Struct):
    id: str
    display_id: int | str


_place = msgspec.json.Decoder(Place)
_order = msgspec.json.Decoder(_Order)
_channel = msgspec.json.Decoder(_Channel)
_numbered = msgspec.json.Decoder(_Numbered)
_reservation = msgspec.json.Decoder(Reservation)

PAID = frozenset({"captured", "refunded", "partially_refunded"})
LEFT = frozenset({"shipped", "delivered"})


def stand(cursor: str | None) -> Place:
    """Read the kept cursor; one that cannot be read means that the list is begun again."""
    try:
        return Place() if cursor is None else _place.decode(cursor)
    except msgspec.MsgspecError:
        return Place()


def cursor(at: Place) -> str:
    """Write a cursor."""
    return msgspec.json.encode(at).decode()


class Read(NamedTuple):
    """What one reading of a stream works with."""

    http: Http
    size: int  #: rows a page
    observed: int  #: microseconds of our clock: when it began


def changes(read: Read, stream: str, at: Place) -> Iterator[Page]:
    """Read what changed since, page by page."""
    if stream == "orders":
        return _orders(read, at)
    if stream == "returns":
        return _returns(read, at)
    if stream == "payments":
        return _payments(read, at)
    return _everything(read, SCANS[stream], at)


def _orders(read: Read, at: Place) -> Iterator[Page]:
    if at.again is None:
        at = yield from _order_window(read, at)
    if at.again is not None:
        yield from _open_orders(read, at)


def _order_window(read: Read, at: Place) -> Generator[Page, None, Place]:
    """Read a window of orders, and give where the reader stands then."""
    until = at.until if at.until is not None else _end(read.http, ORDERS)
    if until is None:
        at = Place(slow_at=read.observed)
        yield Page((), cursor(at), read.observed)
        return at
    again = None if at.since is None else at.since + OVERLAP // _MICRO
    still, window = set(at.open), lists.between("updated_at", DAWN if at.since is None else at.since, until)
    last = at.last
    while True:
        found = lists.after(read.http, ORDERS, last, read.size, window)
        still = _still_open(still, found.rows, read.observed)
        following = lists.last_id(found.rows)
        if found.offset and (following is None or (last is not None and following <= last)):
            raise _unsteady(read, ORDERS, "does not go on")
        last = following
        if found.offset:
            at = msgspec.structs.replace(at, until=until, last=last, open=tuple(sorted(still)))
        else:
            at = _window_read(read, until, still, at.slow_at)
        yield Page(_items(read, "orders", found.rows), cursor(at), read.observed, again)
        if not found.offset:
            return at


def _window_read(read: Read, until: int, still: set[str], slow_at: int | None) -> Place:
    """Stand at the end of a window; where it is time for a slow cycle and anything is open, at its beginning."""
    due = slow_at is not None and read.observed - slow_at >= SLOW // _MICRO
    return Place(
        since=_before(until), open=tuple(sorted(still)), again="" if due and still else None,
        slow_at=read.observed if slow_at is None or (due and not still) else slow_at,
    )  # fmt: skip


def _open_orders(read: Read, at: Place) -> Iterator[Page]:
    """Read again, by their ids, the orders that may have changed without a stamp."""
    still, waiting = set(at.open), [name for name in at.open if name > (at.again or "")]
    while waiting:
        asked, waiting = waiting[:IDS_AT_ONCE], waiting[IDS_AT_ONCE:]
        rows = lists.ask(read.http, ORDERS, {"id[]": asked, "limit": len(asked), "order": "id"})
        still = _still_open(still - set(asked), rows, read.observed)
        here = msgspec.structs.replace(
            at, open=tuple(sorted(still)), again=asked[-1] if waiting else None,
            slow_at=at.slow_at if waiting else read.observed,
        )  # fmt: skip
        yield Page(_items(read, "orders", rows), cursor(here), read.observed, read.observed)


def _returns(read: Read, at: Place) -> Iterator[Page]:
    due = at.slow_at is not None and read.observed - at.slow_at >= SLOW // _MICRO
    at = yield from _windows(read, "returns", RETURNS, at)
    if due:
        rows = lists.ask(read.http, RETURNS, {"status[]": list(OPEN_RETURNS), "limit": lists.EVERYTHING})
        at = msgspec.structs.replace(at, slow_at=read.observed)
        yield Page(_items(read, "returns", rows), cursor(at), read.observed, read.observed)


def _payments(read: Read, at: Place) -> Iterator[Page]:
    due = at.slow_at is not None and read.observed - at.slow_at >= SLOW // _MICRO
    at = yield from _windows(read, "payments", PAYMENTS, at)
    if due and at.since is not None:
        yield from _payments_again(read, at, at.since)


def _payments_again(read: Read, at: Place, now: int) -> Iterator[Page]:
    """Read recent payments again, then the next of the older ones: a refund moves no stamp of its payment."""
    recent = max(DAWN, (now - RECENT // _MICRO) // MILLISECOND * MILLISECOND)
    newest = (now + 2 * OVERLAP // _MICRO) // MILLISECOND * MILLISECOND
    for rows, _ in lists.windows(read.http, PAYMENTS, "created_at", recent, newest, read.size):
        yield Page(_items(read, "payments", rows), cursor(at), read.observed, read.observed)
    turn = at.turn if at.turn is not None and at.turn < recent else DAWN
    rows, end = next(_filled(lists.windows(read.http, PAYMENTS, "created_at", turn, recent, read.size)), ((), recent))
    at = msgspec.structs.replace(at, slow_at=read.observed, turn=end if end < recent else None)
    yield Page(_items(read, "payments", rows), cursor(at), read.observed, read.observed)


def _filled(parts: Iterator[tuple[tuple[bytes, ...], int]]) -> Iterator[tuple[tuple[bytes, ...], int]]:
    return ((rows, end) for rows, end in parts if rows)


def _windows(read: Read, stream: str, listing: Listing, at: Place) -> Generator[Page, None, Place]:
    """Read a window of `updated_at` in parts; the cursor stands at the end of the part that was read."""
    until = at.until if at.until is not None else _end(read.http, listing)
    if until is None:
        at = Place(slow_at=read.observed)
        yield Page((), cursor(at), read.observed)
        return at
    again = None if at.since is None else at.since + OVERLAP // _MICRO
    since = min(DAWN if at.since is None else at.since // MILLISECOND * MILLISECOND, until)
    for rows, end in lists.windows(read.http, listing, "updated_at", since, until, read.size):
        if not rows and end < until:
            continue
        at = msgspec.structs.replace(at, since=end, until=until)
        if end >= until:
            slow_at = read.observed if at.slow_at is None else at.slow_at
            at = Place(since=_before(until), slow_at=slow_at, turn=at.turn)
        yield Page(_items(read, stream, rows), cursor(at), read.observed, again)
    return at


@dataclass(frozen=True)
class Scan:
    """A list that is read whole every time, and how its rows become records."""

    stream: str
    listing: Listing
    build: Callable[[Read, tuple[bytes, ...]], Iterable[bytes]]
    size: int


def _everything(read: Read, what: Scan, at: Place) -> Iterator[Page]:
    """Read a whole list; what is as the log has it is left out when it is stored.

    Raises:
        Unavailable: its rows move faster than they can be read.
    """
    restarts, again, size = 0, False, min(what.size, read.size)
    while True:
        found = lists.scan(read.http, what.listing, at.offset, at.last, size)
        if found is None:
            at, restarts, again = Place(), restarts + 1, True
            if restarts > lists.RESTARTS:
                raise _unsteady(read, what.listing, "changes while it is read")
            continue
        last = lists.last_id(found.rows)
        if found.offset and last is None:
            raise _unsteady(read, what.listing, "has rows without an id")
        items = _items(read, what.stream, what.build(read, found.rows))
        at = Place(offset=found.offset, last=last) if found.offset else Place()
        yield Page(items, cursor(at), read.observed, read.observed, restarted=again)
        again = False
        if not found.offset:
            return


def _unsteady(read: Read, listing: Listing, what: str) -> Unavailable:
    return Unavailable(f"{read.http.name} {listing.path}: the list {what}", error_class="schema")


def _as_it_is(_read: Read, rows: tuple[bytes, ...]) -> Iterable[bytes]:
    return rows


def _levels(read: Read, rows: tuple[bytes, ...]) -> Iterator[bytes]:
    """Put levels together with their reservations; where the two disagree both are read once more.

    They come from two lists, so an order placed in between looks like a leak. What still disagrees was read twice.
    """
    kept = reservations(read.http, rows)
    for row in rows:
        yield from _levels_of(read, row, kept)


def _levels_of(read: Read, row: bytes, kept: tuple[Reservation, ...]) -> Iterable[bytes]:
    try:
        found = tuple(records.levels(row, kept))
        if all(records.agrees(record) for record in found):
            return found
        rows = lists.ask(read.http, INVENTORY, {"id[]": [lists.row_id(row) or ""]})
        again = reservations(read.http, rows)
        return tuple(record for row in rows for record in records.levels(row, again))
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        return (row,)  # a dead letter will say what is wrong with it


def reservations(http: Http, rows: tuple[bytes, ...]) -> tuple[Reservation, ...]:
    """Read the reservations that exist for inventory items."""
    wanted = [name for row in rows if (name := lists.row_id(row)) is not None]
    if not wanted:
        return ()
    found = lists.ask(http, RESERVATIONS, {"inventory_item_id[]": wanted, "limit": lists.EVERYTHING})
    try:
        return tuple(_reservation.decode(row) for row in found)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Unavailable(f"{http.name} {RESERVATIONS.path}: {error}", error_class="schema") from error


def _listings(read: Read, rows: tuple[bytes, ...]) -> Iterator[bytes]:
    """Put variants together with the channels in which they are sold and the stock that feeds them."""
    places = _places(read)
    stock: dict[str, bytes] = {}
    for row in rows:
        try:
            stock |= dict.fromkeys(records.inventory_of(row), b"")
        except msgspec.MsgspecError:
            continue
    names = sorted(stock)
    for start in range(0, len(names), IDS_AT_ONCE):
        asked = names[start : start + IDS_AT_ONCE]
        found = lists.ask(read.http, INVENTORY, {"id[]": asked, "limit": len(asked)})
        stock |= {lists.row_id(row) or "": row for row in found}
    levels_of = {name: row for name, row in stock.items() if row}
    for row in rows:
        try:
            yield from tuple(records.listings(row, places, levels_of))
        except (msgspec.MsgspecError, UnicodeError):
            yield row


def _places(read: Read) -> Mapping[str, tuple[str, ...]]:
    """Give the stock locations of each sales channel."""
    rows = lists.ask(read.http, CHANNELS, {"limit": lists.EVERYTHING})
    try:
        found = [_channel.decode(row) for row in rows]
    except msgspec.MsgspecError as error:
        raise Unavailable(f"{read.http.name} {CHANNELS.path}: {error}", error_class="schema") from error
    return {channel.id: tuple(place.id for place in channel.stock_locations or ()) for channel in found}


def _movements(_read: Read, rows: Iterable[bytes]) -> Iterator[bytes]:
    for row in rows:
        try:
            yield from tuple(records.movements(row))
        except (msgspec.MsgspecError, UnicodeError):
            yield row


SCANS: Mapping[str, Scan] = {
    "locations": Scan("locations", LOCATIONS, _as_it_is, 1_000),
    "channels": Scan("channels", CHANNELS, _as_it_is, 1_000),
    "items": Scan("items", ITEMS, _as_it_is, PAGE_SIZE),
    "levels": Scan("levels", INVENTORY, _levels, IDS_AT_ONCE),
    "listings": Scan("listings", SOLD, _listings, IDS_AT_ONCE),
}


def one(read: Read, stream: str, key: str) -> RawItem | None:
    """Read one record by its key; an order by its number or by its id."""
    wanted = order_id(read.http, key) if stream == "orders" else key.partition(AT)[0]
    if wanted is None:
        return None
    found = under(read, stream, wanted)
    if stream == "orders":
        return next(iter(found), None)
    return next((item for item in found if item.key == key), None)


def under(read: Read, stream: str, name: str) -> tuple[RawItem, ...]:
    """Read all records of one row: a payment's movements, an inventory item's levels, a variant's listings."""
    listing, build = _where(stream)
    return _items(read, stream, build(read, lists.ask(read.http, listing, {"id": name, "limit": 1})))


def listing_of(stream: str) -> Listing:
    """Name the list that a stream's records are made of."""
    return _where(stream)[0]


def _where(stream: str) -> tuple[Listing, Callable[[Read, tuple[bytes, ...]], Iterable[bytes]]]:
    if stream in SCANS:
        return SCANS[stream].listing, SCANS[stream].build
    return {"orders": (ORDERS, _as_it_is), "returns": (RETURNS, _as_it_is), "payments": (PAYMENTS, _as_it_is)}[stream]


def order_id(http: Http, number: str) -> str | None:
    """Find an order's id by its number: numbers cannot be filtered, but they are searched.

    Where many match, the least numbers come first, and a number that holds another is not less than it: only orders
    with a less number whose other fields match can stand before the one that is sought.
    """
    if number.startswith("order_"):
        return number
    query: Query = {"q": number, "order": "display_id", "limit": 20}
    rows = lists.ask(http, NUMBERS, query)
    if len(rows) == 20 and not _numbered_so(rows, number):
        rows = lists.ask(http, NUMBERS, {**query, "limit": lists.EVERYTHING})
    return _numbered_so(rows, number)


def _numbered_so(rows: Iterable[bytes], number: str) -> str | None:
    for row in rows:
        try:
            found = _numbered.decode(row)
        except msgspec.MsgspecError:
            continue
        if str(found.display_id) == number:
            return found.id
    return None


def keys(read: Read, stream: str) -> list[str]:
    """List the keys of all records that exist now."""
    if stream != "orders":
        pages = changes(read, stream, Place())
        return [item.key for page in pages for item in page.items if not item.key.startswith("?")]
    found: list[str] = []
    last: str | None = None
    while True:
        rows = lists.after(read.http, NUMBERS, last, read.size, {})
        found += [str(_numbered.decode(row).display_id) for row in rows.rows]
        last = lists.last_id(rows.rows)
        if not rows.offset:
            return found


def _items(read: Read, stream: str, rows: Iterable[bytes]) -> tuple[RawItem, ...]:
    built = _movements(read, rows) if stream == "payments" else rows
    return tuple(records.item(stream, row, read.observed) for row in built)


def _still_open(still: set[str], rows: Iterable[bytes], observed: int) -> set[str]:
    """Add the orders that may still change without a stamp, and drop those that are done."""
    still = set(still)
    for row in rows:
        try:
            found = _order.decode(row)
            young = observed - to_micros(found.updated_at) < OPEN_FOR // _MICRO
        except (msgspec.MsgspecError, UnicodeError, ValueError, OverflowError):
            continue
        over = found.fulfillment_status in LEFT and found.payment_status in PAID
        still.discard(found.id)
        if young and not over and found.status != "canceled":
            still.add(found.id)
    return still


def _end(http: Http, listing: Listing) -> int | None:
    newest = lists.newest(http, listing)
    return None if newest is None else (newest // MILLISECOND + 1) * MILLISECOND


def _before(until: int) -> int:
    return until - MILLISECOND - OVERLAP // _MICRO


def read_of(http: Http, size: int, clock: Clock) -> Read:
    """Begin a reading."""
    return Read(http, size, to_micros(clock()))
