"""Reading over a long time: nothing missed, nothing twice, everything accounted for, whatever happens on the way."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from data.clock import to_micros
from data.errors import SourceUnavailable
from data.events import ItemStated, OrderStated
from data.log import tables as t
from data.log.dead_letters import Wanted, list_dead_letters, replay
from data.log.lookup import last_heard
from data.publish import open_facts, publish
from data.store import Store
from ingest.adapter import Adapter
from ingest.replay import parse_stored
from ingest.rest import RestAdapter
from ingest.sync import compare, pull, pull_all, pull_or_error, reconcile, sweep
from tests.ingest.factories import (
    NOON,
    SYSTEMS,
    a_store,
    accounted,
    an_adapter,
    an_item,
    an_order,
    dice_of,
    golden,
    keys_held,
    outcomes,
    status_of,
)
from tests.ingest.remote import Raw, Remote


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


def held_version(store: Store, key: str) -> str | None:
    """Tell in which version the log holds an order; the test writes it into the hold."""
    with store.log.read() as conn:
        event = last_heard(conn, "storefront", "orders", key)
    return event.hold if isinstance(event, OrderStated) else None


def change_something(remote: Remote, dice: random.Random) -> None:
    """Change up to three orders, in the same instant or soon after."""
    for _ in range(dice.randrange(4)):
        key = f"o{dice.randrange(12):02}"
        version = remote.items.get("orders", {}).get(key, {"version": 0})["version"] + 1
        remote.put("orders", an_order(key, hold=f"v{version}"))
        remote.step(dice.choice((0, 0, 0.000001, 1, 20)))


@pytest.mark.parametrize("seed", range(12))
def test_no_schedule_of_changes_reads_and_failures_misses_anything(store: Store, seed: int) -> None:
    no_schedule_misses_anything(store, seed)


def no_schedule_misses_anything(store: Store, seed: int) -> None:
    """Change, read and fail at random for a while, then read once in peace: the log holds what the source has."""
    dice, remote = dice_of(seed), Remote(NOON, page_size=3)
    shop = an_adapter("storefront", remote)

    def meddle(_page: int) -> None:
        if dice.random() < 0.3:
            change_something(remote, dice)
        if dice.random() < 0.15:
            remote.epoch += 1
        if dice.random() < 0.15:
            remote.answers = [dice.choice((httpx.Response(401), httpx.Response(200, text="<html>")))]

    for _ in range(12):
        change_something(remote, dice)
        remote.before_page = meddle
        pull_or_error(store, shop, "orders", clock=remote.clock)
        remote.before_page, remote.answers = (lambda _page: None), []
    remote.step(60)
    pull(store, shop, "orders", clock=remote.clock)
    wanted = {key: f"v{item['version']}" for key, item in remote.items.get("orders", {}).items()}
    assert {key: held_version(store, key) for key in wanted} == wanted
    assert accounted(store)
    assert not compare(store, shop, "orders", clock=remote.clock)


def test_what_a_source_acknowledged_is_what_is_stored(store: Store) -> None:
    """Lost, unexpected and duplicated are all nothing, over every system and all of its streams."""
    dice, sent, wires = dice_of(11), set[str](), dict[str, Remote]()
    for system in SYSTEMS:
        wires[system] = Remote(NOON, page_size=5)
        for stream in golden(system):
            for number in range(dice.randrange(3, 14)):
                key = f"{stream}-{number}"
                wires[system].put(stream, {**an_item(system, stream, key), **_own(stream, number)})
                sent.add(key)
    adapters = [an_adapter(system, wires[system]) for system in SYSTEMS]
    for _ in range(4):
        for remote in wires.values():
            remote.answers = dice.choices((httpx.Response(503), httpx.Response(429, headers={"Retry-After": "1"})), k=3)
        pull_all(store, adapters, clock=lambda: NOON)
    assert set(keys_held(store)) == sent
    assert len(keys_held(store)) == len(sent)
    assert set(outcomes(store)) <= {"accepted"}
    assert accounted(store)


def _own(stream: str, number: int) -> Raw:
    """Give each item an entity of its own where its id is not the entity."""
    return {"stock": {"sku": f"S{number}"}, "stock_history": {"sku": f"S{number}"}, "terms": {"sku": f"S{number}"}}.get(
        stream, {}
    )


def test_a_failing_stream_does_not_keep_the_others_from_being_read(store: Store) -> None:
    remote = Remote(NOON)
    remote.put("channels", an_item("storefront", "channels", "web"))
    remote.put("returns", an_item("storefront", "returns", "R1"))
    remote.answers = [httpx.Response(403)]
    ended = pull_all(store, [an_adapter("storefront", remote)], clock=remote.clock)
    assert [pull.stream for pull in ended if pull.error] == ["channels"]
    assert keys_held(store) == ["R1"]
    assert status_of(store, "storefront", "channels").error_class == "auth"


def test_progress_is_told_page_by_page(store: Store) -> None:
    remote, told = Remote(NOON, page_size=2), list[tuple[str, int, int]]()
    for number in range(5):
        remote.put("orders", an_order(f"o{number}"))
    shop = an_adapter("storefront", remote)
    pull(store, shop, "orders", clock=remote.clock, progress=lambda *step: told.append(step))
    assert told == [("storefront/orders", 2, 0), ("storefront/orders", 4, 0), ("storefront/orders", 5, 0)]


def test_a_long_page_is_stored_in_parts_and_its_cursor_moves_with_the_last(store: Store) -> None:
    remote = Remote(NOON)
    for number in range(900):
        remote.put("orders", an_order(f"o{number:03}"))
    shop, commits = an_adapter("storefront", remote), list[int]()

    @sa.event.listens_for(store.log.writer, "commit")
    def _on_commit(conn: sa.Connection) -> None:
        standing = conn.execute(sa.select(t.cursor.c.value)).scalar()
        commits.append(0 if standing is None else 1)

    assert pull(store, shop, "orders", clock=remote.clock).accepted == 900
    assert len(commits) > 2
    assert commits == [0] * (len(commits) - 1) + [1]


def test_a_sweep_believes_no_list_that_misses_too_much(store: Store) -> None:
    remote = Remote(NOON)
    for number in range(60):
        remote.put("orders", an_order(f"o{number:02}"))
    shop = an_adapter("storefront", remote)
    pull(store, shop, "orders", clock=remote.clock)
    remote.answers = [httpx.Response(200, json={"keys": ["o00"]})]
    with pytest.raises(SourceUnavailable, match="misses 59 of 60"):
        sweep(store, shop, "orders", clock=remote.clock)
    assert status_of(store, "storefront", "orders").error_class == "sweep"


def test_a_sweep_asks_for_each_item_before_it_believes_that_it_is_gone(store: Store) -> None:
    remote = Remote(NOON)
    for key in ("a", "b"):
        remote.put("orders", an_order(key))
    shop = an_adapter("storefront", remote)
    pull(store, shop, "orders", clock=remote.clock)
    remote.answers = [httpx.Response(200, json={"keys": ["a"]})]
    assert sweep(store, shop, "orders", clock=remote.clock).gone == ()


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_gone_leaves_the_figures_and_comes_back_with_them(store: Store, version: int) -> None:
    remote = Remote(NOON)
    for key in ("a", "b"):
        remote.put("orders", an_order(key))
    shop = an_adapter("storefront", remote)
    pull(store, shop, "orders", clock=remote.clock)
    publish(store, now=NOON)
    remote.delete("orders", "a")
    sweep(store, shop, "orders", clock=remote.clock)
    publish(store, now=NOON)
    assert _orders(store) == {"storefront/b"}
    remote.step()
    remote.items["orders"]["a"] = {**an_order("a"), "version": version, "updated_at": NOON.isoformat()}
    reconcile(store, shop, "orders", clock=remote.clock, report=lambda _drift: None)
    publish(store, now=NOON)
    assert _orders(store) == {"storefront/a", "storefront/b"}


def _orders(store: Store) -> set[str]:
    return set(open_facts(store).rows("order_line").collect()["entity"].to_list())


def test_a_dead_letter_is_corrected_and_replayed_once(store: Store) -> None:
    remote = Remote(NOON)
    good = remote.put("orders", an_order("a"))
    remote.broken = {"a": b'{"id":"a","version":1,"updated_at":"2026-03-02T12:00:00+00:00","lines":"none"}'}
    shop = an_adapter("storefront", remote)
    pull(store, shop, "orders", clock=remote.clock)
    parse = parse_stored({"storefront": shop}, secret=b"key")
    with store.log.read() as conn:
        [dead] = list_dead_letters(conn)
    assert (dead.key, dead.error_class) == ("a", "shape")
    for _ in range(2):
        with store.log.write() as conn:
            assert replay(conn, dead.id, parse, at=to_micros(NOON), parser=1, edited=_wire(good)).outcome == "accepted"
    assert outcomes(store) == {"accepted": 1}
    assert accounted(store)


def _wire(item: Raw) -> bytes:
    return httpx.Response(200, json=item).content


def test_dead_letters_of_a_parser_that_was_too_strict_are_all_read_once_by_its_successor(store: Store) -> None:
    remote = Remote(NOON)
    for number in range(20):
        remote.put("items", an_item("erp", "items", f"S{number:02}", name=7))
    strict = an_adapter("erp", remote)
    assert pull(store, strict, "items", clock=remote.clock).dead_letters == 20
    with store.log.read() as conn:
        dead = list_dead_letters(conn, Wanted(connection="erp"))
    parse = parse_stored({"erp": _lenient(strict)}, secret=b"key")
    for _ in range(2):
        for record in dead:
            with store.log.write() as conn:
                replay(conn, record.id, parse, at=to_micros(NOON), parser=2)
    assert outcomes(store) == {"accepted": 20}
    assert accounted(store)


def _lenient(adapter: Adapter) -> Adapter:
    """Make an adapter that takes a number for a name, as a corrected parser would."""
    assert isinstance(adapter, RestAdapter)

    def item(raw: bytes) -> tuple[ItemStated, ...]:
        stated = json.loads(raw)
        return (ItemStated(sku=stated["id"], name=str(stated["name"])),)

    return replace(adapter, parsers={**adapter.parsers, "items": item})
