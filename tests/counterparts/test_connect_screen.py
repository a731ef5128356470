"""The screen that connects a system, with a real Medusa in a real Chromium: a double click does once what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from actions import audit
from app.connect import connections_of
from app.services import acting, connecting
from data.settings import read_settings
from data.store import Store, open_store
from tests.app.browser import PATIENCE, Watched, chromium
from tests.app.serving import served
from tests.counterparts.conftest import Market

SECOND_HIT = 60  #: milliseconds after the first: it meets the work of the first one
BEGUN = ("connected", connecting.BEGUN, connecting.ENDED)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Store]:
    """A workspace to which nothing is connected."""
    store = open_store(read_settings({"FILLWELL_HOME": str(tmp_path)}), "mine", create=True)
    yield store
    store.close()


def hit_twice(button: Locator) -> None:
    """Hit a button twice, as an impatient hand does."""
    button.evaluate("(found, later) => { found.click(); setTimeout(() => found.click(), later) }", SECOND_HIT)


def test_a_shop_is_connected_once_and_one_canary_flies_though_every_button_is_hit_twice(
    browser: Browser, mine: Store, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")  # its key goes to a file
    before = market.shop.levels()
    with served(tmp_path, "mine") as url:
        watched = Watched(browser, url)
        page = watched.open("/connect")
        said, key = page.locator("[role=status]"), page.get_by_label("Secret API key")
        page.get_by_label("Address").fill(market.systems.shop_url)
        key.fill(market.merchant.shop.key)
        hit_twice(page.get_by_role("button", name="Test", exact=True))
        expect(said).to_contain_text("medusa answers; nothing is kept yet", timeout=PATIENCE)

        hit_twice(page.get_by_role("button", name="Connect", exact=True))
        expect(said).to_contain_text("medusa is connected", timeout=PATIENCE)
        hit_twice(page.get_by_role("button", name="Fly the canary"))
        expect(said).to_contain_text("written, read back, put back", timeout=PATIENCE)
        page.wait_for_timeout(1_000)
        expect(said).to_contain_text("written, read back, put back")
        expect(key).to_have_value("")
        assert watched.complaints == []
        watched.close()
    assert [connection.name for connection in connections_of(mine)] == ["medusa"]
    noted = [row["what"] for row in audit.entries(acting.desk_of(mine))]
    assert [noted.count(what) for what in BEGUN] == [1, 1, 1]
    assert {place: level["stocked_quantity"] for place, level in market.shop.levels().items()} == {
        place: level["stocked_quantity"] for place, level in before.items()
    }
