"""Reading the records of a connection anew, by the reader of today or by a corrected mapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actions.people import Person
from app.services import people
from app.services.clock import business_now
from app.services.readers import Readers
from app.services.workspace import look_again
from data.errors import RequestError
from data.log.reparse import Reparse
from data.log.reparse import reparse as read_anew
from data.log.status import statuses
from data.publish import publish
from data.store import Store
from ingest.files.kept import keep_mapping
from ingest.files.mapping import Mapping

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Anew:
    """What reading one stream anew changes, or changed."""

    connection: str
    stream: str
    done: Reparse


def reparse(
    store: Store,
    connection: str,
    stream: str | None,
    *,
    by: Person,
    mapping: Mapping | None = None,
    dry_run: bool,
    progress: Progress | None = None,
) -> list[Anew]:
    """Read the records of a connection anew, all its streams or one; a dry run writes nothing.

    A mapping is for the one stream that it is about, and is kept for it from then on.

    Raises:
        RequestError: there is no such stream, the mapping is another's, or the person may not.
        ConfigError: the mapping does not fit the stored rows.
    """
    subject = f"{connection}/{stream}" if stream else connection
    people.allowed(store, by, "administer", subject)
    readers = Readers(store, mapping)
    found = []
    for name in _streams(store, connection, stream, mapping):
        found.append(_one(store, readers, connection, name, dry_run=dry_run, progress=progress))
        if mapping is not None and not dry_run:
            keep_mapping(store, mapping, readers.formats(connection, name) or {})
    if not dry_run:
        detail: dict[str, object] = {a.stream: {"records": a.done.records, "changed": a.done.changed} for a in found}
        people.write_down(store, by, "read_anew", subject, detail)
        publish(store, now=business_now(store), progress=progress)
        look_again(store)
    return found


def _one(
    store: Store, readers: Readers, connection: str, stream: str, *, dry_run: bool, progress: Progress | None
) -> Anew:
    def tell(what: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"{connection}/{stream} {what}", done, total)

    done = read_anew(
        store, connection, stream, readers.parse_all(connection, stream), parser=readers.parser(connection, stream),
        now=business_now(store), dry_run=dry_run, progress=tell,
    )  # fmt: skip
    return Anew(connection=connection, stream=stream, done=done)


def _streams(store: Store, connection: str, stream: str | None, mapping: Mapping | None) -> list[str]:
    with store.log.read() as conn:
        known = sorted((s.connection, s.stream) for s in statuses(conn))
    mine = [name for owner, name in known if owner == connection]
    if not mine:
        there = ", ".join(dict.fromkeys(owner for owner, _ in known)) or "none"
        raise RequestError(f"there is no connection {connection!r}; there are: {there}")
    if stream is not None and stream not in mine:
        raise RequestError(f"{connection} has no stream {stream!r}; it has {', '.join(mine)}")
    if mapping is None:
        return mine if stream is None else [stream]
    if mapping.connection != connection or (stream or mapping.stream) != mapping.stream:
        raise RequestError(
            f"the mapping is about {mapping.connection}/{mapping.stream}, not about {connection}/{stream or ''}; "
            "name the one that it is about"
        )
    return [mapping.stream]
