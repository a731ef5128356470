"""How fast the two systems are read, beside how fast they serve the same rows to a client that only fetches them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psycopg
import pytest

from ingest.adapter import Adapter
from ingest.sync import pull
from ingest.tryton.client import OVERLAP, Tryton
from ingest.tryton.follow import Follower, plain_items
from ingest.tryton.read import STAMP, Source
from tests.counterparts.conftest import FIGURE, SHOP_NOW, Market
from tests.counterparts.history import DAYS
from tests.counterparts.ours import ERP, Ours, ours
from tests.counterparts.seed_medusa import CLONE

MOST_OF_THE_TIME = 0.20  #: that may be ours
COPIES = 900  #: of an order: what `clone_orders.sql` can number is below a thousand
#: The moves themselves, as wide as a reader of stock needs them.
MOVES = Source(
    model="stock.move",
    fields=(
        "product", "quantity", "unit", "from_location", "to_location", "state", "planned_date", "effective_date",
        "shipment", "origin", "company", "unit_price", "cost_price", "currency", "create_date", STAMP,
    ),
)  # fmt: skip


def many_orders(market: Market) -> None:
    """Copy an order that was not copied before, so that reading takes seconds."""
    number = next(sold.number for sold in market.merchant.sold if sold.order.fate == "completed")
    [template] = [order["id"] for order in market.shop.orders() if order["display_id"] == number]
    with psycopg.connect(market.systems.db.url(SHOP_NOW)) as conn:
        conn.execute(CLONE.read_text().format(template=template, copies=COPIES, days=DAYS).encode())


@contextmanager
def listening(patch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    """Keep what is asked over the wire, in its order."""
    found: list[httpx.Request] = []
    handle = httpx.HTTPTransport.handle_request

    def kept(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        found.append(request)
        return handle(self, request)

    patch.setattr(httpx.HTTPTransport, "handle_request", kept)
    yield found
    patch.undo()


@dataclass(frozen=True)
class Measured:
    """One stream read by us, then the same rows only fetched."""

    name: str
    records: int
    took: float  #: seconds
    busy: float  #: seconds of our processor
    serving: float  #: seconds that a client takes that throws the same answers away

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.name:18} {self.records:6,} records  we read {self.records / self.took:6,.0f}/s"
            f"  the server serves {self.records / self.serving:6,.0f}/s  of the time ours {self.busy / self.took:4.0%}"
        )


def measured(name: str, read: Callable[[], int], patch: pytest.MonkeyPatch) -> Measured:
    """Read, then fetch the same again."""
    with listening(patch) as asked:
        began, cpu = time.perf_counter(), time.process_time()
        records = read()
        took, busy = time.perf_counter() - began, time.process_time() - cpu
    return Measured(name, records, took, min(busy, took), only_fetched(asked))


def only_fetched(asked: list[httpx.Request]) -> float:
    """Ask the same again, in the same order, read no answer's meaning, and give the seconds that it took."""
    url = asked[0].url
    began = time.perf_counter()
    server = HTTPConnection(url.host, url.port or 80)
    for one in asked:
        server.request(one.method, one.url.raw_path.decode(), one.content, dict(one.headers))
        answer = server.getresponse()
        answer.read()
        assert answer.status == httpx.codes.OK
    server.close()
    return time.perf_counter() - began


def first_read(mine: Ours, adapter: Adapter, stream: str) -> int:
    """Read a stream from nothing into the log."""
    return pull(mine.store, adapter, stream, clock=mine.clock).received


def moves(mine: Ours) -> int:
    """Read every move of the ERP through the same walk that all of its streams are read by."""
    adapter = mine.engine.adapters[ERP]
    assert isinstance(adapter, Tryton)
    follower = Follower(adapter.rpc, MOVES, plain_items, OVERLAP, ())
    return sum(len(page.items) for page in follower.pages(None, mine.clock))


def test_of_the_time_that_a_first_read_takes_less_than_a_fifth_is_ours(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    many_orders(market)
    found: list[Measured] = []
    with ours(tmp_path, market) as mine:
        for name, adapter in mine.engine.adapters.items():
            for stream in adapter.streams:
                read = partial(first_read, mine, adapter, stream)
                found.append(measured(f"{name}/{stream}", read, monkeypatch))
        found.append(measured(f"{ERP} stock.move", partial(moves, mine), monkeypatch))
    took, share = sum(one.took for one in found), sum(one.busy for one in found) / sum(one.took for one in found)
    for line in (*(one for one in found if one.records), f"all in {took:.1f} s, of which ours {share:.0%}"):
        record_property(FIGURE, str(line))
    assert share < MOST_OF_THE_TIME
