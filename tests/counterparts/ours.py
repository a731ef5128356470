"""Our side: a workspace that is connected to both systems as a merchant's would be, and what it then knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from actions import tables as desk
from actions.cases import LIVE
from actions.desk import open_desk
from app.connect import connect
from app.engine import work
from app.engine.work import Engine
from data.clock import system_clock
from data.log import tables as t
from data.log.identity import set_identity
from data.publish import open_facts
from data.settings import read_settings
from data.store import Store, open_store
from ingest.sync import StreamPull
from tests.counterparts.conftest import ERP_NOW, Market
from tests.counterparts.serving import PASSWORD

SHOP, ERP = "medusa", "tryton"
WORKSPACE = "merchant"

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

    @property
    def store(self) -> Store:
        """Give the workspace's store."""
        return self.engine.store

    def pull(self) -> list[StreamPull]:
        """Read every stream once and publish; a stream that fails is a failure."""
        ended = work.read_all(self.engine)
        assert not [f"{one.connection}/{one.stream}: {one.error}" for one in ended if one.error]
        work.publish_news(self.engine)
        return ended

    def rows(self, table: str) -> pl.DataFrame:
        """Give a table of facts as published last."""
        return open_facts(self.store).frame(table)

    def outcomes(self) -> dict[str, int]:
        """Count what became of what was received."""
        query = sa.select(t.record.c.outcome, sa.func.count()).group_by(t.record.c.outcome)
        with self.store.log.read() as conn:
            return dict(conn.execute(query).tuples().all())

    def detected(self) -> set[tuple[str, str]]:
        """Look twice for exceptions, as the engine does, and give (detector, subject) of each that is open."""
        for _ in range(2):
            work.detect_cases(self.engine)
        query = sa.select(desk.case.c.detector, desk.case.c.subject).where(desk.case.c.status.in_(LIVE))
        with self.engine.desk.read() as conn:
            return {(row.detector, row.subject) for row in conn.execute(query)}


def env(market: Market) -> dict[str, str]:
    """Give the secrets to which the connections refer."""
    return {"MEDUSA_KEY": market.merchant.shop.key, "TRYTON_LOGIN": f"admin:{PASSWORD}"}


def connections(market: Market) -> str:
    """Write the connections of the workspace."""
    return CONNECTIONS.format(
        shop=SHOP, erp=ERP, shop_url=market.systems.shop_url, erp_url=market.systems.erp_url, database=ERP_NOW
    )


@contextmanager
def ours(home: Path, market: Market, *, now: datetime | None = None) -> Iterator[Ours]:
    """Connect an empty workspace to both systems, its locations mapped to the ERP's codes as a person would."""
    store = open_store(read_settings({"FILLWELL_HOME": str(home)}), WORKSPACE)
    folder = store.facts.parent
    (folder / "connections.toml").write_text(connections(market))
    with store.log.write() as conn:
        for code, location in market.merchant.shop.locations.items():
            set_identity(conn, SHOP, "location", location, code, by="mara", now=now or system_clock())
    connected = connect(store, env(market))
    engine = Engine(
        store, open_desk(store, clock=system_clock), connected, system_clock, folder, {"shadow": None, "budget": None}
    )
    yield Ours(engine)
    for adapter in connected.adapters.values():
        adapter.close()
    store.close()
