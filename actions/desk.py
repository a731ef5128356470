"""The desk of a workspace: its database brought up to date, its clocks, its switches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from actions import tables as t
from actions.view import Schedule
from data.clock import Clock, from_micros, system_clock, to_micros
from data.store import Store, migrate


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The store with the two clocks: `clock` tells business time, `transport` real time (leases, pauses)."""

    store: Store
    clock: Clock
    transport: Clock

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open one consistent view."""
        with self.store.desk.read() as conn:
            yield conn

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open the one write transaction."""
        with self.store.desk.write() as conn:
            yield conn

    @property
    def now(self) -> int:
        """Tell the business time in microseconds."""
        return to_micros(self.clock())

    @property
    def real_now(self) -> int:
        """Tell the transport time in microseconds."""
        return to_micros(self.transport())


def open_desk(store: Store, *, clock: Clock = system_clock, transport: Clock = system_clock) -> Desk:
    """Bring a workspace's desk up to date and hand it out.

    Raises:
        StoreError: the desk was written by a newer program.
    """
    migrate(store.desk, "actions.migrations")
    return Desk(store=store, clock=clock, transport=transport)


def read_setting(conn: sa.Connection, name: str) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Read a switch; None where it was never set."""
    found = conn.execute(sa.select(t.setting.c.value).where(t.setting.c.name == name)).scalar()
    return None if found is None else json.loads(found)


def write_setting(conn: sa.Connection, name: str, value: object) -> None:
    """Set a switch."""
    text = json.dumps(value)
    if conn.execute(sa.update(t.setting).where(t.setting.c.name == name).values(value=text)).rowcount == 0:
        conn.execute(sa.insert(t.setting).values(name=name, value=text))


def keep_schedules(conn: sa.Connection, schedules: Sequence[Schedule]) -> None:
    """Keep what each stream is expected to do, so that a plan made elsewhere knows what is stale."""
    told = [[s.connection, s.stream, s.expected.total_seconds(), s.grace.total_seconds()] for s in schedules]
    if told and told != read_setting(conn, "schedules"):
        write_setting(conn, "schedules", told)


def kept_schedules(conn: sa.Connection) -> tuple[Schedule, ...]:
    """Give what each stream was last expected to do."""
    return tuple(
        Schedule(connection=c, stream=s, expected=timedelta(seconds=expected), grace=timedelta(seconds=grace))
        for c, s, expected, grace in read_setting(conn, "schedules") or ()
    )


def as_json(value: object) -> str:
    """Write a value as canonical JSON: sorted keys, ISO times."""
    return json.dumps(value, sort_keys=True, default=_plain, ensure_ascii=False, separators=(",", ":"))


def moment(micros: int | None) -> datetime | None:
    """Give a stored time back as an aware one."""
    return None if micros is None else from_micros(micros)


def plain(row: Mapping[str, Any], *, times: tuple[str, ...], documents: tuple[str, ...]) -> dict[str, Any]:
    """Turn a stored row into values that a person or a program can read."""
    shown = dict(row)
    for name in times:
        shown[name] = moment(shown[name])
    for name in documents:
        shown[name] = None if shown[name] is None else json.loads(shown[name])
    return shown


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
