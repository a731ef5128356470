"""A code of another system is mapped to ours: what was brought in under it means the right item, and can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from data.errors import RequestError
from data.log.identity import changes_since, identity_of, mappings
from data.publish import facts_hash, open_facts, publish, rebuild
from data.store import Store
from ingest.adapter import Adapter
from ingest.connections import Connection, open_adapter, open_reader
from ingest.identity import MapCode, map_code
from ingest.sync import pull
from tests.ingest.factories import NOON, a_store
from tests.ingest.remote import Remote

SHOP = Connection(name="shop", system="storefront", url="https://remote.test", token="env:T", currency="GBP")
LATER = NOON + timedelta(minutes=5)


def an_order(number: str, *skus: str) -> dict[str, object]:
    """Order one of each."""
    lines = [{"id": str(n), "sku": sku, "quantity": 1, "unit_price": "5.00"} for n, sku in enumerate(skus, 1)]
    return {"id": number, "channel": "web", "created_at": NOON.isoformat(), "currency": "GBP", "lines": lines}


def a_remote() -> Remote:
    """Sell a mug under a code of the shop's own, and a cup under ours."""
    remote = Remote(NOON)
    remote.put("orders", an_order("1", 'MUG "XL"', "CUP"))
    remote.put("orders", an_order("2", "CUP"))
    remote.put("listings", {"id": "web:MUG", "channel": "web", "sku": 'MUG "XL"', "quantity": 3, "active": True})
    return remote


def adapter(store: Store, remote: Remote) -> Adapter:
    """Open the shop with what is mapped now."""
    with store.log.read() as conn:
        return open_adapter(SHOP, {"T": "t"}, identity=identity_of(conn, "shop"), transport=remote.transport)


def readers(store: Store) -> Mapping[str, Adapter]:
    """Open what reads stored records of the shop."""
    with store.log.read() as conn:
        return {"shop": open_reader(SHOP, identity=identity_of(conn, "shop"))}


def read(store: Store, remote: Remote, by: Adapter | None = None) -> None:
    """Bring in orders and listings."""
    for stream in ("orders", "listings"):
        pull(store, by or adapter(store, remote), stream, clock=remote.clock)


def say(store: Store, ours: str | None, external: str = 'MUG "XL"', *, kind: str = "sku") -> tuple[int, int]:
    """Map a code or take its mapping back; give how many records were read again and changed."""
    wanted = MapCode(connection="shop", kind=kind, external=external, ours=ours)
    done = map_code(store, lambda: readers(store), wanted, by="ann", now=LATER)
    publish(store, now=LATER)
    return done.records, done.changed


def sold(store: Store) -> list[tuple[str, str]]:
    """Give what was ordered."""
    publish(store, now=NOON)
    return sorted(open_facts(store).frame("order_line").select("entity", "sku").rows())


def test_what_waited_for_a_mapping_is_replayed_and_nothing_else_is_touched(tmp_path: Path) -> None:
    store, remote = a_store(tmp_path), a_remote()
    read(store, remote)
    assert ("shop/1", 'MUG "XL"') in sold(store)
    assert say(store, "MUG-XL") == (2, 2)  # an order and a listing; the other order holds no such code
    assert sold(store) == [("shop/1", "CUP"), ("shop/1", "MUG-XL"), ("shop/2", "CUP")]
    assert open_facts(store).frame("listing")["sku"].to_list() == ["MUG-XL"]


def test_facts_are_as_if_it_had_been_mapped_from_the_start(tmp_path: Path) -> None:
    store, remote, mirror = a_store(tmp_path / "a"), a_remote(), a_store(tmp_path / "b")
    read(store, remote)
    publish(store, now=NOON)
    say(store, "MUG-XL")
    say(mirror, "MUG-XL")
    read(mirror, remote)
    publish(mirror, now=NOON)
    hashed = facts_hash(open_facts(store))
    assert hashed == facts_hash(open_facts(mirror))
    rebuild(store, now=LATER)
    assert facts_hash(open_facts(store)) == hashed


def test_the_same_mapping_twice_changes_nothing_and_an_undo_takes_it_back(tmp_path: Path) -> None:
    store, remote = a_store(tmp_path), a_remote()
    read(store, remote)
    before = sold(store)
    hashed = facts_hash(open_facts(store))
    say(store, "MUG-XL")
    assert say(store, "MUG-XL") == (2, 0)
    say(store, "MUG-XXL")
    assert ("shop/1", "MUG-XXL") in sold(store)
    say(store, None)
    assert sold(store) == before
    assert facts_hash(open_facts(store)) == hashed
    with store.log.read() as conn:
        assert mappings(conn) == []
        told = [(c.before, c.after, c.by) for c in changes_since(conn, 0)]
    assert told == [(None, "MUG-XL", "ann"), ("MUG-XL", "MUG-XXL", "ann"), ("MUG-XXL", None, "ann")]


def test_what_a_running_reader_took_in_by_the_old_map_is_set_right_when_it_follows(tmp_path: Path) -> None:
    store, remote = a_store(tmp_path), a_remote()
    running = adapter(store, remote)
    read(store, remote, running)
    say(store, "MUG-XL")
    remote.step()
    remote.put("orders", an_order("3", 'MUG "XL"'))
    read(store, remote, running)
    assert ("shop/3", 'MUG "XL"') in sold(store)
    assert say(store, "MUG-XL")[1] == 1
    assert ("shop/3", "MUG-XL") in sold(store)


def test_a_mapping_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    with pytest.raises(RequestError, match="called the same here"):
        say(store, "MUG", "MUG")
    with pytest.raises(RequestError, match="cannot be mapped"):
        say(store, "MUG", "TASSE", kind="colour")
    with pytest.raises(RequestError, match="give both codes"):
        say(store, "MUG", " ")
    with pytest.raises(RequestError, match="no connection 'elsewhere'"):
        map_code(
            store, lambda: readers(store), MapCode(connection="elsewhere", kind="sku", external="A", ours="B"),
            by="ann", now=NOON,
        )  # fmt: skip
