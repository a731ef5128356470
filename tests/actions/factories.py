"""A small merchant at the wire, and a desk that works for it."""

from __future__ import annotations

import atexit
import copy
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import unquote

import httpx
import polars as pl
import sqlalchemy as sa

from actions import tables as t
from actions.desk import Desk, open_desk
from actions.people import Person
from actions.registry import action_types
from actions.targets import Targets, targets_of
from actions.view import Schedule, View
from data.facts import TABLES
from data.lake import Facts
from data.log.status import StreamStatus
from data.settings import read_settings
from data.store import Store, open_store
from ingest.connections import OPENERS
from ingest.http import Http
from ingest.shapes import Context

NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

ADMIN = Person("ada", "admin", "cli")
APPROVER = Person("ann", "approver", "desk")
OPERATOR = Person("oli", "operator", "desk")
VIEWER = Person("vic", "viewer", "desk")

Raw = dict[str, Any]
Misbehaviour = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]


@dataclass
class Merchant:
    """Storefront, ERP and warehouse at the wire: compare-and-set, idempotency keys, change records, a clock."""

    now: datetime = NOON
    listings: dict[str, Raw] = field(default_factory=dict)
    orders: dict[str, Raw] = field(default_factory=dict)
    purchases: dict[str, Raw] = field(default_factory=dict)
    transfers: dict[str, Raw] = field(default_factory=dict)
    work: dict[str, Raw] = field(default_factory=dict)
    calls: list[httpx.Request] = field(default_factory=list)
    effects: int = 0  #: writes that changed something
    keeps_keys: bool = True
    misbehave: Misbehaviour | None = None  #: what it does instead of answering a write properly
    frozen: tuple[dict[str, Raw], datetime] | None = None
    answered: dict[str, tuple[bytes, httpx.Response]] = field(default_factory=dict)

    def clock(self) -> datetime:
        """Tell the business time."""
        return self.now

    def step(self, length: timedelta = MINUTE) -> None:
        """Let time pass."""
        self.now += length

    def list_item(self, sku: str, quantity: int, *, channel: str = "web", **more: object) -> Raw:
        """Offer an item."""
        listing = {
            "id": f"{channel}:{sku}", "channel": channel, "sku": sku, "title": sku, "quantity": quantity,
            "price": "5.00", "active": True, "changes": [], "version": 1, "updated_at": self.now.isoformat(), **more,
        }  # fmt: skip
        self.listings[str(listing["id"])] = listing
        return listing

    def take_order(self, number: str, lines: Mapping[str, int]) -> Raw:
        """Take an order of SKUs and units."""
        self.orders[number] = {
            "id": number, "channel": "web", "created_at": self.now.isoformat(), "currency": "GBP",
            "lines": [
                {"id": str(n), "sku": sku, "quantity": units, "unit_price": "5.00"}
                for n, (sku, units) in enumerate(lines.items(), 1)
            ],
            "fulfillments": [], "version": 1, "updated_at": self.now.isoformat(),
        }  # fmt: skip
        return self.orders[number]

    def queue_work(self, number: str, order: str, lines: Mapping[str, tuple[str, int]], **more: object) -> Raw:
        """Have an order's lines waiting to be picked."""
        self.work[number] = {
            "id": number, "order": order, "location": "NORTH", "status": "released", "priority": 0, "changes": [],
            "lines": [{"line": line, "sku": sku, "ordered": units} for line, (sku, units) in lines.items()],
            "released_at": self.now.isoformat(), "version": 1, "updated_at": self.now.isoformat(), **more,
        }  # fmt: skip
        return self.work[number]

    def prioritise(self, work: Raw, priority: int, reference: str | None) -> None:
        """Change a priority with its change record."""
        change = {"at": self.now.isoformat(), "from": work["priority"], "to": priority, "reference": reference}
        work.update(priority=priority, changes=[*work["changes"], change][-5:])
        self.touch(work)

    def move(self, listing: Raw, quantity: int, reference: str | None) -> None:
        """Change a quantity with its change record."""
        change = {"at": self.now.isoformat(), "from": listing["quantity"], "to": quantity, "reference": reference}
        listing.update(quantity=quantity, changes=[*listing["changes"], change][-5:])
        self.touch(listing)

    def touch(self, item: Raw) -> None:
        """Give an item a new version."""
        item.update(version=item["version"] + 1, updated_at=self.now.isoformat())
        self.effects += 1

    @property
    def transport(self) -> httpx.MockTransport:
        """Give the wire."""
        return httpx.MockTransport(self._answer)

    @property
    def writes(self) -> list[httpx.Request]:
        """Give the calls that were not reads."""
        return [call for call in self.calls if call.method != "GET"]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        path = [unquote(p) for p in request.url.raw_path.decode().partition("?")[0].strip("/").split("/")]
        if request.method == "GET":
            return self._read(path, request)
        if self.misbehave is not None:
            return self.misbehave(request, lambda: self._write_once(path, request))
        return self._write_once(path, request)

    def freeze(self) -> None:
        """Stop the listings' feed: it goes on answering with the data of before the last write."""
        self.frozen = copy.deepcopy(self.listings), self.now - MINUTE
        for listing in self.frozen[0].values():
            if listing["changes"]:
                listing["quantity"] = listing["changes"][-1]["from"]
                listing["changes"] = listing["changes"][:-1]

    def thaw(self) -> None:
        """Let the feed speak again."""
        self.frozen = None

    def _read(self, path: list[str], request: httpx.Request) -> httpx.Response:
        items: dict[str, Raw] = getattr(self, path[1])
        as_of = self.now
        if self.frozen is not None and path[1] == "listings":
            items, as_of = self.frozen
        if len(path) == 2:
            since = datetime.fromisoformat(request.url.params.get("updated_since", "2000-01-01T00:00:00+00:00"))
            found = [i for i in items.values() if datetime.fromisoformat(i["updated_at"]) >= since]
            return httpx.Response(200, json={"items": found, "next": None, "as_of": as_of.isoformat()})
        found_one = items.get(path[2])
        return httpx.Response(404) if found_one is None else httpx.Response(200, json=found_one)

    def _write_once(self, path: list[str], request: httpx.Request) -> httpx.Response:
        key = request.headers["Idempotency-Key"]
        if self.keeps_keys and key in self.answered:
            body, before = self.answered[key]
            return before if body == request.content else httpx.Response(422, json={"error": "idempotency_mismatch"})
        answer = self._write(path, json.loads(request.content or b"{}"))
        self.answered[key] = (request.content, answer)
        return answer

    def _write(self, path: list[str], body: Raw) -> httpx.Response:
        match path:
            case [_, "listings", listing]:
                return self._set(self.listings[listing], body)
            case [_, "orders", order, "fulfillments"]:
                return self._fulfil(self.orders[order], body)
            case [_, "work", work, "priority"]:
                return self._prioritise(self.work[work], body)
            case [_, "purchases" | "transfers" as kind]:
                return self._draft(kind, body)
            case [_, "purchases" | "transfers" as kind, number, "cancel"]:
                item: Raw = getattr(self, kind)[number]
                item["status"] = "cancelled"
                self.touch(item)
                return httpx.Response(200, json=item)
        return httpx.Response(404)

    def _set(self, listing: Raw, body: Raw) -> httpx.Response:
        for name in ("quantity", "active"):
            if name in body and body[f"expected_{name}"] != listing[name]:
                return httpx.Response(409, json={"error": "stale", "current": listing[name]})
        if "quantity" in body:
            self.move(listing, body["quantity"], body["reference"])
        if "active" in body:
            listing["active"] = body["active"]
            self.touch(listing)
        return httpx.Response(200, json=listing)

    def _prioritise(self, work: Raw, body: Raw) -> httpx.Response:
        if body["expected_version"] != work["version"]:
            return httpx.Response(409, json={"error": "stale", "current": work["version"]})
        self.prioritise(work, body["priority"], body["reference"])
        return httpx.Response(200, json=work)

    def _fulfil(self, order: Raw, body: Raw) -> httpx.Response:
        if any(f["tracking"] == body["tracking"] for f in order["fulfillments"]):
            return httpx.Response(409, json={"error": "tracking_exists"})
        told = {"id": f"f{len(order['fulfillments']) + 1}", "created_at": self.now.isoformat(), **body}
        order["fulfillments"].append(told)
        self.touch(order)
        return httpx.Response(201, json=told)

    def _draft(self, kind: str, body: Raw) -> httpx.Response:
        items: dict[str, Raw] = getattr(self, kind)
        same = next((i for i in items.values() if i["reference"] == body["reference"]), None)
        if same is not None:
            return httpx.Response(409, json={"error": "exists", "id": same["id"]})
        number = f"{kind[0].upper()}{len(items) + 1}"
        lines = [
            {"id": str(n), "ordered": line["quantity"], "received": 0, **line}
            for n, line in enumerate(body["lines"], 1)
        ]
        items[number] = {
            **body, "id": number, "status": "draft", "created_at": self.now.isoformat(), "lines": lines, "version": 0,
            "updated_at": self.now.isoformat(), "sent_at": None,
        }  # fmt: skip
        self.touch(items[number])
        return httpx.Response(201, json=items[number])


@dataclass
class Shop:
    """A merchant, a desk that looks after it, and the real time in which leases run."""

    merchant: Merchant
    desk: Desk
    targets: Targets
    store: Store
    _real: list[datetime]

    def let_leases_run_out(self) -> None:
        """Let real time pass while business time stands."""
        self._real[0] += timedelta(minutes=10)


def a_shop(folder: Path, merchant: Merchant | None = None, *, ladder: str = "approve", url: str | None = None) -> Shop:
    """Open a workspace over a merchant at the wire, with every action type on one step of its ladder."""
    remote = merchant or Merchant()
    env = {"FILLWELL_HOME": str(folder)}
    if url is None:
        shutil.copytree(_migrated(), folder, dirs_exist_ok=True)
    else:
        env["FILLWELL_DATABASE_URL"] = url
    # A database is shared by the tests that use one; a workspace is not.
    store = open_store(read_settings(env), "test" if url is None else f"test-{token_hex(4)}")
    real = [NOON]
    desk = open_desk(store, clock=remote.clock, transport=lambda: real[0])
    with desk.write() as conn:
        conn.execute(sa.insert(t.policy), [{"type": name, "ladder": ladder} for name in action_types()])
    return Shop(remote, desk, targets_over(store, remote, real), store, real)


@cache
def _migrated() -> Path:
    """Make an empty workspace once; each test takes a copy, which is much faster than migrating."""
    folder = Path(tempfile.mkdtemp(prefix="fillwell-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    store = open_store(read_settings({"FILLWELL_HOME": str(folder)}), "test")
    open_desk(store)
    store.close()
    return folder


def targets_over(store: Store, remote: Merchant, real: list[datetime]) -> Targets:
    """Connect a merchant's systems; their clients live in the same real time as the desk."""

    def monotonic() -> float:
        return (real[0] - NOON).total_seconds()

    adapters = []
    for system in ("storefront", "erp", "warehouse"):
        http = Http(
            system, "https://remote.test", "t", rate=1e6, transport=remote.transport, sleep=lambda _s: None,
            monotonic=monotonic,
        )  # fmt: skip
        adapters.append(OPENERS[system](http, Context(connection=system, authority="storefront", currency="GBP")))
    return targets_of(store, adapters, remote.clock)


def rows(table: str, *given: dict[str, object]) -> pl.DataFrame:
    """Make a fact table from the columns that matter; the others are null."""
    schema = TABLES[table].schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in given], schema=schema)


def stock(
    sku: str, location: str, on_hand: int, *, at: datetime = NOON - timedelta(hours=1), **states: int
) -> list[Raw]:
    """State what a location holds of an item."""
    held = {"on_hand": on_hand, "allocated": 0, "quarantined": 0, "damaged": 0, **states}
    return [
        {"entity": f"{sku}@{location}", "connection": "warehouse", "sku": sku, "location": location, "state": state,
         "units": units, "observed_at": at}
        for state, units in held.items()
    ]  # fmt: skip


def a_listing(sku: str, quantity: int, *, channel: str = "web", active: bool = True) -> Raw:
    """State what a channel offers."""
    return {
        "entity": f"{channel}:{sku}", "channel": channel, "sku": sku, "title": sku, "quantity": quantity,
        "active": active, "price_minor": 500, "currency": "GBP", "version": 1, "connection": "storefront",
    }  # fmt: skip


def a_line(
    order: str, sku: str, units: int, *, line: str = "1", placed: datetime = NOON - timedelta(hours=5), **more: object
) -> Raw:
    """State one open order line."""
    return {
        "entity": f"storefront/{order}", "line_id": line, "sku": sku, "kind": "product", "channel": "web",
        "connection": "storefront", "placed_at": placed, "currency": "GBP", "unit_price_minor": 500,
        "net_minor": 500 * units, "ordered_units": units, "cancelled_units": 0, "shipped_units": 0, "open_units": units,
        "told_units": 0, "returned_units": 0, "location": "NORTH", "stage": "released",
        "stage_since": NOON - timedelta(hours=5), "ship_by": NOON + timedelta(hours=20), "paid": True, **more,
    }  # fmt: skip


CHANNEL: Raw = {
    "entity": "web", "name": "Web shop", "locations": "NORTH,SOUTH", "buffer_units": 2, "cap_units": 100,
    "handling_hours": 24, "connection": "storefront",
}  # fmt: skip


def an_item(sku: str) -> Raw:
    """State an item that costs 2.00 and sells at 5.00."""
    return {"entity": sku, "name": sku, "kind": "product", "supplier": "KILN", "list_price_minor": 500,
            "unit_cost_minor": 200, "currency": "GBP"}  # fmt: skip


def facts(**tables: list[Raw]) -> Facts:
    """Make facts in memory; the web channel and its rule are there unless given."""
    given = {"channel": [CHANNEL], **tables}
    return Facts.of(NOON, **{name: rows(name, *made) for name, made in given.items() if made})


def a_status(connection: str, stream: str, as_of: datetime) -> StreamStatus:
    """Say how fresh a stream is."""
    return StreamStatus(
        connection=connection, stream=stream, accepted=1, duplicates=0, conflicts=0, dead_letters=0, restated=0,
        refused=0, last_event_at=as_of, as_of=as_of, succeeded_at=as_of, failed_at=None, failures=0, error_class=None,
        error=None,
    )  # fmt: skip


def a_schedule(connection: str, stream: str) -> Schedule:
    """Expect a stream every minute, with five minutes' grace."""
    return Schedule(connection=connection, stream=stream, expected=MINUTE, grace=5 * MINUTE)


def a_view(now: datetime = NOON, **tables: list[Raw]) -> View:
    """See these facts now."""
    return View(facts=facts(**tables), now=now)


def drifting(merchant: Merchant, sku: str = "MUG", *, listed: int = 40, on_hand: int = 12) -> View:
    """Offer more than the stock supports, at the remote and in the facts: 12 on hand less a buffer of 2 make 10."""
    merchant.listings.setdefault(f"web:{sku}", merchant.list_item(sku, listed))
    return drift_view(merchant, {sku: (listed, on_hand)})


def drift_view(merchant: Merchant, skus: Mapping[str, tuple[int, int]]) -> View:
    """See listings (listed, on hand) as the merchant's clock stands."""
    return a_view(
        merchant.now,
        listing=[a_listing(sku, listed) for sku, (listed, _) in skus.items()],
        stock_position=[row for sku, (_, on_hand) in skus.items() for row in stock(sku, "NORTH", on_hand)],
        item=[an_item(sku) for sku in skus],
        order_line=[a_line(f"9{n}", sku, 28, open_units=0, stage="shipped") for n, sku in enumerate(skus)],
    )
