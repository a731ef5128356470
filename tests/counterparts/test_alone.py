"""A storefront without an ERP is its own warehouse: what goes wrong in it alone is found, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from actions import outbox
from actions.desk import open_desk
from actions.people import person
from app.connect import connect
from app.demo.stage import APPROVER, staff
from app.engine import work
from app.engine.clock import BusinessClock
from app.engine.work import Engine
from data.log.identity import set_identity
from data.settings import read_settings
from data.store import open_store
from tests.counterparts.conftest import Market
from tests.counterparts.judge_medusa import Raw
from tests.counterparts.ours import SHOP, WORKSPACE, Ours, env
from tests.counterparts.test_exceptions import BER, Shop

CONNECTION = """
[{shop}]
system = "medusa"
url = "{url}"
token = "env:MEDUSA_KEY"
currency = "EUR"
"""
SKU = "CAP-003-L"


@dataclass(frozen=True)
class Alone:
    """What was there before, what was caused, and what was found then."""

    mine: Ours
    before: set[tuple[str, str]]
    found: set[tuple[str, str]]
    oversold: tuple[str, str]
    unpacked: Raw
    packed: Raw


@pytest.fixture(scope="module")
def alone(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    with connected(tmp_path_factory.mktemp("home"), market) as mine:
        before = mine.detected()
        shop = Shop(market)
        place = oversell(shop)
        unpacked, packed = shop.sold({"PEN-006-M": 2}, hours=60), lying_packed(shop)
        yield Alone(mine, before, mine.detected(), ("X01", f"{SKU}@{place}"), unpacked, packed)


@contextmanager
def connected(home: Path, market: Market) -> Iterator[Ours]:
    """Connect an empty workspace to the storefront alone."""
    store, clock = open_store(read_settings({"FILLWELL_HOME": str(home)}), WORKSPACE), BusinessClock()
    folder = store.facts.parent
    (folder / "connections.toml").write_text(CONNECTION.format(shop=SHOP, url=market.systems.shop_url))
    with store.log.write() as conn:
        for code, location in market.merchant.shop.locations.items():
            set_identity(conn, SHOP, "location", location, code, by="mara", now=clock())
    shop = connect(store, env(market))
    engine = Engine(store, open_desk(store, clock=clock), shop, clock, folder, {"shadow": None, "budget": None})
    staff(engine.desk)
    try:
        yield Ours(engine, clock)
    finally:
        for adapter in shop.adapters.values():
            adapter.close()
        store.close()


def oversell(shop: Shop) -> str:
    """Set the level from which an order is to be served below what is reserved on it, which the storefront accepts."""
    order, ids, api = shop.sold({SKU: 3}), shop.market.merchant.shop, shop.market.shop
    [held] = [r for r in api.reservations() if r["line_item_id"] == order["items"][0]["id"]]
    reserved = int(api.levels()[SKU, held["location_id"]]["reserved_quantity"])
    api.stock(ids.items[SKU], held["location_id"], reserved - 2)
    return next(code for code, location in ids.locations.items() if location == held["location_id"])


def lying_packed(shop: Shop) -> Raw:
    """Pack an order and let it lie for two and a half days."""
    order = shop.sold({"PAD-007-L": 1}, hours=70)
    ids = shop.market.merchant.shop
    made = shop.market.shop.fulfil(order["id"], {"PAD-007-L": 1}, ids.locations[BER], ids.options[BER])
    past = "update fulfillment set created_at = now() - interval '60 hours', packed_at = now() - interval '60 hours'"
    shop.sql(f"{past} where id = %s", made["id"])
    return order


def stuck(alone: Alone, order: Raw) -> bool:
    """Tell whether an order is a case of its own, or one of those in a case about a stage that is behind."""
    number, group = f"{SHOP}/{order['display_id']}", [subject for kind, subject in alone.found if kind == "X10"]
    return number in group or any(number in alone.mine.case_of("X10", subject)["members"] for subject in group)


def test_a_level_below_what_is_reserved_is_an_oversell(alone: Alone) -> None:
    assert alone.oversold in alone.found - alone.before


def test_what_nobody_packs_and_what_lies_packed_is_stuck(alone: Alone) -> None:
    assert stuck(alone, alone.unpacked)
    assert stuck(alone, alone.packed)


def test_nothing_else_is_imagined(alone: Alone) -> None:
    assert {kind for kind, _ in alone.found} <= {"X01", "X10"}
    assert not {case for case in alone.found if case[0] == "X01"} - {alone.oversold}


def test_an_oversold_product_is_sold_no_more_until_it_is_put_back(alone: Alone, market: Market) -> None:
    product = market.merchant.shop.products[SKU]

    def sold_in() -> int:
        return len(market.shop.get(f"products/{product}", fields="id,*sales_channels")["product"]["sales_channels"])

    channels = sold_in()
    action = alone.mine.fix(*alone.oversold)
    assert (action["type"], action["status"]) == ("delist_product", "verified"), action["outcome"]
    assert sold_in() == channels - 1
    engine = alone.mine.engine
    view, approver = work.look(engine), person(engine.desk, APPROVER, entry="test")
    assert view is not None
    back = outbox.undo(engine.desk, view, action["id"], by=approver, targets=engine.targets)
    assert back.action is not None, back.words
    assert outbox.approve(engine.desk, back.action, by=approver).done
    assert alone.mine.ended(back.action)["status"] == "verified"
    assert sold_in() == channels
