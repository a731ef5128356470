"""Configured accounts: who is connected, where, and by which reference their secrets are found.

A person writes them into `<workspace>/connections.toml`:

    [storefront]
    system = "storefront"
    url = "https://shop.example"
    token = "env:SHOP_TOKEN"                  # or "file:/run/secrets/shop", or "keyring:mine/shop"
    webhook_secrets = ["env:SHOP_HOOK"]       # several while a secret is being changed
    currency = "GBP"

    [warehouse]
    system = "warehouse"
    url = "https://wms.example"
    token = "env:WMS_TOKEN"
    orders_from = "storefront"                # whose order ids it refers to
    stock_from = "warehouse"                  # who owns the stock, its work and its parcels; itself where missing
    items_from = "erp"                        # whose item codes are the catalogue; its own where missing

    [erp]
    system = "tryton"
    url = "https://erp.example/company"
    user = "fillwell"
    token = "keyring:mine/erp"
    sales_upto = "draft"                      # how far a missing sale is taken: draft, quotation or processing

Secrets are read when they are used and never stored in a database, a log or an error.
"""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

import httpx
import msgspec

from data.errors import ConfigError
from ingest.adapter import Adapter
from ingest.carrier.client import open_carrier
from ingest.erp.client import open_erp
from ingest.http import Http, safe_url
from ingest.medusa.client import open_medusa
from ingest.secrets import look_up
from ingest.shapes import Context, Identity
from ingest.storefront.client import open_storefront
from ingest.tryton.client import open_tryton
from ingest.warehouse.client import open_warehouse

OPENERS: Mapping[str, Callable[[Http, Context], Adapter]] = {
    "storefront": open_storefront,
    "erp": open_erp,
    "warehouse": open_warehouse,
    "carrier": open_carrier,
    "medusa": open_medusa,
    "tryton": open_tryton,
}

#: Systems that sign their webhooks with any word that both sides know.
WORDS_SIGN = frozenset({"medusa"})

#: The systems of a sandbox merchant.
SANDBOX = ("storefront", "erp", "warehouse", "carrier")


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account of one system; secrets by reference, see `ingest.secrets`."""

    system: str
    url: str
    token: str
    name: str = ""
    webhook_secrets: tuple[str, ...] = ()
    orders_from: str = ""  #: the connection whose order ids this one refers to; its own where empty
    stock_from: str = ""  #: the connection that owns the stock, its work and its parcels; this one where empty
    items_from: str = ""  #: the connection whose item codes are the catalogue; this one where empty
    sales_upto: Literal["draft", "quotation", "processing"] = "draft"  #: how far a sale that we make there is taken
    currency: str = ""  #: of amounts that name none
    user: str = ""  #: who logs in with the token as password; empty where a token says it all, or is `user:password`
    overlap_seconds: float | None = None  #: how far back each read begins; the system's own where empty
    rate_per_second: float = 100.0


def add_connection(file: Path, connection: Connection) -> None:
    """Write a connection into a workspace's file, below what people wrote there.

    Raises:
        ConfigError: the file is not what it must be, or has a connection of this name.
    """
    if any(known.name == connection.name for known in read_connections(file)):
        raise ConfigError(f"{file}: [{connection.name}] is there already; change it there")
    table = msgspec.to_builtins(connection)
    plain = msgspec.to_builtins(Connection(system="", url="", token=""))
    lines = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in table.items()
             if name != "name" and value != plain[name]]  # fmt: skip
    before = file.read_text(encoding="utf-8").rstrip("\n") + "\n\n" if file.exists() else ""
    fresh = file.with_suffix(".fresh")
    try:
        fresh.write_text(f"{before}[{connection.name}]\n" + "\n".join(lines) + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error


def read_connections(file: Path) -> tuple[Connection, ...]:
    """Read the connections of a workspace; none where there is no file.

    Raises:
        ConfigError: the file or one of its values is not what it must be.
    """
    if not file.exists():
        return ()
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}; correct the file") from error
    return tuple(_connection(file, name, table) for name, table in tables.items())


def open_adapter(
    connection: Connection,
    env: Mapping[str, str],
    *,
    identity: Identity | None = None,
    transport: httpx.BaseTransport | None = None,
) -> Adapter:
    """Make the adapter of a connection; `identity` is what people mapped of its codes to ours.

    Raises:
        ConfigError: its system is unknown, its address unsafe or its token missing.
    """
    _require_known(connection)
    return _adapter(connection, look_up(connection.token, env), identity or {}, transport)


def open_reader(connection: Connection, *, identity: Identity | None = None) -> Adapter:
    """Make an adapter that reads stored records again; it holds no token and reaches no system.

    Raises:
        ConfigError: its system is unknown or its address unsafe.
    """
    _require_known(connection)
    return _adapter(connection, "", identity or {}, _Nowhere())


class _Nowhere(httpx.BaseTransport):
    """Refuses every request."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse."""
        raise httpx.ConnectError("this adapter only reads what is stored", request=request)


def _require_known(connection: Connection) -> None:
    if connection.system not in OPENERS:
        raise ConfigError(
            f"connection {connection.name}: system {connection.system!r} is unknown; use one of {', '.join(OPENERS)}"
        )


def _adapter(connection: Connection, token: str, identity: Identity, transport: httpx.BaseTransport | None) -> Adapter:
    http = Http(connection.name, connection.url, token, rate=connection.rate_per_second, transport=transport)
    context = Context(
        connection=connection.name,
        authority=connection.orders_from or connection.name,
        currency=connection.currency,
        stock_from=connection.stock_from,
        identity=identity,
        user=connection.user,
        overlap=None if connection.overlap_seconds is None else timedelta(seconds=connection.overlap_seconds),
    )
    return OPENERS[connection.system](http, context)


def webhook_secrets(connection: Connection, env: Mapping[str, str]) -> tuple[str, ...]:
    """Look up the secrets with which a connection signs its webhooks, newest first.

    Raises:
        ConfigError: one is missing or is no signing secret.
    """
    found = tuple(look_up(reference, env) for reference in connection.webhook_secrets)
    if connection.system in WORDS_SIGN:
        return found
    for reference, value in zip(connection.webhook_secrets, found, strict=True):
        if not _signs(value):
            raise ConfigError(
                f"connection {connection.name}: {reference} is no signing secret; "
                "whsec_ and at least 16 bytes in base64 were expected"
            )
    return found


def subscribe(adapter: Adapter, url: str, signing_secret: str, streams: Sequence[str] = ()) -> str:
    """Ask the system to push its changes to an address of ours and give the subscription's id.

    Raises:
        ConfigError: the address would carry data in the clear beyond this machine.
    """
    return adapter.subscribe(safe_url(url), signing_secret, tuple(streams) or tuple(adapter.streams))


def sandbox_connections(url: str, webhook_secret: str = "") -> tuple[Connection, ...]:
    """Connect the four systems of a sandbox merchant; tokens are looked up as FILLWELL_SANDBOX_<SYSTEM>_TOKEN."""
    return tuple(
        Connection(
            name=system, system=system, url=url, token=f"env:{sandbox_token_name(system)}",
            webhook_secrets=(webhook_secret,) if webhook_secret else (), orders_from="storefront", currency="GBP",
            rate_per_second=150.0,
        )
        for system in SANDBOX
    )  # fmt: skip


def sandbox_token_name(system: str) -> str:
    """Name the variable that holds a sandbox system's token."""
    return f"FILLWELL_SANDBOX_{system.upper()}_TOKEN"


def sandbox_env() -> dict[str, str]:
    """Give the sandbox's published tokens, under the names by which its connections refer to them."""
    return {sandbox_token_name(system): f"{system}-token" for system in SANDBOX}


def _signs(value: str) -> bool:
    encoded = value.removeprefix("whsec_")
    try:
        return len(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)) >= 16
    except ValueError:
        return False


def _connection(file: Path, name: str, table: object) -> Connection:
    try:
        read = msgspec.convert(table, Connection)
        safe_url(read.url)
    except (msgspec.ValidationError, ConfigError) as error:
        raise ConfigError(f"{file}: [{name}]: {error}") from error
    if read.system not in OPENERS:
        raise ConfigError(f"{file}: [{name}]: system {read.system!r} is unknown; use one of {', '.join(OPENERS)}")
    return msgspec.structs.replace(read, name=name)
