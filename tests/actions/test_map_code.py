"""From an unknown code to orders that bear ours: found, mapped by a person, replayed, proved by facts, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from actions import outbox
from actions import tables as t
from actions.cases import queue
from actions.desk import Desk, open_desk
from actions.detect import detect
from actions.targets import Targets, targets_of
from actions.view import Account, View
from data.clock import to_micros
from data.log.append import append, prepare, source_id
from data.log.identity import identity_of
from data.publish import open_facts, publish
from data.store import Store
from ingest.adapter import Adapter
from ingest.connections import Connection, open_reader
from ingest.sync import pull
from tests.actions.factories import APPROVER, OPERATOR
from tests.factories import an_item, received
from tests.ingest.factories import NOON, a_store
from tests.ingest.remote import Remote
from tests.ingest.test_identity import SHOP, adapter, an_order

ACCOUNTS = {
    "shop": Account(connection="shop", system="storefront", orders_from="shop", stock_from="shop", items_from="erp"),
    "erp": Account(connection="erp", system="erp", orders_from="shop", stock_from="erp", items_from="erp"),
}


@dataclass
class World:
    """A shop that sells a mug under a code of its own, and an ERP that knows it under ours."""

    store: Store
    desk: Desk
    targets: Targets
    now: list[datetime]

    def view(self) -> View:
        """See what is published now."""
        publish(self.store, now=self.now[0])
        return View(facts=open_facts(self.store), now=self.now[0], accounts=ACCOUNTS)

    def look(self) -> list[str]:
        """Let detection run twice and name what waits."""
        for _ in range(2):
            self.now[0] += timedelta(minutes=1)
            detect(self.desk, self.view(), shadow=None)
        return [case["subject"] for case in queue(self.desk)]

    def carry_out(self, action: int | None) -> str:
        """Approve, send, read back."""
        assert action is not None
        outbox.approve(self.desk, action, by=APPROVER)
        outbox.send(self.desk, action, by=OPERATOR, targets=self.targets)
        return outbox.verify(self.desk, action, by=OPERATOR, targets=self.targets).status

    def sold(self) -> list[str]:
        """Name what was ordered."""
        return sorted(open_facts(self.store).frame("order_line")["sku"].to_list())


def a_world(folder: Path) -> World:
    """Read one order of a mug and a cup; the ERP calls the mug otherwise."""
    store, remote, now = a_store(folder), Remote(NOON), [NOON]
    remote.put("orders", an_order("1", "MUG_1", "CUP"))
    pull(store, adapter(store, remote), "orders", clock=remote.clock)
    items = [received(an_item(sku, name=name), key=sku) for sku, name in (("MUG-1", "Mug"), ("CUP", "Cup"))]
    with store.log.write() as conn:
        append(conn, source_id(conn, "erp", "items"), prepare(items), received_at=to_micros(NOON), parser=1)
    desk = open_desk(store, clock=lambda: now[0], transport=lambda: now[0])
    with desk.write() as conn:
        conn.execute(sa.insert(t.policy).values(type="map_code", ladder="approve"))

    def readers() -> Mapping[str, Adapter]:
        with store.log.read() as conn:
            erp = Connection(name="erp", system="erp", url="https://remote.test", token="env:T")
            return {c.name: open_reader(c, identity=identity_of(conn, c.name)) for c in (SHOP, erp)}

    return World(store, desk, targets_of(store, [], lambda: now[0], readers), now)


def test_a_mapping_replays_what_waited_is_proved_by_the_facts_and_taken_back(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert world.look() == ["shop/sku/MUG_1"]
    made = outbox.plan(world.desk, world.view(), 1, by=OPERATOR, targets=world.targets)
    assert made.card is not None
    assert "MUG_1 is our MUG-1" in made.card.words
    assert "alike" in made.card.why[0]
    assert world.carry_out(made.action) == "verified"
    assert world.sold() == ["CUP", "MUG-1"]
    assert world.look() == []

    back = outbox.undo(world.desk, world.view(), made.action or 0, by=APPROVER, targets=world.targets)
    assert world.carry_out(back.action) == "verified"
    assert world.sold() == ["CUP", "MUG_1"]
    assert world.look() == ["shop/sku/MUG_1"]


def test_a_person_may_choose_another_code_but_none_that_nobody_knows(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.look()

    def plan(code: str) -> outbox.Planned:
        return outbox.plan(world.desk, world.view(), 1, by=OPERATOR, targets=world.targets, choice={"ours": code})

    assert "there is no sku 'MUGG'" in plan("MUGG").words
    made = plan("CUP")
    assert world.carry_out(made.action) == "verified"
    assert world.sold() == ["CUP", "CUP"]
