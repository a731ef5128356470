"""Our side: a workspace that is connected to both systems as a merchant's would be, and what it then knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from actions import outbox
from actions import tables as desk
from actions.cases import LIVE
from actions.desk import open_desk
from actions.people import person
from actions.rows import DONE
from app.connect import connect
from app.demo.stage import APPROVER, staff
from app.engine import work
from app.engine.clock import BusinessClock
from app.engine.work import Engine
from data.log import tables as t
from data.log.identity import set_identity
from data.publish import open_facts
from data.settings import read_settings
from data.store import Store, open_store
from ingest.sync import StreamPull, pull_all
from tests.counterparts.conftest import ERP_NOW, Market
from tests.counterparts.serving import PASSWORD

SHOP, ERP = "medusa", "tryton"
WORKSPACE = "merchant"

#: A difference that cannot be seen at one instant must last a quarter of an hour.
LOOK_EVERY = timedelta(minutes=16)
MOST_ROUNDS = 8  #: of sending and reading back

CONNECTIONS = """
[{shop}]
system = "medusa"
url = "{shop_url}"
token = "env:MEDUSA_KEY"
currency = "EUR"
stock_from = "{erp}"
items_from = "{erp}"

[{erp}]
system = "tryton"
url = "{erp_url}/{database}"
token = "env:TRYTON_LOGIN"
currency = "EUR"
orders_from = "{shop}"
"""


@dataclass(frozen=True)
class Ours:
    """A workspace and its engine."""

    engine: Engine
    clock: BusinessClock

    @property
    def store(self) -> Store:
        """Give the workspace's store."""
        return self.engine.store

    def pull(self, systems: Collection[str] = (SHOP, ERP)) -> list[StreamPull]:
        """Read every stream of these systems once and publish; a stream that fails is a failure."""
        adapters = [adapter for name, adapter in self.engine.adapters.items() if name in systems]
        ended = pull_all(self.store, adapters, clock=self.clock)
        assert not [f"{one.connection}/{one.stream}: {one.error}" for one in ended if one.error]
        work.publish_news(self.engine)
        return ended

    def rows(self, table: str) -> pl.DataFrame:
        """Give a table of facts as published last."""
        return open_facts(self.store).frame(table)

    def outcomes(self) -> dict[str, int]:
        """Count what became of what was received."""
        query = sa.select(t.record.c.outcome, sa.func.count().label("number")).group_by(t.record.c.outcome)
        with self.store.log.read() as conn:
            return {row.outcome: row.number for row in conn.execute(query)}

    def look(self) -> None:
        """Look once, a quarter of an hour later."""
        self.clock.lead += LOOK_EVERY
        self.pull()
        work.detect_cases(self.engine)

    def detected(self) -> set[tuple[str, str]]:
        """Look until what is seen has lasted long enough, and give (detector, subject) of each live case."""
        self.look()
        self.look()
        query = sa.select(desk.case.c.detector, desk.case.c.subject).where(desk.case.c.status.in_(LIVE))
        with self.engine.desk.read() as conn:
            return {(row.detector, row.subject) for row in conn.execute(query)}

    def case_of(self, detector: str, subject: str) -> dict[str, Any]:
        """Give the newest case of a subject."""
        query = sa.select(desk.case).where(desk.case.c.detector == detector, desk.case.c.subject == subject)
        with self.engine.desk.read() as conn:
            return dict(conn.execute(query.order_by(desk.case.c.id.desc())).mappings().first() or {})

    def fix(self, detector: str, subject: str) -> dict[str, Any]:
        """Plan the suggested correction, approve it, send it and read it back; give the action as it ended."""
        return self.ended(self.approved(detector, subject))

    def approved(self, detector: str, subject: str) -> int:
        """Plan the suggested correction of a case and approve it; give the action's number."""
        view = work.look(self.engine)
        assert view is not None
        approver = person(self.engine.desk, APPROVER, entry="test")
        case = self.case_of(detector, subject)
        planned = outbox.plan(self.engine.desk, view, case["id"], by=approver, targets=self.engine.targets)
        assert planned.action is not None, planned.words
        if not outbox.approve(self.engine.desk, planned.action, by=approver).done:
            second = person(self.engine.desk, None, entry="test")
            assert outbox.approve(self.engine.desk, planned.action, by=second).done
        return planned.action

    def ended(self, number: int) -> dict[str, Any]:
        """Send what is approved and read it back; give the action as it ended."""
        for _ in range(MOST_ROUNDS):
            work.act(self.engine)
            action = self._action(number)
            if action["status"] in DONE:
                break
            self.clock.lead += timedelta(minutes=2)
            self.pull()
        return action

    def _action(self, number: int) -> dict[str, Any]:
        with self.engine.desk.read() as conn:
            return dict(conn.execute(sa.select(desk.action).where(desk.action.c.id == number)).mappings().one())


def env(market: Market) -> dict[str, str]:
    """Give the secrets to which the connections refer."""
    return {"MEDUSA_KEY": market.merchant.shop.key, "TRYTON_LOGIN": f"admin:{PASSWORD}"}


def connections(market: Market) -> str:
    """Write the connections of the workspace."""
    return CONNECTIONS.format(
        shop=SHOP, erp=ERP, shop_url=market.systems.shop_url, erp_url=market.systems.erp_url, database=ERP_NOW
    )


@contextmanager
def ours(home: Path, market: Market) -> Iterator[Ours]:
    """Connect an empty workspace to both systems, its locations mapped to the ERP's codes as a person would."""
    store, clock = open_store(read_settings({"FILLWELL_HOME": str(home)}), WORKSPACE), BusinessClock()
    folder = store.facts.parent
    (folder / "connections.toml").write_text(connections(market))
    with store.log.write() as conn:
        for code, location in market.merchant.shop.locations.items():
            set_identity(conn, SHOP, "location", location, code, by="mara", now=clock())
    connected = connect(store, env(market))
    engine = Engine(store, open_desk(store, clock=clock), connected, clock, folder, {"shadow": None, "budget": None})
    staff(engine.desk)
    yield Ours(engine, clock)
    for adapter in connected.adapters.values():
        adapter.close()
    store.close()
