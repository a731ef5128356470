"""A desk over a market that does not stand still, for the trials in a real browser."""

from __future__ import annotations

import random
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Self

import sqlalchemy as sa

from actions import cases
from actions import tables as t
from actions.cases import Filters
from actions.desk import Desk
from actions.detect import DETECTOR, detect
from actions.people import Person
from actions.policy import set_policy
from actions.registry import action_types, detectors
from app.processes import free_port
from app.services import workspace
from app.services.acting import desk_of, view_of
from app.services.workspace import DEMO, WORKSPACE_VARIABLE
from data.publish import publish
from data.settings import read_settings
from data.store import Store, open_store
from tests.app.browser import module, running, wait_for
from tests.app.factories import NOW, a_shop, feed
from tests.factories import DAY, HOUR, a_count, a_line, a_listing, a_parcel, an_item, an_order

SUPPORTED = 14  #: what the stock of every item supports, the channel keeping nothing back


@dataclass
class Market:
    """Items of which the channel offers too many, or not: cases come, go and change places."""

    store: Store
    dice: random.Random
    skus: list[str]
    at: datetime = NOW
    offered: dict[str, int] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        """Give the desk's database."""
        return desk_of(self.store)

    def open(self) -> None:
        """Sell every item well for a month, and offer too many of a third of them."""
        a_shop(self.store, orders=4)
        feed(self.store, "erp", "items", [an_item(sku, ("2026-01-01", "1.00"), supplier="S1") for sku in self.skus])
        counts = [a_count(sku, on_hand=SUPPORTED, counted_at=NOW - HOUR) for sku in self.skus]
        feed(self.store, "warehouse", "stock", counts)
        orders = [
            an_order(f"storefront/m{n}", a_line(sku=sku, units=900), placed_at=NOW - 9 * DAY, ship_by=NOW - 7 * DAY)
            for n, sku in enumerate(self.skus)
        ]
        feed(self.store, "storefront", "orders", orders)
        parcels = [
            a_parcel(f"PM{n}", f"storefront/m{n}", ("1", sku, 900), handed_over_at=NOW - 8 * DAY)
            for n, sku in enumerate(self.skus)
        ]
        feed(self.store, "warehouse", "shipments", parcels)
        for name in action_types():
            set_policy(self.desk, name, by=Person("ada", "admin", "cli"), ladder="approve")
        self.offer({sku: self._drift() if n % 3 == 0 else SUPPORTED for n, sku in enumerate(self.skus)})

    def shake(self) -> None:
        """Let some cases appear, others go, and the rest change places."""
        self.offer(
            {
                sku: self.dice.choice((SUPPORTED, self._drift(), self._drift()))
                for sku in self.dice.sample(self.skus, self.dice.randint(1, 6))
            }
        )

    def offer(self, quantities: dict[str, int]) -> None:
        """Let the channel offer these quantities, and let the detector look twice."""
        self.at += timedelta(seconds=10)
        self.offered |= quantities
        listings = [
            a_listing(f"web:{sku}", units, sku=sku, price_minor=255, currency="GBP")
            for sku, units in quantities.items()
        ]
        feed(self.store, "storefront", "listings", listings, now=self.at)
        feed(self.store, "warehouse", "stock", [], now=self.at)
        publish(self.store, now=self.at)
        workspace._held.cache_clear()
        for seconds in (1, 2):
            view = view_of(self.store, self.at + timedelta(seconds=seconds))
            detect(self.desk, view, shadow=None, budget=None, chosen=[detectors()["X02"]])

    def waiting(self) -> list[int]:
        """Name the cases that wait."""
        return [int(case["id"]) for case in cases.queue(self.desk, Filters())]

    def case_named(self, title: str) -> int:
        """Give the live case whose title is about the same item: numbers in a title change, its item does not."""
        sku = next(word for word in title.replace(",", " ").split() if word in {*self.skus, "A", "B"})
        return self.case_of(sku)

    def case_of(self, sku: str) -> int:
        """Give the live case about an item."""
        [case] = cases.queue(self.desk, Filters(sku=sku))
        return int(case["id"])

    def work_on_something(self) -> None:
        """Let a colleague take a case that waits."""
        case = self.dice.choice(self.waiting() or [0])
        if case:
            cases.claim(self.desk, case, by=Person("ann", "operator", "cli"))

    def _drift(self) -> int:
        return self.dice.randint(SUPPORTED + 5, SUPPORTED + 28)


def a_market(home: Path, dice: random.Random, items: int) -> Market:
    """Open a market in a home of its own."""
    store = open_store(read_settings({"FILLWELL_HOME": str(home)}), DEMO)
    market = Market(store, dice, [f"S{n:02}" for n in range(items)])
    market.open()
    return market


@dataclass
class MortalDesk:
    """The desk's process: it can be killed at any moment and comes back at the same address."""

    home: Path
    sends_every: float | None = None  #: seconds; 0.01 by itself, more on a machine that is too busy
    port: int = field(default_factory=free_port)
    lives: int = 0
    _life: ExitStack = field(default_factory=ExitStack)
    _process: Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    def start(self) -> None:
        """Serve, and wait until it answers."""
        self.lives += 1
        log = self.home / f"desk-{self.lives}.log"
        env = {"FILLWELL_HOME": str(self.home), WORKSPACE_VARIABLE: DEMO, "PORT": str(self.port)}
        process = self._life.enter_context(running([*self._program(), "--workspace", DEMO], env, log))
        self._process = process
        wait_for(f"{self.url}/_stcore/health", process, log)

    def kill(self) -> None:
        """End it without a word of warning."""
        if self._process is not None:
            self._process.kill()
        self._life.close()

    def _program(self) -> list[str]:
        if self.sends_every is None:
            return module("app.desk.serve")
        slowly = f"from streamlit.runtime import runtime; runtime.MESSAGE_FLUSH_INTERVAL_SECS = {self.sends_every}"
        return [sys.executable, "-c", f"{slowly}\nfrom app.desk.serve import main\nmain()"]


@dataclass(frozen=True)
class Touched:
    """What people did: the last entry of each book before, so that what comes after can be told apart."""

    event: int
    action: int

    @classmethod
    def until_now(cls, desk: Desk) -> Touched:
        """Mark this moment."""
        with desk.read() as conn:
            last = [conn.execute(sa.select(sa.func.max(c.c.id))).scalar() or 0 for c in (t.case_event, t.action)]
        return cls(*last)

    def since(self, desk: Desk) -> set[int]:
        """Name the cases on which a person acted after it."""
        e, a = t.case_event.c, t.action.c
        told = sa.select(e.case_id).where(e.id > self.event, e.by != DETECTOR)
        planned = sa.select(a.case_id).where(a.id > self.action)
        with desk.read() as conn:
            return {*conn.execute(told).scalars(), *conn.execute(planned).scalars()}
