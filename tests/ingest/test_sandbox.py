"""The four adapters against the sandbox merchant in its own process: what is said there is what arrives here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from data.clock import offset_clock, system_clock
from data.events import ListingStated, PurchaseStated, TransferStated, WorkStated
from data.store import Store
from ingest.connections import subscribe
from ingest.erp.client import Erp
from ingest.storefront.client import Storefront
from ingest.sync import compare, pull, pull_all, read_back, sweep
from ingest.warehouse.client import Warehouse
from ingest.webhooks import routes
from tests.ingest.factories import SYSTEMS, a_store, accounted, outcomes, status_of
from tests.ingest.test_webhooks import SECRET
from tests.merchant import Merchant, running


@pytest.fixture(scope="module")
def merchant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Merchant]:
    with running(tmp_path_factory) as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = a_store(tmp_path)
    yield store
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_cold_start_brings_everything_and_a_second_read_nothing(merchant: Merchant, store: Store) -> None:
    now = merchant.now()
    adapters = [merchant.adapter(system) for system in SYSTEMS]
    ended = pull_all(store, adapters, clock=lambda: now)
    assert [pull.error for pull in ended if pull.error] == []
    assert sum(pull.pulled.dead_letters + pull.pulled.conflicts for pull in ended) == 0
    assert status_of(store, "storefront", "orders").accepted >= 19_959
    assert accounted(store)
    assert sum(pull.pulled.received for pull in pull_all(store, adapters, clock=lambda: now)) == 0


def test_what_changed_since_the_last_read_arrives_and_nothing_is_missing_then(merchant: Merchant, store: Store) -> None:
    warehouse, carrier = merchant.adapter("warehouse"), merchant.adapter("carrier")
    pull(store, warehouse, "stock", clock=merchant.now)
    merchant.advance(hours=6)
    assert pull(store, warehouse, "stock", clock=merchant.now).accepted > 0
    assert not compare(store, warehouse, "stock", clock=merchant.now)
    assert sweep(store, warehouse, "stock", clock=merchant.now).gone == ()
    since = merchant.now() - timedelta(days=1)
    drift = compare(store, carrier, "parcels", clock=merchant.now, since=since)
    assert len(drift.missing) == drift.compared > 0


def _a_listing(merchant: Merchant, index: int) -> dict[str, Any]:
    items: list[dict[str, Any]] = merchant.ask("GET", "/storefront/listings?limit=40", who="storefront")["items"]
    return items[index]


def test_a_listing_is_set_if_it_still_offers_what_was_expected(merchant: Merchant, store: Store) -> None:
    shop, listing = merchant.adapter("storefront"), _a_listing(merchant, 0)
    assert isinstance(shop, Storefront)
    wanted, seen = listing["quantity"] + 7, listing["quantity"]
    first = shop.set_listing_quantity(listing["id"], wanted, seen, key="k-1", reference="case-1")
    again = shop.set_listing_quantity(listing["id"], wanted, seen, key="k-1", reference="case-1")
    late = shop.set_listing_quantity(listing["id"], seen, seen, key="k-2", reference="case-2")
    other = shop.set_listing_quantity(listing["id"], 1, wanted, key="k-1", reference="case-1")
    assert [r.outcome for r in (first, again, late, other)] == ["applied", "applied", "stale", "rejected"]
    received = read_back(store, shop, "listings", listing["id"], clock=merchant.now)
    assert received is not None
    [event] = received.events
    assert isinstance(event, ListingStated)
    assert (event.quantity, event.changes[-1].reference) == (wanted, "case-1")
    assert merchant.ask("GET", f"/state/storefront/listings/{listing['id']}")["quantity"] == wanted


def test_a_listing_is_paused_and_resumed(merchant: Merchant) -> None:
    shop, listing = merchant.adapter("storefront"), _a_listing(merchant, 1)
    assert isinstance(shop, Storefront)
    assert shop.set_listing_active(listing["id"], False, True, key="p-1", reference="case").outcome == "applied"
    assert shop.set_listing_active(listing["id"], False, True, key="p-2", reference="case").outcome == "stale"
    assert shop.set_listing_active(listing["id"], True, False, key="p-3", reference="case").outcome == "applied"


def test_a_purchase_is_drafted_once_under_its_reference_and_taken_back(merchant: Merchant, store: Store) -> None:
    erp = merchant.adapter("erp")
    assert isinstance(erp, Erp)
    terms = merchant.ask("GET", "/erp/terms?limit=1", who="erp")["items"][0]
    lines = {terms["sku"]: terms["moq"]}
    made = erp.create_purchase_draft(terms["supplier"], "NORTH", lines, reference="plan-1", key="d-1")
    second = erp.create_purchase_draft(terms["supplier"], "NORTH", lines, reference="plan-1", key="d-2")
    assert (made.outcome, second.outcome) == ("applied", "stale")
    assert made.remote_id is not None
    assert erp.cancel_purchase_draft(made.remote_id, key="d-3").outcome == "applied"
    received = read_back(store, erp, "purchases", made.remote_id, clock=merchant.now)
    assert received is not None
    [event] = received.events
    assert isinstance(event, PurchaseStated)
    assert (event.status, event.reference) == ("cancelled", "plan-1")


def test_work_is_given_priority_once_and_only_as_it_was_seen(merchant: Merchant, store: Store) -> None:
    warehouse = merchant.adapter("warehouse")
    assert isinstance(warehouse, Warehouse)
    since = (merchant.now() - timedelta(hours=12)).isoformat()
    listed = merchant.ask("GET", f"/warehouse/work?updated_since={since}", who="warehouse")["items"]
    work = next(one for one in listed if one["status"] not in ("shipped", "cancelled"))
    seen = work["version"]
    for key, expected in (("u-1", "applied"), ("u-1", "applied"), ("u-2", "stale")):
        made = warehouse.set_priority(work["id"], 9, expected_version=seen, reference="late-1", key=key)
        assert made.outcome == expected, made.response
    received = read_back(store, warehouse, "work", work["id"], clock=merchant.now)
    assert received is not None
    [event] = received.events
    assert isinstance(event, WorkStated)
    assert (event.priority, event.version) == (9, seen + 1)
    assert [(c.before, c.after, c.reference) for c in event.changes] == [(0, 9, "late-1")]


def test_a_transfer_is_drafted_and_taken_back(merchant: Merchant, store: Store) -> None:
    warehouse = merchant.adapter("warehouse")
    assert isinstance(warehouse, Warehouse)
    stock = merchant.ask("GET", "/warehouse/stock/keys", who="warehouse")["keys"]
    north, south = ({k.partition("@")[0] for k in stock if k.endswith(at)} for at in ("@NORTH", "@SOUTH"))
    sku = min(north & south)
    made = warehouse.create_transfer_draft("NORTH", "SOUTH", {sku: 1}, reference="move-1", key="t-1")
    assert made.outcome == "applied", made.response
    assert made.remote_id is not None
    assert warehouse.cancel_transfer_draft(made.remote_id, key="t-2").outcome == "applied"
    received = read_back(store, warehouse, "transfers", made.remote_id, clock=merchant.now)
    assert received is not None
    [event] = received.events
    assert isinstance(event, TransferStated)
    assert event.status == "cancelled"


def test_a_parcel_that_the_channel_never_heard_of_is_told(merchant: Merchant) -> None:
    fault = merchant.ask("POST", "/faults", {"kind": "fulfilment_lost", "count": 1, "seed": 3})[0]
    merchant.advance(hours=30)
    order = fault["subject"]
    parcels = merchant.ask("GET", "/warehouse/shipments/keys", who="warehouse")["keys"]
    sent = [
        merchant.ask("GET", f"/warehouse/shipments/{key}", who="warehouse")
        for key in parcels
        if key.startswith(f"P{order}")
    ]
    before = merchant.ask("GET", f"/state/storefront/orders/{order}")["fulfillments"]
    parcel = next(p for p in sent if p["tracking"] not in [f["tracking"] for f in before])
    shop = merchant.adapter("storefront")
    assert isinstance(shop, Storefront)
    lines = {line["line"]: line["quantity"] for line in parcel["lines"]}
    told = shop.push_fulfilment(
        f"storefront/{order}", lines, parcel["carrier"], parcel["tracking"], key="f-1", reference="case-9"
    )
    assert told.outcome == "applied"
    state = merchant.ask("GET", f"/state/storefront/orders/{order}")
    assert parcel["tracking"] in [f["tracking"] for f in state["fulfillments"]]


def test_a_write_that_is_made_and_answered_with_an_error_is_unknown(merchant: Merchant) -> None:
    shop, listing = merchant.adapter("storefront"), _a_listing(merchant, 2)
    assert isinstance(shop, Storefront)
    merchant.ask("POST", "/faults", {"kind": "write_then_fail", "system": "storefront", "probability": 1.0})
    try:
        result = shop.set_listing_quantity(listing["id"], 3, listing["quantity"], key="w-1", reference="case")
    finally:
        merchant.ask("POST", "/faults", {"kind": "write_then_fail", "system": "storefront", "probability": 0.0})
    assert result.outcome == "unknown"
    assert merchant.ask("GET", f"/state/storefront/listings/{listing['id']}")["quantity"] == 3


def test_a_remote_that_falters_is_read_all_the_same(merchant: Merchant, store: Store) -> None:
    fault = {"kind": "http", "system": "erp", "status_500": 0.1, "truncate": 0.1, "html_200": 0.1}
    merchant.ask("POST", "/faults", fault)
    try:
        pulled = pull(store, merchant.adapter("erp"), "suppliers", clock=merchant.now)
    finally:
        merchant.ask("POST", "/faults", {**fault, "status_500": 0.0, "truncate": 0.0, "html_200": 0.0})
    assert pulled.accepted > 0
    assert pulled.dead_letters == 0


def test_a_change_is_pushed_within_two_seconds(merchant: Merchant, store: Store) -> None:
    shop, listing = merchant.adapter("storefront"), _a_listing(merchant, 3)
    arrived: SimpleQueue[str] = SimpleQueue()
    table = routes(
        store, {"storefront": shop}, lambda _name: (SECRET,), clock=merchant.now, real_clock=system_clock,
        arrived=arrived.put,
    )  # fmt: skip
    with _served(Starlette(routes=table)) as url:
        subscribe(shop, f"{url}/hooks/storefront", SECRET, ("listings",))
        assert isinstance(shop, Storefront)
        shop.set_listing_quantity(listing["id"], 1, listing["quantity"], key="push-1", reference="case")
        began = system_clock()
        assert arrived.get(timeout=5) == "storefront"
        assert system_clock() - began < timedelta(seconds=2)
    assert outcomes(store)["accepted"] >= 1


def test_a_clock_with_the_sandboxs_lead_tells_its_time(merchant: Merchant) -> None:
    lead = merchant.now() - system_clock()
    assert abs(offset_clock(lead)() - merchant.now()) < timedelta(seconds=5)


class _served:  # noqa: N801 -- reads as a verb where it is used
    """A starlette application on a free port of loopback, for the length of a block."""

    def __init__(self, app: Starlette) -> None:
        self.server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.02)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)
