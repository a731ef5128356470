"""A small shop in a real store, and what a page shows of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from streamlit.testing.v1 import AppTest

from actions.detect import detect
from actions.people import Person
from actions.policy import set_policy
from actions.registry import action_types
from app.services import workspace
from app.services.acting import desk_of, view_of
from data.clock import to_micros
from data.errors import RecordInvalid
from data.events import (
    ChannelStated,
    Event,
    LocationStated,
    PurchaseLine,
    PurchaseStated,
    SaleStated,
    Scan,
    SupplierStated,
    TermsStated,
)
from data.log.append import Received, append, prepare, source_id
from data.log.status import note_success
from data.publish import publish
from data.store import Store
from tests.factories import (
    DAY,
    HOUR,
    a_count,
    a_line,
    a_listing,
    a_parcel,
    a_payment,
    a_tracking,
    a_work,
    an_item,
    an_order,
    key_of,
    received,
    told,
)

NOW = datetime.now(UTC).replace(microsecond=0)
#: Markdown, HTML and a formula in one name: what no screen may interpret (hazard H5).
EVIL = "=HYPERLINK(1) ![x](http://127.0.0.1:9/p.png) <img src=x onerror=alert(1)> :red[boo]"


def feed(store: Store, connection: str, stream: str, events: Iterable[Event], *, now: datetime = NOW) -> None:
    """Append what a stream stated and note that it was read just now."""
    items = [received(event, key=_key(event), at=now) for event in events]
    with store.log.write() as conn:
        source = source_id(conn, connection, stream)
        append(conn, source, prepare(items), received_at=to_micros(now), parser=1)
        note_success(conn, source, at=to_micros(now), as_of=to_micros(now))


def _key(event: Event) -> str:
    for name in ("purchase", "sale", "supplier", "location", "channel"):
        if name in type(event).__struct_fields__ and not hasattr(event, "order") and not hasattr(event, "listing"):
            return f"{name}/{getattr(event, name)}/{getattr(event, 'sku', '')}"
    return event.sale if isinstance(event, SaleStated) else key_of(event)


def a_shop(store: Store, *, orders: int = 40, now: datetime = NOW) -> None:
    """Fill a workspace: a month of orders, one late, one whose parcel the channel does not know, a drifted listing."""
    feed(store, "storefront", "channels", [ChannelStated(channel="web", name="Web", locations=("NORTH",))], now=now)
    feed(store, "warehouse", "locations", [LocationStated(location="NORTH", name="North")], now=now)
    feed(store, "erp", "items", [an_item("A", name=EVIL, supplier="S1"), an_item("B", supplier="S1")], now=now)
    feed(
        store, "erp", "suppliers", [SupplierStated(supplier="S1", name="S", lead_time_days=14, currency="GBP")], now=now
    )
    feed(store, "erp", "terms", [TermsStated(supplier="S1", sku="A", moq=12, pack=6, unit_cost=Decimal(1))], now=now)
    feed(store, "erp", "purchases", [_purchase(now)], now=now)
    placed = [now - timedelta(days=1 + n % 27, hours=6) for n in range(orders)]
    made = [_order(n, at) for n, at in enumerate(placed)]
    late = an_order(
        "storefront/9001", a_line(units=3, title=EVIL), placed_at=now - 3 * DAY, ship_by=now - DAY, promise="given"
    )
    feed(store, "storefront", "orders", [*made, late], now=now)
    captures = [a_payment(f"PAY{n}", f"storefront/{1000 + n}", at=at) for n, at in enumerate(placed)]
    fees = [
        a_payment(f"FEE{n}", f"storefront/{1000 + n}", 12, kind="fee", fee_kind="payment", at=at)
        for n, at in enumerate(placed)
    ]
    feed(store, "storefront", "payments", [*captures, *fees], now=now)
    parcels = [
        a_parcel(f"P{n}", f"storefront/{1000 + n}", handed_over_at=at + HOUR, freight_minor=40)
        for n, at in enumerate(placed)
    ]
    feed(store, "warehouse", "shipments", parcels, now=now)
    feed(
        store,
        "warehouse",
        "work",
        [a_work("W9001", "storefront/9001", ("1", "A", 3), released_at=now - 3 * DAY)],
        now=now,
    )
    feed(store, "carrier", "parcels", [a_tracking("T-P0", scans=(Scan(placed[0] + 2 * HOUR, "picked_up"),))], now=now)
    sale = SaleStated(
        order="storefront/1000", sale="SO1000", status="done", total_minor=999, currency="GBP", created_at=placed[0]
    )
    feed(store, "erp", "sales", [sale], now=now)
    counts = [a_count("A", on_hand=14, counted_at=now - HOUR), a_count("B", on_hand=50, counted_at=now - HOUR)]
    feed(store, "warehouse", "stock", counts, now=now)
    listings = [
        a_listing("web:A", 30, title=EVIL, price_minor=255, currency="GBP"),
        a_listing("web:B", 90, sku="B", price_minor=255, currency="GBP"),
    ]
    feed(store, "storefront", "listings", listings, now=now)
    publish(store, now=now)


def _order(number: int, at: datetime) -> Event:
    tellings = () if number == 0 else (told(f"T-P{number}", ("1", "A", 2), at=at + HOUR),)
    return an_order(
        f"storefront/{1000 + number}", placed_at=at, ship_by=at + 48 * HOUR, promise="given", fulfilments=tellings
    )


def _purchase(now: datetime) -> PurchaseStated:
    line = PurchaseLine(line="1", sku="A", ordered=24, promised_at=now + 9 * DAY)
    return PurchaseStated(
        purchase="PO1", supplier="S1", location="NORTH", status="confirmed", created_at=now - DAY, sent_at=now - DAY,
        lines=(line,), currency="GBP",
    )  # fmt: skip


def a_dead_letter(store: Store, *, now: datetime = NOW) -> None:
    """Put a record into the log that nobody understands."""
    item = Received(
        key="R9", raw=b'{"quantity": "two"}', observed_at=to_micros(now), error=RecordInvalid("quantity is 'two'")
    )
    with store.log.write() as conn:
        append(conn, source_id(conn, "storefront", "returns"), prepare([item]), received_at=to_micros(now), parser=1)


def found(store: Store, *, now: datetime = NOW) -> None:
    """Let the detectors look twice, and let every action be approved by a person."""
    workspace._held.cache_clear()  # the desk stays on a publication for a moment; the detectors look at the newest
    desk = desk_of(store)
    for minutes in (40, 0):  # never ahead of the clock: what opens late in the evening opens today
        at = now - timedelta(minutes=minutes)
        detect(desk, view_of(store, at), shadow=None, budget=None)
    for name in action_types():
        set_policy(desk, name, by=Person("ada", "admin", "cli"), ladder="approve")


def open_page(name: str, **query: str) -> AppTest:
    """Run one screen over the store that the environment names."""

    def script(name: str) -> None:
        import streamlit as st  # the script runs in a namespace of its own

        from app.desk import shell

        st.navigation(list(shell.pages().values()), position="hidden")
        shell._show(name)

    page = AppTest.from_function(script, kwargs={"name": name}, default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()


def press(page: AppTest, key: str) -> AppTest:
    """Press a button by its key, and let it be carried out."""
    return settle(page.button(key=key).click().run())


def settle(page: AppTest) -> AppTest:
    """Give the browser's next word for as long as a press waits for it."""
    for screen in ("queue-pressed", "log-pressed"):
        while screen in page.session_state and (waiting := page.session_state[screen]):
            for one in waiting:
                one.state = "settled" if one.state in ("new", "waits") else one.state
            page = page.run()
    return page


def html_of(page: AppTest) -> str:
    """Give all markup of ours on a page."""
    return "\n".join(str(element.proto.body) for element in page.get("html"))


def markdown_of(page: AppTest) -> str:
    """Give everything on a page that Streamlit renders as Markdown."""
    kinds = ("markdown", "caption", "button", "metric", "expander", "toast")
    return "\n".join(
        str(getattr(element, "value", "") or getattr(element, "label", "")) for k in kinds for element in _all(page, k)
    )


def _all(page: AppTest, kind: str) -> Iterable[Any]:
    return page.get(kind)
