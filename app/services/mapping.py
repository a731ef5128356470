"""Mappings of other systems' codes to ours: who said so, what it replayed, and how to take it back."""

from __future__ import annotations

from functools import partial

import polars as pl

from actions.people import Person
from app.connect import connections_of, readers
from app.services import people
from app.services.clock import business_now
from app.services.workspace import look_again
from data.errors import RequestError
from data.lake import Facts
from data.log.identity import Mapped
from data.log.identity import mappings as mapped_codes
from data.publish import open_facts, publish
from data.store import Store
from ingest.identity import MapCode, ReadAgain, map_code


def mappings(store: Store, connection: str | None = None) -> list[Mapped]:
    """List what is mapped, of one connection or of all."""
    with store.log.read() as conn:
        return mapped_codes(conn, connection)


def set_mapping(store: Store, connection: str, kind: str, external: str, ours: str, *, by: Person) -> ReadAgain:
    """Say what we call one of a connection's codes; what waited for it is read again and published.

    Raises:
        RequestError: not allowed, no such connection or kind, or a code of ours that nobody knows.
    """
    _require_known(store, connection, kind, ours)
    return _write(store, MapCode(connection=connection, kind=kind, external=external, ours=ours), by)


def unset_mapping(store: Store, connection: str, kind: str, external: str, *, by: Person) -> ReadAgain:
    """Take a mapping back; what it concerned is as it was without it.

    Raises:
        RequestError: not allowed, or there is no such mapping.
    """
    if not any((m.kind, m.external) == (kind, external) for m in mappings(store, connection)):
        raise RequestError(f"{connection} has no mapping of {kind} {external!r}; `fillwell ingest mappings` lists them")
    return _write(store, MapCode(connection=connection, kind=kind, external=external, ours=None), by)


def _write(store: Store, wanted: MapCode, by: Person) -> ReadAgain:
    subject = f"{wanted.connection}/{wanted.kind}/{wanted.external}"
    people.allowed(store, by, "administer", subject)
    now = business_now(store)
    done = map_code(store, partial(readers, store), wanted, by=by.name, now=now)
    detail: dict[str, object] = {"ours": wanted.ours, "records": done.records, "changed": done.changed}
    people.write_down(store, by, "mapped" if wanted.ours else "unmapped", subject, detail)
    publish(store, now=now)
    look_again(store)
    return done


def _require_known(store: Store, connection: str, kind: str, ours: str) -> None:
    """Refuse a code of ours that nobody knows: a slip of the pen would hide the item instead of finding it."""
    try:
        facts = open_facts(store)
    except RequestError:  # nothing was published yet, so nothing can be told apart
        return
    account = next((c for c in connections_of(store) if c.name == connection), None)
    source = account.items_from if account is not None else ""
    known = _known(facts, kind, source)
    if known and ours not in known:
        of = f" of {source}" if source and kind == "sku" else ""
        raise RequestError(
            f"there is no {kind} {ours!r}{of} to map to; check its spelling, or read the catalogue first"
        )


def _known(facts: Facts, kind: str, source: str) -> set[str]:
    if kind == "location":
        return set(facts.frame("location")["entity"])
    codes = facts.frame("item_code")
    mine = codes.filter(pl.col("connection") == source) if source else codes
    return set(mine["entity"])
