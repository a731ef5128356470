"""docs/how-to/add-a-system.md, followed to the letter."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import msgspec
import pytest

from data.events import encode
from data.store import Store
from ingest.connections import Connection
from ingest.rest import RestAdapter, raw_item
from ingest.shapes import Context
from ingest.sync import compare, pull
from tests.ingest.factories import NOON, a_store, an_http
from tests.ingest.remote import Remote

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-system.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return a_store(tmp_path)


Open = Callable[[Remote], RestAdapter]


@pytest.fixture
def open_portal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """The page's system, built from the page's code."""
    file = tmp_path / "portal.py"
    file.write_text("\n".join(blocks("python")))
    spec = spec_from_file_location("portal", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "portal", module)
    spec.loader.exec_module(module)
    context = Context(connection="portal", authority="storefront")
    return lambda remote: module.open_portal(an_http(remote.transport, name="portal"), context)


def the_golden() -> list[dict[str, Any]]:
    [text] = blocks("json")
    found: list[dict[str, Any]] = json.loads(text)["requests"]
    return found


def test_the_pages_golden_item_means_what_the_page_says(open_portal: Open) -> None:
    portal = open_portal(Remote(NOON))
    for example in the_golden():
        received = portal.parse("requests", raw_item(json.dumps(example["raw"]).encode(), 0))
        assert received.error is None
        assert [json.loads(encode(event)) for event in received.events] == example["events"]


def test_the_pages_system_is_read_like_any_other(store: Store, open_portal: Open) -> None:
    remote = Remote(NOON, page_size=2)
    portal = open_portal(remote)
    for number in range(5):
        remote.put("requests", {**the_golden()[0]["raw"], "id": f"RMA-{number}"})
    remote.put("requests", {**the_golden()[0]["raw"], "id": "RMA-9", "lines": []})
    pulled = pull(store, portal, "requests", clock=remote.clock)
    assert (pulled.accepted, pulled.dead_letters) == (5, 1)
    assert pull(store, portal, "requests", clock=remote.clock).received == 0
    assert compare(store, portal, "requests", clock=remote.clock).missing == ()


def test_the_pages_connection_is_one() -> None:
    [text] = blocks("toml")
    [(name, table)] = tomllib.loads(text).items()
    assert (name, msgspec.convert(table, Connection).orders_from) == ("portal", "storefront")
