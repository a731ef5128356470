"""Movements that were stated in two ways: what the statements differ in, and a person's word on which holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog

from actions.people import Person
from app.services import people, words
from app.services.clock import business_now
from app.services.workspace import look_again
from data.errors import RequestError, StoreError
from data.log import conflicts as log
from data.log.conflicts import Conflict
from data.publish import publish
from data.store import Store

_diary = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Version:
    """One of the things that were said of a movement."""

    digest: str
    received_at: datetime
    holds: bool
    says: str  #: what it says where the others say something else


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A movement with more than one content."""

    connection: str
    stream: str
    key: str
    what: str  #: what all of them say
    versions: Sequence[Version]
    decided_by: str | None  #: None: a fixed rule holds, the smaller digest


def disagreements(store: Store, *, undecided: bool = True, limit: int = 200) -> list[Disagreement]:
    """List the movements that were stated in several ways, by default those that nobody decided."""
    with store.log.read() as conn:
        return [_told(c) for c in log.list_conflicts(conn, undecided=undecided, limit=limit)]


def waiting(store: Store) -> dict[tuple[str, str], int]:
    """Count the movements that nobody decided, by stream."""
    with store.log.read() as conn:
        return log.count_undecided(conn)


def decide(store: Store, connection: str, stream: str, key: str, digest: str, *, by: Person) -> str:
    """Say which content of a movement holds, publish, and tell what was done; the newest word counts.

    A digest may be given by its beginning.

    Raises:
        RequestError: there is no such movement or content, or the person may not.
    """
    subject = f"{connection}/{stream}/{key}"
    people.allowed(store, by, "approve", subject)
    now = business_now(store)
    with store.log.write() as conn:
        holds = _whole(log.find_conflict(conn, connection, stream, key), digest, subject)
        changed = log.decide_conflict(conn, connection, stream, key, holds=holds, by=by.name, now=now)
    if not changed:
        return f"{key}: it was decided so already"
    people.write_down(store, by, "conflict_decided", subject, {"holds": holds})
    try:
        publish(store, now=business_now(store))
    except StoreError as error:
        _diary.warning("the figures follow later", error=str(error))
    look_again(store)
    return f"{key}: {holds[:8]} holds; the figures follow it"


def _whole(conflict: Conflict | None, digest: str, subject: str) -> str:
    known = [content.digest for content in conflict.contents] if conflict is not None else []
    found = [d for d in known if digest and d.startswith(digest.lower())]
    if not known:
        raise RequestError(f"{subject} was not stated in two ways; there is nothing to decide")
    if len(found) != 1:
        raise RequestError(f"{subject} has no content {digest!r}; it has {', '.join(known)}")
    return found[0]


def _told(conflict: Conflict) -> Disagreement:
    said = [_fields(content.event) for content in conflict.contents]
    names = list(dict.fromkeys(name for fields in said for name in fields))
    differing = [name for name in names if len({repr(fields.get(name)) for fields in said}) > 1]
    same = {name: said[0][name] for name in names if name not in differing and said[0].get(name) not in (None, "", [])}
    return Disagreement(
        connection=conflict.connection, stream=conflict.stream, key=conflict.key, what=_written(same),
        decided_by=conflict.decided_by,
        versions=[
            Version(
                digest=content.digest, received_at=content.received_at, holds=content.holds,
                says=_written({name: fields.get(name) for name in differing}),
            )
            for content, fields in zip(conflict.contents, said, strict=True)
        ],
    )  # fmt: skip


def _fields(event: object) -> dict[str, Any]:
    """Give an event's fields in words: amounts in major units with their currency."""
    fields = {name: value for name, value in msgspec.to_builtins(event).items() if name != "type"}
    currency = str(fields.get("currency") or "")
    return {
        name.removesuffix("_minor").replace("_", " "): words.money(value, currency)
        if name.endswith("_minor") and isinstance(value, int)
        else value
        for name, value in fields.items()
    }


def _written(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name} {words.NOTHING if value is None else value}" for name, value in fields.items())
