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
from app.services import people, words
from app.services.acting import desk_of
from data.clock import system_clock
from data.errors import ConfigError, RequestError, SourceUnavailable
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

UNKEPT = "FILLWELL_KEY_NOT_KEPT_YET"  #: under this name a key that is kept nowhere yet is looked up


@dataclass(frozen=True, kw_only=True)
class Asks:
    """What a person must know of a system before it can be connected, in that system's own words."""

    label: str
    address: str
    key: str
    user: str = ""  #: empty: nobody logs in, the key alone says who asks


ASKS: Mapping[str, Asks] = {
    "medusa": Asks(
        label="Medusa", address="https://shop.example", key="Secret API key (Settings → Secret API Keys)"
    ),
    "tryton": Asks(
        label="Tryton", address="https://erp.example/database", key="Its password",
        user="Login of a user made for Fillwell",
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reads:
    """A list that will be read."""

    stream: str
    every: int  #: seconds
    records: int | None
    lacks: str

    @property
    def pace(self) -> str:
        """Say how often it is read."""
        return f"{self.every // 60} min" if self.every >= 60 else f"{self.every} s"


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
        probe = _probed(adapter, connection)
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


def with_unkept(env: Mapping[str, str], key: str) -> dict[str, str]:
    """Let a key that is kept nowhere yet be looked up by the reference `env:UNKEPT`, for a test of its connection.

    Raises:
        RequestError: no key was given.
    """
    if not key.strip():
        raise RequestError("no key was given; a system is tested with its key")
    return {**env, UNKEPT: key.strip()}


def save(store: Store, settings: Settings, tested: Connection, by: Person, *, key: str = "") -> Connection:
    """Keep a connection in the workspace's file; a running engine begins to read it within seconds.

    Args:
        store: of the workspace.
        settings: say where secrets of this user lie.
        tested: what was tested.
        by: who connects it.
        key: one that is kept nowhere yet; it goes where secrets belong, and only a reference to it stays.

    Returns:
        The connection as it is kept.

    Raises:
        RequestError: not allowed; the name is taken; a key was never given.
        ConfigError: the key or the file can be kept nowhere.
    """
    people.allowed(store, by, "administer", tested.name)
    require_new(store, tested.name)
    kept = tested
    if tested.token == f"env:{UNKEPT}":
        if not key.strip():
            raise RequestError("no key was given; nothing was connected")
        reference = secrets.keep(f"{store.workspace}/{tested.name}", key.strip(), settings.home / "secrets")
        kept = msgspec.structs.replace(tested, token=reference)
    add_connection(store.facts.parent / FILE, kept)
    people.write_down(store, by, "connected", kept.name, {"system": kept.system, "url": kept.url})
    return kept


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


def _probed(adapter: Adapter, connection: Connection) -> Probe:
    try:
        return adapter.probe()
    except SourceUnavailable as error:
        raise SourceUnavailable(
            f"nothing that can be used answers at {connection.url} ({error}); "
            "check the address, and that the system runs and lets this machine in",
            retry_after_seconds=error.retry_after_seconds,
        ) from error


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
    others = {account.name for account in connections_of(store)} - {connection.name}
    linked = (connection.orders_from, connection.stock_from, connection.items_from)
    if others and not any(linked):
        whose = words.listed(sorted(others))
        yield (
            f"it is linked to nothing: where its order numbers, stock or item codes are those of {whose}, "
            "say so, or they are never compared"
        )
    names = others | {connection.name, ""}
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
