"""Both systems with one merchant in them, started once; each module of tests gets them as they were seeded."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.counterparts import serving
from tests.counterparts.install import install
from tests.counterparts.judge_medusa import Shop
from tests.counterparts.judge_tryton import Erp
from tests.counterparts.places import missing
from tests.counterparts.postgres import Cluster, cluster
from tests.counterparts.seed import ERP, SHOP, Merchant, seeded

HERE = Path(__file__).parent
TRIALS = os.environ.get("FILLWELL_TRIALS") == "1"
LONGEST = ("test_kill.py", "test_changes.py", "test_exceptions.py", "test_tutorial.py", "test_actions.py")
STEPS = ("test_actions.py",)  #: modules whose tests go on where the one before stood: done, sent again, taken back
#: The ERP's tables that grow while a merchant sells, and the columns that say when a row was made and written.
GREW = (
    "sale_sale",
    "sale_line",
    "stock_move",
    "stock_shipment_out",
    "product_product",
    "product_template",
    "stock_lot",
)
STAMPS = ("create_date", "write_date")
FIGURE = "figure"  #: the name under which a test records a line that people want to read
SHOP_NOW, ERP_NOW = "medusa", "tryton"  #: the databases that tests change


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Keep these tests out of the everyday run, begin with what takes longest, and leave steps in their order."""
    written = {item.nodeid: place for place, item in enumerate(items)}
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.counterparts)
            item.add_marker(pytest.mark.timeout(7_200 if TRIALS else 1_800))
    yield
    ranks = {HERE / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(LONGEST)) if HERE in item.path.parents else -1)
    for module in STEPS:
        places = [place for place, item in enumerate(items) if item.path == HERE / module]
        steps = sorted((items[place] for place in places), key=lambda step: written[step.nodeid])
        for place, step in zip(places, steps, strict=True):
            items[place] = step


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded, of all workers, at the end."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    figures = [value for report in reports for name, value in report.user_properties if name == FIGURE]
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write("".join(f"{line}\n" for line in figures))


@dataclass(frozen=True)
class Systems:
    """Both servers, and their judges."""

    db: Cluster
    merchant: Merchant
    shop_url: str
    erp_url: str

    def anew(self) -> None:
        """Put both databases back to what was seeded; the servers run on."""
        for template, database in ((SHOP, SHOP_NOW), (ERP, ERP_NOW)):
            self.db.copy(template, database)


@dataclass(frozen=True)
class Market:
    """One merchant in two systems, by their own clients."""

    systems: Systems
    shop: Shop
    erp: Erp

    @property
    def merchant(self) -> Merchant:
        """Give the ids of what both hold."""
        return self.systems.merchant


@pytest.fixture(scope="session")
def systems() -> Iterator[Systems]:
    """Both servers, installed and seeded where that was not done before."""
    if lacks := missing():
        pytest.skip(lacks)
    installed = install(_say)
    data, merchant = seeded(installed, _say)
    with ExitStack() as open_:
        db = open_.enter_context(cluster(data))
        _as_if_long_ago(db)
        for template, database in ((SHOP, SHOP_NOW), (ERP, ERP_NOW)):
            db.copy(template, database)
        shop = open_.enter_context(serving.medusa(installed.medusa, db, SHOP_NOW))
        erp = open_.enter_context(serving.tryton(installed.tryton, db, ERP_NOW))
        _say(f"Medusa serves at {shop}, Tryton at {erp}")
        yield Systems(db, merchant, shop, erp)


@pytest.fixture(scope="module")
def market(systems: Systems) -> Iterator[Market]:
    """Both as they were seeded; a module's tests share them and take different orders and items."""
    systems.anew()
    shop, erp = Shop(systems.shop_url, systems.merchant.shop.key), Erp(systems.erp_url, ERP_NOW)
    yield Market(systems, shop, erp)
    shop.close()
    erp.close()


def _as_if_long_ago(db: Cluster) -> None:
    """Let some time lie between the ERP's rows: as they were made at once, every look would read them all again.

    Not much: two hundred shipments lie behind one another, and one that stands for thirty hours is late.
    """
    for table in GREW:
        earlier = f"(select max(id) from {table}) - id"  # noqa: S608
        stamps = ", ".join(f"{stamp} = {stamp} - ({earlier}) * interval '20 seconds'" for stamp in STAMPS)
        db.run(f"update {table} set {stamps}", database=ERP)  # noqa: S608


def _say(text: str) -> None:
    """Tell past pytest's capture what takes so long."""
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\ncounterparts: {text}\n".encode())
