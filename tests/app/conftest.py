"""A workspace of its own for every test of the desk; a browser and a served desk for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error

from app.desk import context
from app.services import acting, projection, workspace
from data.clock import to_micros
from data.log.append import append, prepare, source_id
from data.publish import publish
from data.store import Store
from tests.app.browser import chromium
from tests.app.factories import NOW, a_shop, found
from tests.app.serving import troubled_desk
from tests.factories import an_order, received


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium, one for the tests of a file."""
    with chromium() as started:
        yield started


@pytest.fixture(autouse=True)
def _pages_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print the pages that a test left open, and close its own: an open page asks its desk for news as long as it is.

    A test that fails waits in vain for words: others stand there instead.
    """
    opened: Browser | None = request.getfixturevalue("browser") if "browser" in request.fixturenames else None
    of_the_file = opened.contexts if opened else []
    yield
    for window in opened.contexts if opened else ():
        for page in window.pages:
            with suppress(Error):
                print(page.url, page.inner_text("body", timeout=2_000), sep="\n")  # noqa: T201 -- shown where a test failed
        if window not in of_the_file:
            window.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a desk over a troubled shop that nobody changes."""
    with troubled_desk(tmp_path_factory.mktemp("home")) as url:
        yield url


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty demo workspace that the desk opens by itself."""
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path))
    monkeypatch.setenv(workspace.WORKSPACE_VARIABLE, workspace.DEMO)
    opened = workspace.this_store()
    yield opened
    opened.close()
    for forget in (workspace._store, workspace._held, acting.desk_of):
        forget.cache_clear()
    context._answers._kept.clear()
    projection._made._kept.clear()


@pytest.fixture
def shop(store: Store) -> Store:
    """A small shop, published."""
    a_shop(store)
    return store


@pytest.fixture
def troubled(shop: Store) -> Store:
    """A small shop whose exceptions were found."""
    found(shop)
    return shop


@pytest.fixture
def only_a_file(store: Store) -> Store:
    """A workspace into which one orders file was brought, and nothing else."""
    with store.log.write() as conn:
        source = source_id(conn, "shop_export", "order_lines")
        append(conn, source, prepare([received(an_order())]), received_at=to_micros(NOW), parser=1)
    publish(store, now=NOW)
    return store
