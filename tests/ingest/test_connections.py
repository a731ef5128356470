"""Connections as a person writes them; secrets are looked up by reference and never shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from data.errors import ConfigError
from ingest.connections import (
    Connection,
    open_adapter,
    read_connections,
    sandbox_connections,
    sandbox_env,
    subscribe,
    webhook_secrets,
)
from tests.ingest.factories import NOON, SYSTEMS, an_adapter
from tests.ingest.remote import Remote

WRITTEN = """
[shop]
system = "storefront"
url = "https://shop.example/"
token = "env:SHOP_TOKEN"
webhook_secrets = ["env:SHOP_HOOK", "env:SHOP_HOOK_OLD"]
currency = "GBP"

[wms]
system = "warehouse"
url = "http://127.0.0.1:8600"
token = "file:{folder}/wms"
orders_from = "shop"
"""
HOOK = "whsec_" + base64.b64encode(b"0" * 32).decode()


def a_file(folder: Path, text: str) -> Path:
    file = folder / "connections.toml"
    file.write_text(text)
    return file


def test_a_person_writes_connections_and_their_secrets_stay_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "wms").write_text("wms-secret\n")
    shop, wms = read_connections(a_file(tmp_path, WRITTEN.format(folder=tmp_path)))
    env = {"SHOP_TOKEN": "shop-secret", "SHOP_HOOK": HOOK, "SHOP_HOOK_OLD": HOOK}
    adapters = [open_adapter(connection, env) for connection in (shop, wms)]
    assert [(a.connection, a.system) for a in adapters] == [("shop", "storefront"), ("wms", "warehouse")]
    assert webhook_secrets(shop, env) == (HOOK, HOOK)
    shown = repr((shop, wms, adapters))
    assert "shop-secret" not in shown
    assert "wms-secret" not in shown
    for adapter in adapters:
        adapter.close()


def test_no_file_means_no_connections(tmp_path: Path) -> None:
    assert read_connections(tmp_path / "connections.toml") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[shop", "correct the file"),
        ('[shop]\nsystem = "storefront"', "url"),
        ('[shop]\nsystem = "magento"\nurl = "https://a.example"\ntoken = "env:T"', "storefront, erp"),
        ('[shop]\nsystem = "erp"\nurl = "http://a.example"\ntoken = "env:T"', "https://"),
        ('[shop]\nsystem = "erp"\nurl = "https://a.example"\ntoken = "env:T"\npasword = "x"', "pasword"),
        ("shop = 1", "shop"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_connections(a_file(tmp_path, text))


@pytest.mark.parametrize("reference", ["env:NOT_SET", "file:/nowhere/at/all", "hunter2", "env:"])
def test_a_secret_that_is_not_there_is_named_by_its_reference_only(reference: str) -> None:
    connection = Connection(name="shop", system="erp", url="https://a.example", token=reference)
    with pytest.raises(ConfigError) as refused:
        open_adapter(connection, {})
    assert "hunter2" not in str(refused.value)


def test_a_signing_secret_that_is_none_is_refused_at_the_start() -> None:
    for value in ("not base64 at all!", "whsec_", "whsec_a"):
        connection = Connection(system="erp", url="https://a.example", token="env:T", webhook_secrets=("env:H",))
        with pytest.raises(ConfigError, match="env:H"):
            webhook_secrets(connection, {"H": value})


def test_the_sandboxs_four_systems_are_connected_without_a_file() -> None:
    connections = sandbox_connections("http://127.0.0.1:8600")
    assert tuple(c.name for c in connections) == SYSTEMS
    for connection in connections:
        open_adapter(connection, sandbox_env()).close()


def test_webhooks_are_asked_for_once_for_all_streams() -> None:
    remote = Remote(NOON)
    assert subscribe(an_adapter("carrier", remote), "http://127.0.0.1:8502/hooks/carrier", HOOK) == "wh1"
    assert remote.subscriptions == [
        {"url": "http://127.0.0.1:8502/hooks/carrier", "secret": HOOK, "streams": ["parcels"]}
    ]


def test_webhooks_never_travel_in_the_clear_beyond_this_machine() -> None:
    with pytest.raises(ConfigError):
        subscribe(an_adapter("carrier", Remote(NOON)), "http://desk.example/hooks/carrier", HOOK)
