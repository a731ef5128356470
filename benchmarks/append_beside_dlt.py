"""Records appended per second, end to end, beside dlt: from JSON as it came over the wire to a deduplicated store.

Both get the same orders as JSON text, one list page after another, twice: the second time every record is a repeat
and must change nothing. Ours decodes, validates, hashes, deduplicates, stores record, event and entity, durably
(synchronous=FULL). dlt decodes, infers the schema, and merges on the key into DuckDB, its fastest destination here.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.harness import Result, call_in_own_process, result
from data.clock import to_micros
from data.log.append import append, prepare, source_id
from data.settings import read_settings
from data.store import open_store
from ingest.adapter import Adapter
from ingest.connections import open_adapter, sandbox_connections, sandbox_env
from ingest.rest import raw_item

ORDERS, PAGE = 20_000, 500
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def pages() -> Iterator[list[dict[str, Any]]]:
    """Give orders of four lines as the storefront lists them, in pages."""
    for start in range(0, ORDERS, PAGE):
        yield [_order(number) for number in range(start, start + PAGE)]


def _order(number: int) -> dict[str, Any]:
    lines = [
        {"id": f"{number}-{n}", "sku": f"S{(number * 7 + n) % 4000}", "title": "A thing", "kind": "product",
         "quantity": 2, "cancelled_quantity": 0, "unit_price": "2.55", "discount": "0.00", "tax": "0.00"}
        for n in range(4)
    ]  # fmt: skip
    return {
        "id": str(number), "version": 1, "updated_at": NOW.isoformat(), "channel": "web", "created_at": NOW.isoformat(),
        "currency": "GBP",
        "customer": {"id": f"c{number % 997}", "email": "a@b.example", "name": "A B", "country": "UK"},
        "lines": lines, "shipping_price": "3.95", "financial_status": "paid", "fulfillment_status": "unfulfilled",
        "fulfillments": [], "hold": None, "cancelled_at": None, "cancel_reason": None, "ship_by": NOW.isoformat(),
        "simulated": True,
    }  # fmt: skip


def ours(texts: list[bytes], home: Path) -> tuple[float, float]:
    """Give seconds of the first delivery and of the second."""
    store = open_store(read_settings({"FILLWELL_HOME": str(home)}), "bench")
    adapter = open_adapter(sandbox_connections("http://127.0.0.1:1")[0], sandbox_env())
    taken = (_deliver(store, adapter, texts), _deliver(store, adapter, texts))
    store.close()
    return taken


def _deliver(store: Any, adapter: Adapter, texts: list[bytes]) -> float:  # noqa: ANN401 -- a Store
    import msgspec

    decoder = msgspec.json.Decoder(list[msgspec.Raw])
    observed = to_micros(NOW)
    started = time.perf_counter()
    for text in texts:
        items = (raw_item(bytes(raw), observed) for raw in decoder.decode(text))
        prepared = prepare(adapter.parse("orders", item) for item in items)
        with store.log.write() as conn:
            append(conn, source_id(conn, "storefront", "orders"), prepared, received_at=observed, parser=1)
    return time.perf_counter() - started


def peer(texts: list[bytes], home: Path) -> tuple[float, float]:
    """Give seconds of dlt's first delivery and of its second."""
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")  # it warns of columns that this shop leaves empty
    import dlt

    destination = dlt.destinations.duckdb(str(home / "peer.duckdb"))
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="shop", pipelines_dir=str(home / "dlt"))

    def orders() -> Iterator[list[dict[str, Any]]]:
        for text in texts:
            yield json.loads(text)

    def run() -> float:
        started = time.perf_counter()
        pipeline.run(dlt.resource(orders, name="orders", primary_key="id", write_disposition="merge"))
        return time.perf_counter() - started

    taken = (run(), run())
    with duckdb.connect(str(home / "peer.duckdb")) as conn:
        found = conn.execute("select count(*) from shop.orders").fetchone()
    if found != (ORDERS,):
        raise RuntimeError(f"the peer holds {found} orders instead of {ORDERS}")
    return taken


def peer_seconds() -> list[float]:
    """Run the peer, in a process of its own so that its memory is not counted as ours."""
    with tempfile.TemporaryDirectory() as home:
        return list(peer([json.dumps(page).encode() for page in pages()], Path(home)))


def run() -> list[Result]:
    """Measure both, one after the other."""
    texts = [json.dumps(page).encode() for page in pages()]
    with tempfile.TemporaryDirectory() as home:
        first, again = ours(texts, Path(home))
    peer_first, peer_again = call_in_own_process("benchmarks.append_beside_dlt", "peer_seconds")
    packages = ("sqlalchemy", "msgspec", "dlt", "duckdb")
    return [
        result(name, ours=ORDERS / mine, peer=ORDERS / theirs, unit="records/s", peer_name="dlt", packages=packages)
        for name, mine, theirs in (
            ("orders of 4 lines appended, new", first, peer_first),
            ("orders of 4 lines appended, all repeats", again, peer_again),
        )
    ]
