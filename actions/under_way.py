"""What our own earlier drafts bring to places and take from others, read from the outbox.

Each case knows only its own want: what one was given must not be drafted again for another of the same item.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from actions import tables as t
from actions.plans import Drafted
from actions.registry import action_types
from actions.rows import intent_of
from data.clock import from_micros

FORGOTTEN_AFTER = timedelta(days=90)  #: a draft that nobody has sent, received or cancelled by then holds nothing up

_DAY = 86_400_000_000


def drafted(conn: sa.Connection, sku: str | None, *, now: int) -> tuple[Drafted, ...]:
    """Give what was approved for an item and neither failed nor was taken back, the oldest first; `now` in µs."""
    if sku is None:
        return ()
    a, back = t.action.c, t.action.alias("back")
    taken_back = sa.exists().where(back.c.undoes == a.id, back.c.status == "verified")
    query = (
        sa.select(t.action)
        .where(a.type.in_([kind.id for kind in action_types().values() if kind.brings_units]))
        .where(a.status.in_(("approved", *t.IN_FLIGHT, "verified")), a.undoes.is_(None), ~taken_back)
        .where(a.approved_at > now - FORGOTTEN_AFTER.days * _DAY, a.target.contains(f"/{sku}@", autoescape=True))
        .order_by(a.id)
    )
    return tuple(_drafted(row) for row in conn.execute(query).mappings())


def overtaken(conn: sa.Connection, row: Mapping[str, Any], now: int) -> str | None:
    """Say which draft for the same place was approved since an action was planned; None where none was."""
    kind = action_types().get(row["type"])
    if kind is None or not kind.brings_units or row["undoes"] is not None:
        return None
    mine = _drafted(row)
    # Where several can write at once, cards of one item are approved one after the other.
    same_item = t.action.c.target.contains(f"/{mine.sku}@", autoescape=True)
    conn.execute(sa.select(t.action.c.id).where(same_item).order_by(t.action.c.id).with_for_update())
    for other in drafted(conn, mine.sku, now=now):
        is_another = other.action != mine.action and other.destination == mine.destination
        if is_another and other.approved_at > from_micros(row["planned_at"]):
            return f"action {other.action} was approved since ({other.words}): plan it anew"
    return None


def _drafted(row: Mapping[Any, Any]) -> Drafted:
    intent = intent_of(row)
    expected = intent.expected
    return Drafted(
        action=row["id"],
        noun=row["target"].partition("/")[0],
        reference=intent.reference,
        sku=str(expected["sku"]),
        units=int(expected["units"]),
        destination=str(expected.get("destination") or expected["location"]),
        origin=expected.get("origin"),
        approved_at=from_micros(row["approved_at"] or row["planned_at"]),
        read_at=None if row["verified_at"] is None else from_micros(row["verified_at"]),
    )
