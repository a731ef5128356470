"""What our own earlier drafts bring to places and take from others, read from the outbox.

Each case knows only its own want: what one was given must not be drafted again for another of the same item.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from actions import tables as t
from actions.plans import Card, Drafted
from actions.registry import action_types
from actions.rows import intent_of
from data.clock import from_micros

#: A mismatch is among them: its document may stand there all the same.
_MAY_STAND = ("approved", *t.IN_FLIGHT, "verified", "mismatch")


def drafted(conn: sa.Connection, sku: str | None) -> tuple[Drafted, ...]:
    """Give what was approved for an item and neither failed nor was taken back, the oldest first."""
    if sku is None:
        return ()
    a, back = t.action.c, t.action.alias("back")
    taken_back = sa.exists().where(back.c.undoes == a.id, back.c.status == "verified")
    query = (
        sa.select(t.action)
        .where(_may_bring(sku), a.status.in_(_MAY_STAND), a.undoes.is_(None), ~taken_back)
        .order_by(a.id)
    )
    found = [_drafted(row) for row in conn.execute(query).mappings()]
    return tuple(one for one in found if one.sku == sku)


def overtaken(conn: sa.Connection, row: Mapping[str, Any]) -> str | None:
    """Say why a planned draft no longer fits, by what was approved that it does not reckon with; None where it does."""
    if not _brings(row):
        return None
    mine = _drafted(row)
    reckoned = _card(row).beside
    return _crowded(mine, [one for one in drafted(conn, mine.sku) if one.action not in reckoned])


def crowded_out(row: Mapping[str, Any], before: Sequence[Mapping[str, Any]]) -> str | None:
    """Say why a draft does not fit beside those that are approved together with it and before it."""
    if not _brings(row):
        return None
    mine, others = _drafted(row), [_drafted(other) for other in before if _brings(other)]
    return _crowded(mine, [one for one in others if one.sku == mine.sku])


def _crowded(mine: Drafted, first: Sequence[Drafted]) -> str | None:
    others = [one for one in first if one.action != mine.action]
    for other in others:
        if other.destination == mine.destination:
            return f"action {other.action} is for the same place and came first ({other.words}): plan this one anew"
    taken = sum(other.units for other in others if other.origin is not None and other.origin == mine.origin)
    if taken and mine.free is not None and taken + mine.units > mine.free:
        return (
            f"{taken:,} of the {mine.free:,} {mine.sku} that were free at {mine.origin} are given since: plan it anew"
        )
    return None


def _brings(row: Mapping[str, Any]) -> bool:
    kind = action_types().get(row["type"])
    return kind is not None and kind.brings_units and row["undoes"] is None


def _may_bring(sku: str) -> sa.ColumnElement[bool]:
    """Match what may be a draft for an item; names that contain one another match too, so look at the item as well."""
    kinds = [kind.id for kind in action_types().values() if kind.brings_units]
    return sa.and_(t.action.c.type.in_(kinds), t.action.c.target.contains(f"/{sku}@", autoescape=True))


def _card(row: Mapping[Any, Any]) -> Card:
    return msgspec.json.decode(row["plan"], type=Card)


def _read_at(row: Mapping[Any, Any]) -> datetime | None:
    """Tell since when the remote's own word for it is in the log, whether it was what we had written or not."""
    if row["verified_at"] is not None:
        return from_micros(row["verified_at"])
    return datetime.fromisoformat(json.loads(row["read_back"])["at"]) if row["status"] == "mismatch" else None


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
        free=_card(row).free_units,
        read_at=_read_at(row),
        stands=row["status"] != "mismatch",
    )
