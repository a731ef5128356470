"""A store, adapters over a wire of our own, and golden items to put behind it."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from hypothesis import strategies as st

from data.log import tables as t
from data.log.status import StreamStatus, statuses
from data.settings import read_settings
from data.store import Store, open_store
from ingest.adapter import Adapter, RawItem
from ingest.connections import OPENERS, SANDBOX
from ingest.http import Http
from ingest.medusa import records
from ingest.medusa.client import Medusa
from ingest.rest import raw_item
from ingest.shapes import Context
from ingest.tryton.client import Tryton
from ingest.tryton.follow import item_of_bytes
from tests.ingest.medusa_wire import MedusaWire
from tests.ingest.remote import Remote
from tests.ingest.tryton_wire import TrytonWire

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"
SYSTEMS = SANDBOX  #: of one sandbox merchant
KNOWN = tuple(OPENERS)  #: all that can be connected
#: A system with lists of its own kind has a wire of its own.
WIRES: dict[str, type[Remote]] = {"medusa": MedusaWire, "tryton": TrytonWire}
CURRENCIES = {"medusa": "EUR", "tryton": "USD"}


def a_store(folder: Path) -> Store:
    """Open an empty workspace."""
    return open_store(read_settings({"FILLWELL_HOME": str(folder)}), "test")


class Sleeper:
    """Real time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Pass time."""
        self.slept.append(seconds)
        self.at += seconds

    def monotonic(self) -> float:
        """Tell it."""
        return self.at


def an_http(
    transport: httpx.BaseTransport,
    *,
    name: str = "shop",
    sleeper: Sleeper | None = None,
    rate: float = 1e6,
    url: str = "https://remote.test",
) -> Http:
    """Connect to a wire; waits take no time."""
    time = sleeper or Sleeper()
    return Http(
        name, url, "token-1",
        rate=rate, transport=transport, sleep=time.sleep, monotonic=time.monotonic,
    )  # fmt: skip


def an_adapter(
    system: str, remote: Remote, *, connection: str | None = None, orders_from: str = "storefront"
) -> Adapter:
    """Open an account of a system behind a wire."""
    name = connection or system
    context = Context(
        connection=name, authority=orders_from if system not in ("storefront", "medusa") else name,
        currency=CURRENCIES.get(system, "GBP"), user="reader", overlap=timedelta(seconds=10),
    )  # fmt: skip
    url = "https://remote.test/erp" if system == "tryton" else "https://remote.test"
    adapter = OPENERS[system](an_http(remote.transport, name=name, url=url), context)
    return replace(adapter, page_size=remote.page_size) if isinstance(adapter, Medusa | Tryton) else adapter


def a_wire(system: str, *, page_size: int = 1_000) -> Remote:
    """Make the wire of a system."""
    return WIRES.get(system, Remote)(NOON, page_size=page_size)


def item_of(adapter: Adapter, stream: str, body: bytes) -> RawItem:
    """Read an item's head as its adapter does."""
    match adapter.system:
        case "medusa":
            return records.item(stream, body, 0)
        case "tryton":
            return item_of_bytes(body, 0)
        case _:
            return raw_item(body, 0)


def golden(system: str) -> dict[str, list[dict[str, Any]]]:
    """Read a system's golden items with the events that they mean, by stream."""
    found: dict[str, list[dict[str, Any]]] = json.loads((GOLDEN / f"{system}.json").read_text())
    return found


def an_item(system: str, stream: str, key: str, **fields: object) -> dict[str, Any]:
    """Copy a golden item under another key."""
    raw = golden(system)[stream][0]["raw"]
    if (system, stream) == ("medusa", "orders"):
        return {**raw, "id": f"order_{key}", "display_id": key, **fields}
    if (system, stream) == ("medusa", "items"):
        return {**raw, "id": key, "product": {"title": "Product 9"}, **fields}
    return {**raw, "id": key, **fields}


def an_order(key: str = "1001", **fields: object) -> dict[str, Any]:
    """Make an order as the storefront gives it."""
    return an_item("storefront", "orders", key, **fields)


def status_of(store: Store, connection: str, stream: str) -> StreamStatus:
    """Give a stream's status."""
    with store.log.read() as conn:
        return next(s for s in statuses(conn) if (s.connection, s.stream) == (connection, stream))


def outcomes(store: Store) -> dict[str, int]:
    """Count records by outcome."""
    with store.log.read() as conn:
        query = sa.select(t.record.c.outcome, sa.func.count()).group_by(t.record.c.outcome)
        return {row[0]: row[1] for row in conn.execute(query)}


def keys_held(store: Store) -> list[str]:
    """Give the keys of all accepted records, as often as accepted."""
    with store.log.read() as conn:
        query = sa.select(t.record.c.key).where(t.record.c.outcome == "accepted").order_by(t.record.c.key)
        return list(conn.execute(query).scalars())


def accounted(store: Store) -> bool:
    """Tell whether every stream's tally equals a count over its records."""
    with store.log.read() as conn:
        query = sa.select(t.record.c.source, t.record.c.outcome, sa.func.count()).group_by(
            t.record.c.source, t.record.c.outcome
        )
        counted: dict[tuple[int, str], int] = {(s, o): n for s, o, n in conn.execute(query)}
        rows = conn.execute(sa.select(t.source)).all()
    names = {"accepted": "accepted", "duplicate": "duplicates", "conflict": "conflicts", "dead_letter": "dead_letters"}
    return all(
        getattr(row, column) == counted.get((row.id, outcome), 0) for row in rows for outcome, column in names.items()
    )


def dice_of(seed: int) -> random.Random:
    """Give seeded dice."""
    return random.Random(seed)  # noqa: S311 -- dice of a test are no secret


def json_values(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw anything that JSON can hold."""
    return st.recursive(
        st.none() | st.booleans() | scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    )
