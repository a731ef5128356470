"""Connecting a system: test it, say what will be read and written, keep where it is, and fly the canary."""

from __future__ import annotations

import re
import secrets as chance
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from actions import tables as t
from actions.people import Person
from app.connect import FILE, connections_of, sandbox_of
from app.services import people
from app.services.acting import desk_of
from data.clock import system_clock
from data.errors import ConfigError, RequestError
from data.settings import Settings
from data.store import Store
from ingest import canary as flights
from ingest import secrets, verbs
from ingest.adapter import Adapter
from ingest.canary import Canary, Flight
from ingest.connections import OPENERS, Connection, add_connection, open_adapter, webhook_secrets
from ingest.probe import Probe

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
BEGUN, ENDED = "canary begun", "canary ended"

#: What a person must know of each system before it can be connected: (label, address, user, key).
ASKS: Mapping[str, tuple[str, str, str, str]] = {
    "medusa": ("Medusa", "https://shop.example", "", "secret API key (Settings → Secret API Keys)"),
    "tryton": ("Tryton", "https://erp.example/database", "login of a user made for Fillwell", "its password"),
}


@dataclass(frozen=True, kw_only=True)
class Reads:
    """A list that will be read."""

    stream: str
    every: int  #: seconds
    records: int | None
    lacks: str


@dataclass(frozen=True, kw_only=True)
class Writes:
    """Something that may be written, by an approved action alone."""

    verb: str
    means: str
    lacks: str


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What a test of a connection found."""

    connection: Connection
    probe: Probe
    reads: tuple[Reads, ...]
    writes: tuple[Writes, ...]
    notes: tuple[str, ...]  #: what a person should know before going on


def systems() -> tuple[str, ...]:
    """Name the systems that can be connected, those of other makers first."""
    return (*ASKS, *(name for name in OPENERS if name not in ASKS))


def connections(store: Store) -> tuple[Connection, ...]:
    """Give the connections of a workspace, in the order of their file."""
    return connections_of(store)


def require_new(store: Store, name: str) -> None:
    """Refuse a name that cannot be one, or that is taken.

    Raises:
        RequestError: it is; the sentence says what to do.
    """
    if sandbox_of(store.facts.parent) is not None:
        raise RequestError("the demo shop is connected to its own four systems; connect yours with --workspace mine")
    if not _NAME.fullmatch(name):
        raise RequestError(f"{name!r} is no name for a connection: use a-z, 0-9, _ and -, a letter first")
    if any(known.name == name for known in connections_of(store)):
        raise RequestError(
            f"{name} is connected already; test it again with `fillwell connect --again {name}`, "
            "or choose another name with --name"
        )


def known(store: Store, name: str) -> Connection:
    """Find a connection by its name.

    Raises:
        RequestError: there is none.
    """
    found = {connection.name: connection for connection in connections_of(store)}
    if name not in found:
        raise RequestError(f"there is no connection {name!r}; there are: {', '.join(found) or 'none'}")
    return found[name]


def test(store: Store, connection: Connection, env: Mapping[str, str]) -> Tested:
    """Find out what an account may do; nothing is written, and nothing is stored.

    Raises:
        ConfigError: what was given cannot be used.
        SourceUnavailable, SourceRejected: the system does not answer, refuses, or is of another version.
    """
    if connection.system not in OPENERS:
        raise ConfigError(f"system {connection.system!r} is unknown; use one of {', '.join(systems())}")
    webhook_secrets(connection, env)  # a missing one would stop the engine, not this test
    with _opened(connection, env) as adapter:
        probe = adapter.probe()
        records = {found.stream: found for found in probe.streams}
        return Tested(
            connection=connection,
            probe=probe,
            reads=tuple(
                Reads(stream=s.name, every=int(s.interval.total_seconds()), records=records[s.name].records,
                      lacks=records[s.name].lacks)
                for s in adapter.streams.values()
            ),
            writes=tuple(_writes(connection.system, probe)),
            notes=tuple(_notes(store, connection, probe)),
        )  # fmt: skip


def save(store: Store, connection: Connection, by: Person) -> None:
    """Keep a connection in the workspace's file; a running engine begins to read it within seconds.

    Raises:
        RequestError: not allowed.
        ConfigError: the file cannot be written, or has one of this name.
    """
    people.allowed(store, by, "administer", connection.name)
    add_connection(store.facts.parent / FILE, connection)
    people.write_down(store, by, "connected", connection.name, {"system": connection.system, "url": connection.url})


def keep_key(store: Store, settings: Settings, name: str, key: str, by: Person) -> str:
    """Keep a key where secrets belong, and give the reference to it.

    Raises:
        RequestError: not allowed, or an empty key.
        ConfigError: it can be kept nowhere.
    """
    people.allowed(store, by, "administer", name)
    if not key.strip():
        raise RequestError("no key was given; nothing was connected")
    return secrets.keep(f"{store.workspace}/{name}", key.strip(), settings.home / "secrets")


def choose_canary(store: Store, connection: Connection, env: Mapping[str, str], sku: str) -> Canary:
    """Choose what the canary writes: what a cut-off one left is finished first.

    Raises:
        RequestError: there is nothing that can be written harmlessly.
        SourceUnavailable, SourceRejected: the system cannot be read.
    """
    if (left := unfinished(store, connection.name)) is not None:
        return left
    with _opened(connection, env) as adapter:
        return flights.choose(adapter, sku, flight=f"FW-CANARY-{chance.token_hex(5)}", clock=system_clock)


def fly(store: Store, connection: Connection, env: Mapping[str, str], chosen: Canary, by: Person) -> Flight:
    """Write, read back, take back, and note it all; noted before it begins, so that another run can finish it.

    Raises:
        RequestError: not allowed.
        SourceUnavailable, SourceRejected: the system fell silent; the next run finishes what this one began.
    """
    people.allowed(store, by, "send", connection.name)
    people.write_down(store, by, BEGUN, connection.name, {"canary": msgspec.to_builtins(chosen)})
    with _opened(connection, env) as adapter:
        flight = flights.fly(adapter, chosen, clock=system_clock)
    detail = {"good": flight.good, "left": flight.left, "seen": [line.seen for line in flight.lines]}
    people.write_down(store, by, ENDED, connection.name, detail)
    return flight


def unfinished(store: Store, name: str) -> Canary | None:
    """Give the canary of a connection that was begun and not brought to its end; None where there is none."""
    query = (
        sa.select(t.audit.c.what, t.audit.c.detail)
        .where(t.audit.c.subject == name, t.audit.c.what.in_([BEGUN, ENDED]))
        .order_by(t.audit.c.id.desc())
        .limit(1)
    )
    with desk_of(store).read() as conn:
        last = conn.execute(query).one_or_none()
    return (
        None
        if last is None or last.what == ENDED
        else msgspec.convert(msgspec.json.decode(last.detail)["canary"], Canary)
    )


def _writes(system: str, probe: Probe) -> Iterator[Writes]:
    for verb in verbs.SPELLINGS.get(system, {}):
        means = (getattr(verbs.Verbs, verb).__doc__ or "").strip()
        yield Writes(verb=verb.replace("_", " "), means=means, lacks=probe.lacks.get(verb, ""))


def _notes(store: Store, connection: Connection, probe: Probe) -> Iterator[str]:
    if connection.currency and probe.currency and connection.currency != probe.currency:
        yield (
            f"amounts without a currency are read as {connection.currency}, "
            f"and {connection.name} keeps its books in {probe.currency}"
        )
    names = {account.name for account in connections_of(store)} | {connection.name, ""}
    for what, name in (
        ("order numbers belong", connection.orders_from),
        ("stock belongs", connection.stock_from),
        ("item codes belong", connection.items_from),
    ):
        if name not in names:
            yield f"its {what} to {name!r}, which is not connected yet; until then nothing of it is matched"
    if connection.url.startswith("http://"):
        yield "the address is http: allowed on this machine alone"


@contextmanager
def _opened(connection: Connection, env: Mapping[str, str]) -> Iterator[Adapter]:
    adapter = open_adapter(connection, env)
    try:
        yield adapter
    finally:
        adapter.close()
